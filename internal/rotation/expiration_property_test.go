package rotation

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestExpirationKeepsItsPromise: over any change of the schedule between any two looks, with consumers that read from answers
// up to settle old, no key is deactivated before an Expiration that was handed out for it. (The world notes every Expiration,
// and breaks when a deactivation comes earlier.)
func TestExpirationKeepsItsPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newPromises(t)
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			f.step(rapid.SampledFrom([]string{"look", "look", "schedule", "consumer", "consumer", "previous", "wait", "crash", "rollback"}).Draw(t, "step"))
		}
	})
}

// TestExpirationSurvivesPeople: nor does keyturn break such a promise after what people and operators do: keys set Inactive and Active
// again, values put by hand, AWSCURRENT moved, rotations asked for early, revokes of other keys. Whoever sets a key Inactive breaks
// what was promised for it until then.
func TestExpirationSurvivesPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newPromises(t)
		for i := range rapid.IntRange(10, 60).Draw(t, "steps") {
			step := rapid.SampledFrom([]string{"look", "look", "look", "schedule", "consumer", "consumer", "consumer", "previous", "wait", "crash", "rollback",
				"rotate", "revoke", "deactivate", "reactivate", "edit", "move", "delete", "foreign"}).Draw(t, "step")
			k, ok := f.someKey("whose")
			switch step {
			case "deactivate", "reactivate", "edit", "move", "delete":
				if ok {
					f.note("person: %s %s", step, k.ID)
					f.person(step, k)
				}
				if now, _ := f.o.key(k.ID); now.Status != Active {
					delete(f.truth.expires, k.ID)
				}
			case "revoke":
				if ok && rapid.IntRange(0, 2).Draw(t, "asked") == 2 {
					f.ask(Request{Kind: RequestRevoke, KeyID: k.ID})
				}
			case "rotate":
				f.ask(Request{Kind: RequestRotate})
			case "foreign":
				if st, _, _ := ParseState(f.o.Secret.Tags); len(f.o.Keys) < maxKeys && !st.Intent.Open {
					f.personCreates(fmt.Sprintf("F%d", i))
				}
			default:
				f.step(step)
			}
		}
	})
}

// promises is a life with consumers and several schedules.
type promises struct {
	*life
	schedules []Schedule
}

func newPromises(t *rapid.T) *promises {
	var schedules []Schedule
	for range rapid.IntRange(1, 3).Draw(t, "schedules") {
		s := anySchedule(t, DefaultLimits())
		if s.Grace() < DefaultLimits().Settle+time.Minute {
			s.DeactivateAfter = s.RotateEvery + 2*time.Minute // a shorter grace is no grace for anybody who caches
			s.DeleteAfter = max(s.DeleteAfter, s.DeactivateAfter)
		}
		schedules = append(schedules, s)
	}
	f := &promises{newLife(t, schedules[0]), schedules}
	f.l.MaxRecheck = 24 * time.Hour
	f.next = f.now
	return f
}

func (f *promises) step(step string) {
	switch step {
	case "look":
		f.now = latest(f.now, f.next)
		f.turn(Request{})
	case "schedule":
		f.s = rapid.SampledFrom(f.schedules).Draw(f.t, "schedule")
		f.note("schedule %s %s %s", Duration(f.s.RotateEvery), Duration(f.s.DeactivateAfter), Duration(f.s.DeleteAfter))
	case "consumer":
		id, until := f.handOut(time.Duration(rapid.IntRange(0, 59_000).Draw(f.t, "stale")) * time.Millisecond)
		if id != "" {
			f.note("a consumer gets %s until %s", id, Duration(until.Sub(f.start)))
		}
	case "previous":
		f.handOutPrevious()
	case "wait":
		ahead := latest(f.now, f.next).Sub(f.now)
		f.now = f.now.Add(ahead * time.Duration(rapid.IntRange(0, 100).Draw(f.t, "share")) / 100)
	case "crash":
		f.fault = fault{rapid.SampledFrom([]ActionKind{Promote, RecordPromoted, RecordPromoting, PutFirst, DeactivateKey}).Draw(f.t, "at"), "crash-after"}
	case "rollback":
		if rapid.IntRange(0, 4).Draw(f.t, "asked") == 4 {
			f.ask(Request{Kind: RequestRollback})
			f.until(f.now.Add(5*time.Minute), Request{})
			f.ask(Request{Kind: RequestResume})
		}
	}
}

// handOutPrevious is somebody who asks for the previous key by name.
func (f *life) handOutPrevious() {
	v := f.o.Secret.Stage(StagePrevious)
	id := f.names[v]
	if k, ok := f.o.key(id); !ok || k.Status != Active {
		return
	}
	o := f.o
	o.Now = f.now.Truncate(time.Second)
	until := Expiration(f.s, f.l, o, id)
	f.note("somebody gets the previous key %s until %s", id, Duration(until.Sub(f.start)))
	f.truth.expires[id] = latest(f.truth.expires[id], until)
}

