package server

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// historyPage is how many lines are read at once; atMost is how far back a key that may see few of many users is looked for.
const (
	historyPage = 500
	atMost      = 100_000
)

// newest gives the newest happenings that the call's key may see, of some users or all, oldest first.
func (s *Server) newest(ctx context.Context, users []string, limit int) ([]fleet.Happening, error) {
	c := callOf(ctx)
	for read := limit; ; read = min(4*read, atMost) {
		found, err := s.Desk.Events(ctx, fleet.EventQuery{Users: users, Limit: read})
		if err != nil {
			return nil, err
		}
		out := c.only(found)
		if len(out) >= limit || len(found) < read || read >= atMost {
			return out[max(0, len(out)-limit):], nil
		}
	}
}

// since gives what ended after a Seq (negative: from the beginning) and the Seq from which to go on: at least one happening that the call's
// key may see, unless there is none within the wait.
func (s *Server) since(ctx context.Context, users []string, after int64, limit int, wait time.Duration) ([]fleet.Happening, int64, error) {
	c := callOf(ctx)
	read := max(limit, historyPage) // who may see few of many does not have all the others read one by one
	for until := s.Now().Add(wait); ; {
		found, err := s.Desk.Events(ctx, fleet.EventQuery{Users: users, After: after, Limit: read, Wait: max(0, until.Sub(s.Now()))})
		if err != nil {
			return nil, after, err
		}
		var out []fleet.Happening
		for _, h := range found {
			if len(out) == limit {
				break
			}
			if h.Seq > 0 {
				after = h.Seq // of a database that was made anew they are smaller than before
			}
			if c.sees(h.User) {
				out = append(out, c.happening(h))
			}
		}
		if len(out) > 0 || len(found) == 0 {
			return out, after, nil
		}
	}
}

// only keeps what the call's key may see.
func (c *call) only(all []fleet.Happening) []fleet.Happening {
	out := make([]fleet.Happening, 0, len(all))
	for _, h := range all {
		if c.sees(h.User) {
			out = append(out, c.happening(h))
		}
	}
	return out
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
