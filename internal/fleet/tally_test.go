package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
)

// TestTallySeesWhoIsLate: a user whose rotation fails is overdue from when it was due, however often it is tried again, until it succeeds.
func TestTallySeesWhoIsLate(t *testing.T) {
	inWatch(t, 5, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(5 * time.Minute)
		tally := w.keeper.Tally()
		if tally.Overdue != 0 || tally.Longest != 0 || tally.By[fleet.Fine] != 5 || len(tally.By) != 5 {
			t.Errorf("after five minutes: %+v", tally)
		}
		if p := w.keeper.Pulse(); time.Since(p.Beat) > 30*time.Second || p.Idle {
			t.Errorf("after five minutes: %+v", p)
		}
		w.mu.Lock()
		w.fate = func(c *awssim.Call) awssim.Fate {
			if strings.Contains(c.Operation, "AccessKey") {
				return awssim.Fate{FailBefore: "ServiceUnavailable"}
			}
			return awssim.Fate{}
		}
		w.mu.Unlock()
		time.Sleep(25 * time.Minute) // they were due about twenty minutes ago
		tally = w.keeper.Tally()
		if tally.Overdue != 5 || tally.Longest < 18*time.Minute || tally.Longest > 22*time.Minute || tally.By[fleet.Failed] != 5 {
			t.Errorf("in an outage: %+v", tally)
		}
		w.mu.Lock()
		w.fate = nil
		w.mu.Unlock()
		time.Sleep(90 * time.Minute)
		if tally = w.keeper.Tally(); tally.Overdue != 0 || tally.Longest != 0 || tally.By[fleet.Fine] != 5 {
			t.Errorf("after it: %+v", tally)
		}
	})
}
