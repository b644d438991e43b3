package endtoend

import (
	"fmt"
	"testing"
	"time"
)

// The daemon is killed at the worst moments there are: while AWS holds one of its changing calls open. Then it is left alone, and
// everybody must have been rotated, with no key too many, no safety rule broken, and no consumer's call failed.
func TestKill(t *testing.T) {
	t.Parallel()
	const kills = 63 // every operation at every moment, three times
	w := newWorld(t, 60, "")
	for i := range 12 {
		w.enter(fmt.Sprintf("user-%02d", i))
	}
	d := w.start("daemon")
	for _, user := range w.users {
		w.seat(user)
	}
	seen := map[string]int{}
	for i := range kills {
		operation, at := changing[i%len(changing)], moments[i/len(changing)%len(moments)]
		h := w.holdNext(operation, at)
		if operation == "CreateSecret" { // needs somebody new, whom the next daemon finds at its start
			d.kill()
			w.enter(fmt.Sprintf("late-%02d", i))
			d = w.start("daemon")
		}
		select {
		case <-h.caught:
		case <-time.After(2 * time.Minute):
			t.Fatalf("kill %d: no call of %s came", i, operation)
		}
		d.kill()
		if h.at != late {
			close(h.release)
		}
		seen[operation]++
		d = w.start("daemon")
	}
	for _, user := range w.users[12:] {
		w.seat(user)
	}
	w.settled(time.Now().Add(2 * lands))
	t.Logf("killed %d times: %v", kills, seen)
	for _, operation := range changing {
		if seen[operation] < 2 {
			t.Errorf("killed %d times in %s", seen[operation], operation)
		}
	}
}
