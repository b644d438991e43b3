package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Credential is a user's current key, to be given to a consumer.
type Credential struct {
	User            rotation.User
	AccessKeyID     string
	SecretAccessKey rotation.Sensitive
	// Expiration is until when the key certainly works, a revoke and people's own acts aside. AWS's time.
	Expiration time.Time
	Grace      time.Duration // for how long it goes on, at least, once another key is current
	At         time.Time     // when AWS said so; AWS's time, rounded down
	VersionID  string        // of the secret, that AWSCURRENT names
}

// WithheldError: a user under care has no key that a consumer may be given.
type WithheldError struct {
	User   rotation.User
	Reason rotation.Reason
	Detail string // what is the matter, and what to do
}

// Error is one sentence.
func (e *WithheldError) Error() string {
	return fmt.Sprintf("the user %s has no access key to give out (%s): %s", e.User, e.Reason, e.Detail)
}

// Credential reads a member's current key from Secrets Manager: the secret's labels and tags, then the value that AWSCURRENT names.
// The value is not read again when held, a credential of before or the zero one, is of the same version: a version's value never
// changes. The error is a *WithheldError or a *rotation.CallError.
func (f *Fleet) Credential(ctx context.Context, m Member, held Credential) (Credential, error) {
	cloud, err := f.cfg.Cloud(m)
	if err != nil {
		return Credential{}, err
	}
	secret, err := cloud.DescribeSecret(ctx)
	if err != nil {
		return Credential{}, err
	}
	o := rotation.Observation{User: m.User, UserID: m.UserID, Now: cloud.Date(), Secret: secret}
	if err := withheld(m, o, ""); err != nil {
		return Credential{}, err
	}
	c := Credential{User: m.User, AccessKeyID: held.AccessKeyID, SecretAccessKey: held.SecretAccessKey, At: o.Now, VersionID: o.Current(),
		Grace: m.Schedule.Grace()}
	if held.User != m.User || held.VersionID != c.VersionID {
		key, err := cloud.ReadKey(ctx, c.VersionID)
		if err != nil {
			return Credential{}, err
		}
		if key.ID == "" || key.Secret.Reveal() == "" {
			return Credential{}, &WithheldError{m.User, rotation.BlockedSecretValue, "the value of its secret holds no access key with its " +
				"secret: rotate the user, or put the whole key back"}
		}
		if !rotation.IsKeyID(key.ID) { // with the names of two fields exchanged it is the secret, and ids are told and recorded
			return Credential{}, &WithheldError{m.User, rotation.BlockedSecretValue, "where the value of its secret should name the access " +
				"key stands something else, which may be its secret: rotate the user, or put the key back with each field in its place"}
		}
		c.AccessKeyID, c.SecretAccessKey = key.ID, key.Secret
	}
	if err := withheld(m, o, c.AccessKeyID); err != nil {
		return Credential{}, err
	}
	if c.VersionID != rotation.VersionID(c.AccessKeyID) { // a person's value. That the user has this key was seen when it was recorded
		o.CurrentRead, o.CurrentNames = true, c.AccessKeyID
	}
	c.Expiration = rotation.Expiration(m.Schedule, f.cfg.Limits, o, c.AccessKeyID)
	return c, nil
}

func withheld(m Member, o rotation.Observation, keyID string) error {
	reason, detail := o.Withheld(keyID)
	if reason == "" {
		return nil
	}
	if last := m.Standing.Reason; reason == rotation.ReasonOnboard && last.Blocked() {
		reason, detail = last, "no first key can be made; `keyturn plan "+m.User.Name+"` says what to do"
	}
	return &WithheldError{m.User, reason, detail}
}

// Credential reads a user's current key from AWS; name is NAME or ACCOUNT/NAME. The error is a *UnknownUserError, or as with
// [Fleet.Credential].
func (o *Office) Credential(ctx context.Context, name string) (Credential, error) {
	f, err := o.fleet()
	if err != nil {
		return Credential{}, err
	}
	members, err := o.members(ctx, name)
	if err != nil {
		return Credential{}, err
	}
	return f.Credential(ctx, members[0], Credential{})
}

// Credential reads the current key of a user under care, as [Fleet.Credential] does.
func (k *Keeper) Credential(ctx context.Context, u rotation.User, held Credential) (Credential, error) {
	k.mu.Lock()
	f := k.settings.fleet
	p := k.index.users[u]
	var m Member
	if p != nil {
		m = p.member
	}
	k.mu.Unlock()
	if p == nil {
		return Credential{}, &UnknownUserError{Name: u.String()}
	}
	return f.Credential(ctx, m, held)
}
