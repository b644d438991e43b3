package rotation

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFeasibleSchedulesNeedTwoKeys: in an undisturbed life with jitter, and with runs that take their time, a rotation never
// waits for a slot, and every promotion comes within a run's deadline of its due time.
func TestFeasibleSchedulesNeedTwoKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, DefaultLimits())
		f := newLife(t, s)
		f.l.MaxRecheck = 400 * 24 * time.Hour
		rotations := 0
		for f.next = f.now; rotations < 5; {
			f.now = latest(f.now, f.next)
			before, had := f.currentKey()
			d := f.turn(Request{})
			if d.Reason == ReasonWaitingSlot || d.Reason.Blocked() {
				t.Fatalf("no slot\n%s", f.tell())
			}
			if k, _ := f.currentKey(); k.ID != before.ID && had {
				rotations++
				if late := f.now.Sub(s.Due(before)); late > f.l.RunDeadline+f.l.Settle {
					t.Fatalf("%s is replaced %s after it was due\n%s", before.ID, Duration(late), f.tell())
				}
			}
		}
	})
}

func TestValidateShowsTheArithmetic(t *testing.T) {
	min := time.Minute
	for _, c := range []struct {
		rotate, deactivate, remove time.Duration
		want                       []string // in the error; none: feasible
	}{
		{10 * min, 12 * min, 15 * min, nil},
		{10 * min, 10 * min, 10 * min, nil},
		{90 * 24 * 60 * min, 97 * 24 * 60 * min, 104 * 24 * 60 * min, nil},
		{10 * min, 12 * min, 17*min + 30*time.Second, nil},
		{10 * min, 12 * min, 17*min + 31*time.Second, []string{"three keys", "20m", "2m30s", "17m30s", "17m31s"}},
		{10 * min, 9 * min, 15 * min, []string{"deactivate_after (9m)", "rotate_every (10m)"}},
		{10 * min, 12 * min, 11 * min, []string{"delete_after (11m)", "deactivate_after (12m)"}},
		{0, 12 * min, 15 * min, []string{"rotate_every", "longer than zero"}},
		{-min, 12 * min, 15 * min, []string{"rotate_every", "longer than zero"}},
	} {
		s := Schedule{RotateEvery: c.rotate, DeactivateAfter: c.deactivate, DeleteAfter: c.remove}
		err := s.Validate(DefaultLimits())
		if (err == nil) != (c.want == nil) {
			t.Errorf("%v: %v", s, err)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: %q is missing in: %v", s, part, err)
			}
		}
	}
}

// TestJitterSpreads: the same key always gets the same share, and ids that differ in their last letters are spread evenly.
func TestJitterSpreads(t *testing.T) {
	s := Schedule{RotateEvery: 100 * time.Hour, JitterShare: 0.01}
	quarters := map[time.Duration]int{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			k := Key{ID: "AKIAIOSFODNN7EXAMP" + string(a) + string(b), Created: anyEpoch}
			again := s.Due(k)
			late := again.Sub(anyEpoch.Add(s.RotateEvery))
			if late < 0 || late > time.Hour || !again.Equal(s.Due(k)) {
				t.Errorf("%s: %s", k.ID, late)
			}
			quarters[late/(15*time.Minute)]++
		}
	}
	if len(quarters) != 4 {
		t.Errorf("the keys become due in %d quarters of the hour", len(quarters))
	}
	for q, n := range quarters {
		if n < 26*26/4*8/10 {
			t.Errorf("quarter %d of the hour gets %d of %d keys", q, n, 26*26)
		}
	}
}

func TestDuration(t *testing.T) {
	if got := Duration(math.MinInt64); got != "-106751d23h47m16.854775807s" {
		t.Error(got)
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Minute: "10m", 90 * 24 * time.Hour: "90d", 36 * time.Hour: "1d12h", 90 * time.Minute: "1h30m",
		16700 * time.Microsecond: "16.7ms", 1500 * time.Millisecond: "1.5s", -12 * time.Minute: "-12m", 25*time.Hour + time.Second: "1d1h1s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

// TestRecheckIsAWholeSecond: AWS's Date has no fractions. A look a fraction before the second in which something turns would see
// nothing, and again, and again.
func TestRecheckIsAWholeSecond(t *testing.T) {
	s := Schedule{RotateEvery: 10*time.Minute + 300*time.Millisecond, DeactivateAfter: 12 * time.Minute, DeleteAfter: 15 * time.Minute, JitterShare: 0.01}
	w := newWorld(s, DefaultLimits(), anyEpoch)
	if _, _, err := w.look(Request{}); err != nil {
		t.Fatal(err)
	}
	k, _ := w.currentKey()
	due := s.Due(k)
	if due.Truncate(time.Second).Equal(due) {
		t.Fatalf("the test needs a due time with a fraction, not %s", due)
	}
	w.now = w.now.Add(2 * time.Minute)
	d, _, _ := w.look(Request{})
	if d.Reason != ReasonIdle || d.Recheck.Before(due) || d.Recheck.Sub(due) >= time.Second || d.Recheck.Nanosecond() != 0 {
		t.Fatalf("%s, next look %s, due %s", d.Reason, d.Recheck, due)
	}
	w.now = d.Recheck
	if d, _, _ := w.look(Request{}); d.Reason != ReasonDue {
		t.Fatalf("at the recheck it is %s", d.Reason)
	}
}
