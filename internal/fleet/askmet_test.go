package fleet_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestOfficeRotateMetByAnother: a new key that comes while a rotation waits is what was asked for. It ends, says so, and makes no second one.
func TestOfficeRotateMetByAnother(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		d.done(ask(rotation.RequestRotate, ""))
		second, _ := d.current(anyName)
		patient := ask(rotation.RequestRotate, "")
		patient.Patience = time.Hour
		var answers [3]fleet.Answer
		var failed [3]error
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i], failed[i] = d.Do(t.Context(), patient) })
		}
		all.Wait()
		third, works := d.current(anyName)
		if third == second || !works {
			t.Fatalf("%s is current (works: %v), and was before", third, works)
		}
		for i, ans := range answers {
			current := ans.KeyID
			for _, k := range ans.Keys {
				if k.Class == rotation.ClassCurrent {
					current = k.ID
				}
			}
			if failed[i] != nil || !ans.Done || ans.Refused != "" || ans.Error != "" || current != third {
				t.Errorf("who waited as well: %+v, %v; %s is the one key that was made", ans, failed[i], third)
			}
		}
		d.live(30 * time.Minute)
	})
}

// TestOfficeRotateSince: what came before a rotation was asked for does not count, nor does what another one was told before.
func TestOfficeRotateSince(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		d.done(ask(rotation.RequestRotate, ""))
		first, err := d.Do(t.Context(), once(0))
		if err != nil || first.Done || first.Since == 0 {
			t.Fatalf("with both slots taken: %+v, %v", first, err)
		}
		again := once(first.Since)
		if ans, err := d.Do(t.Context(), again); err != nil || ans.Done || ans.Since != first.Since {
			t.Errorf("nothing was promoted since: %+v, %v", ans, err)
		}
		long := ask(rotation.RequestRotate, "")
		long.Patience = time.Hour
		d.done(long)
		now, _ := d.current(anyName)
		time.Sleep(9 * time.Minute) // a run would have something to do by now
		if ans, err := d.Do(t.Context(), again); err != nil || !ans.Done || ans.KeyID != now || len(ans.Actions) != 0 {
			t.Errorf("%s was promoted since: %+v, %v", now, ans, err)
		}
		d.done(ask(rotation.RequestRotate, ""))
		if ans, err := d.Do(t.Context(), once(0)); err != nil || ans.Done {
			t.Errorf("nothing was promoted since this was asked for: %+v, %v", ans, err)
		}
		for _, beyond := range []int64{1 << 40, 1<<63 - 1} { // of a database of before
			if ans, err := d.Do(t.Context(), once(beyond)); err != nil || ans.Done {
				t.Errorf("since %d: %+v, %v", beyond, ans, err)
			}
		}
	})
}

// TestOfficeRotateThenBack: a key from before that is put back is not a new one.
func TestOfficeRotateThenBack(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		d.done(ask(rotation.RequestRotate, ""))
		asked, err := d.Do(t.Context(), once(0))
		if err != nil || asked.Done {
			t.Fatalf("with both slots taken: %+v, %v", asked, err)
		}
		back := ask(rotation.RequestRollback, "")
		back.Patience = time.Hour
		d.done(back)
		if ans, err := d.Do(t.Context(), once(asked.Since)); err != nil || ans.Done {
			t.Errorf("only a key from before was promoted since: %+v, %v", ans, err)
		}
	})
}

// TestPatientlyPassesOn: each try knows since when the first one was asked for.
func TestPatientlyPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &tries{}
		a := once(0)
		a.Patience = time.Hour
		if ans, err := fleet.Patiently(t.Context(), d, a, nil); err != nil || !ans.Done || !slices.Equal(d.since, []int64{0, 7, 7}) {
			t.Errorf("asked with %v: %+v, %v", d.since, ans, err)
		}
	})
}

// tries is a desk that carries out the third try.
type tries struct {
	fleet.Desk
	since []int64
}

func (d *tries) Do(_ context.Context, a fleet.Ask) (fleet.Answer, error) {
	d.since = append(d.since, a.Since)
	return fleet.Answer{Done: len(d.since) == 3, Reason: rotation.ReasonGrace, Since: 7}, nil
}

// once is one try of a rotation.
func once(since int64) fleet.Ask {
	a := ask(rotation.RequestRotate, "")
	a.Patience, a.Since = 0, since
	return a
}
