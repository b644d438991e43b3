package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Line is one line of history: an event and how it ended.
type Line struct {
	ID int64 // of the event; later events have greater ones
	rotation.Event
	// Outcome is "" when none was recorded: the action is under way, or its run died, so it may or may not have been made.
	Outcome rotation.Outcome
	// Seq is the number of the outcome; later ones are greater. 0: none.
	Seq    int64
	Ended  time.Time
	Result string // for a person: how it ended
}

// Query selects lines of history.
type Query struct {
	User   rotation.User // zero: every user
	Before int64         // only events with a smaller ID, to read on from the last line; 0: from the newest
	Limit  int           // at most so many lines; 0: 100
}

const defaultLimit = 100

const lineColumns = `
SELECT e.id, e.at, e.account, e.name, e.run, e.action, e.reason, e.key_id, e.version_id, e.detail,
	coalesce(o.id, 0), coalesce(o.at, 0), coalesce(o.outcome, ''), coalesce(o.key_id, ''), coalesce(o.detail, '')
`

const historySQL = lineColumns + `FROM events e LEFT JOIN outcomes o ON o.event = e.id
WHERE e.id < $1 ORDER BY e.id DESC LIMIT $2`

const userHistorySQL = lineColumns + `FROM events e LEFT JOIN outcomes o ON o.event = e.id
WHERE e.account = $3 AND e.name = $4 AND e.id < $1 ORDER BY e.id DESC LIMIT $2`

const endedSQL = lineColumns + `FROM outcomes o JOIN events e ON e.id = o.event
WHERE o.id > $1 ORDER BY o.id LIMIT $2`

// Events gives the history, newest first.
func (s *Store) Events(ctx context.Context, q Query) ([]Line, error) {
	if q.Before <= 0 {
		q.Before = 1<<63 - 1
	}
	if q.User == (rotation.User{}) {
		return s.lines(ctx, historySQL, q.Before, limit(q.Limit))
	}
	return s.lines(ctx, userHistorySQL, q.Before, limit(q.Limit), q.User.Account, q.User.Name)
}

// Ended gives the events that ended after the outcome with number seq was recorded, in the order in which they did, for whoever
// tells others of them: go on with the Seq of the last line. 0 begins at the beginning; limit 0 means 100.
func (s *Store) Ended(ctx context.Context, seq int64, most int) ([]Line, error) {
	return s.lines(ctx, endedSQL, seq, limit(most))
}

func limit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return n
}

func (s *Store) lines(ctx context.Context, query string, args ...any) (out []Line, err error) {
	err = s.query(ctx, func(r *sql.Rows) error {
		var l Line
		var at, ended int64
		var keyID string
		if err := r.Scan(&l.ID, &at, &l.User.Account, &l.User.Name, &l.Run, &l.Action, &l.Reason, &l.KeyID, &l.VersionID, &l.Detail,
			&l.Seq, &ended, &l.Outcome, &keyID, &l.Result); err != nil {
			return err
		}
		l.At, l.Ended = unstamp(at), unstamp(ended)
		if keyID != "" {
			l.KeyID = keyID
		}
		out = append(out, l)
		return nil
	}, query, args...)
	return out, s.fail("reading the history", err)
}
