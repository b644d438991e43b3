package rotation

import (
	"maps"
	"slices"
	"time"
)

// Moment is what an action's effect depends on besides the observation.
type Moment struct {
	Up    time.Time // AWS's time, rounded up: for what is recorded
	Down  time.Time // AWS's time, rounded down: for intents
	Run   string    // id of the run
	Made  Key       // the key that CreateKey made in this run
	Grace time.Duration
	// Age is the schedule's deactivate_after, Pledge the limit of that name: how long the key that becomes current is promised.
	Age, Pledge time.Duration
}

// MomentOf is a moment of a run on a schedule; up and down as in Moment.
func MomentOf(s Schedule, l Limits, up, down time.Time, run string) Moment {
	return Moment{Up: up, Down: down, Run: run, Grace: s.Grace(), Age: s.DeactivateAfter, Pledge: l.Pledge}
}

// Effect is what the world looks like after an action. The reconciler writes the tags that differ, and believes the rest once
// AWS has answered; the forecast believes it without asking. The observation given is not changed.
func Effect(o Observation, a Action, m Moment) Observation {
	o.Keys = slices.Clone(o.Keys)
	o.Secret.Versions = maps.Clone(o.Secret.Versions)
	o.Secret.Tags = maps.Clone(o.Secret.Tags)
	o.Stored = maps.Clone(o.Stored)
	if o.Secret.Tags == nil {
		o.Secret.Tags = map[string]string{}
	}
	if o.Secret.Versions == nil {
		o.Secret.Versions = map[string][]string{}
	}
	key, version := a.KeyID, a.VersionID
	if key == "" {
		key = m.Made.ID
	}
	if version == "" && key != "" {
		version = VersionID(key)
	}
	switch a.Kind {
	case Onboard, OnboardExisting:
		o.Secret.Exists = true
		maps.Copy(o.Secret.Tags, fresh(o, m, a.WithIntent).Tags())
	case CreateKey:
		o.Keys = append(o.Keys, m.Made)
	case PutPending, PutFirst:
		o.put(version)
	case Promote:
		o.promote(version)
	case DeactivateKey, ReactivateKey:
		o.setStatus(key, a.Kind)
	case DeleteKey:
		o.Keys = slices.DeleteFunc(o.Keys, func(k Key) bool { return k.ID == key })
	default: // a record in the tags
		st, _, _ := ParseState(o.Secret.Tags)
		st = st.Clone()
		st.record(o, a, m, key, version)
		maps.Copy(o.Secret.Tags, st.Tags())
	}
	return o
}

// fresh is the state of a user that comes under care: the keys that stand are legacy.
func fresh(o Observation, m Moment, intent bool) State {
	st := State{UserID: o.UserID, Promoted: Promotion{Promoting: true, At: m.Up, Grace: m.Grace, Promise: m.Grace}}
	for _, k := range o.Keys {
		st.Legacy = append(st.Legacy, keyHash(k.ID))
	}
	if intent {
		st.Intent = openIntent(o, m, "")
	}
	return st
}

func openIntent(o Observation, m Moment, base string) Intent {
	i := Intent{Open: true, At: m.Down, ID: m.Run, Base: base}
	for _, k := range o.Keys {
		i.Had = append(i.Had, keyHash(k.ID))
	}
	return i
}

// record changes the state for an action that is only a tag.
func (s *State) record(o Observation, a Action, m Moment, key, version string) {
	hash := keyHash(key)
	if a.Kind == RecordPromoting || a.Kind == RecordPromoted {
		s.Intent.Open = s.Intent.Open && !o.servedOnce(s)
	}
	switch a.Kind {
	case WriteIntent:
		s.Intent = openIntent(o, m, a.Base)
	case CloseIntent:
		s.Intent.Open = false
	case RecordPromoting:
		s.Promoted = s.Promoted.next(key, version, o, m)
		s.Promoted.Promoting = true
	case RecordPromoted:
		s.Promoted = s.Promoted.next(key, version, o, m)
		if made := version == VersionID(key) && !s.had(key); made {
			s.Intent.Open = false
		}
	case MarkRevoked:
		s.Revoked = append(existing(s.Revoked, o), hash)
	case RecordInactive, RecordActive:
		for h := range s.Inactive {
			if !slices.ContainsFunc(o.Keys, func(k Key) bool { return keyHash(k.ID) == h }) {
				delete(s.Inactive, h)
			}
		}
		s.Inactive[hash] = Since{a.Kind == RecordInactive, m.Up}
	case RecordPaused:
		s.Pause = Pause{Paused: true, At: m.Up, Target: a.VersionID, Why: tagText(a.Why, 150)}
	case RecordResumed:
		s.Pause = Pause{}
	case RecordAdopted:
		s.Adopted = append(existing(s.Adopted, o), hash)
	case RecordUser:
		s.UserID = o.UserID
	}
}

