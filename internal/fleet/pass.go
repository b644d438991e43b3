package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Pass is one pass over users.
type Pass struct {
	Users   []string         // "name" or "account/name"; nil: every member
	DueOnly bool             // leave alone those whose recheck lies ahead; they are counted by their last standing
	Request rotation.Request // what an operator asks for; needs Users
	// OnStart is told what the pass found to do, before the first user begins. May be nil.
	OnStart func(sel Selection, due int)
	// OnResult is given each user's result as it comes, one at a time. May be nil.
	OnResult func(reconcile.Result)
	// OnSkip is given each user that is not due, one at a time, before the others begin. May be nil.
	OnSkip func(Member)
}

// Run discovers and makes one pass. The error is for what concerns everyone (discovery, an unknown name, the database, the end
// of the context); what concerns one user is in its result and in the summary.
func (f *Fleet) Run(ctx context.Context, p Pass) (Summary, error) {
	if p.Request.Kind != rotation.NoRequest && len(p.Users) == 0 {
		return Summary{}, fmt.Errorf("fleet: a request to %s needs the users' names", p.Request.Kind)
	}
	before := f.cfg.Calls()
	sel, err := f.Discover(ctx)
	if err != nil {
		return Summary{}, err
	}
	members, err := sel.Find(p.Users...)
	if err != nil {
		return Summary{}, err
	}
	f.policy.Keep(ctx)
	var sum Summary
	if len(p.Users) == 0 {
		sum.refused(sel.Refused)
	}
	due := f.due(members, p, &sum)
	if p.OnStart != nil {
		p.OnStart(sel, len(due))
	}
	var mu sync.Mutex
	f.each(ctx, due, f.slots.start, f.slots.give, func(ctx context.Context, m Member) {
		res := f.one(ctx, m, p.Request)
		mu.Lock()
		defer mu.Unlock()
		sum.Add(res)
		if p.OnResult != nil {
			p.OnResult(res)
		}
	})
	sum.AWSCalls = f.cfg.Calls() - before
	sum.Notice = f.policy.Notice(f.cfg.Now())
	if err := ctx.Err(); err != nil {
		return sum, fmt.Errorf("stopped before the pass was over; the next one goes on from here: %w", err)
	}
	return sum, nil
}

// due picks who is to be looked at, the longest overdue first, those never seen before all others. The rest is counted by what
// their last run found: a user that was blocked an hour ago is blocked still.
func (f *Fleet) due(members []Member, p Pass, sum *Summary) []Member {
	now := f.cfg.Now()
	due := make([]Member, 0, len(members))
	for _, m := range members {
		if p.DueOnly && !m.Due(now) && !f.thawed(m, now) {
			sum.skip(m)
			if p.OnSkip != nil {
				p.OnSkip(m)
			}
			continue
		}
		due = append(due, m)
	}
	slices.SortStableFunc(due, func(a, b Member) int { return cmp.Compare(recheck(a), recheck(b)) })
	return due
}

// thawed reports whether a member that waits for the end of a freeze need not wait any more: its recheck was for an end that nobody
// knew.
func (f *Fleet) thawed(m Member, now time.Time) bool {
	return m.Known && m.Standing.Reason == rotation.ReasonFrozen && !f.policy.Frozen(m)(now).On()
}

func recheck(m Member) int64 {
	if !m.Known {
		return 0
	}
	return m.Standing.Recheck.Unix()
}

// one runs one member.
func (f *Fleet) one(ctx context.Context, m Member, r rotation.Request) reconcile.Result {
	task, err := f.task(m, r)
	if err != nil {
		return reconcile.Result{User: m.User, Reason: rotation.ReasonUnknown, Recheck: f.cfg.Now().Add(f.cfg.Limits.MaxRecheck), Err: err}
	}
	f.policy.Began(m, f.cfg.Now())
	res := f.recon.Run(ctx, task)
	if ctx.Err() == nil { // a run that was told to end says nothing of the user
		f.policy.Ended(ctx, res, f.cfg.Now())
	}
	return res
}

func (f *Fleet) task(m Member, r rotation.Request) (reconcile.Task, error) {
	cloud, err := f.cfg.Cloud(m)
	return reconcile.Task{
		User: m.User, UserID: m.UserID, Schedule: m.Schedule, Cloud: cloud, Request: r, LeaveCare: m.LeaveCare,
		ExistingAllowed: f.cfg.ExistingAllowed, Frozen: f.policy.Frozen(m), Failures: m.Standing.Failures,
	}, err
}

// each does the work for every member, once it has taken a slot, and returns when all are done. When the context ends, those that have
// not begun never do. A goroutine that is done takes the next member: its stack has grown to what an AWS call needs by then.
func (f *Fleet) each(ctx context.Context, members []Member, take func(context.Context) error, give func(),
	work func(context.Context, Member)) {
	var all sync.WaitGroup
	next := make(chan Member)
	for _, m := range members {
		if take(ctx) != nil {
			break
		}
		select {
		case next <- m:
		default: // everyone is at work, or waits without a slot
			all.Go(func() {
				for ok := true; ok; m, ok = <-next {
					hold(ctx, m, give, work)
				}
			})
		}
	}
	close(next)
	all.Wait()
}

// hold does the work for a member and gives its slot back.
func hold(ctx context.Context, m Member, give func(), work func(context.Context, Member)) {
	defer give()
	work(ctx, m)
}
