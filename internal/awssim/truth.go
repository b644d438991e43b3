package awssim

import (
	"slices"
	"time"
)

// User is a user as it truly is now.
type User struct {
	Name, Path, ID, ARN string
	Created             time.Time
	Tags                map[string]string
	Policies            []string // attached, by ARN
}

// Key is an access key as it truly is now. Secret is in the clear: this world is a test double.
type Key struct {
	ID, Secret, Status     string
	Created, InactiveSince time.Time // InactiveSince is zero while Active
	ByRotator              bool
	LastUsed               time.Time // zero: never
	LastUsedService        string
}

// SecretVersion is a version of a secret as it truly is now. KeyID is the access key that the value
// names, "" for none.
type SecretVersion struct {
	ID, Value, KeyID string
	Stages           []string
	Created          time.Time
}

// Secret is a secret as it truly is now.
type Secret struct {
	Name, ARN      string
	Tags           map[string]string
	Versions       []SecretVersion // oldest first
	Deleted        time.Time       // zero unless scheduled for deletion
	CurrentSince   time.Time
	Created        time.Time
	ReplicaRegions []string
}

// Stage is the version that has a staging label, or nil.
func (s *Secret) Stage(label string) *SecretVersion {
	for i := range s.Versions {
		if slices.Contains(s.Versions[i].Stages, label) {
			return &s.Versions[i]
		}
	}
	return nil
}

func tagMap(tags []Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[t.Key] = t.Value
	}
	return out
}

// Users are the users as they truly are now, by name; the rotator's own is among them.
func (w *World) Users() []User {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]User, 0, len(w.userNames))
	for _, name := range w.userNames {
		u := w.users[name].state()
		out = append(out, User{
			Name: u.name, Path: u.path, ID: u.id, ARN: w.userARN(u), Created: u.created,
			Tags: tagMap(u.tags), Policies: slices.Clone(u.attached),
		})
	}
	return out
}

// Keys are the access keys of a user as they truly are now, oldest first; none when there is no user.
func (w *World) Keys(user string) []Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user].state()
	if u == nil {
		return nil
	}
	out := make([]Key, 0, len(u.keys))
	for _, s := range u.keys {
		k := w.keys[s.id]
		out = append(out, Key{
			ID: k.id, Secret: k.secret, Status: k.status, Created: k.created, InactiveSince: k.inactive,
			ByRotator: k.byRotator, LastUsed: k.used.at, LastUsedService: k.used.service,
		})
	}
	return out
}

// Secret is a secret of the home Region, by name or ARN, as it truly is now; nil when there is none.
func (w *World) Secret(id string) *Secret {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.secrets[w.secretKey(w.cfg.Regions[0], id)]
	if s != nil {
		w.expire(s, w.now())
	}
	st := s.state()
	if st == nil {
		return nil
	}
	out := &Secret{
		Name: st.name, ARN: st.arn, Tags: tagMap(st.tags), Deleted: st.deleted, CurrentSince: st.currentSince,
		Created: st.created, ReplicaRegions: slices.Clone(st.replicas),
	}
	for _, v := range st.versions {
		value := v.text
		if !v.isText {
			value = string(v.binary)
		}
		out.Versions = append(out.Versions, SecretVersion{
			ID: v.id, Value: value, KeyID: v.named.keyID, Stages: slices.Clone(v.stages), Created: v.created,
		})
	}
	return out
}

// SecretNames are the secrets of the home Region that exist now, oldest first.
func (w *World) SecretNames() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, id := range w.secretIDs {
		if st := w.secrets[id].state(); st != nil && st.region == w.cfg.Regions[0] {
			out = append(out, st.name)
		}
	}
	return out
}
