package rotation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// byItself are the reasons of what nobody asked for and nothing needs: what a freeze holds back.
var byItself = []Reason{ReasonOnboard, ReasonDue, ReasonGraceOver, ReasonRetentionOver}

// TestFreezeHoldsOnlyWhatComesByItself: over arbitrary observations, a freeze either changes nothing of what is done, or nothing but
// records is done; and then it says so, and looks again no later than at its end. It may look again at its end as well where it does
// not say so: with more keys than AWS allows, one may wait for its grace and another one for the freeze.
func TestFreezeHoldsOnlyWhatComesByItself(t *testing.T) {
	l, held := DefaultLimits(), 0
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, l)
		for range 50 {
			o := anyObservation(t, s, l)
			o.Frozen, o.ConfirmedAfter = nil, time.Hour
			free := Plan(s, l, o)
			o.Frozen = anyFreeze(t)
			d := Plan(s, l, o)
			asked := o.Request.Kind == RequestRotate || free.Reason == ReasonOnboard && o.Request.Kind != NoRequest
			if !stands(o) || !slices.Contains(byItself, free.Reason) || asked {
				if stands(o) && (free.Reason == ReasonUnknown || d.Reason == ReasonFrozen) { // reads that only a retirement needs are left out
					continue
				}
				sooner := len(o.Keys) > maxKeys && d.Recheck.Before(free.Recheck) && d.Recheck.Equal(o.Frozen(o.Now).Until)
				another := !d.Recheck.Equal(free.Recheck) && !sooner
				if another || fmt.Sprint(d.Actions, d.Reason) != fmt.Sprint(free.Actions, free.Reason) {
					t.Fatalf("a freeze changes what does not come by itself\nfree: %+v\n%s", free, describe(o, d))
				}
				continue
			}
			for _, a := range d.Actions {
				if a.Kind.Major() && fmt.Sprint(d.Actions) != fmt.Sprint(free.Actions) {
					t.Fatalf("a freeze brings another change about\nfree: %+v\n%s", free, describe(o, d))
				}
			}
			if d.Reason != ReasonFrozen {
				continue
			}
			held++
			f := o.Frozen(o.Now)
			if d.Detail != f.String() || !f.Until.IsZero() && d.Recheck.After(f.Until) || len(d.Actions) > 0 {
				t.Fatalf("frozen, and\n%s", describe(o, d))
			}
		}
	})
	if held == 0 {
		t.Error("no observation was drawn that a freeze holds")
	}
}

// TestFreezingOnlyDelays: two undisturbed lives, one with freezes. What is done for the n-th time is never done earlier in the frozen
// one, and it is done within a period, a slot's way and the freezes that stand in it.
func TestFreezingOnlyDelays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, DefaultLimits())
		s.JitterShare = 0
		freezes, total := anyFreezes(t, s)
		end := anyEpoch.Add(6*s.RotateEvery + total)
		free, frozen := firstTimes(t, s, nil, end), firstTimes(t, s, freezes, end)
		for _, kind := range []ActionKind{CreateKey, Promote, DeactivateKey, DeleteKey} {
			for i, at := range frozen[kind] {
				if at.Before(free[kind][i]) {
					t.Fatalf("%s number %d comes at %s, and at %s without freezes %v", kind, i, at, free[kind][i], freezes)
				}
			}
			if len(frozen[kind]) < 4 {
				t.Fatalf("%s came %d times within %s after freezes of %s were over", kind, len(frozen[kind]), Duration(6*s.RotateEvery), Duration(total))
			}
		}
	})
}

func anyFreezes(t *rapid.T, s Schedule) (out []frozen, total time.Duration) {
	from := anyEpoch
	for range rapid.IntRange(1, 4).Draw(t, "freezes") {
		from = from.Add(share(t, s.RotateEvery, "gap"))
		long := share(t, 2*s.RotateEvery, "length") + time.Second
		out = append(out, frozen{Freeze{"because", from.Add(long)}, from})
		from, total = from.Add(long), total+long
	}
	return out, total
}

func share(t *rapid.T, of time.Duration, what string) time.Duration {
	return (of / 1000 * time.Duration(rapid.IntRange(0, 1000).Draw(t, what))).Truncate(time.Second)
}

// firstTimes lives up to a moment, and gives when each kind of action was taken.
func firstTimes(t *rapid.T, s Schedule, freezes []frozen, end time.Time) map[ActionKind][]time.Time {
	f := newLife(t, s)
	f.cost, f.freezes, f.l.MaxRecheck = nil, freezes, forecastRecheck
	out := map[ActionKind][]time.Time{}
	for f.next = f.now; f.next.Before(end); {
		f.now = latest(f.now, f.next)
		d, done, err := f.look(Request{})
		if err != nil || len(f.violations) > 0 {
			t.Fatalf("%v %v", err, f.violations)
		}
		for _, a := range done {
			out[a.Kind] = append(out[a.Kind], f.now)
		}
		if f.next = d.Recheck; !f.next.After(f.now) {
			t.Fatalf("the next look does not lie ahead: %s", d.Reason)
		}
	}
	return out
}
