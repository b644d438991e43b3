package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	historyLimit = 100                    // happenings of one answer, unless it is said
	historyPage  = 500                    // lines read at once
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
			out, q.After, err = o.ended(ctx, users, max(0, q.After), q.Limit)
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
	out := make([]Happening, 0, len(lines))
	for _, l := range lines {
		out = append(out, happening(l))
	}
	return out, nil
}

// ended gives what ended after a Seq, and the Seq from which to go on when it is nothing.
func (o *Office) ended(ctx context.Context, users []rotation.User, after int64, limit int) (out []Happening, last int64, err error) {
	for {
		lines, err := o.cfg.DB.Ended(ctx, after, historyPage)
		if err != nil {
			return nil, after, err
		}
		for _, l := range lines {
			after = l.Seq
			if len(users) == 0 || slices.Contains(users, l.User) {
				out = append(out, happening(l))
			}
			if len(out) == limit {
				return out, after, nil
			}
		}
		if len(lines) < historyPage {
			if after == 0 {
				after = -1 // from the beginning, still
			}
			return out, after, nil
		}
	}
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
