package rotation

import (
	"strings"
	"time"
)

// User names an IAM user under keyturn's care.
type User struct {
	Account string // 12-digit AWS account id
	Name    string // IAM user name, without its path
}

// String is "account/name".
func (u User) String() string { return u.Account + "/" + u.Name }

// KeyStatus is the status of an access key as IAM words it.
type KeyStatus string

// The statuses IAM knows.
const (
	Active   KeyStatus = "Active"
	Inactive KeyStatus = "Inactive"
	Expired  KeyStatus = "Expired"
)

// Key is one access key of the user, as ListAccessKeys gives it.
type Key struct {
	ID      string
	Status  KeyStatus
	Created time.Time // IAM's CreateDate, whole seconds
}

// LastUse is what GetAccessKeyLastUsed says of a key.
type LastUse struct {
	At      time.Time // zero: never used
	Service string    // e.g. "s3"; empty when never used
	Region  string
}

// The staging labels of AWS Secrets Manager that keyturn uses.
const (
	StageCurrent  = "AWSCURRENT"
	StagePending  = "AWSPENDING"
	StagePrevious = "AWSPREVIOUS"
)

// Secret is what DescribeSecret says of the user's secret.
type Secret struct {
	Exists          bool
	ARN             string
	Versions        map[string][]string // version id → staging labels; only labelled versions
	Tags            map[string]string
	PendingDeletion bool   // scheduled for deletion: its values cannot be read
	NativeRotation  bool   // Secrets Manager's own rotation is switched on
	OwningService   string // another AWS service manages this secret; empty: none
}

// Stage gives the id of the version that carries the label, or "" when none does.
func (s Secret) Stage(label string) string {
	for id, labels := range s.Versions {
		for _, l := range labels {
			if l == label {
				return id
			}
		}
	}
	return ""
}

// Observation is all that is known of one user at one moment. Maps that are nil were not read, which is never the same as
// empty: what was not read is unknown.
type Observation struct {
	User   User
	Now    time.Time // Date of the first answer of this observation, whole seconds
	UserID string    // IAM's unique id of the user (AIDA…), from discovery

	Keys   []Key
	Secret Secret

	Stored       map[string]bool    // ids of every version, labelled or deprecated; nil: not read
	CurrentNames string             // the key id that AWSCURRENT's value names; read when that version is not one of ours
	CurrentRead  bool               // whether CurrentNames was read
	CurrentBad   string             // why that value cannot be used, "" when it can
	LastUse      map[string]LastUse // by key id; absent: not read

	// Quiet is the time since which no run of ours can have changed this user: the end of the last change that the database
	// knows of. Zero: the database cannot say, as it is new.
	Quiet time.Time
	// ConfirmedAfter is how long before this observation an earlier one of the same run began, with no change of ours in
	// between. Zero: this is the first one.
	ConfirmedAfter time.Duration
	Witness        Witness // what the journal says of the open intent

	Request   Request // what an operator asked for in this run
	LeaveCare bool    // the user is not selected any more: retire the previous key, then let go
	// ExistingAllowed: a secret that stood before keyturn, with a value, may be taken into use.
	ExistingAllowed bool
	// Frozen says whether scheduled changes are frozen at a moment, Now or later, as far as is known now. It gives the same answer
	// to the same question. Nil: they never are.
	Frozen func(at time.Time) Freeze
}

// Witness is the journal's word on the create call of one intent.
type Witness struct {
	Intent    string // id of the intent; "" when the journal knows nothing of it
	NotMade   bool   // no create call was sent, or it failed for certain
	CreatedID string // the key it made, when its answer arrived
}

// RequestKind is what an operator can ask for.
type RequestKind string

// The requests. The zero value asks for nothing.
const (
	NoRequest       RequestKind = ""
	RequestRotate   RequestKind = "rotate"
	RequestRollback RequestKind = "rollback" // KeyID empty: the key that AWSPREVIOUS names
	RequestRevoke   RequestKind = "revoke"
	RequestAdopt    RequestKind = "adopt" // KeyID: retire that key; empty: accept a changed UserId
	RequestPause    RequestKind = "pause"
	RequestResume   RequestKind = "resume"
)

// Request is an operator's wish, carried out by the same plan as everything else.
type Request struct {
	Kind  RequestKind
	KeyID string
	Why   string
}

// key finds an access key by id.
func (o *Observation) key(id string) (Key, bool) {
	for _, k := range o.Keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

func hasLabel(labels []string, label string) bool {
	for _, l := range labels {
		if strings.EqualFold(l, label) {
			return true
		}
	}
	return false
}
