package apikey

import (
	"fmt"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Caller is who asks, proven. It is shared between requests, so nobody changes it.
type Caller struct {
	ID      string    // of the API key, or of the AWS identity; never a secret
	Name    string    // for people
	Scopes  []Scope   // none implies another
	Users   []string  // globs over name, or account:name; none: no user
	Expires time.Time // zero: never
}

// Has reports whether the caller has a scope, whatever users it is limited to.
func (c *Caller) Has(s Scope) bool { return slices.Contains(c.Scopes, s) }

// May reports whether the caller may do something to a user: it has the scope, and one of its globs takes the user.
func (c *Caller) May(s Scope, u rotation.User) bool {
	if !c.Has(s) {
		return false
	}
	for _, g := range c.Users {
		if Match(g, u) {
			return true
		}
	}
	return false
}

// MayGrant says why the caller may not make a key like this, or nil. A caller gives away only what it has itself, or an admin key
// would be every other key as well.
func (c *Caller) MayGrant(s Spec) error {
	scopes, users := s.grants()
	for _, scope := range scopes {
		if !c.Has(scope) {
			return fmt.Errorf("%w: it asks for the scope %s, which the caller lacks; use a key that has it, or AWS credentials", ErrGrant, scope)
		}
	}
	for _, glob := range users {
		if !slices.ContainsFunc(c.Users, func(own string) bool { return covers(own, glob) }) {
			return fmt.Errorf("%w: it asks for the users %q, which the caller's own users (%q) do not cover", ErrGrant, glob, c.Users)
		}
	}
	return nil
}

// MayManage reports whether an admin may see a key, revoke it or replace it: its own, and those of users that its globs cover. A key that
// is about no users is for whoever could make it.
func (c *Caller) MayManage(k Key) bool {
	_, users := k.Spec().grants()
	everybody := slices.ContainsFunc(c.Users, func(own string) bool { return covers(own, "*") })
	if k.ID == c.ID || everybody || len(users) == 0 && c.MayGrant(k.Spec()) == nil {
		return true
	}
	return len(users) > 0 && c.MayGrant(Spec{Users: users}) == nil
}
