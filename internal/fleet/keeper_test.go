package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// watch is a Keeper at work in a simulated account, in virtual time. The simulator checks the safety rules at every call.
type watch struct {
	t     *testing.T
	world *awssim.World
	cfg   *config.Config
	db    *store.Store
	users []string
	// engine carries wake-ups; nil: the plain one.
	engine fleet.Engine
	adjust func(*fleet.Config) // nil: nothing
	ours   func() bool         // nil: always

	keeper *fleet.Keeper
	stop   func()

	mu     sync.Mutex
	looked []fleet.Looked
	sweeps []fleet.Sweep
	calls  []awssim.Call // of keyturn
	fate   func(*awssim.Call) awssim.Fate
	// onRetire is told of every key that keyturn makes Inactive. Under mu.
	onRetire func(keyID string)
}

// inWatch makes an account with users under /service/ on the ten-minute schedule, and nobody to look after them yet.
func inWatch(t *testing.T, users int, sim awssim.Config, play func(*testing.T, *watch)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &watch{t: t, cfg: config.Default()}
		w.cfg.Region, w.cfg.Users.Include = "us-east-1", []config.Match{{Path: "/service/"}}
		sim.Seed = 1
		sim.OnCall = w.onCall
		sim.Violation = func(s string) { t.Error(s) }
		w.world = awssim.New(sim)
		for i := range users {
			w.enter(fmt.Sprintf("user-%03d", i), nil)
		}
		var err error
		if w.db, err = store.Open(t.Context(), store.Options{Path: store.Memory, Settle: w.cfg.Settle.D()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*sim.Staleness + 300*time.Millisecond) // no answer may be from before the users were made
		defer func() { _ = w.db.Close() }()
		defer func() {
			if w.stop != nil { // or its goroutines would go on for ever, whatever the test has found
				w.stop()
			}
		}()
		play(t, w)
	})
}

// enter makes a user and tells the simulator what its schedule promises.
func (w *watch) enter(name string, tags map[string]string) {
	w.t.Helper()
	if err := w.world.People().CreateUser(name, "/service/", tags); err != nil {
		w.t.Fatal(err)
	}
	w.users = append(w.users, name)
	w.care(name, w.cfg.Schedule)
}

func (w *watch) care(name string, s config.Schedule) {
	w.world.Care(name, awssim.Care{SecretName: "keyturn/" + name + "/key", Grace: (s.DeactivateAfter - s.RotateEvery.Interval).D(),
		Retention: (s.DeleteAfter - s.DeactivateAfter).D(), Quarantine: 5 * time.Minute, VerifySuccesses: 2})
}

func (w *watch) onCall(c *awssim.Call) awssim.Fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Rotator || c.Operation == "GetCallerIdentity" {
		w.calls = append(w.calls, *c)
	}
	if c.Operation == "UpdateAccessKey" && c.Param("Status") == "Inactive" && w.onRetire != nil {
		w.onRetire(c.KeyID)
	}
	if w.fate != nil && (c.Rotator || c.Operation == "GetCallerIdentity") {
		return w.fate(c)
	}
	return awssim.Fate{Delay: 20 * time.Millisecond}
}

// start begins a process with the settings of the moment.
func (w *watch) start() {
	w.t.Helper()
	cfg := *w.cfg
	k, err := fleet.NewKeeper(w.t.Context(), fleet.KeeperConfig{
		Settings: &cfg, Store: w.db, Engine: w.engine, Adjust: w.adjust, Ours: w.ours,
		Load: func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error) {
			id, secret := w.world.RotatorKey()
			c.IgnoreEnvironment, c.Endpoint = true, "http://aws.invalid"
			c.AccessKeyID, c.SecretAccessKey = id, rotation.NewSensitive(secret)
			c.HTTPClient = &http.Client{Transport: w.world.Transport()}
			return awscloud.Load(ctx, c)
		},
		OnResult: func(l fleet.Looked) {
			l.Result.Observation = rotation.Observation{}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.looked = append(w.looked, l)
		},
		OnSweep: func(s fleet.Sweep) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sweeps = append(w.sweeps, s)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	w.keeper = k
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.stop = nil
	}
}

// forget begins a new count of what happens.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked, w.sweeps, w.calls = nil, nil, nil
}

func (w *watch) seen() []fleet.Looked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.looked)
}

func (w *watch) made() []awssim.Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// current is the key that consumers of a user read; the zero key when it does not work.
func (w *watch) current(user string) (id string, made time.Time) {
	s := w.world.Secret("keyturn/" + user + "/key")
	if s == nil || s.Stage(rotation.StageCurrent) == nil {
		return "", time.Time{}
	}
	for _, k := range w.world.Keys(user) {
		if k.ID == s.Stage(rotation.StageCurrent).KeyID && k.Status == "Active" {
			return k.ID, k.Created
		}
	}
	return "", time.Time{}
}

// working fails the test for every user whose current key does not work or is older than it may be.
func (w *watch) working(when string, oldest time.Duration) {
	w.t.Helper()
	for _, u := range w.users {
		if id, made := w.current(u); id == "" || time.Since(made) > oldest {
			st, _, _ := w.db.Standing(context.Background(), rotation.User{Account: "123456789012", Name: u})
			w.t.Errorf("%s: the current key %q of %s is %s old: %s %q, next look in %s", when, id, u, time.Since(made).Round(time.Second),
				st.Reason, st.LastError, time.Until(st.Recheck))
		}
	}
}

// A day's life of a fleet: every step comes at its time, none early, and hardly any late.
func TestKeeperLife(t *testing.T) {
	inWatch(t, 40, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(5 * time.Minute)
		w.working("after five minutes", 6*time.Minute)
		w.forget()
		time.Sleep(4 * time.Hour)
		w.working("after four hours", 11*time.Minute)
		rotated, late := map[string]int{}, time.Duration(0)
		for _, l := range w.seen() {
			if l.Result.Err != nil {
				t.Errorf("%s: %v", l.Result.User, l.Result.Err)
			}
			if l.Late < 0 {
				t.Errorf("%s was looked at %s early", l.Result.User, -l.Late)
			}
			late = max(late, l.Late)
			if fleet.Rotated(l.Result) {
				rotated[l.Result.User.Name]++
			}
		}
		for _, u := range w.users {
			if n := rotated[u]; n < 22 || n > 24 {
				t.Errorf("%s was rotated %d times in four hours", u, n)
			}
		}
		h := w.keeper.Health()
		t.Logf("%+v, latest %s", h, late)
		if h.Users != 40 || h.Failing != 0 || !h.Ready() || h.Late.Starts == 0 || h.Late.P99 > time.Second {
			t.Errorf("health is %+v", h)
		}
		if n := len(w.seen()); n > 40*24*3+40 {
			t.Errorf("%d looks for 40 users in four hours: more than three a rotation", n)
		}
	})
}
