package rotation

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// Generators of observations. Ids come from a small pool, so that keys, versions and tags meet; most of what is drawn is
// possible, some of it is not, and none of it may make the plan unsafe.

var (
	anyEpoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	pool     = []string{"K1", "K2", "K3", "K4"}
	handMade = "00000001-aaaa-4bbb-8ccc-000000000000"
)

func oneIn(t *rapid.T, n int, what string) bool { return rapid.IntRange(1, n).Draw(t, what) == n }

func anySubset(t *rapid.T, oneOf int, what string) (out []string) {
	for _, id := range pool {
		if oneIn(t, oneOf, what+" "+id) {
			out = append(out, id)
		}
	}
	return out
}

func anyHashes(t *rapid.T, oneOf int, what string) (out []string) {
	for _, id := range anySubset(t, oneOf, what) {
		out = append(out, keyHash(id))
	}
	return out
}

func anyPast(t *rapid.T, most time.Duration, what string) time.Time {
	back := most * time.Duration(100-rapid.IntRange(0, 100).Draw(t, what)) / 100
	return anyEpoch.Add(-back).Truncate(time.Second)
}

// anySchedule is feasible: from minutes to months.
func anySchedule(t *rapid.T, l Limits) Schedule {
	s := Schedule{RotateEvery: time.Duration(rapid.SampledFrom([]int{600, 615, 900, 3600, 86400, 90 * 86400}).Draw(t, "rotate every")) * time.Second}
	room := s.RotateEvery - l.RunDeadline - l.Settle
	part := func(what string) time.Duration { return time.Duration(rapid.IntRange(0, 100).Draw(t, what)) }
	s.DeactivateAfter = (s.RotateEvery + room*part("grace")/100).Truncate(time.Second)
	s.DeleteAfter = (s.DeactivateAfter + (s.RotateEvery+room-s.DeactivateAfter)*part("retention")/100).Truncate(time.Second)
	if oneIn(t, 3, "jitter") {
		s.JitterShare = 0.01
	}
	if err := s.Validate(l); err != nil {
		t.Fatalf("the schedule drawn is not feasible: %v", err)
	}
	return s
}

func anyState(t *rapid.T, s Schedule, l Limits) State {
	far := 2 * s.DeleteAfter
	st := State{
		Legacy: anyHashes(t, 5, "legacy"), Adopted: anyHashes(t, 8, "adopted"), Revoked: anyHashes(t, 8, "revoked"),
		UserID: "AIDAAPP", Inactive: map[string]Since{},
	}
	st.Intent = Intent{Open: oneIn(t, 2, "open"), At: anyPast(t, 10*time.Minute, "intent at"), ID: "run1",
		Base: anyVersion(t, "base"), Had: anyHashes(t, 2, "had")}
	st.Promoted = Promotion{Promoting: oneIn(t, 4, "promoting"), At: anyPast(t, far, "promoted at"),
		Version: anyVersion(t, "promoted"), Grace: s.Grace(), Promise: s.Grace()}
	if st.Promoted.Version == "" {
		st.Promoted.Promoting = true
	}
	if oneIn(t, 4, "longer grace") {
		st.Promoted.Grace = 2*s.Grace() + time.Hour
	}
	for _, id := range anySubset(t, 2, "since") {
		st.Inactive[keyHash(id)] = Since{!oneIn(t, 3, "active since"), anyPast(t, far, "since at")}
	}
	if oneIn(t, 8, "paused") {
		st.Pause = Pause{Paused: true, At: anyPast(t, 5*time.Minute, "paused at"), Why: "because"}
		if oneIn(t, 2, "target") {
			st.Pause.Target = VersionID(rapid.SampledFrom(pool).Draw(t, "target key"))
		}
	}
	return st
}

func anyVersion(t *rapid.T, what string) string {
	switch n := rapid.IntRange(0, 9).Draw(t, what); {
	case n < 8:
		return VersionID(pool[n%len(pool)])
	case n == 8:
		return handMade
	}
	return ""
}

