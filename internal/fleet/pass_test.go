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

	version string // of the program
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
	c := fleet.Wire(account, s.db, s.cfg)
	c.Rules.Version = s.version
	if s.fleet, err = fleet.New(c); err != nil {
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

// A look that changed nothing keeps nobody waiting: not the next process either, whose time begins with the whole second of AWS's Date.
func TestPassAfterPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 3, awssim.Config{})
		s.pass(fleet.Pass{})
		time.Sleep(2*time.Minute + 400*time.Millisecond)
		s.pass(fleet.Pass{})
		time.Sleep(100 * time.Millisecond)
		s.restart()
		if sum, _ := s.pass(fleet.Pass{}); sum.Users != 3 || sum.Waiting != 0 || !sum.OK() {
			t.Errorf("a pass in the same second: %+v", sum)
		}
	})
}

// A pass begins with who is overdue the longest, and before them with who was never seen.
func TestPassBeginsWithTheLongestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		s := newStage(t, 0, awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if c.Operation == "ListAccessKeys" {
				order = append(order, c.User)
			}
			return awssim.Fate{}
		}})
		s.cfg.Concurrency = 1
		s.restart()
		begin := func() []string {
			order = nil
			s.pass(fleet.Pass{DueOnly: true})
			return order
		}
		for _, name := range []string{"c", "a", "b"} {
			if err := s.world.People().CreateUser(name, "/service/", nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if got := begin(); len(got) == 0 || got[0] != name {
				t.Errorf("%s was never seen, and the pass begins with %v", name, got)
			}
		}
		time.Sleep(30 * time.Minute)
		if got := fmt.Sprint(begin()); got != "[c a b]" {
			t.Errorf("the pass goes by %s", got)
		}
	})
}

// A wish names the users that it is about: asked of everybody it would be a mistake.
func TestRequestNeedsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2, awssim.Config{})
		before := s.world.Counts()["CreateAccessKey"]
		_, err := s.fleet.Run(t.Context(), fleet.Pass{Request: rotation.Request{Kind: rotation.RequestRotate}})
		if err == nil || s.world.Counts()["CreateAccessKey"] != before {
			t.Errorf("%v, %v", err, s.world.Counts())
		}
	})
}

// A secret that stood before is left alone, unless secret.existing says otherwise.
func TestExistingSecretsAreAskedFor(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, 1, awssim.Config{})
			s.cfg.Secret.Existing = allowed
			s.restart()
			if err := s.world.People().CreateSecret("keyturn/user-0/key", `{"host":"db"}`, nil); err != nil {
				t.Fatal(err)
			}
			sum, _ := s.pass(fleet.Pass{})
			if tags := s.world.Secret("keyturn/user-0/key").Tags; len(tags) > 0 != allowed || sum.Blocked == 1 == allowed {
				t.Errorf("allowed %t: %+v, tags %v", allowed, sum, tags)
			}
		})
	}
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

// A new user whose very first read fails is looked at, and rotated, when its result says: there is nothing to settle.
func TestFirstReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		s := newStage(t, 1, awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if broken && c.Operation == "ListAccessKeys" {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{}
		}})
		var res reconcile.Result
		pass := fleet.Pass{DueOnly: true, OnResult: func(r reconcile.Result) { res = r }}
		if sum, _ := s.pass(pass); sum.Failed != 1 {
			t.Fatalf("the first pass: %+v", sum)
		}
		broken = false
		time.Sleep(time.Until(res.Recheck.Add(time.Second)))
		if sum, _ := s.pass(pass); sum.Rotated != 1 {
			t.Errorf("when the result of the failed run said to look again the user was %s, until %s: %+v", res.Reason, res.Recheck, sum)
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
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
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
