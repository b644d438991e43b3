package rotation

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPlanIsSafe holds the decision over arbitrary observations against the safety rules. What the plan calls a key is not
// believed: the rules are worked out anew from the observation.
func TestPlanIsSafe(t *testing.T) {
	reasons := map[Reason]int{}
	l := DefaultLimits()
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, l)
		for range 50 {
			o := anyObservation(t, s, l)
			before := cloneObservation(o)
			d := Plan(s, l, o)
			reasons[d.Reason]++
			frozen := o.Frozen
			before.Frozen, o.Frozen = nil, nil // functions have no equals
			same := reflect.DeepEqual(before, o)
			before.Frozen, o.Frozen = frozen, frozen
			if !same {
				t.Fatalf("the observation was changed: %s", describe(before, d))
			}
			if !reflect.DeepEqual(d, Plan(s, l, o)) {
				t.Fatalf("the same input gives another decision: %s", describe(o, d))
			}
			r := &rules{t: t, s: s, l: l, o: o, d: d}
			r.state, r.present, r.err = ParseState(o.Secret.Tags)
			r.check()
		}
	})
	t.Logf("reasons met: %v", reasons)
}

func cloneObservation(o Observation) Observation {
	w := newWorld(Schedule{}, Limits{}, o.Now)
	w.o = o
	o.Secret = cloneSecret(o.Secret)
	o.Keys = slices.Clone(o.Keys)
	return o
}

// rules judges one decision.
type rules struct {
	t       *rapid.T
	s       Schedule
	l       Limits
	o       Observation
	d       Decision
	state   State
	present bool
	err     error
}

func (r *rules) must(ok bool, rule string) {
	if !ok {
		r.t.Fatalf("%s\n%s", rule, describe(r.o, r.d))
	}
}

func (r *rules) check() {
	o, d := r.o, r.d
	acts := len(d.Actions) > 0
	r.must(d.Reason != "", "a decision always has a reason")
	r.must(!d.Recheck.IsZero() && d.Recheck.After(o.Now), "the next look lies ahead")
	r.must(!d.Recheck.After(o.Now.Add(r.l.MaxRecheck)), "the next look is no later than max_recheck")
	r.must(!acts || !d.Reason.Blocked(), "a block acts not")
	r.must(!acts || !d.Wants.Any() && d.Confirm == 0, "nothing is done while more is to be read")
	r.must(!acts || o.Keys != nil && o.UserID != "" && !o.Now.IsZero(), "nothing is done while a read is missing")
	r.must(!acts || o.Quiet.IsZero() || !o.Now.Before(o.Quiet.Add(r.l.Settle)), "nothing is done within settle")
	r.must(!acts || !o.Secret.Exists || r.err == nil, "nothing is done while a tag is malformed")
	r.must(!acts || !o.Secret.Exists || r.present || d.Actions[0].Kind == OnboardExisting && o.ExistingAllowed,
		"a secret without state tags is left alone")
	usable := !o.Secret.PendingDeletion && !o.Secret.NativeRotation && o.Secret.OwningService == ""
	r.must(!acts || usable, "a secret that cannot be used is left alone")
	confirmed := !o.Quiet.IsZero() || o.ConfirmedAfter >= r.l.Settle+r.l.HTTPTimeout
	r.must(!acts || confirmed || d.Actions[0].Kind == Onboard, "without a database only what was seen twice is acted on")
	if acts && r.present && r.state.UserID != o.UserID {
		r.must(len(d.Actions) == 1 && d.Actions[0].Kind == RecordUser && o.Request.Kind == RequestAdopt, "another user: adopt first")
		return
	}
	if acts {
		r.thawed()
		r.order()
		for _, a := range slices.Concat(d.Actions, d.IfHopeless) {
			r.action(a)
		}
		r.effects()
	}
}

// thawed: what comes by itself does not begin while it is frozen; and a freeze changes nothing else.
func (r *rules) thawed() {
	o, frozen := r.o, r.o.Frozen != nil && stands(r.o)
	for _, a := range r.d.Actions {
		k, _ := o.key(a.KeyID)
		of := a.Kind == DeactivateKey || a.Kind == DeleteKey
		kept := of && (r.activeCurrent() || o.LeaveCare) && !r.revoked(k.ID) && r.d.Reason != ReasonRevoke && (r.stored(k.ID) || r.state.legacy(k.ID)) &&
			!hasLabel(o.Secret.Versions[VersionID(k.ID)], StagePending)
		made := a.Kind == Onboard || a.Kind == OnboardExisting || a.Kind == CreateKey && r.activeCurrent() && r.d.Reason != ReasonRevoke
		asked := o.Request.Kind == RequestRotate || made && a.Kind != CreateKey && o.Request.Kind != NoRequest
		r.must(!frozen || asked || !kept && !made, "what comes by itself waits while it is frozen")
	}
}

