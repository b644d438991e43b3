package simulation

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

var (
	rotations     = flag.Int("sim.rotations", 2000, "rotations to simulate at least, over all worlds")
	oneWorld      = flag.Uint64("sim.world", 0, "replay the world with this seed, and print what happens")
	firstSeed     = flag.Uint64("sim.seed", 1, "seed of the first world")
	interleavings = flag.Int("sim.interleavings", 1000, "interleavings of two rotators that share nothing")
	least         = flag.Int("sim.least", 0, "least number in each cell of the table call × fault × phase")
)

// TestSimulation lives through many worlds until enough rotations are done. At least 30 % of them are disturbed.
func TestSimulation(t *testing.T) {
	counts := newTable()
	if *oneWorld != 0 {
		w := liveOneWorld(t, *oneWorld, counts)
		t.Log(strings.Join(w.trace, "\n"))
		return
	}
	var done, disturbed atomic.Int64
	var seed atomic.Uint64
	seed.Store(*firstSeed - 1)
	var acts int
	t.Run("worlds", func(t *testing.T) {
		for worker := range 2 {
			t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
				t.Parallel()
				for done.Load() < int64(*rotations) && !t.Failed() {
					w := liveOneWorld(t, seed.Add(1), counts)
					done.Add(int64(w.promoted))
					disturbed.Add(int64(w.disturbedCount))
					mu.Lock()
					acts += w.acts
					mu.Unlock()
				}
			})
		}
	})
	text, thin := counts.print(*least)
	share := float64(disturbed.Load()) / float64(max(1, done.Load()))
	fmt.Fprintf(os.Stdout, "simulated %d rotations in worlds %d to %d; %.0f %% disturbed; %d acts of people and operators\n%s",
		done.Load(), *firstSeed, seed.Load(), 100*share, acts, text)
	if share < 0.30 {
		t.Errorf("%.0f %% of the rotations were disturbed; at least 30 %% are asked for", 100*share)
	}
	if len(thin) > 0 {
		t.Errorf("cells with fewer than %d: %s", *least, strings.Join(thin, "; "))
	}
}

// liveOneWorld plays one world: hours of disturbances, then the operator mends what people broke, and then, undisturbed, the user
// must be rotated again within three periods.
func liveOneWorld(t *testing.T, seed uint64, counts *table) (w *world) {
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(seed, drawOptions(seed))
		w.people = w.rng.IntN(3) != 0
		rate := 0.01 + 0.08*w.rng.Float64()
		w.fault = func(w *world, c *awssim.Call) awssim.Fate {
			counts.call(c.Operation, w.phase)
			rate := rate
			if w.phase == "first" || w.phase == "repair" {
				rate *= 3 // they are short
			}
			if c.User != username || w.rng.Float64() > rate {
				return awssim.Fate{}
			}
			kind := counts.pick(c.Operation, w.phase, w.rng.IntN)
			w.note("fault %s on %s in %s", kind, c.Operation, w.phase)
			w.hit = true
			return w.fate(kind)
		}
		w.live()
		w.after(20*time.Minute, w.consume)
		if w.people {
			w.after(time.Hour, w.disturbLoop)
		}
		w.play(w.start.Add(10 * time.Hour))
		w.fault = nil
		w.mend()
		period := max(w.schedule.RotateEvery, 20*time.Minute)
		w.play(time.Now().Add(90*time.Minute + 3*period))
		w.notStuck(period)
		if len(w.broken) > 0 {
			t.Errorf("world %d: %s\nreplay: go test ./internal/simulation -run 'TestSimulation$' -sim.world=%d\n%s", seed,
				strings.Join(w.broken, "\n"), seed, strings.Join(w.trace[max(0, len(w.trace)-60):], "\n"))
		}
		w.proc.cancel()
		synctest.Wait()
	})
	return w
}

func drawOptions(seed uint64) options {
	rng := rand.New(rand.NewPCG(seed, 0x776f726c64))
	o := options{stale: staleness, propagation: time.Duration(rng.Int64N(int64(15 * time.Second))), keys: rng.IntN(8) / 7}
	switch rng.IntN(6) {
	case 0:
		o.schedule = minutes(15, 16, 20)
	case 1:
		o.schedule = minutes(20, 30, 35)
	}
	if rng.IntN(4) == 0 {
		o.regions = []string{"us-east-1", "eu-central-1"}
	}
	if rng.IntN(3) == 0 {
		o.pages = 1
	}
	if rng.IntN(3) == 0 {
		o.skew = time.Duration(rng.Int64N(int64(6*time.Hour))) - 3*time.Hour
	}
	return o
}

// disturbLoop lets somebody act about every hour.
func (w *world) disturbLoop() {
	if time.Since(w.start) > 9*time.Hour {
		return
	}
	w.acts++
	w.act()
	w.after(10*time.Minute+time.Duration(w.rng.Int64N(int64(100*time.Minute))), w.disturbLoop)
}

// mend is the operator at the end of the day: everything that needs a person is done.
func (w *world) mend() {
	w.note("the disturbances end")
	w.ending = true
	w.thaw()
	w.after(50*time.Minute, func() {
		if w.isPaused() { // one who is not is not resumed: that would be refused, and say no more of what is wrong
			w.ask(rotation.Request{Kind: rotation.RequestResume})
		}
	})
	w.after(55*time.Minute, func() {
		for _, k := range w.last.Keys {
			if k.Class == rotation.ClassForeign || (w.last.Reason == rotation.BlockedNoSlot || w.last.Reason == rotation.BlockedRollback) &&
				k.Class != rotation.ClassCurrent {
				w.removeKey(k.ID)
			}
		}
	})
	// Two looks at least an hour apart at most: what hid behind another trouble has come out by then.
	for _, at := range []time.Duration{45 * time.Minute, 75 * time.Minute} {
		w.after(at, func() {
			if w.last.Reason == rotation.BlockedUserChanged {
				w.ask(rotation.Request{Kind: rotation.RequestAdopt})
			}
		})
	}
}

// isPaused reports whether the tags say so. Another trouble may hide it from the last look.
func (w *world) isPaused() bool {
	s, _ := w.secret()
	st, _, err := rotation.ParseState(s.Tags)
	return err == nil && st.Pause.Paused
}

// notStuck: after three undisturbed periods the current key works and is no older than the schedule allows.
func (w *world) notStuck(period time.Duration) {
	if len(w.broken) > 0 {
		return
	}
	for _, k := range w.sim.Keys(username) {
		if k.ID == w.currentKey() && k.Status == "Active" {
			if age := w.now().Sub(k.Created); age > period+6*time.Minute {
				w.fail("stuck: the current key is %s old, reason %s, %v", age, w.last.Reason, w.last.Err)
			}
			return
		}
	}
	w.fail("stuck: no working current key, reason %s, %v", w.last.Reason, w.last.Err)
}

// mu guards the counters that the parallel parts of a test share.
var mu sync.Mutex
