package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Request is a request that may be sent twice: it bears an Idempotency-Key.
type Request struct {
	Caller string   // who asks; the same key of another caller is another request
	Key    string   // the Idempotency-Key
	Route  string   // method and path, with the user in it
	Hash   [32]byte // SHA-256 of the body
}

// Reply is the answer to a request, to be given again. It must hold no secret.
type Reply struct {
	Status int
	Header map[string]string
	Body   []byte
}

// RequestState is what is known of a request.
type RequestState string

// The states.
const (
	RequestNew      RequestState = "new"       // go on, and say how it ended with EndRequest or DropRequest
	RequestInFlight RequestState = "in flight" // the first one has not ended
	RequestLost     RequestState = "lost"      // the first one began long ago and never said how it ended: its process died
	RequestAnswered RequestState = "answered"  // give Reply again
	RequestOther    RequestState = "other"     // the key was used for another route or body
)

// PastRequest is what is known of a request that is sent.
type PastRequest struct {
	State RequestState
	Began time.Time // the first one
	Reply Reply     // when it was answered
}

const (
	// ReplayFor is how long the answer to a request is kept.
	ReplayFor = 24 * time.Hour
	// RequestEnds is by when a request has ended, or its process died.
	RequestEnds = 10 * time.Minute
	// MostReplays bounds what is kept for one caller.
	MostReplays = 10_000
	// MostReply bounds the body of an answer that is kept, in bytes.
	MostReply = 64 << 10
)

// ErrReplays: the caller has used so many Idempotency-Keys within a day that no more are kept.
var ErrReplays = errors.New("the caller has used 10000 Idempotency-Keys within 24 hours: send the request without one, or later")

const beginRequestSQL = `
INSERT INTO replays (caller, name, route, hash, at)
SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM replays WHERE caller = $1 AND at > $6) < $7
ON CONFLICT (caller, name) DO UPDATE SET
	route = excluded.route, hash = excluded.hash, at = excluded.at, status = 0, header = '', body = ''
WHERE replays.at <= $6`

const forgetRequestsSQL = `
DELETE FROM replays WHERE (caller, name) IN (SELECT caller, name FROM replays WHERE at <= $1 ORDER BY at LIMIT 20)`

const requestSQL = `SELECT route, hash, at, status, header, body FROM replays WHERE caller = $1 AND name = $2`

// BeginRequest says whether a request was sent before, and puts a new one on record before anything is done. Of many that are sent at
// once one is new. A crash after it leaves a request that is in flight, and lost after RequestEnds: it may or may not have had its effect.
func (s *Store) BeginRequest(ctx context.Context, r Request, now time.Time) (p PastRequest, err error) {
	const doing = "recording a request with an Idempotency-Key"
	if r.Caller == "" || r.Key == "" || now.IsZero() {
		return p, errors.New(doing + ": a caller, a key and a time are needed")
	}
	over := moment(now.Add(-ReplayFor))
	if _, err := s.exec(ctx, forgetRequestsSQL, over); err != nil {
		return p, s.fail(doing, err)
	}
	n, err := s.exec(ctx, beginRequestSQL, text(r.Caller), text(r.Key), text(r.Route), r.Hash[:], stamp(now), over, MostReplays)
	if err != nil {
		return p, s.fail(doing, err)
	}
	if n > 0 {
		return PastRequest{State: RequestNew, Began: now}, nil
	}
	known := false
	err = s.query(ctx, func(rows *sql.Rows) error {
		var at int64
		var route, header string
		var hash []byte
		known = true
		var reply Reply
		if err := rows.Scan(&route, &hash, &at, &reply.Status, &header, &reply.Body); err != nil {
			return err
		}
		p.Began = unstamp(at)
		switch {
		case route != text(r.Route) || string(hash) != string(r.Hash[:]):
			p.State = RequestOther
		case reply.Status != 0:
			p.State, p.Reply = RequestAnswered, reply
			return json.Unmarshal([]byte(header), &p.Reply.Header)
		case now.Sub(p.Began) > RequestEnds:
			p.State = RequestLost
		default:
			p.State = RequestInFlight
		}
		return nil
	}, requestSQL, text(r.Caller), text(r.Key))
	if err == nil && !known {
		err = ErrReplays
	}
	return p, s.fail(doing, err)
}

const endRequestSQL = `UPDATE replays SET status = $3, header = $4, body = $5 WHERE caller = $1 AND name = $2 AND status = 0`

// EndRequest keeps the answer to a request that was new, for ReplayFor from its beginning.
func (s *Store) EndRequest(ctx context.Context, r Request, reply Reply) error {
	const doing = "recording the answer to a request with an Idempotency-Key"
	if reply.Status < 100 || len(reply.Body) > MostReply {
		return errors.New(doing + ": it has no status, or is too long")
	}
	header, err := json.Marshal(reply.Header)
	if err != nil {
		return s.fail(doing, err)
	}
	body := reply.Body
	if body == nil {
		body = []byte{}
	}
	_, err = s.exec(ctx, endRequestSQL, text(r.Caller), text(r.Key), reply.Status, string(header), body)
	return s.fail(doing, err)
}

const dropRequestSQL = `DELETE FROM replays WHERE caller = $1 AND name = $2 AND status = 0`

// DropRequest forgets a request that was new and had no effect, such as one that was refused as too fast: it may be sent again.
func (s *Store) DropRequest(ctx context.Context, r Request) error {
	_, err := s.exec(ctx, dropRequestSQL, text(r.Caller), text(r.Key))
	return s.fail("forgetting a request with an Idempotency-Key", err)
}
