package awssim

import (
	"slices"
	"time"
)

// userState is what IAM holds of a user. It is never changed: every change makes a new one, so that
// an older one can still be answered.
type userState struct {
	name, path, id string
	created        time.Time
	tags           []Tag
	keys           []keyState // in order of creation
	groups         []string
	attached       []string // policy ARNs
	inline         []inlinePolicy
	console        time.Time // when its console password was set; zero: it has none
}

type keyState struct {
	id      string
	active  bool
	created time.Time
}

type inlinePolicy struct{ name, document string }

type group struct {
	name, path, id string
	created        time.Time
	attached       []string
	inline         []inlinePolicy
}

type managedPolicy struct {
	arn, name, id, document string
	created                 time.Time
}

// userSlot is a user name with the states that it had: the last one is true, nil when no such user.
type userSlot struct {
	name    string
	history []userMoment
	denied  map[string]bool // actions, lower case
	made    uint64          // users and keys ever made under this name, for their ids
	reads   uint64          // for the staleness of each answer
}

type userMoment struct {
	since time.Time
	state *userState
}

func (s *userSlot) state() *userState {
	if s == nil || len(s.history) == 0 {
		return nil
	}
	return s.history[len(s.history)-1].state
}

// at is the state of so long ago.
func (s *userSlot) at(t time.Time) *userState {
	if s == nil {
		return nil
	}
	for i := len(s.history) - 1; i >= 0; i-- {
		if !s.history[i].since.After(t) {
			return s.history[i].state
		}
	}
	return nil
}

// set makes a state the true one and forgets those that are too old to be answered.
func (s *userSlot) set(w *World, now time.Time, state *userState) {
	oldest := now.Add(-w.cfg.scaled(w.cfg.Staleness))
	drop := 0
	for drop+1 < len(s.history) && !s.history[drop+1].since.After(oldest) {
		drop++
	}
	if w.cfg.Staleness == 0 {
		drop = len(s.history)
	}
	s.history = append(slices.Delete(s.history, 0, drop), userMoment{now, state})
}

func (s *userSlot) edit(w *World, now time.Time, change func(*userState)) {
	next := *s.state()
	next.keys = slices.Clone(next.keys)
	change(&next)
	s.set(w, now, &next)
}

func (u *userState) key(id string) *keyState {
	for i := range u.keys {
		if u.keys[i].id == id {
			return &u.keys[i]
		}
	}
	return nil
}

// key is an access key and what the world alone knows of it.
type key struct {
	id, secret string
	user       *userSlot
	status     string // Active, Inactive; sessions are Active
	created    time.Time
	activated  time.Time // last time it became Active; zero: propagated everywhere
	inactive   time.Time // last time it became Inactive
	turns      uint64    // times it became Active, for the jitter of propagation
	used, was  lastUse   // the last-used record, and the one before it
	session    *session

	// For the safety rules.
	byRotator  bool           // made by the rotator
	stored     bool           // some version of the user's secret holds it
	wasCurrent bool           // AWSCURRENT named it once
	proven     map[string]int // successful GetCallerIdentity in a row, by Region
	revocable  bool           // AllowRevoke
	revoked    bool           // the rotator deactivated it by that allowance
	retirable  bool           // AllowRetire
}

type session struct {
	token   string
	arn, id string // what GetCallerIdentity answers
	expires time.Time
	rotator bool // asked for by the rotator
}

type lastUse struct {
	at              time.Time
	service, region string
}

func (w *World) addUser(name, path string, tags []Tag, now time.Time) *userSlot {
	s := w.users[name]
	if s == nil {
		s = &userSlot{name: name, denied: map[string]bool{}}
		w.users[name] = s
	}
	s.made++
	id := "AIDA" + w.draw(17, base32Upper, "user", name, s.made)
	s.set(w, now, &userState{name: name, path: path, id: id, created: now, tags: slices.Clone(tags)})
	i, _ := slices.BinarySearch(w.userNames, name)
	w.userNames = slices.Insert(w.userNames, i, name)
	return s
}

func (w *World) removeUser(s *userSlot, now time.Time) {
	for _, k := range s.state().keys {
		delete(w.keys, k.id)
	}
	s.set(w, now, nil)
	if i, ok := slices.BinarySearch(w.userNames, s.name); ok {
		w.userNames = slices.Delete(w.userNames, i, i+1)
	}
}

func (w *World) addKey(s *userSlot, by actor, now time.Time) *key {
	s.made++
	k := &key{
		id:        "AKIA" + w.draw(16, base32Upper, "key", s.name, s.made),
		user:      s,
		status:    active,
		created:   now,
		activated: now,
		turns:     1,
		byRotator: by.rotator,
	}
	k.secret = (w.cfg.SecretMark + w.draw(40, base64Chars, "secret", s.name, s.made))[:40]
	w.keys[k.id] = k
	s.edit(w, now, func(u *userState) { u.keys = append(u.keys, keyState{k.id, true, now}) })
	return k
}

const (
	active   = "Active"
	inactive = "Inactive"
)

// setStatus changes the status of a key; setting what it has already changes nothing.
func (w *World) setStatus(k *key, status string, now time.Time) {
	if k.status == status {
		return
	}
	k.status = status
	if status == active {
		k.activated, k.inactive = now, time.Time{}
		k.turns++
	} else {
		k.inactive = now
	}
	k.proven = nil
	k.user.edit(w, now, func(u *userState) { u.key(k.id).active = status == active })
}

func (w *World) removeKey(k *key, now time.Time) {
	delete(w.keys, k.id)
	k.user.edit(w, now, func(u *userState) {
		u.keys = slices.DeleteFunc(u.keys, func(s keyState) bool { return s.id == k.id })
	})
}

// propagated tells whether a Region knows already that the key is Active.
func (w *World) propagated(k *key, region string, now time.Time) bool {
	if w.cfg.Propagation == 0 || k.activated.IsZero() {
		return true
	}
	share := w.fraction("propagation", k.id, region, k.turns)
	return now.Sub(k.activated) >= time.Duration(share*float64(w.cfg.scaled(w.cfg.Propagation)))
}

// use records that a key was used. Uses within 15 minutes of a record are part of it, and the record
// is of whole minutes.
func (w *World) use(k *key, service, region string, now time.Time) {
	if !k.used.at.IsZero() && now.Sub(k.used.at) < w.cfg.scaled(15*time.Minute) {
		return
	}
	k.was, k.used = k.used, lastUse{now, service, region}
}
