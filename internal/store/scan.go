package store

import (
	"context"
	"database/sql"

	"github.com/keyturn/keyturn/internal/rotation"
)

const (
	scanMost = 20_000 // lines that are looked at for one page
	scanStep = 500    // of them at once: no connection is held for longer
	// scanTurns is how many search the history at a time: runs read with the same four connections, and find two of them.
	scanTurns = 2
)

// turns bounds how many do something at a time. The others wait in a queue, which whoever does not want to wait any longer leaves.
type turns chan struct{}

func (t turns) enter(ctx context.Context) (leave func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// view tells whose lines are wanted, and asks for each user once.
type view struct {
	named map[rotation.User]bool // nil: all
	of    func(rotation.User) bool
	known map[rotation.User]bool
}

func (q PageQuery) view() *view {
	v := &view{of: q.Of, known: map[rotation.User]bool{}}
	if len(q.Users) > 0 {
		v.named = map[rotation.User]bool{}
	}
	for _, u := range q.Users {
		v.named[u] = true
	}
	return v
}

func (v *view) wants(u rotation.User) bool {
	wanted, known := v.known[u]
	if !known {
		wanted = (v.named == nil || v.named[u]) && (v.of == nil || v.of(u))
		v.known[u] = wanted
	}
	return wanted
}

const (
	scanNewestSQL = `SELECT id, account, name FROM events WHERE id < $1 ORDER BY id DESC LIMIT $2`
	scanEndedSQL  = `SELECT o.id, e.account, e.name FROM outcomes o JOIN events e ON e.id = o.event WHERE o.id > $1 ORDER BY o.id LIMIT $2`

	oneEventSQL = lineColumns + `FROM events e LEFT JOIN outcomes o ON o.event = e.id WHERE e.id = $1`
	oneEndedSQL = lineColumns + `FROM outcomes o JOIN events e ON e.id = o.event WHERE o.id = $1`
)

// scan looks for at most so many numbers of lines that are wanted, from a number on, and gives the number of the last line that was looked
// at. Only whose they are is read: no others are held in memory.
func (s *Store) scan(ctx context.Context, q PageQuery, query string, from int64, most int) (found []int64, last int64, err error) {
	v := q.view()
	last = from
	for looked, more := 0, true; more && looked < scanMost && len(found) < most; {
		n := 0
		err := s.query(ctx, func(r *sql.Rows) error {
			var id int64
			var u rotation.User
			if n++; len(found) == most {
				return nil
			}
			err := r.Scan(&id, &u.Account, &u.Name)
			if last = id; err == nil && v.wants(u) {
				found = append(found, id)
			}
			return err
		}, query, last, scanStep)
		if err != nil {
			return nil, 0, s.fail("reading the history", err)
		}
		more, looked = n == scanStep, looked+n
	}
	return found, last, nil
}

// each reads lines one by one.
func (s *Store) each(ctx context.Context, query string, numbers []int64) ([]Line, error) {
	out := make([]Line, 0, len(numbers))
	for _, id := range numbers {
		lines, err := s.lines(ctx, query, id)
		if err != nil {
			return nil, err
		}
		out = append(out, lines...) // none: it was removed in between
	}
	return out, nil
}

// scanNewest looks for the newest lines.
func (s *Store) scanNewest(ctx context.Context, q PageQuery, newest int64) (Page, error) {
	n := limit(q.Limit)
	found, _, err := s.scan(ctx, q, scanNewestSQL, 1<<63-1, n+underWay)
	if err != nil {
		return Page{}, err
	}
	lines, err := s.each(ctx, oneEventSQL, found)
	if err != nil {
		return Page{}, err
	}
	lines = inOrder(lines)
	return newestPage(lines[max(0, len(lines)-n):], newest), nil
}

// scanEnded looks for what ended, in that order.
func (s *Store) scanEnded(ctx context.Context, q PageQuery, after, newest int64) (Page, error) {
	found, last, err := s.scan(ctx, q, scanEndedSQL, after, limit(q.Limit))
	if err != nil {
		return Page{}, err
	}
	lines, err := s.each(ctx, oneEndedSQL, found)
	return Page{Lines: lines, Next: last, More: last < newest}, err
}
