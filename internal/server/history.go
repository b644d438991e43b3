package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	historyPage = 500 // lines that are read at once for whoever follows
	historyPoll = 250 * time.Millisecond
	// historyWithin is how long a request waits for its turn to search the history, and searches it: before the answer's time is over.
	historyWithin = 20 * time.Second
)

// newest gives the newest happenings that the call's key may see, of some users or all, oldest first, and the Seq from which to go on.
func (s *Server) newest(ctx context.Context, users []rotation.User, limit int) ([]fleet.Happening, int64, error) {
	if !wholly(ctx, users) {
		page, err := s.page(ctx, users, 0, limit)
		return callOf(ctx).happenings(fleet.HappeningsOf(page.Lines)), page.Next, err
	}
	next, err := s.last(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	found, err := s.Desk.Events(ctx, fleet.EventQuery{Limit: limit})
	for _, h := range found { // some may have ended meanwhile
		next = max(next, h.Seq)
	}
	return callOf(ctx).happenings(found), next, err
}

// since gives what ended after a Seq (negative: from the beginning) and the Seq from which to go on: at least one happening that the call's
// key may see, unless there is none within the wait, or more of what others may see than one request looks through.
func (s *Server) since(ctx context.Context, users []rotation.User, after int64, limit int, wait time.Duration) (
	[]fleet.Happening, int64, error,
) {
	c := callOf(ctx)
	if wholly(ctx, users) {
		found, err := s.Desk.Events(ctx, fleet.EventQuery{After: after, Limit: limit, Wait: wait})
		for _, h := range found {
			if h.Seq > 0 {
				after = h.Seq // of a database that was made anew they are smaller than before
			}
		}
		return c.happenings(found), after, err
	}
	for until := s.Now().Add(wait); ; {
		page, err := s.page(ctx, users, after, limit)
		if err != nil {
			return nil, after, err
		}
		if after = page.Next; len(page.Lines) > 0 || page.More || !s.Now().Before(until) {
			return c.happenings(fleet.HappeningsOf(page.Lines)), after, nil
		}
		select {
		case <-time.After(historyPoll):
		case <-ctx.Done():
			return nil, after, ctx.Err()
		}
	}
}

// wholly reports whether the happenings of all users are asked for, by a key that may see them.
func wholly(ctx context.Context, users []rotation.User) bool {
	return len(users) == 0 && everybody(callOf(ctx).caller)
}

// page reads what the call's key may see of some users or all.
func (s *Server) page(ctx context.Context, users []rotation.User, after int64, limit int) (store.Page, error) {
	if s.History == nil {
		return store.Page{Next: after}, nil
	}
	within, cancel := context.WithTimeout(ctx, historyWithin)
	defer cancel()
	page, err := s.History(within, store.PageQuery{Users: users, Of: callOf(ctx).sees, After: after, Limit: limit})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return page, fmt.Errorf("%w: many read the history at the same time; try again later", kinds.ErrTooFast)
	}
	return page, err
}

// happenings leaves out what the call's key may not read.
func (c *call) happenings(all []fleet.Happening) []fleet.Happening {
	for i := range all {
		all[i] = c.happening(all[i])
	}
	return all
}

// last is the Seq of the newest happening of some users or all; -1, from the beginning, when nothing has ended.
func (s *Server) last(ctx context.Context, users []string) (int64, error) {
	found, err := s.Desk.Events(ctx, fleet.EventQuery{Users: users, Limit: historyPage})
	seq := int64(-1)
	for _, h := range found {
		if h.Seq > 0 {
			seq = h.Seq
		}
	}
	return seq, err
}
