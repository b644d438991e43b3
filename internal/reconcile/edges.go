package reconcile

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// NewKey is an access key with its secret.
type NewKey = rotation.NewKey

// Keys is IAM and STS as far as one user's access keys go. Every error is a *rotation.CallError.
type Keys interface {
	// ListAccessKeys gives every key, all pages.
	ListAccessKeys(ctx context.Context) ([]rotation.Key, error)
	// AccessKeyLastUsed gives the coarse last-used record of a key.
	AccessKeyLastUsed(ctx context.Context, keyID string) (rotation.LastUse, error)
	// CreateAccessKey is sent exactly once: an unknown outcome stays unknown.
	CreateAccessKey(ctx context.Context) (NewKey, error)
	// UpdateAccessKey sets Active or Inactive; idempotent.
	UpdateAccessKey(ctx context.Context, keyID string, status rotation.KeyStatus) error
	// DeleteAccessKey deletes; a key that is gone already is no error.
	DeleteAccessKey(ctx context.Context, keyID string) error
	// GetCallerIdentity signs one STS call in the Region with the key itself (never retried, never our own credentials) and
	// checks that it answers for this user.
	GetCallerIdentity(ctx context.Context, region, keyID string, secret rotation.Sensitive) error
}

// Secrets is the user's one secret in Secrets Manager. Every error is a *rotation.CallError.
type Secrets interface {
	// DescribeSecret gives a Secret with Exists false, and no error, when there is none.
	DescribeSecret(ctx context.Context) (rotation.Secret, error)
	// ListVersions gives the ids of all versions, deprecated ones too, all pages.
	ListVersions(ctx context.Context) (map[string]bool, error)
	// CreateSecret makes the secret without a value, with these state tags and the configured ones; ErrSecretExists when it
	// stands already.
	CreateSecret(ctx context.Context, tags map[string]string) error
	// TagSecret writes tags in one call.
	TagSecret(ctx context.Context, tags map[string]string) error
	// PutKey stores the key as a version with id versionID and the label AWSPENDING, keeping the other fields of the value
	// of base ("" when there is none). oldKeyID goes into the field OldAccessKeyId.
	PutKey(ctx context.Context, versionID string, key NewKey, base, oldKeyID string) error
	// ReadKey reads the key held by a version (Created may be zero), without the other fields. The ID is empty when the value is
	// a JSON object that names no key; ErrBadSecret when it is none.
	ReadKey(ctx context.Context, versionID string) (NewKey, error)
	// MoveCurrent moves AWSCURRENT to a version, from another ("" when no version carries it): ErrConflict when it is
	// elsewhere.
	MoveCurrent(ctx context.Context, to, from string) error
}

// Cloud is one user's AWS for the length of one run.
type Cloud interface {
	Keys
	Secrets
	// Date is the latest Date that AWS answered in this run, whole seconds, failed answers included; zero: none yet.
	Date() time.Time
	// Calls is how many requests were sent in this run, retries included.
	Calls() int
	// SameFields reports whether two versions' values agree in every field that is not the key's own (rollback asks). True
	// when the secret holds no fields of others.
	SameFields(ctx context.Context, versionA, versionB string) (bool, error)
}

// Journal is the durable record of a run. Times are AWS's.
type Journal interface {
	// Begin records an action before it is made. An error means: no record, so no action.
	Begin(ctx context.Context, e rotation.Event) (id int64, err error)
	// End records the outcome.
	End(ctx context.Context, id int64, at time.Time, outcome rotation.Outcome, keyID, detail string) error
	// Witness says what is known of the create call of an intent.
	Witness(ctx context.Context, u rotation.User, intent string) (rotation.Witness, error)
	// Acquire takes the user's lease until the given time for holder, when nobody holds it at now. Quiet is the end of the
	// last change known; zero when the database does not know this user.
	Acquire(ctx context.Context, u rotation.User, holder string, now, until time.Time) (l rotation.Lease, err error)
	// Finish writes what a run found and gives the lease back as of freeAt.
	Finish(ctx context.Context, u rotation.User, holder string, s rotation.Standing) error
}