// servedOnce: the key that the open intent made was promoted, and never recorded, and then somebody moved AWSCURRENT. It still has
// AWSPENDING, and only the labels that the next promotion changes tell that consumers may hold it.
func (o Observation) servedOnce(s *State) bool {
	return slices.ContainsFunc(o.Keys, func(k Key) bool {
		return !s.had(k.ID) && hasLabel(o.Secret.Versions[VersionID(k.ID)], StagePending) && o.mayHaveServed(s, VersionID(k.ID))
	})
}

// mayHaveServed reports whether the pending version of the open intent can have been AWSCURRENT. AWSPREVIOUS shows it, unless somebody
// put a value since, which takes that label: then it is not on the version either that the intent builds on.
func (o Observation) mayHaveServed(s *State, pending string) bool {
	base := o.Secret.Versions[s.Intent.Base]
	return hasLabel(o.Secret.Versions[pending], StagePrevious) ||
		s.Intent.Base != "" && !hasLabel(base, StageCurrent) && !hasLabel(base, StagePrevious)
}

// existing keeps the hashes of keys that the user still has: a tag has room for eight or so.
func existing(hashes []string, o Observation) (out []string) {
	for _, k := range o.Keys {
		if h := keyHash(k.ID); slices.Contains(hashes, h) {
			out = append(out, h)
		}
	}
	return out
}

// next is the promotion after this one. Its grace is the longer of the grace now and what was promised to consumers before:
// under the last version, and under earlier ones as far as that is not over.
func (p Promotion) next(key, version string, o Observation, m Moment) Promotion {
	owed := p.At.Add(p.Grace)
	until := o.pledge(version, m)
	switch _, stands := o.stands(p.Version); {
	case p.Version == version, p.Version == VersionID(key): // it stays current: nobody's key is replaced
		until = latest(until, p.Until)
	case stands, !ours(p.Version): // of a value that a person put it is not known which key it names
		owed = latest(owed, p.Until)
	}
	return Promotion{At: m.Up, Version: version, Grace: max(m.Grace, p.Promise, owed.Sub(m.Up)), Promise: m.Grace, Until: until}
}

// pledge is until when the key of a version will stand at least: its deactivation at its age, as the schedule has it now. That binds a
// schedule that is made shorter later, so no more than Limits.Pledge is promised. Zero: nothing is known of such a key.
func (o Observation) pledge(version string, m Moment) time.Time {
	k, ok := o.stands(version)
	if !ok {
		return time.Time{}
	}
	until, most := k.Created.Add(m.Age), m.Up.Add(m.Pledge)
	if until.After(most) {
		return most
	}
	return until
}

// stands gives the Active key of a version of ours.
func (o Observation) stands(version string) (Key, bool) {
	for _, k := range o.Keys {
		if k.Status == Active && VersionID(k.ID) == version {
			return k, true
		}
	}
	return Key{}, false
}

// put stores a version: the first one of a secret is current by itself, every later one is pending.
func (o *Observation) put(version string) {
	label := StagePending
	if len(o.Secret.Versions) == 0 {
		label = StageCurrent
	}
	o.move(label, version)
}

func (o *Observation) promote(version string) {
	if old := o.Secret.Stage(StageCurrent); old != "" && old != version {
		o.move(StagePrevious, old)
	}
	o.move(StageCurrent, version)
}

func (o *Observation) move(label, to string) {
	for id, labels := range o.Secret.Versions {
		kept := slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == label })
		if len(kept) == 0 && id != to {
			delete(o.Secret.Versions, id)
			if o.Stored != nil {
				o.Stored[id] = true
			}
			continue
		}
		o.Secret.Versions[id] = kept
	}
	o.Secret.Versions[to] = append(o.Secret.Versions[to], label)
}

func (o *Observation) setStatus(key string, kind ActionKind) {
	for i := range o.Keys {
		if o.Keys[i].ID == key {
			o.Keys[i].Status = Inactive
			if kind == ReactivateKey {
				o.Keys[i].Status = Active
			}
		}
	}
}
