package simulation

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// opened gives real databases in memory; close ends them all, in the bubble that they belong to.
type opened struct{ all []*store.Store }

func (o *opened) journal() reconcile.Journal {
	s, err := store.Open(context.Background(), store.Options{Path: store.Memory, Settle: rotation.DefaultLimits().Settle})
	if err != nil {
		panic(err)
	}
	o.all = append(o.all, s)
	return s
}

func (o *opened) close() {
	for _, s := range o.all {
		_ = s.Close() // nothing is left to write
	}
}

// bothAtOnce starts two runs in the same instant and gives what each did. The notes are left out: they are not made for two.
func (w *world) bothAtOnce(journals ...reconcile.Journal) []reconcile.Result {
	results := make([]reconcile.Result, len(journals))
	var wg sync.WaitGroup
	for i, j := range journals {
		p := w.newProcess([]string{"left", "right"}[i], j)
		p.rec.Journal = j
		wg.Go(func() {
			defer p.cancel()
			results[i] = p.rec.Run(p.ctx, reconcile.Task{User: w.user, UserID: w.userID, Schedule: w.schedule, Cloud: w.session(p)})
		})
	}
	wg.Wait()
	return results
}

// TestRowTwoRunsAtOnce: two runs at once: one writer per user, so that the other changes nothing and one key is made; and when
// the lease is broken, as the two share no database, no stored secret and no key in use is lost all the same.
func TestRowTwoRunsAtOnce(t *testing.T) {
	t.Run("shared database", func(t *testing.T) {
		var stores opened
		row(t, options{propagation: 5 * time.Second, journal: stores.journal}, func(w *world) {
			defer stores.close()
			w.settled()
			for range 6 { // each step of the life: rotate, deactivate, delete, rotate…
				time.Sleep(time.Until(w.last.Recheck))
				time.Sleep(time.Second)
				w.sim.ResetCounts()
				results := w.bothAtOnce(w.journal, w.journal)
				worked, leased := 0, 0
				for _, r := range results {
					if r.Reason == rotation.ReasonLeased && len(r.Actions) == 0 {
						leased++
						continue
					}
					worked++
					w.last = r
				}
				if worked != 1 || leased != 1 {
					w.fail("two runs at once: %s %v and %s %v", results[0].Reason, results[0].Err, results[1].Reason, results[1].Err)
				}
				for _, op := range []string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"} {
					if n := w.sim.RotatorCounts()[op]; n > 1 {
						w.fail("two runs at once made %d calls of %s", n, op)
					}
				}
			}
			w.agenda = nil
			w.live()
			w.play(time.Now().Add(time.Hour))
			w.notStuck(w.schedule.RotateEvery)
		})
	})
	t.Run("nothing shared", func(t *testing.T) {
		for seed := uint64(1); seed <= 40 && !t.Failed(); seed++ {
			w := together(t, seed, false, 40*time.Minute)
			w.checkTwo(t, seed)
			if !w.paired() {
				t.Errorf("seed %d: what consumers read does not hold a key of the user with its own secret", seed)
			}
		}
	})
}

// TestRowNotPropagatedYet: a new key is not known everywhere yet: it is handed out only once it answered several times in a row in
// every Region that consumers use, so none of them is ever refused.
func TestRowNotPropagatedYet(t *testing.T) {
	regions := []string{"us-east-1", "eu-central-1", "ap-southeast-2"}
	row(t, options{regions: regions, propagation: 25 * time.Second, stale: staleness}, func(w *world) {
		early, tried := 0, map[string]int{} // of calls with keys that were not handed out yet; by Region
		everywhere := func() {
			k, ok := w.key(w.currentKey())
			if !ok {
				w.fail("AWSCURRENT names no key of the user")
				return
			}
			for _, region := range regions {
				if err := call(w.sim, region, k.ID, k.Secret); err != nil {
					w.fail("a consumer in %s that reads the new key at once is refused: %v", region, err)
				}
			}
		}
		handedOut := ""
		w.fault = func(w *world, c *awssim.Call) awssim.Fate {
			switch c.Operation {
			case "GetCallerIdentity":
				if k, ok := w.key(c.AccessKeyID); ok && k.ID != handedOut {
					tried[c.Region]++
					if w.now().Sub(k.Created) < 2*time.Second {
						early++
					}
				}
			case "UpdateSecretVersionStage", "PutSecretValue":
				return awssim.Fate{After: func() {
					if now := w.currentKey(); now != handedOut {
						handedOut = now
						everywhere()
					}
				}}
			}
			return awssim.Fate{}
		}
		w.settled()
		w.untilMinute(180)
		for _, region := range regions {
			if tried[region] < 2*w.promoted {
				w.fail("%d keys were tried %d times in %s", w.promoted, tried[region], region)
			}
		}
		if w.promoted < 15 || early == 0 {
			w.fail("%d keys were handed out, of which %d were tried early: this world proves nothing", w.promoted, early)
		}
		w.notStuck(w.schedule.RotateEvery)
	})
}

