package rotation

import (
	"errors"
	"time"
)

// Event is one line of history: one action of one run, recorded before it is made. Times are AWS's, and no field ever holds a
// secret.
type Event struct {
	At        time.Time
	User      User
	Run       string // id of the run, also the id of its intent
	Action    ActionKind
	Reason    Reason
	KeyID     string // "" when the action is not about a key, or the key does not exist yet
	VersionID string
	Detail    string // for a person; without secrets
}

// Outcome is how an action ended.
type Outcome string

// The outcomes of an action. An event without one was begun, and its run died or is still at it: read it as Unknown.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"  // for certain without effect
	Unknown Outcome = "unknown" // to be observed again
)

// Lease is the answer to a run that wants a user for itself.
type Lease struct {
	Taken bool
	Until time.Time // when not taken: when the other holder's lease ends
	Quiet time.Time // no run of ours can have changed this user since; zero: unknown
}

// ErrLeaseLost is the answer to a run that ends after its lease was over and another run took it, or the database was replaced.
var ErrLeaseLost = errors.New("another run holds the lease by now")

// Standing is what the last run found of a user, for status, and for whoever decides when to look again.
type Standing struct {
	At           time.Time
	Recheck      time.Time
	FreeAt       time.Time // the lease ends then
	Changed      time.Time // end of the last change, succeeded or not; zero: this run changed nothing
	Reason       Reason
	NextAction   ActionKind
	NextAt       time.Time
	CurrentKeyID string
	Keys         []ClassifiedKey
	LastError    string
	Failures     int // in a row
}
