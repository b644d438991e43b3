package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// A run that never gave its lease back may have changed AWS until the lease's settle time began. A look that was asked for
// before this run began is this run.
const acquireSQL = `
INSERT INTO users (account, name, holder, lease_until, lease_settle, first_end)
VALUES ($1, $2, $3, $4, $5, $4 - $5)
ON CONFLICT (account, name) DO UPDATE SET
	quiet = CASE WHEN users.holder NOT IN ('', excluded.holder) AND users.lease_until - users.lease_settle > users.quiet
		THEN users.lease_until - users.lease_settle ELSE users.quiet END,
	first_end = CASE WHEN users.first_end = 0 THEN excluded.first_end ELSE users.first_end END,
	holder = excluded.holder, lease_until = excluded.lease_until, lease_settle = excluded.lease_settle,
	asked = CASE WHEN users.holder = excluded.holder THEN users.asked ELSE 0 END
WHERE users.lease_until <= $6 OR users.holder = excluded.holder
RETURNING quiet`

const leaseEndSQL = `SELECT lease_until FROM users WHERE account = $1 AND name = $2`

// Acquire takes the user's lease until the given time for holder, when it is free or over at now; whoever holds it already
// prolongs it. Holder must be unique to the run, over all processes and restarts, and end with the run's id as its events bear it, after a
// slash if there is more. Of many that try at once, one wins.
func (s *Store) Acquire(ctx context.Context, u rotation.User, holder string, now, until time.Time) (rotation.Lease, error) {
	doing := "taking the lease of " + u.String()
	if holder == "" || now.IsZero() || !until.After(now) {
		return rotation.Lease{}, fmt.Errorf("%s: a holder and an end later than now are needed, got %q until %s", doing, holder, until)
	}
	f, err := s.current(ctx)
	if err != nil {
		return rotation.Lease{}, s.fail(doing, err)
	}
	settle := min(time.Duration(s.settle.Load()), until.Sub(now)).Microseconds() // rounded down: quiet is rather too late
	var quiet int64
	err = f.returning(ctx, []any{&quiet}, acquireSQL, u.Account, u.Name, holder, stamp(until), settle, moment(now))
	switch {
	case err == nil:
		s.joined(holder, f)
		return rotation.Lease{Taken: true, Quiet: unstamp(quiet)}, nil
	case !errors.Is(err, sql.ErrNoRows):
		return rotation.Lease{}, s.fail(doing, err)
	}
	var end int64
	err = f.query(ctx, func(r *sql.Rows) error { return r.Scan(&end) }, leaseEndSQL, u.Account, u.Name)
	return rotation.Lease{Until: unstamp(end)}, s.fail(doing, err)
}

// A look that was asked for while the run was under way is not forgotten. Without a change, a user that was unknown is known from
// here on: see first_end. One that failed saw nothing: the next one is a first run again, and need not wait until first_end.
const finishSQL = `
UPDATE users SET holder = '', lease_until = $4, free_at = $4, lease_settle = 0, at = $5,
	recheck = CASE WHEN asked <> 0 AND asked < $6 THEN asked ELSE $6 END,
	changed = CASE WHEN $7 = 0 THEN changed ELSE $7 END,
	quiet = CASE WHEN $7 > quiet THEN $7 WHEN quiet = 0 AND $13 = '' THEN first_end ELSE quiet END,
	reason = $8, next_action = $9, next_at = $10, current_key_id = $11, access_keys = $12, last_error = $13, failures = $14
WHERE account = $1 AND name = $2 AND holder = $3`

// While quiet is unknown it stays so: first_end is later than any run from before.
const lateChangeSQL = `
UPDATE users SET quiet = CASE WHEN quiet <> 0 AND quiet < $3 THEN $3 ELSE quiet END,
	changed = CASE WHEN changed < $3 THEN $3 ELSE changed END
WHERE account = $1 AND name = $2`

// Finish writes what a run found and gives its lease back as of s.FreeAt (zero: at once); until then nobody may take it. A
// run whose lease was taken by another meanwhile gets [rotation.ErrLeaseLost]: of what it found, only its last change is kept.
func (s *Store) Finish(ctx context.Context, u rotation.User, holder string, st rotation.Standing) error {
	doing := "recording the end of the run of " + u.String()
	defer s.left(holder)
	keys, err := encodeKeys(st.Keys)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	changed := stamp(st.Changed)
	n, err := s.exec(ctx, finishSQL, u.Account, u.Name, holder, stamp(st.FreeAt), stamp(st.At), stamp(st.Recheck), changed,
		text(st.Reason), text(st.NextAction), stamp(st.NextAt), text(st.CurrentKeyID), text(keys), text(st.LastError), st.Failures)
	if err != nil || n > 0 {
		return s.fail(doing, err)
	}
	if changed > 0 {
		if _, err := s.exec(ctx, lateChangeSQL, u.Account, u.Name, changed); err != nil {
			return s.fail(doing, err)
		}
	}
	return fmt.Errorf("%s: %w; the next run looks at AWS afresh", doing, rotation.ErrLeaseLost)
}