// flaky is a database that cannot be written to for a while.
type flaky struct {
	reconcile.Journal
	failBegin, failEnd bool
}

type fullError struct{}

func (fullError) Error() string { return "the disk is full" }

func (f *flaky) Begin(ctx context.Context, e rotation.Event) (int64, error) {
	if f.failBegin {
		return 0, fullError{}
	}
	return f.Journal.Begin(ctx, e)
}

func (f *flaky) End(ctx context.Context, id int64, at time.Time, o rotation.Outcome, key, detail string) error {
	if f.failEnd {
		return fullError{}
	}
	return f.Journal.End(ctx, id, at, o, key, detail)
}

// changing are the calls that change something, and the steps that they belong to.
var changing = map[string][]rotation.ActionKind{
	"CreateSecret": {rotation.Onboard}, "CreateAccessKey": {rotation.CreateKey},
	"PutSecretValue": {rotation.PutPending, rotation.PutFirst}, "UpdateSecretVersionStage": {rotation.Promote},
	"UpdateAccessKey": {rotation.DeactivateKey, rotation.ReactivateKey}, "DeleteAccessKey": {rotation.DeleteKey},
	"TagResource": {rotation.WriteIntent, rotation.RecordPromoted, rotation.RecordInactive, rotation.RecordActive, rotation.CloseIntent},
}

// TestRowNotificationFails: nobody can be told what happens to a key unless it is on record: each change is recorded before it is
// made and its outcome after, and while nothing can be recorded nothing is changed, loudly; then it goes on by itself.
func TestRowNotificationFails(t *testing.T) {
	var stores opened
	row(t, options{journal: stores.journal}, func(w *world) {
		defer stores.close()
		db := stores.all[0]
		disk := &flaky{Journal: w.journal}
		w.journal = disk
		w.boot()
		changes := 0
		w.fault = func(w *world, c *awssim.Call) awssim.Fate {
			steps, ok := changing[c.Operation]
			if !ok {
				return awssim.Fate{}
			}
			changes++
			lines, err := db.Events(context.Background(), store.Query{Limit: 1})
			if err != nil || len(lines) == 0 || lines[0].Outcome != "" || !slices.Contains(steps, lines[0].Action) {
				w.fail("%s is made, and the newest event is %v, %v", c.Operation, lines, err)
			}
			return awssim.Fate{}
		}
		ended := func() {
			lines, err := db.Events(context.Background(), store.Query{Limit: 1000})
			for _, l := range lines {
				if l.Outcome != rotation.Done || l.Seq == 0 {
					w.fail("the event %s of %s has the outcome %q", l.Action, l.At, l.Outcome)
				}
			}
			if err != nil || len(lines) != changes {
				w.fail("%d changes were made, and %d are on record: %v", changes, len(lines), err)
			}
		}
		w.settled()
		w.untilMinute(31)
		ended()
		for step := range 8 { // at each step of the life
			quiet := changes
			disk.failBegin = true
			w.play(time.Now().Add(6 * time.Minute))
			if changes != quiet {
				w.fail("step %d: %d changes were made that are not on record", step, changes-quiet)
			}
			disk.failBegin = false
			w.play(time.Now().Add(2 * time.Minute))
			ended()
			w.play(time.Now().Add(time.Duration(step) * time.Minute))
		}
		disk.failBegin = true
		w.play(time.Now().Add(15 * time.Minute))
		if w.last.Err == nil || !strings.Contains(w.last.Err.Error(), "cannot be recorded: the disk is full") {
			w.fail("nothing can be recorded, and the run says %v", w.last.Err)
		}
		disk.failBegin = false
		w.play(time.Now().Add(25 * time.Minute))
		ended()
		w.notStuck(w.schedule.RotateEvery)
		disk.failEnd = true // the outcome cannot be recorded: the run stops, and the next one observes what came of it
		before, after := changes, 0
		w.onRun = func(reconcile.Result) { before, after = changes, max(after, changes-before) }
		w.play(time.Now().Add(15 * time.Minute))
		if after != 1 {
			w.fail("outcomes cannot be recorded, and a run made %d changes", after)
		}
		disk.failEnd, w.onRun = false, nil
		w.play(time.Now().Add(40 * time.Minute))
		w.notStuck(w.schedule.RotateEvery)
	})
}
