package control

import (
	"errors"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
)

// fault is an error on the wire. The errors that have a type travel whole.
type fault struct {
	Code          string                  `json:"code"`
	Message       string                  `json:"message"`
	UnknownUser   *fleet.UnknownUserError `json:"unknown_user,omitempty"`
	Configuration *config.Error           `json:"configuration,omitempty"`
}

// faultOf is what is sent of an error.
func faultOf(err error) fault {
	f := fault{Code: kinds.Of(err).Code, Message: err.Error()}
	if !errors.As(err, &f.UnknownUser) {
		errors.As(err, &f.Configuration)
	}
	return f
}

// error is what a fault was before it was sent, as far as errors.Is and errors.As can tell.
func (f fault) error() error {
	e := &remoteError{text: f.Message}
	switch {
	case f.UnknownUser != nil:
		e.kind = f.UnknownUser
	case f.Configuration != nil:
		e.kind = f.Configuration
	default:
		e.kind = kinds.ByCode(f.Code).Sentinel
	}
	return e
}

// remoteError is an error of the daemon's: its text, and its kind.
type remoteError struct {
	text string
	kind error // nil: unexpected
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }
