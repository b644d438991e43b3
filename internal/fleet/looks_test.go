package fleet_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Looks of people and programs that hang keep no run from beginning, and whoever stops waiting for one is gone at once.
func TestLooksThatHangKeepNoRunFromBeginning(t *testing.T) {
	hanging := false
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if hanging && c.Rotator {
			return awssim.Fate{Delay: 5 * time.Second}
		}
		return awssim.Fate{}
	}}
	inOffice(t, 1, sim, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		if _, err := d.Plan(t.Context(), 1); err != nil { // who is looked after is known from now on
			t.Fatal(err)
		}
		hanging = true
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { _, _ = d.Plan(ctx, 1, anyName) })
			all.Go(func() { _, _ = d.Foresee(ctx, ask(rotation.RequestRotate, "")) })
		}
		synctest.Wait() // they have all the places that looks may have
		hanging = false
		began := time.Now()
		a := ask(rotation.RequestPause, "")
		a.Patience = 0
		if ans, err := d.Do(t.Context(), a); err != nil || ans.Error != "" || time.Since(began) > 4*time.Second {
			t.Errorf("a run among looks that hang: %+v, %v after %s", ans, err, time.Since(began))
		}
		leave()
		left := time.Now()
		all.Wait()
		if took := time.Since(left); took > 0 {
			t.Errorf("they left after %s", took)
		}
	})
}