func stands(o Observation) bool {
	f := o.Frozen(o.Now)
	return f.On() && (f.Until.IsZero() || o.Now.Before(f.Until))
}

// order: what has to come before what.
func (r *rules) order() {
	seen := map[ActionKind]int{}
	verified := map[string]bool{}
	for i, a := range r.d.Actions {
		last := Action{}
		if i > 0 {
			last = r.d.Actions[i-1]
		}
		switch a.Kind {
		case CreateKey:
			r.must(last.Kind == WriteIntent || last.Kind == Onboard && last.WithIntent, "a create follows its intent")
		case Verify:
			verified[a.KeyID] = true
		case Promote, PutFirst:
			r.must(verified[a.KeyID], "nothing is promoted unverified")
		case RecordInactive:
			r.must(last.Kind != DeactivateKey || last.KeyID == a.KeyID, "the record follows its deactivation")
		case ReactivateKey:
			r.must(last.Kind == RecordActive && last.KeyID == a.KeyID, "the record of inactivity is cleared before a reactivation")
		}
		if a.Kind == DeactivateKey {
			r.must(i+1 < len(r.d.Actions) && r.d.Actions[i+1].Kind == RecordInactive, "a deactivation is put on record")
			r.must(r.revoked(a.KeyID) || r.o.Request.Kind != RequestRevoke || r.o.Request.KeyID != a.KeyID || seen[MarkRevoked] == 1,
				"a revoke is marked before it is done")
		}
		seen[a.Kind]++
	}
	for _, once := range []ActionKind{CreateKey, DeactivateKey, DeleteKey, Promote, PutPending, PutFirst} {
		r.must(seen[once] <= 1, "one step per observation")
	}
}

func (r *rules) revoked(id string) bool { return r.state.IsRevoked(id) }

// isCurrent, worked out anew.
func (r *rules) isCurrent(id string) bool {
	current := r.o.Secret.Stage(StageCurrent)
	ofAnyKey := slices.ContainsFunc(r.o.Keys, func(k Key) bool { return current == VersionID(k.ID) })
	return current != "" && (current == VersionID(id) || !ofAnyKey && r.o.CurrentRead && r.o.CurrentNames == id)
}

func (r *rules) activeCurrent() bool {
	return slices.ContainsFunc(r.o.Keys, func(k Key) bool { return k.Status == Active && r.isCurrent(k.ID) })
}

func (r *rules) stored(id string) bool {
	return len(r.o.Secret.Versions[VersionID(id)]) > 0 || r.o.Stored[VersionID(id)]
}

// mayBeOurs: stored, given to us, or made inside the open intent.
func (r *rules) mayBeOurs(k Key) bool {
	i := r.state.Intent
	inWindow := i.Open && !r.state.had(k.ID) && !k.Created.Before(i.At) && !k.Created.After(i.At.Add(r.l.Window()))
	return r.stored(k.ID) || r.state.legacy(k.ID) || r.state.IsAdopted(k.ID) || inWindow
}

