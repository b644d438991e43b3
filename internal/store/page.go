package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/keyturn/keyturn/internal/rotation"
)

// PageQuery selects history for somebody who may not see, or does not want, that of every user.
type PageQuery struct {
	Users []rotation.User          // by account and name; none: all that Of takes
	Of    func(rotation.User) bool // only of users that it takes; nil: all
	After int64                    // only what ended after the outcome with this Seq; 0: the newest; negative: from the beginning
	Limit int                      // at most so many lines; 0: 100
}

// Page is history, oldest first, in the order in which actions ended.
type Page struct {
	Lines []Line
	Next  int64 // all that ended up to this Seq was looked at: go on after it; negative: from the beginning
	More  bool  // it was not looked to the end
}

const (
	readMost = 5_000 // lines that are read of a few users, each by its index, to choose from
	lateMost = 16    // actions of one user that may have ended in another order than they began
)

// Page gives a page of the history of some users. What it costs does not grow with the history: a page may end early, even without a
// line, and says from where to go on; and the newest lines of many users are looked for among the newest scanMost of all.
//
// After is as in [Store.Recent]: whoever stands beyond the last Seq gets the newest lines.
func (s *Store) Page(ctx context.Context, q PageQuery) (Page, error) {
	newest, err := s.Newest(ctx)
	if err != nil {
		return Page{}, err
	}
	if q.After > newest {
		q.After = 0
	}
	after, n := max(0, q.After), limit(q.Limit)
	switch past := newest - after; {
	case past == 0 && q.After != 0:
		return Page{Next: q.After}, nil
	case past <= scanStep && q.After != 0: // whoever follows comes here
		return s.scanEnded(ctx, q, after, newest)
	}
	leave, err := s.scans.enter(ctx)
	if err != nil {
		return Page{}, s.fail("reading the history", err)
	}
	defer leave()
	users, few, err := s.few(ctx, q, max(1, readMost/(n+lateMost)))
	switch {
	case err != nil:
		return Page{}, err
	case few && q.After == 0:
		return s.newestOf(ctx, users, n, newest)
	case q.After == 0:
		return s.scanNewest(ctx, q, newest)
	case few:
		return s.endedOf(ctx, users, after, n, newest)
	}
	return s.scanEnded(ctx, q, after, newest)
}

const usersSQL = `SELECT account, name FROM users`

// few gives the users that are wanted, unless they are more than so many.
func (s *Store) few(ctx context.Context, q PageQuery, most int) (users []rotation.User, few bool, err error) {
	if len(q.Users) > 0 {
		v := q.view()
		users = slices.DeleteFunc(slices.Clone(q.Users), func(u rotation.User) bool { return !v.wants(u) })
		return users, len(users) <= most, nil
	}
	err = s.query(ctx, func(r *sql.Rows) error {
		var u rotation.User
		if len(users) > most {
			return nil
		}
		err := r.Scan(&u.Account, &u.Name)
		if err == nil && (q.Of == nil || q.Of(u)) {
			users = append(users, u)
		}
		return err
	}, usersSQL)
	return users, len(users) <= most, s.fail("reading which users there are", err)
}

// newestOf gives the newest lines of a few users.
func (s *Store) newestOf(ctx context.Context, users []rotation.User, n int, newest int64) (Page, error) {
	var out []Line
	for _, u := range users {
		lines, err := s.Events(ctx, Query{User: u, Limit: n + 1})
		if err != nil {
			return Page{}, err
		}
		out = inOrder(append(out, lines...))
		out = slices.Clone(out[max(0, len(out)-n):]) // the others are not kept in memory
	}
	return newestPage(out, newest), nil
}

// newestPage is a page of the newest lines; some may have ended since newest was the last.
func newestPage(lines []Line, newest int64) Page {
	for _, l := range lines {
		newest = max(newest, l.Seq)
	}
	if newest == 0 {
		newest = -1 // nothing has ended
	}
	return Page{Lines: lines, Next: newest}
}

// endedOf gives what ended of a few users, up to newest.
func (s *Store) endedOf(ctx context.Context, users []rotation.User, after int64, n int, newest int64) (Page, error) {
	var out []Line
	for _, u := range users {
		lines, err := s.lines(ctx, userEndedSQL, after, n+lateMost, u.Account, u.Name)
		if err != nil {
			return Page{}, err
		}
		out = append(out, slices.DeleteFunc(lines, func(l Line) bool { return l.Seq > newest })...)
		slices.SortFunc(out, func(a, b Line) int { return cmp.Compare(a.Seq, b.Seq) })
		out = slices.Clone(out[:min(n+1, len(out))])
	}
	if len(out) <= n {
		return Page{Lines: out, Next: newest}, nil
	}
	return Page{Lines: out[:n], Next: out[n-1].Seq, More: true}, nil
}
