package scan

import (
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Fact is whether something is so. The zero value is that nobody knows.
type Fact int

// The facts.
const (
	Unknown Fact = iota
	No
	Yes
)

// String is the word for people.
func (f Fact) String() string { return [...]string{"unknown", "no", "yes"}[f] }

// Inventory is what AWS said of an account.
type Inventory struct {
	Account string    // 12 digits
	At      time.Time // AWS's time at the end of the reading; ages count to it
	// ReportAt is when IAM made the credential report that most last uses come from, up to four hours before At. Zero: none could be read.
	ReportAt time.Time
	Users    []User   // the root user first, then by name
	Regions  []string // where CloudFormation stacks were looked for
	Gaps     []Gap    // what could not be read; none: the scan is whole
	Calls    int64    // requests sent
}

// Part is a part of the reading.
type Part string

// The parts, in the order in which they are read.
const (
	PartUsers   Part = "users"     // names, tags and policies
	PartReport  Part = "report"    // the credential report
	PartKeys    Part = "keys"      // of some users
	PartLastUse Part = "last-used" // of some keys
	PartStacks  Part = "stacks"    // of one Region
)

// Gap is something that could not be read.
type Gap struct {
	Part   Part
	Action string // the IAM action to allow; empty: it was not denied
	Text   string // one sentence: what failed, and what is unknown for it
}

// User is an IAM user, or the account's root user.
type User struct {
	Name, Path, ARN string
	Root            bool
	Created         time.Time
	// Detailed: tags and policies were read. Otherwise Tags, AdminWhy and Allowed say nothing.
	Detailed bool
	Tags     map[string]string
	AdminWhy string // by what it is an administrator; empty: it is none
	// Allowed are the actions that all its policies together allow, in lower case. Nil: they could not all be read.
	Allowed []string
	Console Fact // has a password for the AWS console
	Listed  bool // its keys were read
	Keys    []Key
	Care    Care
}

// Key is an access key.
type Key struct {
	ID      string // empty for the root user's: IAM tells it to nobody else
	Status  rotation.KeyStatus
	Created time.Time
	// Used is its last use; a zero time: no use is on record. It says nothing unless UsedKnown.
	Used      rotation.LastUse
	UsedKnown bool
	Stack     Fact   // a CloudFormation stack made it; No counts for the Regions that were looked at
	StackName string // with its Region: "billing in us-east-1"
}

// Age is how old the key is.
func (k Key) Age(now time.Time) time.Duration { return max(0, now.Sub(k.Created)) }

// Active keys of the user, oldest first as IAM lists them.
func (u User) active() (out []Key) {
	for _, k := range u.Keys {
		if k.Status == rotation.Active {
			out = append(out, k)
		}
	}
	return out
}

// newest is the Active key that was made last.
func (u User) newest() (newest Key) {
	for _, k := range u.active() {
		if !k.Created.Before(newest.Created) {
			newest = k
		}
	}
	return newest
}

// CareState is whether a user is under keyturn's care, by the configuration.
type CareState string

// The states.
const (
	CareUnasked CareState = ""        // there is no configuration
	InCare      CareState = "care"    // selected
	Refused     CareState = "refused" // named by users.include, and left out for the reason in Why
	NotInCare   CareState = "none"
	CareUnknown CareState = "unknown" // its tags and rights could not be read
)

// Care is what the configuration makes of a user.
type Care struct {
	State    CareState
	Why      string            // of Refused, one sentence
	Schedule rotation.Schedule // of InCare
}
