package rotation

import "time"

// ActionKind is one durable step. A decision lists them in the order in which they are taken.
type ActionKind string

// The actions, each one changing AWS call at most (Verify: only reads).
const (
	Onboard         ActionKind = "onboard"          // CreateSecret without a value, with every state tag
	OnboardExisting ActionKind = "onboard-existing" // TagResource on a secret that stood before
	WriteIntent     ActionKind = "write-intent"     // tag: a key is about to be made
	CreateKey       ActionKind = "create-key"       // CreateAccessKey, once
	PutPending      ActionKind = "put-pending"      // PutSecretValue with AWSPENDING
	PutFirst        ActionKind = "put-first"        // the same for an empty secret: gets AWSCURRENT by itself
	Verify          ActionKind = "verify"           // GetCallerIdentity with the key, in every Region
	Promote         ActionKind = "promote"          // move AWSCURRENT, compare-and-swap
	RecordPromoted  ActionKind = "record-promoted"  // tag: promoted, version, grace; closes the intent
	RecordPromoting ActionKind = "record-promoting" // tag: a re-promotion is about to be made
	CloseIntent     ActionKind = "close-intent"     // tag: the create failed for certain
	MarkRevoked     ActionKind = "mark-revoked"     // tag: this key is revoked
	DeactivateKey   ActionKind = "deactivate"       // UpdateAccessKey Inactive
	RecordInactive  ActionKind = "record-inactive"  // tag: Inactive since
	RecordActive    ActionKind = "record-active"    // tag: seen Active again since
	ReactivateKey   ActionKind = "reactivate"       // UpdateAccessKey Active
	DeleteKey       ActionKind = "delete"           // DeleteAccessKey
	RecordPaused    ActionKind = "record-paused"    // tag: paused, why, target of a rollback
	RecordResumed   ActionKind = "record-resumed"   // tag: not paused
	RecordAdopted   ActionKind = "record-adopted"   // tag: this key is to be retired
	RecordUser      ActionKind = "record-user"      // tag: the new UserId is accepted
	NoAction        ActionKind = ""
)

// Action is one step with what it is about. Fields that an action does not need are empty; the id of a key that does not
// exist before CreateKey is empty too.
type Action struct {
	Kind      ActionKind
	KeyID     string
	VersionID string
	Base      string // for Promote: the version that AWSCURRENT must still name; for WriteIntent: what the key builds on
	Why       string // for RecordPaused
	// WithIntent: the tags that Onboard writes hold an open intent, as the first key is created right after it.
	WithIntent bool
	// Soft: when this action fails or the run's time is short, the rest of the soft ones are left out and the others are
	// still taken. A revoke makes a new key first if it can, and deactivates the leaked one in any case.
	Soft bool
}

// Decision is what Plan says.
type Decision struct {
	Actions []Action
	Reason  Reason
	Recheck time.Time // when to look again, never zero
	KeyID   string    // the key that the reason is about, e.g. the one in the way
	Detail  string    // more for a person: which service used the key and when, which tag is wrong
	// Confirm asks for a second observation, this long after the first, before anything is done.
	Confirm time.Duration
	// IfHopeless replaces the actions after Verify when that says that the key can never work.
	IfHopeless []Action
	// Classes is which key is which, as far as it could be told.
	Classes []ClassifiedKey
	// Wants names what has to be read before a decision is possible; Actions is empty then.
	Wants Wants
}

// Wants are reads that only some observations need.
type Wants struct {
	Versions     bool     // Observation.Stored
	CurrentNames bool     // Observation.CurrentNames
	LastUse      []string // Observation.LastUse of these keys
}

// Any reports whether anything is to be read.
func (w Wants) Any() bool { return w.Versions || w.CurrentNames || len(w.LastUse) > 0 }

// ClassifiedKey is a key and what it is to us.
type ClassifiedKey struct {
	Key
	Class Class
}

// Class is what a key is to us.
type Class string

// The classes, in the order in which they are tried.
const (
	ClassCurrent   Class = "current"
	ClassPending   Class = "pending"
	ClassPrevious  Class = "previous"
	ClassLegacy    Class = "legacy"
	ClassOrphan    Class = "orphan"
	ClassUndecided Class = "undecided" // an orphan or a foreign key: too early to tell, or a read is missing
	ClassForeign   Class = "foreign"
)
