package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

type user = rotation.User

// work is what a wake-up leads to: a run, if the user is due.
func (k *Keeper) work(on, steps context.Context, u user) {
	if k.spread.begins.Wait(on) != nil || k.slots.start(on) != nil {
		return // being stopped
	}
	defer k.slots.give()
	if k.cfg.Ours != nil && !k.cfg.Ours() {
		return
	}
	p, s, looked := k.begin(u)
	if p == nil {
		return
	}
	began := time.Now()
	looked.Result = k.run(steps, s, looked.Member)
	looked.Took = time.Since(began)
	k.end(p, s, looked.Result)
	k.tell(looked)
}

// run makes one run. A fault of ours in it is that user's alone; its lease ends by itself.
func (k *Keeper) run(steps context.Context, s *settings, m Member) (res reconcile.Result) {
	defer func() {
		if fault := recover(); fault != nil {
			k.cfg.Log.Error("a run broke off", "user", m.User.String(), "fault", fault, "stack", string(debug.Stack()))
			res = reconcile.Result{User: m.User, Reason: rotation.ReasonUnknown, Recheck: s.account.Now().Add(s.cfg.Limits().Lease()),
				Err: fmt.Errorf("the run of %s broke off by a fault of keyturn itself (%v): please report it with the log", m.User, fault)}
		}
	}()
	return s.fleet.one(steps, m, rotation.Request{})
}

// begin takes the user out of the index. A wake-up that came twice, or too early, gives none.
func (k *Keeper) begin(u user) (*place, *settings, Looked) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.settings.account.Now()
	select {
	case <-k.stopping:
		return nil, nil, Looked{}
	default:
	}
	p := k.index.begin(u, now)
	if p == nil {
		return nil, nil, Looked{}
	}
	k.changed() // there is room for another one
	looked := Looked{Member: p.member, Due: p.due, Late: now.Sub(p.due)}
	if p.member.Known {
		k.late.add(looked.Late)
	}
	return p, k.settings, looked
}

// end puts the user back, with what the run found.
func (k *Keeper) end(p *place, s *settings, res reconcile.Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.changed()
	failedBefore := p.member.Standing.Failures > 0
	k.learn(p, res)
	p.ended = k.round
	now := s.account.Now()
	due := res.Recheck
	if least := now.Add(breath); due.Before(least) {
		due = least
	}
	k.index.end(p, due)
	if Failure(res) == nil && !res.Standing.At.IsZero() {
		k.callForward(now, failedBefore)
	}
}

// learn takes a result into the member's standing. What the index does not need is left out: the database has it.
func (k *Keeper) learn(p *place, res reconcile.Result) {
	if !p.gone {
		k.index.count(p, -1)
		defer k.index.count(p, 1)
	}
	p.away = errors.Is(res.Err, rotation.ErrUnavailable) || errors.Is(res.Err, rotation.ErrThrottled)
	st := &p.member.Standing
	switch was := st.Changed; {
	case !res.Standing.At.IsZero():
		*st, p.member.Known = lean(res.Standing), true
		if st.Changed.IsZero() {
			st.Changed = was
		}
	case res.Err != nil: // nothing could be recorded
		st.LastError = res.Err.Error()
	}
	st.Recheck = res.Recheck
}

// lean is a standing without what only a person wants to know, but for the time of the next step, by which a live view sorts.
func lean(s rotation.Standing) rotation.Standing {
	s.Keys, s.CurrentKeyID, s.NextAction = nil, "", ""
	return s
}

// Looked tells the Keeper what a run found that an operator asked for.
func (k *Keeper) Looked(res reconcile.Result) {
	k.mu.Lock()
	p := k.index.users[res.User]
	var m Member
	if p != nil {
		if p.stage == working {
			k.index.plan(p, res.Recheck)
		} else {
			k.index.take(p)
			k.learn(p, res)
			p.ended = k.round
			k.index.wait(p, res.Recheck)
		}
		m = p.member
	}
	k.mu.Unlock()
	k.changed()
	k.tell(Looked{Result: res, Member: m})
}

func (k *Keeper) tell(l Looked) {
	if k.cfg.OnResult == nil {
		return
	}
	k.telling.Lock()
	defer k.telling.Unlock()
	k.cfg.OnResult(l)
}

// probes is how many failing users are tried each minute for no better reason than that others have no trouble.
const probes = 4

// callForward has others that failed tried before their back-off is over, as one user, or discovery, had no trouble: the longest
// waiting first. For one that has recovered two are called, so an outage of AWS's is over for everybody soon after it is over for one, at a rate that only
// doubles with each round and never exceeds the pace. Users whose runs fail for reasons of their own are called only when somebody has
// recovered (keyturn's own credentials may have been mended), and not again within max_recheck.
func (k *Keeper) callForward(now time.Time, recovered bool) {
	if k.index.failing == 0 {
		return
	}
	rest := k.settings.cfg.MaxRecheck.D()
	if now.Sub(k.called) >= min(time.Minute, rest/60) {
		k.called, k.probes = now, probes
		k.callList(now, rest)
	}
	most := 2
	if !recovered {
		most = min(1, k.probes)
		k.probes -= most
	}
	for most > 0 && len(k.calls) > 0 {
		p := k.calls[len(k.calls)-1]
		k.calls = k.calls[:len(k.calls)-1]
		if p.stage != later || p.gone || p.member.Standing.Failures == 0 || !p.away && !recovered {
			continue
		}
		due := now
		if free := p.member.Standing.FreeAt; free.After(due) {
			due = free // its lease is not over
		}
		if p.called = now; due.Before(p.due) {
			k.index.plan(p, due)
			most--
		}
	}
}

// callList lists who may be called, the longest waiting last.
func (k *Keeper) callList(now time.Time, rest time.Duration) {
	k.calls = nil
	for _, p := range k.index.later.all {
		again := rest
		if p.away {
			again = rest / 30
		}
		if p.member.Standing.Failures > 0 && now.Sub(p.called) >= again {
			k.calls = append(k.calls, p)
		}
	}
	slices.SortFunc(k.calls, func(a, b *place) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(b.member.User.Name, a.member.User.Name))
	})
}

// errStopping ends a wait of a run when it would outlast what is left.
var errStopping = fmt.Errorf("keyturn is being stopped: %w", context.Canceled)

// sleep is a run's wait. Once the Keeper is being stopped, only a wait that is over in time goes on.
func (k *Keeper) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	end := time.Now().Add(d)
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-k.stopping:
	}
	if end.After(k.softly) {
		return errStopping
	}
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errors.Join(errStopping, ctx.Err())
	}
}
