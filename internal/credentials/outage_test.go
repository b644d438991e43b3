package credentials_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// house is a keyturn that looks after one user on the default schedule in a simulated account, in virtual time, and a cache in front of it.
type house struct {
	t      *testing.T
	world  *awssim.World
	keeper *fleet.Keeper
	cache  *credentials.Cache
	user   rotation.User

	mu   sync.Mutex
	fate func(*awssim.Call) awssim.Fate // of keyturn's calls to Secrets Manager; nil: they are answered
}

// inHouse plays in one, once the user has its first key.
func inHouse(t *testing.T, seed uint64, play func(*house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, user: rotation.User{Account: "123456789012", Name: "app"}}
		cfg := config.Default()
		cfg.Region, cfg.Users.Include = "us-east-1", []config.Match{{Path: "/service/"}}
		h.world = awssim.New(awssim.Config{Seed: seed, OnCall: h.onCall, Violation: func(s string) { t.Error(s) },
			Propagation: 3 * time.Second, Staleness: 5 * time.Second})
		if err := h.world.People().CreateUser(h.user.Name, "/service/", nil); err != nil {
			t.Fatal(err)
		}
		h.world.Care(h.user.Name, awssim.Care{SecretName: "keyturn/app/key", Grace: 2 * time.Minute, Retention: 3 * time.Minute,
			Quarantine: 5 * time.Minute, VerifySuccesses: 2})
		db, err := store.Open(t.Context(), store.Options{Path: store.Memory, Settle: cfg.Settle.D()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		time.Sleep(11 * time.Second) // no answer is from before the user was made
		h.keeper, err = fleet.NewKeeper(t.Context(), fleet.KeeperConfig{Settings: cfg, Store: db,
			Load: func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error) {
				id, secret := h.world.RotatorKey()
				c.IgnoreEnvironment, c.Endpoint = true, "http://aws.invalid"
				c.AccessKeyID, c.SecretAccessKey = id, rotation.NewSensitive(secret)
				c.HTTPClient = &http.Client{Transport: h.world.Transport()}
				return awscloud.Load(ctx, c)
			},
			Adjust: func(c *fleet.Config) {
				c.Heard = func(u rotation.User, version string, usable []string) { h.cache.Heard(u, version, usable) }
			}})
		if err != nil {
			t.Fatal(err)
		}
		h.cache = credentials.New(credentials.Config{Read: h.keeper.Credential})
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- h.keeper.Run(ctx) }()
		defer func() {
			stop()
			if err := <-ran; err != nil {
				t.Error(err)
			}
			h.cache.Close()
		}()
		time.Sleep(time.Minute)
		play(h)
	})
}

func (h *house) onCall(c *awssim.Call) awssim.Fate {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fate != nil && c.Rotator && c.Service == "secretsmanager" {
		return h.fate(c)
	}
	return awssim.Fate{Delay: 20 * time.Millisecond}
}

func (h *house) setFate(f func(*awssim.Call) awssim.Fate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fate = f
}

// consume holds a credential until its Expiration, asks again then, as long as the context lasts, and uses it all the time.
func (h *house) consume(ctx context.Context, told func(string)) {
	var held fleet.Credential
	keys := map[string]bool{}
	for ; ctx.Err() == nil; time.Sleep(500 * time.Millisecond) {
		if !time.Now().Before(held.Expiration) {
			asked := time.Now()
			patient, cancel := context.WithTimeout(ctx, 2*time.Second) // as botocore is
			c, err := h.cache.Get(patient, h.user)
			cancel()
			if ctx.Err() != nil {
				return
			}
			if err != nil || !time.Now().Before(c.Expiration) {
				told(fmt.Sprintf("nothing to hold: %v, %+v", err, c))
				continue
			}
			if took := time.Since(asked); took > 1500*time.Millisecond {
				told("waited for " + took.String())
			}
			held = c
			keys[c.AccessKeyID] = true
		}
		works := false
		for _, k := range h.world.Keys(h.user.Name) {
			works = works || k.ID == held.AccessKeyID && k.Status == "Active"
		}
		if !works {
			told("holds a dead key until " + held.Expiration.String())
		}
	}
	if len(keys) < 2 {
		told("had one key all the time")
	}
}

// outages are the ways in which Secrets Manager can be down.
var outages = map[string]func(*awssim.Call) awssim.Fate{
	"refuses": func(*awssim.Call) awssim.Fate { return awssim.Fate{FailBefore: awssim.ServiceUnavailable} },
	"breaks":  func(*awssim.Call) awssim.Fate { return awssim.Fate{DropBefore: true} },
	"hangs":   func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: time.Hour} },
}

// On the default schedule (a new key every 10 minutes, the old one deactivated at 12), Secrets Manager is down for a minute, from any second
// of a rotation's cycle on. A consumer that asks when its Expiration has come, and not before, is never without a key that works.
func TestOutageOfAMinuteHurtsNobody(t *testing.T) {
	const cycle = 620
	steps := map[string]int{"refuses": 1, "breaks": 7, "hangs": 7}
	for name, fate := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Int64
			for at := 0; at < cycle; at += steps[name] {
				inHouse(t, uint64(at+1), func(h *house) {
					ctx, end := context.WithCancel(h.t.Context())
					var all sync.WaitGroup
					for i := range 2 { // they ask at different times
						all.Go(func() {
							time.Sleep(time.Duration(i*at) * time.Second / 2)
							h.consume(ctx, func(what string) {
								if broken.Add(1) < 10 {
									t.Errorf("down from second %d on, at %s: %s", at, time.Now().Format("04:05.000"), what)
								}
							})
						})
					}
					time.Sleep(8*time.Minute + time.Duration(at)*time.Second)
					h.setFate(fate)
					time.Sleep(time.Minute)
					h.setFate(nil)
					time.Sleep(15 * time.Minute)
					end()
					all.Wait()
				})
			}
		})
	}
}
