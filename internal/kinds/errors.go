package kinds

import (
	"errors"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// What a server can say of a request, whatever carries it. The command line hears the same from a server that it asks.
var (
	// ErrWrongRequest: the two ends do not understand each other.
	ErrWrongRequest = errors.New("the daemon does not understand the request")
	// ErrForbidden: the caller is known, and lacks the scope.
	ErrForbidden = errors.New("the API key may not do this")
	// ErrWrongHost: the Host of a request is none of the server's.
	ErrWrongHost = errors.New("the request names a host that this server is not")
	// ErrCrossOrigin: a browser sent it for a page of another site.
	ErrCrossOrigin = errors.New("the request was sent by a page of another web site")
	// ErrTooFast: over the limit.
	ErrTooFast = errors.New("too many requests")
	// ErrRotationQuota: the user had as many rotations within a day as it may.
	ErrRotationQuota = errors.New("no rotation can be asked for now")
	// ErrBadRequest: it cannot be read.
	ErrBadRequest = errors.New("the request cannot be read")
	// ErrInvalidRequest: it can be read, and means nothing that is allowed.
	ErrInvalidRequest = errors.New("the request is not allowed like this")
	// ErrTooLarge: more than the route takes.
	ErrTooLarge = errors.New("the body of the request is too large")
	// ErrMediaType: not JSON.
	ErrMediaType = errors.New("the body of the request is not application/json")
	// ErrTooSlow: the body did not come in time.
	ErrTooSlow = errors.New("the body of the request did not come in time")
	// ErrNoRoute and ErrNoMethod: nothing is there, or not by this method.
	ErrNoRoute  = errors.New("there is no such path")
	ErrNoMethod = errors.New("there is no such method on this path")
	// ErrOff: the configuration switches it off.
	ErrOff = errors.New("the configuration does not allow this")
	// ErrMismatch and ErrInFlight: of an Idempotency-Key.
	ErrMismatch = errors.New("the Idempotency-Key was used for another request before")
	ErrInFlight = errors.New("the first request with this Idempotency-Key has not ended")
	// ErrNoRecord: an access to a credential could not be put on record.
	ErrNoRecord = errors.New("the access cannot be put on record, so no credential is given out")
	// ErrStandingBy: this process does not look after the users.
	ErrStandingBy = errors.New("this server does not look after the users now")
)

// BlockedError: what was asked for is not possible now, or ever; Reason and Detail say why, and what to do.
type BlockedError struct {
	User    rotation.User
	Reason  rotation.Reason
	KeyID   string    // that the reason is about; "": none
	Detail  string    // one sentence
	Recheck time.Time // when to ask again; zero: it is of no use before somebody acts
}

// Error is one sentence.
func (e *BlockedError) Error() string { return e.Detail }
