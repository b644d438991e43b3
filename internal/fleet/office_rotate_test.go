package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestOfficeRotate: a rotation is made whatever the schedule says; a second one waits for the first one's keys as long as its patience
// lasts, and says otherwise when it can be.
func TestOfficeRotate(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		first, _ := d.current(anyName)
		ans := d.done(ask(rotation.RequestRotate, ""))
		second, works := d.current(anyName)
		if second == first || !works || len(ans.Then) == 0 || ans.Then[0].Action != rotation.DeactivateKey || ans.Then[0].KeyID != first {
			t.Errorf("after a rotation %s (works: %v) is current, and what lies ahead is %+v", second, works, ans.Then)
		}
		short := ask(rotation.RequestRotate, "")
		short.Patience = 5 * time.Minute
		ans, err := d.Do(t.Context(), short)
		if err != nil || ans.Done || ans.Refused != "" || ans.Recheck.IsZero() ||
			!slices.ContainsFunc(ans.Then, func(f rotation.Forecasted) bool { return f.Action == rotation.DeleteKey && f.KeyID == first }) {
			t.Errorf("with both slots taken: %+v, %v", ans, err)
		}
		long := ask(rotation.RequestRotate, "")
		long.Patience = time.Hour
		d.done(long)
		if third, works := d.current(anyName); third == second || !works {
			t.Errorf("the patient rotation left %s as it was", third)
		}
		d.live(30 * time.Minute)
	})
}

// TestOfficeRotateAfterWhatComesFirst: an old key has to go first. The rotation follows a settle time after that, and not with the schedule.
func TestOfficeRotateAfterWhatComesFirst(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		d.done(ask(rotation.RequestRotate, ""))
		time.Sleep(13 * time.Minute) // nobody looks: the first key is not even deactivated
		began := time.Now()
		ans := d.done(ask(rotation.RequestRotate, ""))
		if took := time.Since(began); took > 5*time.Minute || !slices.ContainsFunc(ans.Actions, func(a rotation.Action) bool { return a.Kind == rotation.DeleteKey }) {
			t.Errorf("it took %s: %+v", took, ans.Actions)
		}
		d.live(30 * time.Minute)
	})
}

// TestOfficeRevokeOfAPausedUser: with both slots taken the key before works again all the same, and the user shows as paused.
func TestOfficeRevokeOfAPausedUser(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		first, _ := d.current(anyName)
		d.done(ask(rotation.RequestRotate, ""))
		second, _ := d.current(anyName)
		d.done(ask(rotation.RequestPause, ""))
		d.world.AllowRevoke(second)
		d.done(ask(rotation.RequestRevoke, second))
		if d.active(anyName, second) {
			t.Error("the revoked key is Active")
		}
		d.live(5 * time.Minute)
		if got, works := d.current(anyName); got != first || !works {
			t.Errorf("%s is current (works: %v), and the key before is %s", got, works, first)
		}
		states, err := d.States(t.Context())
		if err != nil || len(states) != 1 || states[0].Standing != fleet.Held || states[0].Reason != rotation.ReasonPaused {
			t.Errorf("%+v, %v", states, err)
		}
	})
}
