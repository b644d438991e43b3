package simulation

import (
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
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// together runs two processes on one user for a while, each by its own rechecks and at its own pace; every call takes a while of
// its own, so that each seed is another interleaving.
func together(t *testing.T, seed uint64, shared bool, span time.Duration) (w *world) {
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(seed, options{propagation: 2 * time.Second})
		w.proc.cancel()
		other := w.journal
		if !shared {
			other = newMemory()
		}
		var lock sync.Mutex
		rng := rand.New(rand.NewPCG(seed, 2))
		w.fault = func(_ *world, c *awssim.Call) awssim.Fate {
			lock.Lock()
			defer lock.Unlock()
			most := int64(3 * time.Second)
			if rng.IntN(4) > 0 {
				most = int64(200 * time.Millisecond)
			}
			return awssim.Fate{Delay: time.Duration(rng.Int64N(most)), DelayReply: time.Duration(rng.Int64N(most))}
		}
		var wg sync.WaitGroup
		var passes sync.Mutex // of the notes, which are the world's
		for i, j := range []reconcile.Journal{w.journal, other} {
			p := w.newProcess(fmt.Sprint("twin", i), &quietJournal{j})
			wg.Go(func() {
				for time.Since(w.start) < span {
					res := p.rec.Run(p.ctx, reconcile.Task{User: w.user, UserID: w.userID, Schedule: w.schedule, Cloud: w.session(p)})
					passes.Lock()
					w.note("%s %s key=%s next=%s err=%v", p.name, res.Reason, res.KeyID, res.Recheck.Sub(w.start), res.Err)
					w.last = res
					passes.Unlock()
					time.Sleep(max(time.Until(res.Recheck), time.Second))
				}
				p.cancel()
			})
		}
		wg.Wait()
	})
	return w
}

// quietJournal hides a journal's own notes: two processes write at once.
type quietJournal struct{ reconcile.Journal }

// TestTwoShareOneDatabase: no third key, no lost secret, no orphan left, whatever the interleaving.
func TestTwoShareOneDatabase(t *testing.T) {
	for seed := uint64(1); seed <= 200 && !t.Failed(); seed++ {
		w := together(t, seed, true, 48*time.Minute)
		w.checkTwo(t, seed)
		for _, k := range w.last.Keys {
			if k.Class == rotation.ClassOrphan || k.Class == rotation.ClassForeign {
				t.Errorf("seed %d: key %s is %s", seed, k.ID, k.Class)
			}
		}
	}
}

// TestTwoShareNothing: two rotators that know nothing of each other. No secret in use is lost; what cannot be told apart is
// reported and never deleted.
func TestTwoShareNothing(t *testing.T) {
	t.Parallel()
	var seed, foreign atomic.Uint64
	most := uint64(*interleavings)
	t.Run("worlds", func(t *testing.T) {
		for worker := range 2 {
			t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
				t.Parallel()
				for s := seed.Add(1); s <= most && !t.Failed(); s = seed.Add(1) {
					w := together(t, s, false, 26*time.Minute)
					w.checkTwo(t, s)
					for _, k := range w.last.Keys {
						if k.Class == rotation.ClassForeign {
							foreign.Add(1)
						}
					}
				}
			})
		}
	})
	fmt.Fprintf(os.Stdout, "%d interleavings of two rotators that share nothing; %d keys could not be told apart and were reported\n",
		most, foreign.Load())
}

func (w *world) checkTwo(t *testing.T, seed uint64) {
	if !w.currentWorks() {
		w.fail("the current key %q does not work", w.currentKey())
	}
	if len(w.broken) > 0 {
		t.Errorf("seed %d: %s\n%s", seed, strings.Join(w.broken, "\n"), strings.Join(w.trace, "\n"))
	}
}
