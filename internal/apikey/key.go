package apikey

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Key is an API key as everybody with the scope admin may see it: all but its text, which nobody has.
type Key struct {
	ID       string
	Name     string
	Scopes   []Scope
	Users    []string       // globs over name, or account:name; none: no user
	Consumer string         // the one user that it is for; "": not such a key
	Networks []netip.Prefix // where it may come from; none: anywhere
	Created  time.Time
	By       string // who made it: an ARN, or an API key's name and id
	Expires  time.Time
	Revoked  time.Time // zero: not
	Follows  string    // id of the key that it took the place of by rotation; "": none
}

// Spec is what is asked for of a new key.
type Spec struct {
	Name     string   // for people; 1 to 64 characters, need not be the only one
	Scopes   []Scope  // at least one; none with Consumer
	Users    []string // globs over name, or account:name; needed by every scope that is about users; none with Consumer
	Consumer string   // one user: the key reads this one's credentials and does nothing else; NAME or ACCOUNT:NAME
	Networks []netip.Prefix
	Lives    time.Duration // zero: DefaultLife
	By       string        // who asks
}

// How long a key lives.
const (
	DefaultLife = 90 * 24 * time.Hour
	LongestLife = 10 * 366 * 24 * time.Hour
)

// Keys that are revoked or expired stay listed for so long.
const remembered = 30 * 24 * time.Hour

// grants are the scopes and users that the key would have.
func (s Spec) grants() ([]Scope, []string) {
	if s.Consumer != "" {
		return []Scope{ReadCredentials}, []string{strings.Replace(s.Consumer, "/", ":", 1)}
	}
	users := make([]string, len(s.Users))
	for i, u := range s.Users {
		users[i] = strings.Replace(u, "/", ":", 1)
	}
	return s.Scopes, users
}

// Spec is what would make such a key again; it lives as long as this one did in all.
func (k Key) Spec() Spec {
	s := Spec{Name: k.Name, Scopes: k.Scopes, Users: k.Users, Consumer: k.Consumer, Networks: k.Networks,
		Lives: k.Expires.Sub(k.Created), By: k.By}
	if k.Consumer != "" {
		s.Scopes, s.Users = nil, nil
	}
	return s
}

// Over reports whether the key is revoked or expired.
func (k Key) Over(now time.Time) bool { return !k.Revoked.IsZero() || !now.Before(k.Expires) }

// caller is who shows the key.
func (k Key) caller() *Caller {
	return &Caller{ID: k.ID, Name: k.Name, Scopes: k.Scopes, Users: k.Users, Expires: k.Expires}
}

var nameText = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@:/+=,-]{0,63}$`)

// Check says what is wrong with a spec (ErrInvalid), or nil. It asks nobody.
func (s Spec) Check() error {
	_, err := s.key("", time.Time{})
	return err
}

// key makes the key that a spec asks for, or says what is wrong with it (ErrInvalid).
func (s Spec) key(id string, now time.Time) (Key, error) {
	now = now.UTC().Truncate(time.Second)
	if s.Lives == 0 {
		s.Lives = DefaultLife
	}
	k := Key{ID: id, Name: s.Name, Networks: slices.Clone(s.Networks), Created: now, By: s.By, Expires: now.Add(s.Lives)}
	switch {
	case !nameText.MatchString(s.Name):
		return Key{}, fmt.Errorf("%w: its name has 1 to 64 letters, digits, spaces or ._@:/+=,- and begins with a letter or digit", ErrInvalid)
	case s.Lives < time.Second:
		return Key{}, fmt.Errorf("%w: it would be over as soon as it is made; the default is 90d", ErrInvalid)
	case s.Lives > LongestLife:
		return Key{}, fmt.Errorf("%w: it may live ten years at most; the default is 90d", ErrInvalid)
	case s.Consumer != "" && (len(s.Scopes) > 0 || len(s.Users) > 0):
		return Key{}, fmt.Errorf("%w: a key for one consumer has the scope %s and that one user, and takes no others", ErrInvalid, ReadCredentials)
	case s.Consumer == "" && len(s.Scopes) == 0:
		return Key{}, fmt.Errorf("%w: it needs a scope, or a consumer", ErrInvalid)
	}
	if s.Consumer != "" {
		user, err := cleanUser(s.Consumer)
		if err != nil {
			return Key{}, err
		}
		s.Consumer = user
	}
	scopes, users := s.grants()
	k.Consumer = s.Consumer
	aboutUsers := false
	for _, scope := range Scopes {
		if slices.Contains(scopes, scope) {
			k.Scopes = append(k.Scopes, scope)
			aboutUsers = aboutUsers || scope.AboutUsers()
		}
	}
	for _, scope := range scopes {
		if _, err := ParseScope(string(scope)); err != nil {
			return Key{}, err
		}
	}
	for _, u := range users {
		g, err := cleanGlob(u)
		if err != nil {
			return Key{}, err
		}
		if !slices.Contains(k.Users, g) {
			k.Users = append(k.Users, g)
		}
	}
	switch {
	case aboutUsers && len(k.Users) == 0:
		return Key{}, fmt.Errorf("%w: the scopes %s are about users, so it needs to be told which: a name, a glob, or * for all", ErrInvalid, join(k.Scopes))
	case len(k.Users) > 50 || len(k.Networks) > 50:
		return Key{}, fmt.Errorf("%w: it takes 50 users or globs and 50 networks at most", ErrInvalid)
	}
	for i, n := range k.Networks {
		if !n.IsValid() || n.Addr().Is4In6() {
			return Key{}, fmt.Errorf("%w: its network %s is not valid: write it like 192.0.2.0/24 or 2001:db8::/32", ErrInvalid, n)
		}
		k.Networks[i] = n.Masked()
	}
	return k, nil
}

func join(scopes []Scope) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
