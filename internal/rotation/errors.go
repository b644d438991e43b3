package rotation

import (
	"errors"
	"fmt"
	"strings"
)

// The meanings that an AWS answer can have. The adapter maps each answer to one of them, once; everything else asks with
// [errors.Is].
var (
	ErrNoUser          = errors.New("the IAM user does not exist")
	ErrNoKey           = errors.New("the access key does not exist")
	ErrNoSecret        = errors.New("the secret does not exist")
	ErrSecretExists    = errors.New("the secret exists already")
	ErrKeyLimit        = errors.New("the user has two access keys already")
	ErrVersionQuota    = errors.New("the secret holds as many versions as Secrets Manager allows")
	ErrConflict        = errors.New("the staging label is on another version") // compare-and-swap lost
	ErrVersionTaken    = errors.New("the version id exists with another value")
	ErrPendingDeletion = errors.New("the secret is scheduled for deletion")
	ErrInvalidKey      = errors.New("AWS does not accept this access key") // not yet, Inactive or deleted: they look alike
	ErrWrongSecret     = errors.New("the secret access key is wrong")
	ErrWrongUser       = errors.New("the access key belongs to another identity")
	ErrDenied          = errors.New("access denied")
	ErrThrottled       = errors.New("throttled")
	ErrUnavailable     = errors.New("AWS is unavailable")
	ErrRegionDisabled  = errors.New("the Region is disabled for this account")
	ErrKMS             = errors.New("the KMS key cannot be used")
	ErrBadSecret       = errors.New("the secret's value is not what keyturn can read")
	ErrInvalid         = errors.New("AWS refused the request as invalid")
)

// CallError is a failed AWS call, worded for a person.
type CallError struct {
	Service   string // "iam", "sts", "secretsmanager"
	Operation string // "CreateAccessKey"
	Target    string // user, secret or key id it was about
	Action    string // the IAM action to allow, when access was denied: "iam:CreateAccessKey"
	Kind      error  // one of the sentinels above, or nil when AWS's answer is none of them
	// Definite: AWS answered and the call had no effect. When false the outcome is unknown (time-out, lost answer, 5xx).
	Definite bool
	Detail   string // AWS's code and message, one line, without secrets
}

// Error is one sentence: what failed, on what, why, what to do.
func (e *CallError) Error() string {
	s := fmt.Sprintf("%s of %s", e.Operation, e.Target)
	switch {
	case errors.Is(e.Kind, ErrDenied) && e.Action != "":
		return s + fmt.Sprintf(" was denied: allow %s to keyturn's identity (%s)", e.Action, e.Detail)
	case e.Kind != nil:
		s += " failed: " + e.Kind.Error()
	default:
		s += " failed"
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if !e.Definite && !e.reads() {
		s += "; whether it took effect is unknown, so keyturn looks again before it does anything"
	}
	return s
}

// reads reports a call that changes nothing, so that there is no effect to be unsure of.
func (e *CallError) reads() bool {
	for _, verb := range []string{"Get", "List", "Describe", "Simulate", "Generate"} {
		if strings.HasPrefix(e.Operation, verb) {
			return true
		}
	}
	return false
}

// Unwrap gives the sentinel, so that errors.Is(err, ErrThrottled) works.
func (e *CallError) Unwrap() error { return e.Kind }

// Definite reports whether the error says for certain that the call had no effect.
func Definite(err error) bool {
	var c *CallError
	return errors.As(err, &c) && c.Definite
}