// TestExpirationOfAKeyNamedByHand: a person's value names a key that keyturn did not make. It is current, so its consumers get
// as much time as those of any current key, however old it is.
func TestExpirationOfAKeyNamedByHand(t *testing.T) {
	s := Schedule{RotateEvery: 24 * time.Hour, DeactivateAfter: 26 * time.Hour, DeleteAfter: 28 * time.Hour}
	l := DefaultLimits()
	st := State{UserID: "AIDAAPP", Promoted: Promotion{At: anyEpoch.Add(-20 * time.Hour), Version: handMade, Grace: s.Grace(), Promise: s.Grace()}}
	o := Observation{Now: anyEpoch, UserID: "AIDAAPP", Keys: []Key{{"K9", Active, anyEpoch.Add(-400 * 24 * time.Hour)}},
		CurrentRead: true, CurrentNames: "K9",
		Secret: Secret{Exists: true, Versions: map[string][]string{handMade: {StageCurrent}}, Tags: st.Tags()}}
	if got, want := Expiration(s, l, o, "K9"), anyEpoch.Add(2*time.Hour-l.Settle); !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestExpirationIsBrief: promoting, unreadable tags, a promotion that is not on record, or a key that is not to be kept.
func TestExpirationIsBrief(t *testing.T) {
	s, l := Schedule{RotateEvery: time.Hour, DeactivateAfter: 90 * time.Minute, DeleteAfter: 100 * time.Minute}, DefaultLimits()
	st := State{UserID: "AIDAAPP", Promoted: Promotion{At: anyEpoch, Version: VersionID("K1"), Grace: s.Grace(), Promise: s.Grace()}}
	o := Observation{Now: anyEpoch, Keys: []Key{{"K1", Active, anyEpoch}},
		Secret: Secret{Exists: true, Versions: map[string][]string{VersionID("K1"): {StageCurrent}}, Tags: st.Tags()}}
	unread := o
	unread.Keys = nil
	for name, o := range map[string]Observation{"recorded": o, "keys not read": unread} {
		if got := Expiration(s, l, o, "K1"); !got.Equal(anyEpoch.Add(29 * time.Minute)) {
			t.Errorf("%s: %s", name, got)
		}
	}
	brief := anyEpoch.Add(l.Brief)
	for name, change := range map[string]func(*Observation){
		"promoting":    func(o *Observation) { st := st; st.Promoted.Promoting = true; o.Secret.Tags = st.Tags() },
		"another one":  func(o *Observation) { o.Secret.Versions = map[string][]string{VersionID("K2"): {StageCurrent}} },
		"a broken tag": func(o *Observation) { o.Secret.Tags = map[string]string{TagPromoted: "x"} },
		"no tags":      func(o *Observation) { o.Secret.Tags = nil },
		"a dead key":   func(o *Observation) { o.Keys = []Key{{"K1", Inactive, anyEpoch}} },
		"no such key":  func(o *Observation) { o.Keys = []Key{} },
		"a revoked key": func(o *Observation) {
			st := st
			st.Revoked = []string{keyHash("K1")}
			o.Secret.Tags = st.Tags()
		},
	} {
		o := o
		change(&o)
		if got := Expiration(s, l, o, "K1"); !got.Equal(brief) {
			t.Errorf("%s: %s, want %s", name, got, brief)
		}
	}
}

// TestExpirationOfThePreviousKey: whoever asks for the previous key gets what is on record at most. The schedule is long now,
// and may be short again at the next look.
func TestExpirationOfThePreviousKey(t *testing.T) {
	l := DefaultLimits()
	s := Schedule{RotateEvery: time.Hour, DeactivateAfter: 90 * time.Minute, DeleteAfter: 100 * time.Minute}
	st := State{UserID: "AIDAAPP", Promoted: Promotion{At: anyEpoch, Version: VersionID("K2"), Grace: 5 * time.Minute, Promise: 5 * time.Minute}}
	o := Observation{Now: anyEpoch.Add(4 * time.Minute), Keys: []Key{{"K1", Active, anyEpoch.Add(-time.Hour)}, {"K2", Active, anyEpoch}},
		Secret: Secret{Exists: true, Tags: st.Tags(),
			Versions: map[string][]string{VersionID("K2"): {StageCurrent}, VersionID("K1"): {StagePrevious}}}}
	if got, want := Expiration(s, l, o, "K1"), anyEpoch.Add(5*time.Minute); !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
}
