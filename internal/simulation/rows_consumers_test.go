package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// clients are programs that use the user's key at any time, during keyturn's runs too. Each asks for the key through the SDK, as
// stale as answers come, keeps it, and signs real calls with it.
type clients struct {
	w      *world
	cloud  *awscloud.Account
	rng    *rand.Rand
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	calls  int
	failed map[string][]string // by kind of client
	late   []string            // promises beyond what keyturn itself planned
	issued map[string]time.Time
	// promoted is told of each promotion: the moment in which a stale answer names the old key.
	promoted chan struct{}
}

func newClients(w *world) *clients {
	c := &clients{w: w, rng: rand.New(rand.NewPCG(w.seed, 3)), failed: map[string][]string{}, issued: map[string]time.Time{},
		promoted: make(chan struct{}, 1)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	_ = w.sim.People().CreateUser("reader", "/", nil)
	id, secret, err := w.sim.People().CreateAccessKey("reader")
	if err != nil {
		w.fail("%v", err)
	}
	time.Sleep(w.limits.Settle) // it is known everywhere
	c.cloud = (&process{w: w, name: "reader"}).newCloud(id, secret)
	return c
}

// served is a key as keyturn would serve it.
type served struct {
	key   rotation.NewKey
	until time.Time // of this machine's clock
}

// serve reads the secret and says until when the key in it may be used.
func (c *clients) serve() (served, error) {
	s, err := c.cloud.Session(awscloud.Subject{User: c.w.user, Path: "/service/", UserID: c.w.userID})
	if err != nil {
		return served{}, err
	}
	o := rotation.Observation{User: c.w.user, UserID: c.w.userID, Quiet: c.w.start}
	if o.Keys, err = s.ListAccessKeys(c.ctx); err != nil {
		return served{}, err
	}
	o.Now = s.Date()
	if o.Secret, err = s.DescribeSecret(c.ctx); err != nil {
		return served{}, err
	}
	key, err := s.ReadKey(c.ctx, o.Secret.Stage(rotation.StageCurrent))
	if err != nil {
		return served{}, err
	}
	until := rotation.Expiration(c.w.schedule, c.w.limits, o, key.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, step := range rotation.Forecast(c.w.schedule, c.w.limits, o, 4) {
		if step.Action == rotation.DeactivateKey && step.KeyID == key.ID && step.At.Before(until) {
			c.late = append(c.late, fmt.Sprintf("%s is promised until %s and planned to go at %s", key.ID, until, step.At))
		}
	}
	if until.After(c.issued[key.ID]) {
		c.issued[key.ID] = until
	}
	return served{key, until}, nil
}

// client keeps a key until the time that keep gives, and calls with it every twenty seconds and in the last moment before.
func (c *clients) client(kind string, keep func(served) time.Time) {
	c.mu.Lock()
	phase := time.Duration(c.rng.Int64N(int64(20 * time.Second)))
	c.mu.Unlock()
	c.wg.Go(func() {
		for c.rest(phase) {
			got, err := c.serve()
			for tries := 0; err != nil && tries < 10 && c.rest(time.Second); tries++ {
				got, err = c.serve() // a version that one stale answer names and another does not know
			}
			if err != nil {
				c.note(kind, err)
				continue
			}
			until := keep(got)
			for time.Now().Before(until) {
				c.note(kind, call(c.w.sim, "us-east-1", got.key.ID, got.key.Secret.Reveal()))
				left := time.Until(until) - time.Millisecond
				if left <= 0 || !c.rest(min(left, 20*time.Second)) {
					break
				}
			}
			phase = 2 * time.Millisecond
		}
	})
}

// lateClients ask in the seconds after a promotion, and call in the last moment that they are allowed.
func (c *clients) lateClients(kind string) {
	one := func() {
		got, err := c.serve()
		if err == nil && c.rest(time.Until(got.until)-time.Millisecond) {
			c.note(kind, call(c.w.sim, "us-east-1", got.key.ID, got.key.Secret.Reveal()))
		}
	}
	c.wg.Go(func() {
		for {
			select {
			case <-c.promoted:
				for range 6 {
					c.wg.Go(one)
					c.rest(900 * time.Millisecond)
				}
			case <-c.ctx.Done():
				return
			}
		}
	})
}

// rest waits, and reports whether the show goes on.
func (c *clients) rest(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *clients) note(kind string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if err != nil && c.ctx.Err() == nil {
		c.failed[kind] = append(c.failed[kind], fmt.Sprint(time.Since(c.w.start), ": ", err))
	}
}

// TestRowConsumerCaches: consumers cache the key: each is told until when it may, never beyond the planned deactivation, and the
// grace counts from the promotion; so who keeps to it sees no failed call over a hundred rotations, and who does not sees many.
func TestRowConsumerCaches(t *testing.T) {
	row(t, options{stale: staleness, propagation: 10 * time.Second}, func(w *world) {
		var deactivated []string
		var c *clients
		w.fault = func(w *world, call *awssim.Call) awssim.Fate {
			if c == nil {
				return awssim.Fate{}
			}
			if call.Operation == "UpdateSecretVersionStage" {
				return awssim.Fate{After: func() {
					select {
					case c.promoted <- struct{}{}:
					default:
					}
				}}
			}
			if call.Operation != "UpdateAccessKey" {
				return awssim.Fate{}
			}
			return awssim.Fate{Before: func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				deactivated = append(deactivated, call.KeyID)
				if left := time.Until(c.issued[call.KeyID]); left > 0 {
					c.late = append(c.late, fmt.Sprintf("%s is deactivated, and promised for another %s", call.KeyID, left))
				}
			}}
		}
		w.settled()
		c = newClients(w)
		c.lateClients("keeps to it")
		for range 3 {
			c.client("keeps to it", func(s served) time.Time { return s.until })
		}
		c.client("caches for an hour", func(served) time.Time { return time.Now().Add(time.Hour) })
		c.client("caches for five minutes", func(served) time.Time { return time.Now().Add(5 * time.Minute) })
		w.play(time.Now().Add(100*10*time.Minute + time.Hour))
		c.stop()
		c.wg.Wait()
		for _, s := range c.late {
			w.fail("%s", s)
		}
		for _, s := range c.failed["keeps to it"] {
			w.fail("a consumer that keeps to the Expiration fails %s", s)
		}
		for _, kind := range []string{"caches for an hour", "caches for five minutes"} {
			if len(c.failed[kind]) < 30 {
				w.fail("a consumer that %s fails %d times only: this world proves nothing", kind, len(c.failed[kind]))
			}
		}
		if w.promoted < 100 || len(deactivated) < 99 {
			w.fail("%d rotations and %d deactivations only", w.promoted, len(deactivated))
		}
		fmt.Fprintf(os.Stdout, "%d rotations under %d calls of consumers: none of those that keep to the Expiration failed, %d of the others'\n",
			w.promoted, c.calls, len(c.failed["caches for an hour"])+len(c.failed["caches for five minutes"]))
		w.notStuck(w.schedule.RotateEvery)
	})
}
