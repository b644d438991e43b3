package fleet

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	historyLimit = 100                    // happenings of one answer, unless it is said
	historyPoll  = 250 * time.Millisecond // between two looks for new ones
)

// Events gives history from the database. AWS is not asked.
func (o *Office) Events(ctx context.Context, q EventQuery) ([]Happening, error) {
	if q.Limit <= 0 {
		q.Limit = historyLimit
	}
	var users []rotation.User
	if len(q.Users) > 0 {
		states, err := o.States(ctx, q.Users...)
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			users = append(users, s.User)
		}
	}
	for until := time.Now().Add(q.Wait); ; {
		var out []Happening
		var err error
		if q.After < 0 {
			out, q.After, err = o.ended(ctx, users, q.After, q.Limit)
		} else {
			out, err = o.recent(ctx, store.RecentQuery{Users: users, After: q.After, Limit: q.Limit})
		}
		if err != nil || len(out) > 0 || !time.Now().Before(until) {
			return out, err
		}
		if err := sleep(ctx, historyPoll); err != nil {
			return nil, err
		}
	}
}

// recent gives happenings in the order in which they ended, oldest first; of the newest, those under way are among them.
func (o *Office) recent(ctx context.Context, q store.RecentQuery) ([]Happening, error) {
	lines, err := o.cfg.DB.Recent(ctx, q)
	if err != nil {
		return nil, err
	}
	return HappeningsOf(lines), nil
}

// ended gives what ended after a Seq, of some users or all, and the Seq from which to go on when it is nothing.
func (o *Office) ended(ctx context.Context, users []rotation.User, after int64, limit int) ([]Happening, int64, error) {
	if len(users) == 0 {
		lines, err := o.cfg.DB.Ended(ctx, max(0, after), limit)
		if len(lines) > 0 {
			after = lines[len(lines)-1].Seq
		}
		return HappeningsOf(lines), after, err
	}
	for {
		page, err := o.cfg.DB.Page(ctx, store.PageQuery{Users: users, After: after, Limit: limit})
		if err != nil {
			return nil, after, err
		}
		if after = page.Next; len(page.Lines) > 0 || !page.More {
			return HappeningsOf(page.Lines), after, nil
		}
	}
}

// HappeningsOf are lines of the database in the words of a Desk.
func HappeningsOf(lines []store.Line) []Happening {
	out := make([]Happening, 0, len(lines))
	for _, l := range lines {
		out = append(out, happening(l))
	}
	return out
}

func happening(l store.Line) Happening {
	h := Happening{Seq: l.Seq, At: l.At, User: l.User, Run: l.Run, Action: l.Action, Reason: l.Reason, KeyID: l.KeyID,
		Outcome: l.Outcome, Detail: l.Detail}
	if !l.Ended.IsZero() {
		h.At = l.Ended
	}
	if l.Result != "" {
		h.Detail = l.Result
	}
	return h
}
