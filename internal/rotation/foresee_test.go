package rotation

import (
	"slices"
	"testing"
	"time"
)

// TestForesee: what a request would do is what the plan then does, at that moment, and what is foreseen after it is the forecast of the
// world as that leaves it. Two slots are taken here, so a rotation waits, and stands in what is foreseen.
func TestForesee(t *testing.T) {
	s := Schedule{RotateEvery: 10 * time.Minute, DeactivateAfter: 12 * time.Minute, DeleteAfter: 15 * time.Minute}
	l := DefaultLimits()
	start := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	k0, k1 := Key{"AKIA0", Active, start.Add(-11 * time.Minute)}, Key{"AKIA1", Active, start.Add(-time.Minute)}
	state := State{UserID: "AIDA", Promoted: Promotion{At: start.Add(-30 * time.Second), Version: VersionID(k1.ID), Grace: 2 * time.Minute}}
	world := func(r Request) Observation {
		return Observation{UserID: "AIDA", Now: start, Keys: []Key{k0, k1}, Quiet: start.Add(-30 * time.Second), Request: r,
			Secret: Secret{Exists: true, Tags: state.Tags(), Versions: map[string][]string{
				VersionID(k0.ID): {StagePrevious}, VersionID(k1.ID): {StageCurrent, StagePending}}}}
	}
	for _, r := range []Request{{Kind: RequestPause}, {Kind: RequestRollback}, {Kind: RequestRevoke, KeyID: k1.ID},
		{Kind: RequestRevoke, KeyID: k0.ID}} {
		d, at, then := Foresee(s, l, world(r), 5)
		o := world(r)
		if at != start.Add(30*time.Second) {
			t.Errorf("%s is foreseen for %s after now, and settle is over in 30s", r.Kind, at.Sub(start))
		}
		o.Now = at
		if got := Plan(s, l, o); got.Reason != d.Reason || !slices.Equal(got.Actions, d.Actions) || len(d.Actions) == 0 {
			t.Errorf("%s is foreseen as %s %v, and planned as %s %v", r.Kind, d.Reason, d.Actions, got.Reason, got.Actions)
		}
		m := MomentOf(s, l, at, at, "x")
		for _, a := range d.Actions {
			o = Effect(o, a, m)
		}
		o.Quiet = at
		if want := Forecast(s, l, o, 5); !slices.Equal(then, want) {
			t.Errorf("after %s: foreseen %+v, forecast %+v", r.Kind, then, want)
		}
	}
	d, _, then := Foresee(s, l, world(Request{Kind: RequestRotate}), 4)
	var kinds []ActionKind
	for _, f := range then {
		kinds = append(kinds, f.Action)
	}
	if len(d.Actions) > 0 || !slices.Equal(kinds, []ActionKind{DeactivateKey, DeleteKey, CreateKey, Promote}) ||
		then[2].Reason != ReasonAsked {
		t.Errorf("a rotation with both slots taken is foreseen as %v, then %+v", d.Actions, then)
	}
	if d, _, then := Foresee(s, l, world(Request{Kind: RequestRevoke, KeyID: "AKIA9"}), 5); !d.Reason.Blocked() || len(then) > 0 {
		t.Errorf("what is refused is foreseen as %+v, then %+v", d, then)
	}
}
