package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/keyturn/keyturn/internal/rotation"
)

// RecentQuery selects history for somebody who follows it.
type RecentQuery struct {
	Users []rotation.User // none: every user; one without an account: users of that name in every account
	After int64           // only what ended after the outcome with this Seq; 0: the newest
	Limit int             // at most so many lines; 0: 100
}

// A user has one action under way at a time, by its lease, and many users have some: what ended last is among the newest events and so
// many before them.
const underWay = 64

// Recent gives history, oldest first, in the order in which actions ended.
//
// After 0: the newest lines, and among them, where they were begun, actions that never said how they ended (Seq 0). Else what ended
// since, the first ones when there are more than the limit: go on after the Seq of the last line. When the database was made anew since,
// numbers begin anew as well: whoever stands beyond the last one gets the newest lines.
func (s *Store) Recent(ctx context.Context, q RecentQuery) ([]Line, error) {
	n := limit(q.Limit)
	if q.After > 0 {
		newest, err := s.Newest(ctx)
		if err != nil || newest == q.After {
			return nil, err
		}
		if newest < q.After {
			q.After = 0
		}
	}
	users, err := s.everywhere(ctx, q.Users)
	if err != nil {
		return nil, err
	}
	var out []Line
	each := func(lines []Line, err error) error {
		out = append(out, lines...)
		return err
	}
	switch {
	case len(q.Users) == 0 && q.After > 0:
		return s.Ended(ctx, q.After, n)
	case len(q.Users) == 0:
		err = each(s.Events(ctx, Query{Limit: n + underWay}))
	}
	for _, u := range users {
		if err == nil && q.After > 0 {
			err = each(s.lines(ctx, userEndedSQL, q.After, n, u.Account, u.Name))
		} else if err == nil {
			err = each(s.Events(ctx, Query{User: u, Limit: n + 1}))
		}
	}
	if err != nil {
		return nil, err
	}
	out = inOrder(out)
	if q.After > 0 {
		return out[:min(n, len(out))], nil
	}
	return out[max(0, len(out)-n):], nil
}

// The user's own events since a little before the one that ended last: by its index, however much others have done meanwhile.
const userEndedSQL = lineColumns + `FROM events e JOIN outcomes o ON o.event = e.id
WHERE e.account = $3 AND e.name = $4 AND o.id > $1 AND e.id > coalesce((
	SELECT min(b.id) FROM (
		SELECT id FROM events WHERE account = $3 AND name = $4
			AND id <= coalesce((SELECT event FROM outcomes WHERE id <= $1 ORDER BY id DESC LIMIT 1), 0)
		ORDER BY id DESC LIMIT 16) b), 0)
ORDER BY e.id LIMIT $2`

const newestSQL = `SELECT coalesce(max(id), 0) FROM outcomes`

// Newest is the Seq of the action that ended last; 0: none has. It is what Recent's caller waits for to change.
func (s *Store) Newest(ctx context.Context) (seq int64, err error) {
	err = s.query(ctx, func(r *sql.Rows) error { return r.Scan(&seq) }, newestSQL)
	return seq, s.fail("reading the history", err)
}

const namesakesSQL = `SELECT account FROM users WHERE name = $1 ORDER BY account`

// everywhere finds the accounts of users that are given by name alone.
func (s *Store) everywhere(ctx context.Context, users []rotation.User) (out []rotation.User, err error) {
	for _, u := range users {
		if u.Account != "" {
			out = append(out, u)
			continue
		}
		err := s.query(ctx, func(r *sql.Rows) error {
			err := r.Scan(&u.Account)
			out = append(out, u)
			return err
		}, namesakesSQL, text(u.Name))
		if err != nil {
			return nil, s.fail("reading which users there are", err)
		}
	}
	return out, nil
}

// inOrder sorts by the order of ends. What never ended stands before the first that was begun later.
func inOrder(lines []Line) []Line {
	var ended, open []Line
	for _, l := range lines {
		if l.Seq > 0 {
			ended = append(ended, l)
		} else {
			open = append(open, l)
		}
	}
	slices.SortFunc(ended, func(a, b Line) int { return int(a.Seq - b.Seq) })
	slices.SortFunc(open, func(a, b Line) int { return int(a.ID - b.ID) })
	out := make([]Line, 0, len(lines))
	for _, l := range ended {
		for len(open) > 0 && open[0].ID < l.ID {
			out, open = append(out, open[0]), open[1:]
		}
		out = append(out, l)
	}
	return append(out, open...)
}
