package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// stage is keyturn in a simulated account with users under /service/, in virtual time.
type stage struct {
	t     *testing.T
	world *awssim.World
	cfg   *config.Config
	db    *store.Store
	fleet *fleet.Fleet
}

func newStage(t *testing.T, users int, sim awssim.Config) *stage {
	sim.Seed, sim.Rates = 1, awssim.Rates{Unlimited: true}
	s := &stage{t: t, world: awssim.New(sim), cfg: config.Default()}
	for i := range users {
		if err := s.world.People().CreateUser(fmt.Sprintf("user-%d", i), "/service/", nil); err != nil {
			t.Fatal(err)
		}
	}
	s.cfg.Region, s.cfg.Pace, s.cfg.Jitter = "us-east-1", config.Pace{}, 0
	s.cfg.Users.Include = []config.Match{{Path: "/service/"}}
	var err error
	if s.db, err = store.Open(t.Context(), store.Options{Path: store.Memory, Settle: s.cfg.Settle.D()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	s.restart()
	return s
}

// restart makes keyturn anew, as another process would find the database.
func (s *stage) restart() {
	id, secret := s.world.RotatorKey()
	cloud := fleet.AWS(s.cfg)
	cloud.IgnoreEnvironment, cloud.Endpoint = true, "http://aws.invalid"
	cloud.AccessKeyID, cloud.SecretAccessKey = id, rotation.NewSensitive(secret)
	cloud.HTTPClient = &http.Client{Transport: s.world.Transport()}
	account, err := awscloud.Load(s.t.Context(), cloud)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.fleet, err = fleet.New(fleet.Wire(account, s.db, s.cfg)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) pass(p fleet.Pass) (fleet.Summary, time.Duration) {
	s.t.Helper()
	began := time.Now()
	sum, err := s.fleet.Run(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return sum, time.Since(began)
}

// A hundred users at 20 ms per call: the two verifications of each, a second apart, must not hold a slot. Nothing due: only who
// we are and who is there is asked.
func TestPassSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 100, awssim.Config{OnCall: func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: 20 * time.Millisecond} }})
		if sum, _ := s.pass(fleet.Pass{DueOnly: true}); sum.Rotated != 100 || !sum.OK() {
			t.Fatalf("onboarding: %+v", sum)
		}
		time.Sleep(10*time.Minute + 30*time.Second)
		sum, took := s.pass(fleet.Pass{DueOnly: true})
		t.Logf("100 due users: %v, %d calls", took, sum.AWSCalls)
		if sum.Rotated != 100 || sum.AWSCalls > 9*100+12 {
			t.Errorf("a pass over due users: %+v", sum)
		}
		if took > 2*time.Second {
			t.Errorf("100 due users took %v", took)
		}
		sum, took = s.pass(fleet.Pass{DueOnly: true})
		if sum.Users != 100 || sum.Rotated != 0 || sum.AWSCalls > 12 || took > 500*time.Millisecond {
			t.Errorf("a pass with nothing due took %v: %+v", took, sum)
		}
	})
}

// One user's failure is nobody else's. Its recheck backs off with every failure in a row, over restarts, and is over with the
// first success.
func TestFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		s := newStage(t, 3, awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if broken && c.User == "user-1" && c.Operation == "ListAccessKeys" {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{}
		}})
		u := rotation.User{Account: "123456789012", Name: "user-1"}
		var waits []time.Duration
		for i := range 9 {
			sum, _ := s.pass(fleet.Pass{DueOnly: true})
			if i == 0 && (sum.Rotated != 2 || sum.Failed != 1) {
				t.Fatalf("the first pass: %+v", sum)
			}
			st, _, err := s.db.Standing(t.Context(), u)
			if err != nil || st.Failures != i+1 || !strings.Contains(st.LastError, "iam:ListAccessKeys") {
				t.Fatalf("after %d failures the standing says %d: %q, %v", i+1, st.Failures, st.LastError, err)
			}
			wait := st.Recheck.Sub(st.At).Round(time.Minute)
			waits = append(waits, wait)
			time.Sleep(time.Until(st.Recheck.Add(time.Second)))
			s.restart()
		}
		want := "[1m0s 2m0s 4m0s 8m0s 16m0s 32m0s 1h0m0s 1h0m0s 1h0m0s]"
		if got := fmt.Sprint(waits); got != want {
			t.Errorf("the waits are %s, want %s", got, want)
		}
		broken = false
		s.pass(fleet.Pass{DueOnly: true})
		if st, _, _ := s.db.Standing(t.Context(), u); st.Failures != 0 || st.LastError != "" || st.CurrentKeyID == "" {
			t.Errorf("after a success the standing is %+v", st)
		}
	})
}

// Two passes at once, of two processes with one database: each user is rotated once.
func TestTwoPassesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 20, awssim.Config{OnCall: func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: 20 * time.Millisecond} }})
		first := s.fleet
		s.restart()
		done := make(chan fleet.Summary)
		go func() {
			sum, err := first.Run(t.Context(), fleet.Pass{DueOnly: true})
			if err != nil {
				t.Error(err)
			}
			done <- sum
		}()
		mine, _ := s.pass(fleet.Pass{DueOnly: true})
		other := <-done
		if mine.Rotated+other.Rotated != 20 || mine.Failed+other.Failed != 0 {
			t.Errorf("the two passes: %+v and %+v", mine, other)
		}
		if n := s.world.Counts()["CreateAccessKey"]; n != 20 {
			t.Errorf("%d keys were made for 20 users", n)
		}
	})
}

// A pass that is stopped says so, and its users are looked at again by the next.
func TestPassStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 50, awssim.Config{OnCall: func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: 20 * time.Millisecond} }})
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		looked := 0
		_, err := s.fleet.Run(ctx, fleet.Pass{DueOnly: true, OnResult: func(reconcile.Result) { looked++ }})
		if err == nil || !strings.Contains(err.Error(), "the next one goes on from here") {
			t.Errorf("a stopped pass said %v", err)
		}
		for range 30 {
			time.Sleep(2 * time.Minute)
			s.pass(fleet.Pass{DueOnly: true})
		}
		stored := 0
		for _, name := range s.world.SecretNames() {
			if s.world.Secret(name).Stage("AWSCURRENT") != nil {
				stored++
			}
		}
		if stored != 50 {
			t.Errorf("%d of 50 users have a key in their secret an hour after the pass that was stopped", stored)
		}
		if looked >= 50 {
			t.Error("the pass was not stopped on its way")
		}
	})
}