func (r *rules) action(a Action) {
	k, exists := r.o.key(a.KeyID)
	revoke := r.d.Reason == ReasonRevoke
	st := r.state
	switch a.Kind {
	case CreateKey:
		r.must(len(r.o.Keys) < maxKeys, "never a third key")
		r.must(!st.Intent.Open || !r.o.Now.Before(st.Intent.At.Add(r.l.Window()+r.l.Settle)), "one create per intent")
		r.must(!r.o.LeaveCare, "no new key for a user that left")
	case DeleteKey:
		since, known := st.since(k.ID)
		r.must(exists && k.Status != Active, "an Active key is never deleted")
		r.must(!r.isCurrent(k.ID), "the current key is never deleted")
		r.must(r.mayBeOurs(k), "a foreign key is never deleted")
		r.must(known && since.Inactive, "deleted only when known to be Inactive")
		wait := r.s.Retention()
		if r.d.Reason == ReasonOrphan || r.d.Reason == ReasonPendingDropped || r.d.Reason == ReasonPendingOutdated {
			wait = r.l.Quarantine
		}
		r.must(!r.o.Now.Before(since.At.Add(wait)), "deleted only after retention, or quarantine")
		if use := r.o.LastUse[k.ID]; r.d.Reason == ReasonOrphan {
			r.must(use.At.IsZero() || use.Service == "sts", "a key that somebody used is no orphan")
		}
	case DeactivateKey:
		r.must(exists, "what is deactivated exists")
		if revoke {
			r.must(r.revoked(k.ID) || r.o.Request.Kind == RequestRevoke && r.o.Request.KeyID == k.ID, "a revoke is somebody's wish")
			return
		}
		r.must(!r.isCurrent(k.ID), "the current key is never deactivated but by a revoke")
		r.must(r.mayBeOurs(k), "a foreign key is never deactivated but by a revoke")
		if r.d.Reason == ReasonGraceOver {
			r.graceOver(k)
		}
	case Promote, RecordPromoting:
		r.must(!r.revoked(a.KeyID), "a revoked key is never promoted")
		r.must(a.Kind != Promote || a.Base == r.o.Secret.Stage(StageCurrent), "promotion is a compare-and-swap from what was seen")
	}
	if st.Pause.Paused && r.present && !revoke {
		r.must(slices.Contains([]ActionKind{RecordResumed, RecordAdopted, RecordUser, RecordPaused, RecordActive, ReactivateKey,
			RecordPromoting, Verify, Promote, RecordPromoted}, a.Kind), "paused: only a revoke, or finishing a rollback")
		rest := r.d.Reason == ReasonFallBack && !r.activeCurrent() && r.currentRevoked()
		r.must(a.Kind != Promote || VersionID(a.KeyID) == st.Pause.Target || rest, "paused: nothing is promoted but a rollback's target, and the key before "+
			"a revoked one")
	}
}

// currentRevoked reports whether the key that AWSCURRENT names was revoked.
func (r *rules) currentRevoked() bool {
	return slices.ContainsFunc(r.o.Keys, func(k Key) bool { return r.isCurrent(k.ID) && r.revoked(k.ID) })
}

// graceOver: rule 2.
func (r *rules) graceOver(k Key) {
	st, now := r.state, r.o.Now
	r.must(!now.Before(k.Created.Add(r.s.DeactivateAfter)), "not before its age")
	if r.o.Secret.Stage(StageCurrent) == "" {
		r.must(st.IsAdopted(k.ID), "without a current key only an adopted one goes")
		return
	}
	r.must(r.activeCurrent(), "retired only beside an Active current key")
	r.must(!st.Promoted.Promoting && st.Promoted.Version == r.o.Secret.Stage(StageCurrent), "retired only when the promotion is on record")
	r.must(!now.Before(st.Promoted.At.Add(max(r.s.Grace(), st.Promoted.Grace))), "retired only after the whole grace")
	if since, ok := st.since(k.ID); ok {
		r.must(!since.Inactive && !now.Before(since.At.Add(r.s.Grace())), "a reactivated key has the whole grace")
	}
	if use, known := r.o.LastUse[k.ID]; !r.stored(k.ID) {
		r.must(known && !now.Before(use.At.Add(r.l.LegacyQuiet)), "a legacy key is retired only when it was quiet")
	}
}

// effects: what the actions write can be read again, and fits into a tag.
func (r *rules) effects() {
	o := r.o
	m := MomentOf(r.s, r.l, o.Now, o.Now, "abcdefgh12345678")
	m.Made = Key{"NEW", Active, o.Now}
	for _, a := range r.d.Actions {
		o = Effect(o, a, m)
		if _, _, err := ParseState(o.Secret.Tags); err != nil {
			r.must(false, "after "+string(a.Kind)+" the tags cannot be read: "+err.Error())
		}
	}
	for tag, value := range o.Secret.Tags {
		r.must(len(value) <= 256, "the tag "+tag+" is too long: "+value)
	}
}

// TestPlanNeverPanicsOnAnyTime: times from year 1 to far ahead.
func TestPlanNeverPanicsOnAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultLimits()
		s := anySchedule(t, l)
		o := anyObservation(t, s, l)
		o.Now = time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "now"), 0).UTC()
		d := Plan(s, l, o)
		if d.Reason == "" || d.Recheck.IsZero() {
			t.Fatalf("no reason or no recheck: %s", describe(o, d))
		}
	})
}
