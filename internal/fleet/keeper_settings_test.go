package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// settings are what a configuration file may say in these tests.
type settings struct {
	rotate, deactivate, delete string
	more                       string // further lines
}

func (s settings) text() string {
	return fmt.Sprintf("region: us-east-1\nusers: {include: [{path: \"/service/\"}]}\n"+
		"schedule: {rotate_every: %s, deactivate_after: %s, delete_after: %s}\n%s", s.rotate, s.deactivate, s.delete, s.more)
}

// load reads the file as keyturn does; nil and the reason when it is refused.
func (s settings) load() (*config.Config, error) {
	return config.Parse("keyturn.yaml", []byte(s.text()))
}

var (
	usual = settings{"10m", "12m", "15m", ""}
	// feasible are long and short ones, in no order.
	feasible = []settings{usual, {"10m", "11m", "13m", ""}, {"10m", "10m", "10m", ""}, {"30m", "45m", "55m", ""}, {"4h", "270m", "5h", ""},
		{"90d", "2161h", "2162h", ""}, {"10m", "17m", "17m", ""}, {"15m", "16m", "27m", ""}}
	// infeasible are refused by what the file alone says.
	infeasible = []settings{{"10m", "12m", "30m", ""}, {"10m", "9m", "15m", ""}, {"10m", "12m", "15m", "settle: 1s\n"},
		{"10m", "12m", "15m", "colour: red\n"}, {"10m", "12m", "", ""}}
	// further settings that may come with any schedule.
	further = []string{"", "concurrency: 1\n", "concurrency: 64\n", "pace: {iam: 2, secret_writes: 4}\n", "jitter: 0%\n", "jitter: 10%\n",
		"settle: 30s\n", "settle: 75s\n", "max_recheck: 10m\n", "discover_every: 30s\n", "verify: {successes: 3, interval: 2s}\n"}
)

// consumers ask for credentials all the time and are handed what an answer of four seconds ago says. Each is told until when it may use
// the key: a key that is made Inactive before that is a broken promise.
func (w *watch) consumers(stop <-chan struct{}) {
	promised := map[string]time.Time{}
	w.onRetire = func(key string) {
		if until := promised[key]; until.After(time.Now()) {
			w.t.Errorf("a consumer may use %s for %s more, and it is made Inactive", key, time.Until(until))
		}
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(11 * time.Second):
		}
		type seen struct {
			o  rotation.Observation
			id string
		}
		var all []seen
		for _, u := range w.users {
			if id, _ := w.current(u); id != "" {
				all = append(all, seen{w.truth(u), id})
			}
		}
		select {
		case <-stop:
			return
		case <-time.After(4 * time.Second):
		}
		cfg := w.keeper.Settings()
		schedule, _ := cfg.RotationSchedule("")
		w.mu.Lock()
		for _, s := range all {
			s.o.Now = time.Now().Truncate(time.Second)
			if until := rotation.Expiration(schedule, cfg.Limits(), s.o, s.id); until.After(promised[s.id]) {
				promised[s.id] = until
			}
		}
		w.mu.Unlock()
	}
}

// truth is the observation of somebody who sees everything.
func (w *watch) truth(user string) rotation.Observation {
	s := w.world.Secret("keyturn/" + user + "/key")
	o := rotation.Observation{User: ident(user), Secret: rotation.Secret{Exists: true, Versions: map[string][]string{}, Tags: s.Tags}}
	for _, v := range s.Versions {
		if len(v.Stages) > 0 {
			o.Secret.Versions[v.ID] = v.Stages
		}
	}
	for _, k := range w.world.Keys(user) {
		o.Keys = append(o.Keys, rotation.Key{ID: k.ID, Status: rotation.KeyStatus(k.Status), Created: k.Created.Truncate(time.Second)})
	}
	return o
}

// demand tells the simulator what two settings promise both: runs under way end with the old ones.
func (w *watch) demand(a, b *config.Config) {
	grace := min(a.Schedule.DeactivateAfter-a.Schedule.RotateEvery.Interval, b.Schedule.DeactivateAfter-b.Schedule.RotateEvery.Interval)
	rest := min(a.Schedule.DeleteAfter-a.Schedule.DeactivateAfter, b.Schedule.DeleteAfter-b.Schedule.DeactivateAfter)
	for _, u := range w.users {
		w.world.Care(u, awssim.Care{SecretName: "keyturn/" + u + "/key", Grace: grace.D(), Retention: rest.D(),
			Quarantine: 5 * time.Minute, VerifySuccesses: min(a.Verify.Successes, b.Verify.Successes)})
	}
}

