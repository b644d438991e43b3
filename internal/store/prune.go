package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

const oldEventsSQL = `SELECT id, at, account, name FROM events WHERE id > $1 ORDER BY id LIMIT $2`

const lastEndedSQL = `SELECT event FROM outcomes ORDER BY id DESC LIMIT 1`

const lastIntentSQL = `
SELECT e.id FROM events e JOIN outcomes o ON o.event = e.id
WHERE e.account = $1 AND e.name = $2 AND e.action IN ($3, $4, $5) AND o.outcome = $6
ORDER BY e.id DESC LIMIT 1`

const lastEventsSQL = `SELECT id, run FROM events WHERE account = $1 AND name = $2 ORDER BY id DESC LIMIT 100`

const (
	forgetOutcomeSQL = `DELETE FROM outcomes WHERE event = $1`
	forgetEventSQL   = `DELETE FROM events WHERE id = $1`
)

// Prune removes history from before a time: a batch of at most so many events, in one transaction, which takes some milliseconds for a
// few hundred. More is true when it has not come to the end: call it again, a little later, and it goes on from there.
//
// Kept, however old: of each user everything since its last intent that was certainly written, as [Store.Witness] may be asked about it
// while it is open (of users without one, the last run); and the newest event and outcome, so that no id comes twice.
func (s *Store) Prune(ctx context.Context, before time.Time, most int) (removed int, more bool, err error) {
	const doing = "removing old history"
	f, err := s.current(ctx)
	if err != nil {
		return 0, false, s.fail(doing, err)
	}
	f.pruning.Lock()
	defer f.pruning.Unlock()
	p := pruner{f: f, kept: map[rotation.User]int64{}}
	ids, last, more, err := p.find(ctx, moment(before), most)
	if err == nil && len(ids) > 0 {
		err = p.forget(ctx, ids)
	}
	if err != nil {
		return 0, false, s.fail(doing, err)
	}
	// A crash before this: the next process begins at the beginning again.
	if f.pruned = last; !more {
		f.pruned = 0
	}
	return len(ids), more, nil
}

// pruner is one batch.
type pruner struct {
	f    *file
	kept map[rotation.User]int64 // the first event of each user that is kept
}

// find looks through events from where the last batch ended, a few times most of them, and gives those to remove.
func (p *pruner) find(ctx context.Context, before int64, most int) (ids []int64, last int64, more bool, err error) {
	type event struct {
		id, at int64
		user   rotation.User
	}
	var found []event
	var newest int64 // event of the newest outcome
	last = p.f.pruned
	page := 4 * most
	err = p.f.query(ctx, func(r *sql.Rows) error {
		var e event
		err := r.Scan(&e.id, &e.at, &e.user.Account, &e.user.Name)
		found = append(found, e)
		return err
	}, oldEventsSQL, last, page)
	if err == nil {
		err = p.f.query(ctx, func(r *sql.Rows) error { return r.Scan(&newest) }, lastEndedSQL)
	}
	if err != nil {
		return nil, 0, false, err
	}
	for _, e := range found {
		if e.at >= before {
			return ids, 0, false, nil // the others are younger, give or take the seconds between two of AWS's clocks
		}
		if len(ids) == most {
			return ids, last, true, nil
		}
		last = e.id
		keep, err := p.keeps(ctx, e.user)
		if err != nil {
			return nil, 0, false, err
		}
		if e.id < keep && e.id != newest {
			ids = append(ids, e.id)
		}
	}
	return ids, last, len(found) == page, nil
}

// keeps gives the first event of a user that is kept.
func (p *pruner) keeps(ctx context.Context, u rotation.User) (first int64, err error) {
	if first := p.kept[u]; first > 0 {
		return first, nil
	}
	err = p.f.query(ctx, func(r *sql.Rows) error { return r.Scan(&first) }, lastIntentSQL, u.Account, u.Name,
		string(rotation.WriteIntent), string(rotation.Onboard), string(rotation.OnboardExisting), string(rotation.Done))
	if err != nil {
		return 0, err
	}
	var last string
	whole := true
	if first == 0 {
		err = p.f.query(ctx, func(r *sql.Rows) error {
			var id int64
			var run string
			if err := r.Scan(&id, &run); err != nil {
				return err
			}
			if first == 0 {
				last = run
			}
			if whole = whole && run == last; whole {
				first = id
			}
			return nil
		}, lastEventsSQL, u.Account, u.Name)
	}
	p.kept[u] = first
	return first, err
}

// forget removes events and their outcomes. A crash here removes none of them.
func (p *pruner) forget(ctx context.Context, ids []int64) error {
	outcomes, err := p.f.stmt(ctx, p.f.write, forgetOutcomeSQL)
	if err != nil {
		return err
	}
	events, err := p.f.stmt(ctx, p.f.write, forgetEventSQL)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	return p.f.saw(p.f.writer.do(&change{whole: true, run: func(in func(*sql.Stmt) *sql.Stmt) error {
		for _, st := range []*sql.Stmt{in(outcomes), in(events)} {
			for _, id := range ids {
				if _, err := st.ExecContext(ctx, id); err != nil {
					return err
				}
			}
		}
		return nil
	}}))
}
