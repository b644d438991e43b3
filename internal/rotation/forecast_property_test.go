package rotation

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestForecastComesTrue: from any undisturbed moment, what is foretold is what Plan and Effect then do, step by step.
func TestForecastComesTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, DefaultLimits())
		s.JitterShare = 0 // hangs on the ids of keys that do not exist yet
		f := newLife(t, s)
		f.cost = nil
		if rapid.Bool().Draw(t, "legacy") {
			f.o.Keys = append(f.o.Keys, Key{"L0", Active, f.now.Add(-400 * 24 * time.Hour)})
			f.truth.handedOut["L0"] = true
		}
		f.next = f.now
		f.l.MaxRecheck = forecastRecheck // nobody interferes
		if rapid.Bool().Draw(t, "frozen") {
			f.freezes, _ = anyFreezes(t, s)
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "looks") {
			f.now = latest(f.now, f.next)
			if i > 0 && oneIn(t, 4, "fault") {
				f.fault = fault{rapid.SampledFrom([]ActionKind{CreateKey, PutPending, Promote, DeactivateKey}).Draw(t, "at"), "crash-after"}
			}
			f.turn(Request{})
		}
		f.fault = fault{}
		o := f.o
		o.Now, o.Quiet, o.Stored, o.Frozen = f.now, f.quiet, nil, f.frozenAt()
		const n = 8
		told := Forecast(s, f.l, o, n)
		var came []string
		for steps := 0; len(came) < n && steps < 100; steps++ {
			f.now = latest(f.now, f.next)
			at := f.now
			d, done, _ := f.look(Request{})
			f.next = d.Recheck
			for _, a := range done {
				if a.Kind.Major() {
					came = append(came, fmt.Sprint(at.Sub(f.start), a.Kind, d.Reason))
				}
			}
		}
		for i, step := range told {
			if is := fmt.Sprint(step.At.Sub(f.start), step.Action, step.Reason); i >= len(came) || is != came[i] {
				t.Fatalf("step %d: foretold %s, came %v\n%s", i, is, came[min(i, len(came)):], f.tell())
			}
		}
		if len(told) < min(n, len(came)) {
			t.Fatalf("only %d steps foretold: %v, came %v\n%s", len(told), told, came, f.tell())
		}
	})
}

// TestNextLookNeedsNoLookInBetween: a key's whole life costs a look for each thing that is done, and one more at most.
func TestNextLookNeedsNoLookInBetween(t *testing.T) {
	s := Schedule{RotateEvery: 24 * time.Hour, DeactivateAfter: 30 * time.Hour, DeleteAfter: 36 * time.Hour, JitterShare: 0.01}
	w := newWorld(s, DefaultLimits(), anyEpoch)
	w.l.MaxRecheck = 48 * time.Hour
	w.cost = func(Action) time.Duration { return 700 * time.Millisecond }
	looks, acts := 0, 0
	for end := w.now.Add(100 * 24 * time.Hour); w.now.Before(end); looks++ {
		began := w.now
		d, done, err := w.look(Request{})
		if err != nil {
			t.Fatal(err)
		}
		var changed time.Time
		if len(done) > 0 {
			acts++
			changed = w.now.Add(time.Second)
			w.quiet = changed
		}
		o := w.o
		o.Now, o.Stored = w.now.Truncate(time.Second), map[string]bool{}
		_, w.now = NextLook(s, w.l, o, changed)
		if !w.now.After(began) {
			t.Fatalf("%s: the next look does not lie ahead (%s)", w.clock(), d.Reason)
		}
	}
	if looks > acts+2 || acts < 280 {
		t.Errorf("%d looks for %d acts", looks, acts)
	}
	for _, v := range w.violations {
		t.Error(v)
	}
}
