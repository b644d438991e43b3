package api

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

// Key is an API key, without its text, which nobody has.
type Key struct {
	ID       string     `json:"id" doc:"Of the key; no secret." example:"4fT9kQ2mZx"`
	Name     string     `json:"name" doc:"For people." example:"nightly-report"`
	Scopes   []string   `json:"scopes" doc:"What it may do."`
	Users    []string   `json:"users" doc:"Globs over NAME or ACCOUNT:NAME; none: no user."`
	Consumer string     `json:"consumer" doc:"The one user that it is for; empty: it is not such a key."`
	Networks []string   `json:"networks" doc:"Where it may come from; none: anywhere." example:"[\"10.0.0.0/8\"]"`
	Created  *time.Time `json:"created" doc:"When it was made."`
	By       string     `json:"by" doc:"Who made it."`
	Expires  *time.Time `json:"expires" doc:"When it is refused from."`
	Revoked  *time.Time `json:"revoked" doc:"When it was revoked; null: it was not."`
	Follows  string     `json:"follows" doc:"Id of the key that it took the place of by rotation; empty: none."`
	LastUsed *time.Time `json:"last_used" doc:"When it was last accepted, to the minute and by this server's clock; null: not yet, or not known."`
}

// KeyOf is an API key on the wire; used is zero when that is not known.
func KeyOf(k apikey.Key, used time.Time) Key {
	return Key{ID: k.ID, Name: k.Name, Scopes: each(k.Scopes, func(s apikey.Scope) string { return string(s) }),
		Users: each(k.Users, func(s string) string { return s }), Consumer: k.Consumer, Networks: each(k.Networks, netip.Prefix.String),
		Created: stamp(k.Created), By: k.By, Expires: stamp(k.Expires), Revoked: stamp(k.Revoked), Follows: k.Follows, LastUsed: stamp(used)}
}

// Keys are all API keys.
type Keys struct {
	Keys []Key `json:"keys" doc:"The oldest first; those that are over for at most 30 days more."`
}

// NewKey is an API key that was just made.
type NewKey struct {
	Key
	Warning string `json:"warning,omitempty" doc:"What did not go as asked although the key stands; absent: nothing."`
	Text    string `json:"key" doc:"The key itself, shown this once. Absent in the answer to a repeated Idempotency-Key: revoke the key and make another one."`
}

// KeySpec is what is asked for of a new API key.
type KeySpec struct {
	Name      string   `json:"name" minLength:"1" maxLength:"64" doc:"For people; 1 to 64 letters, digits, spaces or ._@:/+=,-." example:"nightly-report"`
	Scopes    []string `json:"scopes,omitempty" maxItems:"7" nullable:"false" doc:"What it may do: credentials:read, credentials:export, rotate, operate, events:read, metrics:read, admin. None implies another." example:"[\"events:read\"]"`
	Users     []string `json:"users,omitempty" maxItems:"50" nullable:"false" doc:"Globs over NAME or ACCOUNT:NAME; needed by every scope that is about users." example:"[\"ci-*\"]"`
	Consumer  string   `json:"consumer,omitempty" maxLength:"77" doc:"One user, NAME or ACCOUNT:NAME: the key reads this one's credentials and does nothing else; it takes neither scopes nor users."`
	Networks  []string `json:"networks,omitempty" maxItems:"50" nullable:"false" doc:"Where it may come from, as CIDRs or addresses; none: anywhere." example:"[\"10.0.0.0/8\"]"`
	ExpiresIn int64    `json:"expires_in,omitempty" minimum:"60" maximum:"316224000" doc:"How long it lives, in seconds; without it 90 days." example:"7776000"`
}

// Spec is what the ring is asked for; by is who asks.
func (s KeySpec) Spec(by string) (apikey.Spec, error) {
	out := apikey.Spec{Name: s.Name, Users: s.Users, Consumer: s.Consumer, Lives: time.Duration(s.ExpiresIn) * time.Second, By: by}
	for _, name := range s.Scopes {
		scope, err := apikey.ParseScope(name)
		if err != nil {
			return apikey.Spec{}, err
		}
		out.Scopes = append(out.Scopes, scope)
	}
	for _, text := range s.Networks {
		p, err := prefix(text)
		if err != nil {
			return apikey.Spec{}, err
		}
		out.Networks = append(out.Networks, p)
	}
	return out, nil
}

// prefix takes a network, or one address.
func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%w: %q is no network: write 10.0.0.0/8 or an address", apikey.ErrInvalid, text)
	}
	return p, nil
}

// KeyRotate is the body of a rotation of an API key.
type KeyRotate struct {
	Overlap *int64 `json:"overlap,omitempty" minimum:"0" maximum:"2592000" doc:"For how long the old key goes on, in seconds; without it one day. 0: it ends at once." example:"86400"`
}
