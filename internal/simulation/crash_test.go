package simulation

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
)

// crash is one fault at the n-th call of a world: the whole operation fails, retries included.
type crash struct {
	call int
	kind string
}

func (c crash) String() string { return fmt.Sprintf("%s at call %d", c.kind, c.call) }

// crashKinds are what can happen to a call, as far as its effect and our knowledge of it go.
var crashKinds = []string{failed, tookEffect, killBefore, killAfter}

// crashed plays a world without people in which these faults happen, and gives the operation of each call, up to the end of the
// window in which faults are put.
func crashed(t *testing.T, window time.Duration, crashes ...crash) (calls []string) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(7, options{})
		n, during, hit := 0, "", crash{}
		w.fault = func(w *world, c *awssim.Call) awssim.Fate {
			if c.User != username {
				return awssim.Fate{}
			}
			n++
			if time.Since(w.start) < window {
				calls = append(calls, c.Operation)
			}
			for _, x := range crashes {
				if x.call == n {
					hit, during = x, c.Operation
				}
			}
			if during != c.Operation {
				hit, during = crash{}, ""
				return awssim.Fate{}
			}
			if isRead(c.Operation) && hit.kind == tookEffect {
				return w.fate(failed)
			}
			kind := hit.kind
			if kind == killBefore || kind == killAfter {
				during = ""
			}
			return w.fate(kind)
		}
		w.onRun = func(reconcile.Result) { during = "" }
		w.live()
		w.after(time.Minute, w.consume)
		w.play(w.start.Add(window))
		period := w.schedule.RotateEvery
		w.play(time.Now().Add(5 * period))
		w.notStuck(period)
		if len(w.broken) > 0 {
			t.Errorf("%v:\n%s\n%s", crashes, strings.Join(w.broken, "\n"), strings.Join(w.trace, "\n"))
		}
		w.proc.cancel()
	})
	return calls
}

// secondFaults is how many calls after the first fault belong to the runs that recover from it: two whole runs.
const secondFaults = 24

// TestCrashTable puts every kind of fault at every call of a user's first twenty-six minutes (first key, rotation, deactivation,
// deletion, rotation), and then a second fault at every call of the runs that recover from the first.
func TestCrashTable(t *testing.T) {
	t.Parallel()
	const window = 26 * time.Minute
	undisturbed := crashed(t, window)
	singles, doubles := 0, 0
	t.Run("table", func(t *testing.T) {
		for _, kind := range crashKinds {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				for i := range undisturbed {
					first := crash{i + 1, kind}
					after := crashed(t, window, first)
					mu.Lock()
					singles++
					mu.Unlock()
					end := min(len(after), i+1+secondFaults)
					for j := i + 2; j <= end && !t.Failed(); j++ {
						for _, again := range crashKinds {
							crashed(t, window, first, crash{j, again})
							mu.Lock()
							doubles++
							mu.Unlock()
						}
					}
					if t.Failed() {
						return
					}
				}
			})
		}
	})
	fmt.Fprintf(os.Stdout, "crash table: %d calls × %d kinds = %d, each with a second fault: %d\n", len(undisturbed), len(crashKinds),
		singles, doubles)
	if singles != len(undisturbed)*len(crashKinds) {
		t.Errorf("%d of %d faults were played", singles, len(undisturbed)*len(crashKinds))
	}
}
