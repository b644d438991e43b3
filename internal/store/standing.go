package store

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Entry is a user that the database knows, and what its last run found. At is zero when no run has ended yet.
type Entry struct {
	User rotation.User
	rotation.Standing
}

const standingColumns = `
SELECT account, name, at, recheck, free_at, changed, reason, next_action, next_at, current_key_id, access_keys, last_error, failures
FROM users `

const (
	standingSQL  = standingColumns + `WHERE account = $1 AND name = $2`
	standingsSQL = standingColumns + `WHERE (account, name) > ($1, $2) ORDER BY account, name LIMIT $3`
)

// Standing gives what the last run found of one user; false when the database does not know it. Changed is the last change of
// any run.
func (s *Store) Standing(ctx context.Context, u rotation.User) (rotation.Standing, bool, error) {
	found, err := s.entries(ctx, standingSQL, u.Account, u.Name)
	if err != nil || len(found) == 0 {
		return rotation.Standing{}, false, err
	}
	return found[0].Standing, true, nil
}

// Standings gives every user that the database knows, by account and name. It reads page by page and holds no connection in
// between, so the loop's body may use the Store. It ends after an error.
func (s *Store) Standings(ctx context.Context) iter.Seq2[Entry, error] {
	const page = 500
	return func(yield func(Entry, error) bool) {
		for last := (rotation.User{}); ; {
			found, err := s.entries(ctx, standingsSQL, last.Account, last.Name, page)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range found {
				if !yield(e, nil) {
					return
				}
			}
			if len(found) < page {
				return
			}
			last = found[len(found)-1].User
		}
	}
}

func (s *Store) entries(ctx context.Context, query string, args ...any) (out []Entry, err error) {
	err = s.query(ctx, func(r *sql.Rows) (err error) {
		var e Entry
		var at, recheck, freeAt, changed, nextAt int64
		var keys string
		if err := r.Scan(&e.User.Account, &e.User.Name, &at, &recheck, &freeAt, &changed, &e.Reason, &e.NextAction, &nextAt,
			&e.CurrentKeyID, &keys, &e.LastError, &e.Failures); err != nil {
			return err
		}
		e.At, e.Recheck, e.FreeAt, e.Changed, e.NextAt = unstamp(at), unstamp(recheck), unstamp(freeAt), unstamp(changed), unstamp(nextAt)
		e.Keys, err = decodeKeys(keys)
		out = append(out, e)
		return err
	}, query, args...)
	return out, s.fail("reading what is known of the users", err)
}

const dueSQL = `SELECT name FROM users WHERE account = $1 AND recheck <= $2 ORDER BY recheck, name`

// Due gives the account's users whose recheck time has come, the longest overdue first; those whose first run never ended are
// among them. Users that the database does not know are due as well, and only the caller knows them.
func (s *Store) Due(ctx context.Context, account string, now time.Time) (out []rotation.User, err error) {
	err = s.query(ctx, func(r *sql.Rows) error {
		u := rotation.User{Account: account}
		err := r.Scan(&u.Name)
		out = append(out, u)
		return err
	}, dueSQL, account, moment(now))
	return out, s.fail("reading which users are due in account "+account, err)
}

const setRecheckSQL = `
INSERT INTO users (account, name, recheck, asked) VALUES ($1, $2, $3, $3)
ON CONFLICT (account, name) DO UPDATE SET
	recheck = CASE WHEN excluded.recheck < users.recheck THEN excluded.recheck ELSE users.recheck END,
	asked = CASE WHEN users.asked = 0 OR excluded.asked < users.asked THEN excluded.asked ELSE users.asked END`

// SetRecheck asks for a look at the user at the given time, and never makes one later than planned. Asked for while a run is
// under way, it stands when that run ends.
func (s *Store) SetRecheck(ctx context.Context, u rotation.User, at time.Time) error {
	_, err := s.exec(ctx, setRecheckSQL, u.Account, u.Name, stamp(at))
	return s.fail("setting the recheck time of "+u.String(), err)
}