// Random sequences of changes of the configuration, long schedules to short ones and back, most of them made while rotations run. Each
// takes effect or is refused with a reason; no safety rule is broken (the simulator checks), no consumer's promise, and the pace is
// kept.
func TestKeeperSettings(t *testing.T) {
	seeds := uint64(8)
	if underRace {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { playSettings(t, seed) })
	}
}

func playSettings(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x73657474))
	inWatch(t, 8, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		var err error
		if w.cfg, err = usual.load(); err != nil {
			t.Fatal(err)
		}
		w.start()
		time.Sleep(2 * time.Minute)
		stop := make(chan struct{})
		defer close(stop)
		go w.consumers(stop)

		inForce, done, refused := w.cfg, 0, 0
		for range 20 {
			if rng.IntN(3) > 0 {
				for until := time.Now().Add(15 * time.Minute); w.keeper.Health().AtWork == 0 && time.Now().Before(until); {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
			} else {
				time.Sleep(time.Duration(rng.IntN(20*60)) * time.Second)
			}
			next := feasible[rng.IntN(len(feasible))]
			next.more = further[rng.IntN(len(further))]
			if rng.IntN(5) == 0 {
				next = infeasible[rng.IntN(len(infeasible))]
			}
			cfg, err := next.load()
			if err != nil {
				if refused++; len(err.Error()) < 30 || !strings.HasPrefix(err.Error(), "keyturn.yaml:") {
					t.Errorf("a refusal says %q", err)
				}
				continue
			}
			w.demand(inForce, cfg)
			w.forget()
			if err := w.keeper.Reload(context.Background(), cfg); err != nil {
				t.Fatalf("%s was refused: %v", next.text(), err)
			}
			done++
			was := inForce
			inForce = cfg
			w.tookEffect(was, cfg)
			w.withinPaceOf(was, cfg)
			w.demand(cfg, cfg)
		}
		cfg, _ := usual.load()
		w.demand(inForce, cfg)
		if err := w.keeper.Reload(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour) // longer than any grace that was promised
		w.working("at the end", 11*time.Minute)
		t.Logf("%d changes took effect, %d were refused", done, refused)
	})
}

// tookEffect: within three minutes everybody has the new schedule and has been looked at with it, if it is another one, unless its lease
// was not over.
func (w *watch) tookEffect(was, now *config.Config) {
	w.t.Helper()
	began := time.Now()
	time.Sleep(3 * time.Minute)
	want, _ := now.RotationSchedule("")
	for _, m := range w.keeper.Selection().Members {
		if m.Schedule.RotateEvery != want.RotateEvery || m.Schedule.DeactivateAfter != want.DeactivateAfter {
			w.t.Errorf("three minutes after the change %s is on the schedule %+v", m.User, m.Schedule)
		}
		if st, _, _ := w.db.Standing(context.Background(), m.User); st.At.Before(began.Add(-5*time.Second)) && was.Schedule != now.Schedule {
			w.t.Errorf("three minutes after the change %s was last looked at %s before it", m.User, began.Sub(st.At))
		}
	}
}

func (w *watch) withinPaceOf(a, b *config.Config) {
	w.t.Helper()
	was := w.cfg
	defer func() { w.cfg = was }()
	most := *a
	most.Pace.IAM, most.Pace.SecretWrites = max(a.Pace.IAM, b.Pace.IAM), max(a.Pace.SecretWrites, b.Pace.SecretWrites)
	w.cfg = &most
	w.withinPace("after a reload")
}

// What needs a restart is refused with a sentence, and so is another account that cannot be asked; nothing else of the file takes effect.
func TestKeeperReloadRefuses(t *testing.T) {
	inWatch(t, 4, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg, _ = usual.load()
		w.start()
		time.Sleep(11 * time.Minute)
		for _, c := range []struct {
			more, says string
			fate       func(*awssim.Call) awssim.Fate
		}{
			{"database: other.db\n", `keyturn.yaml:4: database changed from "keyturn.db" to "other.db"`, nil},
			{"profile: other\n", "GetCallerIdentity of keyturn's own credentials failed: AWS is unavailable", away("sts")},
		} {
			cfg, err := settings{"1h", "70m", "80m", c.more}.load()
			if err != nil {
				t.Fatal(err)
			}
			w.setFate(c.fate)
			err = w.keeper.Reload(context.Background(), cfg)
			w.setFate(nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the reload said %v, want %q", err, c.says)
			}
			if got := w.keeper.Settings().Schedule.RotateEvery.String(); got != "10m" {
				t.Errorf("a part of a refused file took effect: rotate_every is %s", got)
			}
			time.Sleep(6 * time.Minute) // a sweep
		}
		w.working("after refusals", 11*time.Minute)
	})
}

