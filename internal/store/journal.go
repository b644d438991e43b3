package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

const beginSQL = `
INSERT INTO events (at, account, name, run, action, reason, key_id, version_id, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`

// Begin records an action before it is made and gives the number of its event. An error means: no record, so no action. A
// crash after Begin leaves an event without an outcome: it may or may not have been made.
//
// A run that took its lease in a database that was replaced since is refused: see [ErrMoved].
func (s *Store) Begin(ctx context.Context, e rotation.Event) (id int64, err error) {
	f, err := s.holds(ctx, e.Run)
	if err != nil {
		return 0, s.fail(fmt.Sprintf("recording %q for %s", e.Action, e.User), err)
	}
	err = f.returning(ctx, []any{&id}, beginSQL, stamp(e.At), e.User.Account, e.User.Name, e.Run, text(e.Action), text(e.Reason),
		text(e.KeyID), text(e.VersionID), text(e.Detail))
	if err != nil {
		return 0, s.fail(fmt.Sprintf("recording %q for %s", e.Action, e.User), err)
	}
	return f.id(id), nil
}

const endSQL = `
INSERT INTO outcomes (event, at, outcome, key_id, detail)
SELECT id, $2, $3, $4, $5 FROM events WHERE id = $1
ON CONFLICT (event) DO NOTHING`

// End records how the action of an event ended, once: history is never rewritten. KeyID is the key it made or was about; empty
// keeps the event's.
func (s *Store) End(ctx context.Context, id int64, at time.Time, o rotation.Outcome, keyID, detail string) error {
	doing := fmt.Sprintf("recording the outcome %q of event %d", o, id)
	switch o {
	case rotation.Done, rotation.Failed, rotation.Unknown:
	default:
		return errors.New(doing + ": there is no such outcome")
	}
	f, err := s.current(ctx)
	if err != nil {
		return s.fail(doing, err)
	}
	raw, err := f.raw(id)
	if err != nil {
		return s.fail(doing, err)
	}
	n, err := f.exec(ctx, endSQL, raw, stamp(at), text(o), text(keyID), text(detail))
	if err == nil && n == 0 {
		return fmt.Errorf("%s in the database %s: no such event waits for its outcome", doing, f.path)
	}
	return s.fail(doing, err)
}

const witnessSQL = `
SELECT e.action, coalesce(o.outcome, ''), coalesce(o.key_id, '')
FROM events e LEFT JOIN outcomes o ON o.event = e.id
WHERE e.account = $2 AND e.name = $3 AND e.run = $1 AND e.action IN ($4, $5)
ORDER BY e.id`

// Witness says what is known of the create call of an intent, which bears the id of its run. A create call is always recorded
// before it is sent: when the intent is on record and no create call is, none was sent. The zero Witness: nothing is known of
// the intent, so nothing may be concluded.
func (s *Store) Witness(ctx context.Context, u rotation.User, intent string) (w rotation.Witness, err error) {
	if intent == "" {
		return w, nil
	}
	err = s.query(ctx, func(r *sql.Rows) error {
		var action rotation.ActionKind
		var outcome rotation.Outcome
		var keyID string
		if err := r.Scan(&action, &outcome, &keyID); err != nil {
			return err
		}
		if w.Intent == "" {
			w = rotation.Witness{Intent: intent, NotMade: true} // until a create call says otherwise
		}
		if action != rotation.CreateKey {
			return nil
		}
		if outcome != rotation.Failed {
			w.NotMade = false
		}
		if outcome == rotation.Done {
			w.CreatedID = keyID
		}
		return nil
	}, witnessSQL, intent, u.Account, u.Name, string(rotation.WriteIntent), string(rotation.CreateKey))
	if err != nil {
		return rotation.Witness{}, s.fail("reading what is known of the intent "+intent+" of "+u.String(), err)
	}
	return w, nil
}
