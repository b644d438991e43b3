package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Rotations is how many keys were made for a user within a time.
type Rotations struct {
	Made int
	// Since is from when they were counted: what was asked for, or later when this database does not know the user for so long, and there
	// may have been more before it. Zero: it does not know the user at all.
	Since time.Time
	// Oldest is the first of them; zero: none.
	Oldest time.Time
}

// Partial reports whether the database knows less than was asked for.
func (r Rotations) Partial(asked time.Time) bool { return r.Since.IsZero() || r.Since.After(asked) }

const rotationsSQL = `
SELECT e.at FROM events e LEFT JOIN outcomes o ON o.event = e.id
WHERE e.account = $1 AND e.name = $2 AND e.action = $3 AND e.at >= $4 AND coalesce(o.outcome, '') <> $5
ORDER BY e.at`

const knownSinceSQL = `SELECT first_end FROM users WHERE account = $1 AND name = $2`

// Rotations counts the create calls for a user since a time, those whose outcome is unknown among them: each may have taken one of the
// versions that its secret may have in a day. A database that was lost meanwhile says from when it counts.
func (s *Store) Rotations(ctx context.Context, u rotation.User, since time.Time) (Rotations, error) {
	doing := "counting the rotations of " + u.String()
	out := Rotations{Since: since}
	err := s.query(ctx, func(r *sql.Rows) error {
		var at int64
		err := r.Scan(&at)
		if out.Made++; out.Made == 1 {
			out.Oldest = unstamp(at)
		}
		return err
	}, rotationsSQL, u.Account, u.Name, string(rotation.CreateKey), moment(since), string(rotation.Failed))
	if err != nil {
		return Rotations{}, s.fail(doing, err)
	}
	var first int64 // no run from before this database has changed the user since
	err = s.query(ctx, func(r *sql.Rows) error { return r.Scan(&first) }, knownSinceSQL, u.Account, u.Name)
	if known := unstamp(first); known.IsZero() || known.After(since) {
		out.Since = known
	}
	return out, s.fail(doing, err)
}