// A settle time that becomes shorter counts for runs that die from then on: what they may have changed is not taken to be older than it
// is.
func TestKeeperReloadLowersSettle(t *testing.T) {
	inWatch(t, 1, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg, _ = usual.load()
		w.start()
		time.Sleep(time.Minute)
		cfg, _ := settings{"10m", "12m", "15m", "settle: 20s\n"}.load()
		if err := w.keeper.Reload(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		end := now.Add(3 * time.Minute)
		if l, err := w.db.Acquire(context.Background(), ident("somebody"), "dead", now, end); err != nil || !l.Taken {
			t.Fatal(l, err)
		}
		l, err := w.db.Acquire(context.Background(), ident("somebody"), "next", end, end.Add(time.Minute))
		if err != nil || end.Sub(l.Quiet) > 20*time.Second {
			t.Errorf("a dead run is taken to have changed nothing in the last %s of its lease: %v", end.Sub(l.Quiet), err)
		}
	})
}

// Settings that come while AWS is away take effect for those that are under care; who is under care is asked again until it answers.
func TestKeeperReloadWhileAWSIsAway(t *testing.T) {
	inWatch(t, 4, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg, _ = usual.load()
		w.start()
		time.Sleep(5 * time.Minute)
		w.setFate(away("iam", "sts", "secretsmanager"))
		slow := settings{"4h", "270m", "5h", ""}
		cfg, _ := slow.load()
		w.demand(w.cfg, cfg)
		if err := w.keeper.Reload(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		if err := w.keeper.Health().SweepError; err == nil {
			t.Error("nothing is said of the discovery that failed")
		}
		for _, m := range w.keeper.Selection().Members {
			if m.Schedule.RotateEvery != 4*time.Hour {
				t.Errorf("%s is on the schedule %+v", m.User, m.Schedule)
			}
		}
		time.Sleep(8 * time.Minute)
		w.setFate(nil)
		time.Sleep(20 * time.Minute)
		if h := w.keeper.Health(); h.SweepError != nil || h.Failing > 0 {
			t.Errorf("health is %+v", h)
		}
		for _, u := range w.users {
			if _, made := w.current(u); time.Since(made) < 30*time.Minute {
				t.Errorf("the key of %s was replaced after %s: its schedule is four hours", u, 33*time.Minute-time.Since(made))
			}
		}
	})
}

// When a schedule becomes shorter for many, they are not all looked at in the same second, and what falls due meanwhile is not kept
// waiting. The looks that were brought forward outlast a crash.
func TestKeeperReloadSpreads(t *testing.T) {
	inWatch(t, 200, awssim.Config{}, func(t *testing.T, w *watch) {
		slow := settings{"90d", "97d", "104d", "pace: {iam: 4}\n"}
		w.cfg, _ = slow.load()
		w.start()
		time.Sleep(40 * time.Minute)
		cfg, _ := settings{"80d", "87d", "94d", "pace: {iam: 4}\n"}.load()
		w.demand(w.cfg, cfg)
		w.forget()
		if err := w.keeper.Reload(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		w.stop() // 30 s in: 60 of 200 users were looked at
		if n := len(w.seen()); n < 50 || n > 75 {
			t.Errorf("%d users were looked at in the first 30 seconds, at two a second", n)
		}
		w.cfg = cfg
		w.start()
		time.Sleep(90 * time.Second)
		looked := map[string]bool{}
		for _, l := range w.seen() {
			looked[l.Result.User.Name] = true
		}
		if len(looked) != 200 {
			t.Errorf("%d of 200 users were looked at within two minutes of the change", len(looked))
		}
	})
}

// The pace counts for the old settings and the new ones together, though each has connections of its own.
func TestKeeperReloadKeepsThePace(t *testing.T) {
	inWatch(t, 200, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg, _ = settings{"10m", "12m", "15m", "pace: {iam: 5}\n"}.load()
		w.start()
		time.Sleep(5 * time.Second)
		w.forget()
		for i := range 20 { // each makes the adapter anew while users are onboarded
			cfg, err := settings{"10m", "12m", "15m", fmt.Sprintf("pace: {iam: 5}\nhttp_timeout: %dms\n", 9000+i)}.load()
			if err != nil {
				t.Fatal(err)
			}
			if err := w.keeper.Reload(context.Background(), cfg); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		w.withinPace("during reloads")
		if got := peaks(w.made()); got["iam"] < 4 {
			t.Errorf("the pace was not put to the test: %v", got)
		}
		cfg, _ := settings{"10m", "12m", "15m", "pace: {iam: 50}\n"}.load()
		if err := w.keeper.Reload(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		w.forget()
		time.Sleep(10 * time.Second)
		if got := peaks(w.made()); got["iam"] < 15 {
			t.Errorf("a faster pace did not take effect: %v", got)
		}
	})
}
