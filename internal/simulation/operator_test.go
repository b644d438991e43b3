package simulation

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// everyFive runs a test for every five seconds of the 10/12/15-minute cycle, in a world that has settled into it.
func everyFive(t *testing.T, do func(t *testing.T, w *world)) {
	for worker := range 2 {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for step := worker; step < 120 && !t.Failed(); step += 2 {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(uint64(step+1), options{propagation: 5 * time.Second, stale: staleness})
					w.live()
					w.after(time.Minute, w.consume)
					w.play(w.start.Add(30*time.Minute + time.Duration(step)*5*time.Second))
					do(t, w)
					if len(w.broken) > 0 {
						t.Errorf("asked %v after the start: %s\n%s", 30*time.Minute+time.Duration(step)*5*time.Second,
							strings.Join(w.broken, "\n"), strings.Join(w.trace, "\n"))
					}
					w.proc.cancel()
				})
			}
		})
	}
}

// TestRollbackAtAnyTime: whenever it is asked for, the key before becomes current again or the rollback is refused with a reason;
// the current key works throughout; and after resume the user goes on being rotated.
func TestRollbackAtAnyTime(t *testing.T) {
	var done, refused atomic.Int64
	t.Cleanup(func() {
		fmt.Fprintf(os.Stdout, "rollback at every 5 s: %d done, %d refused as the key before was gone\n", done.Load(), refused.Load())
		if done.Load() < 30 || refused.Load() < 30 {
			t.Errorf("both are asked for, 30 times at least")
		}
	})
	everyFive(t, func(_ *testing.T, w *world) {
		w.ask(rotation.Request{Kind: rotation.RequestRollback})
		w.play(time.Now().Add(6 * time.Minute))
		switch w.refused {
		case rotation.BlockedRollback:
			refused.Add(1)
		case rotation.ReasonRollback:
			if now := w.currentKey(); now == w.carriedFrom || w.last.Reason != rotation.ReasonRollbackDone && w.last.Reason != w.refused {
				w.fail("rollback from %s: current is %s, and the user is %s", w.carriedFrom, now, w.last.Reason)
			}
			done.Add(1)
		default:
			w.fail("the rollback ended with %q", w.refused)
		}
		w.ask(rotation.Request{Kind: rotation.RequestResume})
		w.play(time.Now().Add(5 * w.schedule.RotateEvery))
		w.notStuck(w.schedule.RotateEvery)
	})
}

// TestRevokeAtAnyTime: whenever it is asked for, the leaked key is Inactive within a pass, never comes back, and a working key is
// current as soon as a slot is free.
func TestRevokeAtAnyTime(t *testing.T) {
	for _, which := range []string{"current", "previous"} {
		t.Run(which, func(t *testing.T) {
			everyFive(t, func(_ *testing.T, w *world) {
				leaked := ""
				for _, k := range w.sim.Keys(username) {
					if (k.ID == w.currentKey()) == (which == "current") {
						leaked = k.ID
					}
				}
				if leaked == "" {
					return
				}
				w.revoked[leaked] = true
				w.sim.AllowRevoke(leaked)
				if which == "current" {
					w.disturb(leaked)
				}
				asked := time.Now()
				w.ask(rotation.Request{Kind: rotation.RequestRevoke, KeyID: leaked})
				w.play(asked.Add(3 * time.Minute))
				if w.keyWorks(leaked) {
					w.fail("the leaked key %s is Active three minutes later", leaked)
				}
				w.play(asked.Add(time.Duration(5) * w.schedule.RotateEvery))
				w.notStuck(w.schedule.RotateEvery)
				if w.keyWorks(leaked) {
					w.fail("the leaked key %s came back", leaked)
				}
			})
		})
	}
}
