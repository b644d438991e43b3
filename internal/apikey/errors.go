package apikey

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknown: nobody is let in with this key. It is unknown, expired, revoked, or comes from a network that it may not; which
	// of these is for the operator's list alone. 401.
	ErrUnknown = errors.New("the API key is not accepted: it is unknown, expired, revoked, or not allowed from this network")
	// ErrMalformed is an ErrUnknown that anyone can see from the text: it is no key of keyturn's, or has a typo. 401.
	ErrMalformed error = malformedError{}
	// ErrUnavailable: the keys cannot be read now, so nobody can tell. 503.
	ErrUnavailable = errors.New("the API keys cannot be read from Secrets Manager")
	// ErrUnproven: whose a proof of an AWS identity is cannot be told now. 503.
	ErrUnproven = errors.New("whose the proof of an AWS identity is cannot be told now: sign another one in a moment")
	// ErrNoKey: no key has this id. 404.
	ErrNoKey = errors.New("there is no API key with this id")
	// ErrInvalid: the key that was asked for cannot be made as such. 400.
	ErrInvalid = errors.New("the API key cannot be made like this")
	// ErrGrant: the caller asks for a key that may do more than itself. 403.
	ErrGrant = errors.New("the caller may not make such an API key")
	// ErrBusy: others changed the keys at the same time, again and again. Nothing was changed; ask again. 409.
	ErrBusy = errors.New("the API keys are being changed by others at the same time: try again")
	// ErrRevoked: a key that is revoked or expired cannot be rotated. 409.
	ErrRevoked = errors.New("the API key is revoked or has expired: create a new one")
)

// NoKey is an ErrNoKey about one id.
func NoKey(id string) error {
	return fmt.Errorf("%w: %q; keyturn apikey list shows those that exist", ErrNoKey, id)
}

type malformedError struct{}

func (malformedError) Error() string {
	return "this is no API key of keyturn, or it has a typo: a key is " + Prefix +
		", ten letters and digits, _, and thirty-six more, the last six of which are a checksum"
}

// Is makes it an ErrUnknown.
func (malformedError) Is(target error) bool { return target == ErrUnknown }
