package awssim

import (
	"slices"
	"time"
)

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// secretState is what Secrets Manager holds of a secret. Like userState it is never changed.
type secretState struct {
	name, arn, region      string
	description, kmsKey    string
	owner                  string // OwningService
	created, changed       time.Time
	rotated, deleted       time.Time // deleted: when the recovery window ends
	rotation, everRotation bool
	rotationLambda         string
	tags                   []Tag
	versions               []*version // oldest first
	currentSince           time.Time  // when AWSCURRENT came to the version that has it
	currentBy              actor
	replicas               []string
	policy                 string
}

// version is one version of a secret, never changed either.
type version struct {
	id      string
	created time.Time
	text    string
	binary  []byte
	isText  bool
	stages  []string
	// named is what the safety rules read in the value.
	named named
}

func (v *version) same(o *version) bool {
	return v.isText == o.isText && v.text == o.text && string(v.binary) == string(o.binary)
}

// secretSlot is a secret's name in a Region with the states that it had.
type secretSlot struct {
	id       string // Region + "/" + name
	history  []secretMoment
	made     uint64 // secrets ever made under this name
	reads    uint64
	accessed time.Time
	replica  *secretSlot // the primary, when this is a replica of it
}

type secretMoment struct {
	since time.Time
	state *secretState
}

func (s *secretSlot) state() *secretState {
	if s == nil || len(s.history) == 0 {
		return nil
	}
	return s.history[len(s.history)-1].state
}

func (s *secretSlot) at(t time.Time) *secretState {
	for i := len(s.history) - 1; i >= 0; i-- {
		if !s.history[i].since.After(t) {
			return s.history[i].state
		}
	}
	return nil
}

func (s *secretSlot) set(w *World, now time.Time, state *secretState) {
	oldest := now.Add(-w.cfg.scaled(w.cfg.Staleness))
	drop := 0
	for drop+1 < len(s.history) && !s.history[drop+1].since.After(oldest) {
		drop++
	}
	if w.cfg.Staleness == 0 {
		drop = len(s.history)
	}
	s.history = append(slices.Delete(s.history, 0, drop), secretMoment{now, state})
}

// change makes the next state of a secret; the rules see both. The states share what did not change.
func (w *World) change(by actor, s *secretSlot, now time.Time, edit func(*secretState)) {
	before := s.state()
	next := *before
	edit(&next)
	next.changed = now
	if was := before.with(current); next.with(current) != nil && (was == nil || was.id != next.with(current).id) {
		next.currentSince, next.currentBy = now, by
	}
	w.ruleSecret(by, s, before, &next, now)
	s.set(w, now, &next)
}

// with is the version that has a staging label, or nil.
func (st *secretState) with(stage string) *version {
	for i := len(st.versions) - 1; i >= 0; i-- {
		if slices.Contains(st.versions[i].stages, stage) {
			return st.versions[i]
		}
	}
	return nil
}

func (st *secretState) version(id string) *version {
	for _, v := range st.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// label takes a staging label off the version that has it and, unless id is "", puts it on another.
func (st *secretState) label(stage, id string) {
	versions := slices.Clone(st.versions)
	for i, v := range versions {
		has := slices.Contains(v.stages, stage)
		if has == (v.id == id) {
			continue
		}
		changed := *v
		if has {
			changed.stages = slices.DeleteFunc(slices.Clone(v.stages), func(s string) bool { return s == stage })
		} else {
			changed.stages = append(slices.Clone(v.stages), stage)
		}
		versions[i] = &changed
	}
	st.versions = versions
}

// move labels a version; moving AWSCURRENT puts AWSPREVIOUS on the version that it came from.
func (st *secretState) move(stage, id string) {
	was := st.with(stage)
	st.label(stage, id)
	if stage == current && was != nil && was.id != id {
		st.label(previous, was.id)
	}
}

// prune makes room for one more version: it removes the oldest unlabelled ones above the quota, never
// one younger than 24 hours.
func (w *World) prune(st *secretState, now time.Time) {
	over := len(st.versions) + 1 - w.cfg.VersionQuota
	if over <= 0 {
		return
	}
	st.versions = slices.DeleteFunc(slices.Clone(st.versions), func(v *version) bool {
		if over > 0 && len(v.stages) == 0 && now.Sub(v.created) >= w.cfg.scaled(24*time.Hour) {
			over--
			return true
		}
		return false
	})
}