func anyObservation(t *rapid.T, s Schedule, l Limits) Observation {
	o := Observation{User: User{"123456789012", "app"}, UserID: "AIDAAPP", Now: anyEpoch, Keys: []Key{}}
	for _, id := range pool {
		if len(o.Keys) == maxKeys && !oneIn(t, 20, "more than two") || oneIn(t, 3, "no "+id) {
			continue
		}
		status := rapid.SampledFrom([]KeyStatus{Active, Active, Active, Inactive, Inactive, Expired}).Draw(t, "status")
		o.Keys = append(o.Keys, Key{id, status, anyPast(t, 2*s.RotateEvery, "created")})
	}
	o.Secret = Secret{Exists: !oneIn(t, 20, "no secret"), Versions: map[string][]string{}, Tags: map[string]string{}}
	if o.Secret.Exists {
		st := anyState(t, s, l)
		if !oneIn(t, 4, "odd") {
			ordinary(t, &o, &st)
		}
		for _, label := range []string{StageCurrent, StagePending, StagePrevious} {
			if v := anyVersion(t, label); v != "" && o.Secret.Stage(label) == "" {
				o.Secret.Versions[v] = append(o.Secret.Versions[v], label)
			}
		}
		o.Secret.Tags = st.Tags()
		o.Secret.PendingDeletion, o.Secret.NativeRotation = oneIn(t, 40, "pending deletion"), oneIn(t, 40, "native rotation")
		if oneIn(t, 40, "owned") {
			o.Secret.OwningService = "rds"
		}
	}
	if !oneIn(t, 4, "versions not read") {
		o.Stored = map[string]bool{}
		for _, id := range anySubset(t, 3, "stored") {
			o.Stored[VersionID(id)] = true
		}
	}
	if !oneIn(t, 4, "value not read") {
		o.CurrentRead, o.CurrentNames = true, rapid.SampledFrom(pool).Draw(t, "value names")
	}
	o.LastUse = map[string]LastUse{}
	for _, id := range anySubset(t, 2, "last use") {
		o.LastUse[id] = rapid.SampledFrom([]LastUse{{}, {}, {anyEpoch.Add(-time.Minute), "sts", "eu-west-1"},
			{anyEpoch.Add(-2 * time.Hour), "s3", "eu-west-1"}, {anyEpoch.Add(-30 * 24 * time.Hour), "s3", "eu-west-1"}}).Draw(t, "use")
	}
	switch rapid.IntRange(0, 9).Draw(t, "quiet") {
	case 0: // nobody knows
	case 1:
		o.Quiet = anyPast(t, 2*time.Minute, "quiet")
	default:
		o.Quiet = anyEpoch.Add(-time.Hour)
	}
	if oneIn(t, 2, "confirmed") {
		o.ConfirmedAfter = l.Settle + l.HTTPTimeout
	}
	if oneIn(t, 3, "witness") {
		o.Witness = Witness{Intent: "run1", NotMade: oneIn(t, 2, "not made"), CreatedID: rapid.SampledFrom(append(pool, "")).Draw(t, "made")}
	}
	if oneIn(t, 4, "request") {
		o.Request = Request{Kind: rapid.SampledFrom([]RequestKind{RequestRotate, RequestRollback, RequestRevoke, RequestAdopt,
			RequestPause, RequestResume}).Draw(t, "kind"), KeyID: rapid.SampledFrom(append(pool, "")).Draw(t, "request key"), Why: "why"}
	}
	o.LeaveCare, o.ExistingAllowed = oneIn(t, 8, "leave"), oneIn(t, 2, "existing")
	if oneIn(t, 4, "frozen") {
		o.Frozen = anyFreeze(t)
	}
	spoil(t, &o)
	return o
}

// anyFreeze is one with or without a known end, which may be over.
func anyFreeze(t *rapid.T) func(time.Time) Freeze {
	f := Freeze{Why: "because"}
	if !oneIn(t, 3, "end unknown") {
		f.Until = anyEpoch.Add(time.Duration(rapid.IntRange(-60, 24*3600).Draw(t, "until")) * time.Second)
	}
	return func(time.Time) Freeze { return f }
}

// ordinary makes the parts agree: a current key that exists, its promotion on record, no key revoked, nothing paused, and
// mostly no intent from long ago. What is left to chance is where the other keys stand.
func ordinary(t *rapid.T, o *Observation, st *State) {
	st.Revoked, st.Pause = nil, Pause{}
	if len(o.Keys) == 0 {
		return
	}
	k := &o.Keys[rapid.IntRange(0, len(o.Keys)-1).Draw(t, "current key")]
	if !oneIn(t, 5, "dead current") {
		k.Status = Active
		delete(st.Inactive, keyHash(k.ID))
	}
	o.Secret.Versions[VersionID(k.ID)] = append(o.Secret.Versions[VersionID(k.ID)], StageCurrent)
	st.Promoted.Promoting, st.Promoted.Version, st.Intent.Base = false, VersionID(k.ID), VersionID(k.ID)
	if !oneIn(t, 3, "key made in the intent") {
		return
	}
	for i := range o.Keys {
		if o.Keys[i].ID != k.ID {
			o.Keys[i].Created, st.Intent.Open, st.Intent.Had = st.Intent.At.Add(time.Second), true, []string{keyHash(k.ID)}
			if oneIn(t, 2, "not stored") {
				delete(o.Secret.Versions, VersionID(o.Keys[i].ID))
				st.Legacy, st.Adopted = nil, nil
			}
		}
	}
}

// spoil breaks what can be broken, seldom: tags, the user, reads.
func spoil(t *rapid.T, o *Observation) {
	if !o.Secret.Exists {
		return
	}
	tag := rapid.SampledFrom(StateTags).Draw(t, "tag")
	switch 100 - rapid.IntRange(0, 100).Draw(t, "spoiled") { // rapid prefers small numbers
	case 0:
		delete(o.Secret.Tags, tag)
	case 1:
		clear(o.Secret.Tags)
	case 2:
		o.Secret.Tags[tag] = "v2 " + strings.TrimPrefix(o.Secret.Tags[tag], "v1 ")
	case 3:
		o.Secret.Tags[tag] = rapid.StringN(0, 40, -1).Draw(t, "noise")
	case 4:
		o.UserID = "AIDAOTHER"
	case 5:
		o.UserID = ""
	case 6:
		o.Keys = nil
	case 7:
		o.Now = time.Time{}
	}
}

func describe(o Observation, d Decision) string {
	return fmt.Sprintf("observation %+v\ndecision %+v", o, d)
}
