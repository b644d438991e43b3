package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

func ident(name string) rotation.User { return rotation.User{Account: "123456789012", Name: name} }

// minutes is a schedule in minutes.
func minutes(rotate, deactivate, del int) config.Schedule {
	m := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Minute) }
	return config.Schedule{RotateEvery: config.Every{Interval: m(rotate)}, DeactivateAfter: m(deactivate), DeleteAfter: m(del)}
}

// member finds a user in the selection.
func (w *watch) member(name string) (fleet.Member, bool) {
	for _, m := range w.keeper.Selection().Members {
		if m.User.Name == name {
			return m, true
		}
	}
	return fleet.Member{}, false
}

// Users that are made, opted out, tagged with another schedule, let back in and deleted while keyturn runs: each counts from the next
// sweep on, and nobody else notices.
func TestKeeperUsersComeAndGo(t *testing.T) {
	inWatch(t, 6, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		w.cfg.Schedules = map[string]config.Schedule{"slow": minutes(120, 130, 150)}
		people := w.world.People()
		w.start()
		time.Sleep(11 * time.Minute)
		_ = people.TagUser("user-001", map[string]string{"keyturn:managed": "false"})
		if err := w.keeper.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if m, ok := w.member("user-001"); !ok || !m.LeaveCare {
			t.Errorf("a user that opted out is %+v, %v", m, ok)
		}
		time.Sleep(9 * time.Minute)

		w.enter("late-comer", nil)
		w.care("user-002", minutes(120, 130, 150))
		_ = people.TagUser("user-002", map[string]string{"keyturn:schedule": "slow"})
		_ = people.TagUser("user-003", map[string]string{"keyturn:schedule": "no-such"})
		time.Sleep(6*time.Minute + 10*time.Second)
		if id, _ := w.current("late-comer"); id == "" {
			t.Error("a user made six minutes ago has no key")
		}
		if m, _ := w.member("user-002"); m.Schedule.Name != "slow" {
			t.Errorf("the schedule of user-002 is %+v", m.Schedule)
		}
		if h := w.keeper.Health(); h.Refused != 1 {
			t.Errorf("one user names a schedule that is not there: %+v", h)
		}

		time.Sleep(60 * time.Minute)
		left, _ := w.current("user-001")
		if keys := w.world.Keys("user-001"); len(keys) != 1 || left == "" {
			t.Errorf("the user that left care has the keys %v", keys)
		}
		if m, ok := w.member("user-001"); ok {
			t.Errorf("the user that left care is a member still: %+v", m)
		}
		slow, made := w.current("user-002")
		if age := time.Since(made); age < 35*time.Minute {
			t.Errorf("the key of user-002 is %s old: its schedule is two hours", age)
		}

		_ = people.UntagUser("user-001", "keyturn:managed")
		_ = people.UntagUser("user-003", "keyturn:schedule")
		for _, k := range w.world.Keys("user-004") {
			_ = people.DeleteAccessKey("user-004", k.ID)
		}
		_ = people.DeleteUser("user-004")
		w.world.Uncare("user-004")
		w.users = []string{"user-000", "user-001", "user-003", "user-005", "late-comer"}
		time.Sleep(17 * time.Minute)
		w.working("at the end", 11*time.Minute)
		if _, ok := w.member("user-004"); ok {
			t.Error("a user that was deleted is a member still")
		}
		if now, _ := w.current("user-001"); now == left {
			t.Error("the user that came back has its old key")
		}
		if now, _ := w.current("user-002"); now != slow {
			t.Error("the key of user-002 was replaced before its two hours were over")
		}
		for _, l := range w.seen() {
			if l.Result.Err != nil && l.Result.User.Name != "user-004" && !errors.Is(l.Result.Err, rotation.ErrNoUser) { // AWS may not know a new user everywhere
				t.Errorf("%s: %v", l.Result.User, l.Result.Err)
			}
		}
	})
}

// A discovery that fails keeps the selection, says so, and is tried again soon.
func TestKeeperSweepFails(t *testing.T) {
	inWatch(t, 3, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(4*time.Minute + 30*time.Second)
		w.forget()
		w.setFate(func(c *awssim.Call) awssim.Fate {
			if c.Operation == "GetAccountAuthorizationDetails" {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{}
		})
		time.Sleep(30 * time.Minute)
		w.working("without discovery", 11*time.Minute)
		h := w.keeper.Health()
		if h.SweepError == nil || !strings.Contains(h.SweepError.Error(), "allow iam:GetAccountAuthorizationDetails") || !h.Ready() ||
			h.Users != 3 {
			t.Errorf("health is %+v", h)
		}
		failed := 0
		w.mu.Lock()
		sweeps := slices.Clone(w.sweeps)
		w.mu.Unlock()
		for _, s := range sweeps {
			if s.Err == nil || !errors.Is(s.Err, rotation.ErrDenied) {
				t.Errorf("a sweep was told as %+v", s)
			}
			failed++
		}
		if failed < 8 || failed > 20 {
			t.Errorf("%d sweeps in half an hour of failures", failed)
		}
		w.setFate(nil)
		time.Sleep(5*time.Minute + time.Second)
		if h := w.keeper.Health(); h.SweepError != nil || h.SweepFails != 0 {
			t.Errorf("health is %+v after discovery worked again", h)
		}
	})
}

// A restart, in the middle of everything: what is known of users that fail is not forgotten, nobody is looked at before its time, and
// users that became due meanwhile come first, the longest overdue before the others.
func TestKeeperRestart(t *testing.T) {
	inWatch(t, 12, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		broken := func(c *awssim.Call) awssim.Fate {
			if c.User == "user-003" && c.Operation == "ListAccessKeys" {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{Delay: 20 * time.Millisecond}
		}
		w.start()
		time.Sleep(15 * time.Minute)
		w.setFate(broken)
		time.Sleep(35 * time.Minute)
		for range 3 {
			before, _, _ := w.db.Standing(context.Background(), ident("user-003"))
			w.stop()
			w.forget()
			w.start()
			time.Sleep(time.Minute)
			after, _, _ := w.db.Standing(context.Background(), ident("user-003"))
			if before.Failures < 4 || after.Failures != before.Failures || !after.Recheck.Equal(before.Recheck) {
				t.Errorf("a minute after a restart, %d failures and a look at %s became %d and %s", before.Failures, before.Recheck,
					after.Failures, after.Recheck)
			}
			if m, _ := w.member("user-003"); m.Standing.Failures != before.Failures {
				t.Errorf("the Keeper knows of %d failures, the database of %d", m.Standing.Failures, before.Failures)
			}
			for _, l := range w.seen() {
				if l.Late < 0 {
					t.Errorf("%s was looked at %s early", l.Result.User, -l.Late)
				}
			}
		}
		w.setFate(nil)
		w.stop()
		time.Sleep(25 * time.Minute) // every user is overdue by now
		w.forget()
		w.cfg.Concurrency = 1
		w.start()
		time.Sleep(3 * time.Minute)
		var order []string
		due := map[string]time.Time{}
		began := w.seen()
		slices.SortStableFunc(began, func(a, b fleet.Looked) int { return a.Due.Add(a.Late).Compare(b.Due.Add(b.Late)) })
		for _, l := range began {
			if name := l.Result.User.Name; due[name].IsZero() && name != "user-003" {
				due[name] = l.Due
				order = append(order, name)
			}
		}
		want := slices.Clone(order)
		slices.SortStableFunc(want, func(a, b string) int { return due[a].Compare(due[b]) })
		if share := disorder(want, order); len(order) != 11 || share > 0.1 { // two are woken at once for one slot
			t.Errorf("overdue users came in the order %v, want %v", order, want)
		}
	})
}

// Stopped in the middle of work, again and again, at any moment: what was begun ends, no call is cut off, it is over in half a minute,
// and every user goes on from there.
func TestKeeperStopsInTheMiddle(t *testing.T) {
	inWatch(t, 40, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		w.cfg.Pace.IAM = 5 // so that they are at work one after the other
		atWork := 0
		for i := range 60 {
			w.start()
			for w.keeper.Health().AtWork == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Duration(i*137%4000) * time.Millisecond)
			atWork += w.keeper.Health().AtWork
			began := time.Now()
			w.stop()
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("stop %d took %s", i, took)
			}
			if open := w.open(); len(open) > 0 {
				t.Errorf("stop %d left actions without an outcome: %v", i, open)
			}
		}
		t.Logf("%d runs were under way at 60 stops, over %s", atWork, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
		if atWork < 60 {
			t.Errorf("%d runs were under way at 60 stops", atWork)
		}
		for _, l := range w.seen() {
			if l.Result.Err != nil {
				t.Errorf("%s: %v", l.Result.User, l.Result.Err)
			}
		}
		if n := len(w.world.Violations()); n > 0 {
			t.Errorf("%d rules were broken", n)
		}
		w.start()
		time.Sleep(15 * time.Minute)
		w.working("after 60 restarts", 11*time.Minute)
	})
}

// A service of AWS that does not answer cannot keep keyturn from ending.
func TestKeeperStopsThoughAWSHangs(t *testing.T) {
	inWatch(t, 10, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(9*time.Minute + 58*time.Second)
		w.setFate(func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: time.Hour} })
		time.Sleep(10 * time.Second)
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("the stop took %s", took)
		}
		w.setFate(nil)
		w.start()
		time.Sleep(15 * time.Minute)
		w.working("after the restart", 11*time.Minute)
	})
}

// AWS takes nine seconds for each call: a run cannot end in half a minute. No step begins any more then, and the one that has begun
// is waited for. That is no failure of the user.
func TestKeeperStopsBetweenSteps(t *testing.T) {
	inWatch(t, 10, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(9*time.Minute + 58*time.Second)
		w.setFate(func(*awssim.Call) awssim.Fate { return awssim.Fate{Delay: 9 * time.Second} })
		cut := 0
		for i := range 12 {
			time.Sleep(40 * time.Second)
			for w.keeper.Health().AtWork == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Duration(i) * 1300 * time.Millisecond)
			w.forget()
			began := time.Now()
			w.stop()
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("stop %d took %s", i, took)
			}
			if open := w.open(); len(open) > 0 {
				t.Errorf("stop %d cut actions in half: %v", i, open)
			}
			for _, l := range w.seen() {
				if errors.Is(l.Result.Err, context.Canceled) {
					cut++
					if l.Result.Standing.Failures != 0 {
						t.Errorf("%s counts the stop as %d failures", l.Result.User, l.Result.Standing.Failures)
					}
				}
			}
			w.start()
		}
		t.Logf("%d runs were ended between two steps", cut)
		if cut == 0 {
			t.Error("no run was ended between two steps")
		}
	})
}

// A run that waits for longer than a stop may take, such as for the second look that a new database asks for, ends at once.
func TestKeeperStopsLongWaits(t *testing.T) {
	inWatch(t, 5, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(5 * time.Minute)
		w.stop()
		_ = w.db.Close()
		var err error
		if w.db, err = store.Open(context.Background(), store.Options{Path: store.Memory, Settle: w.cfg.Settle.D()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute) // every key is due by now
		w.start()
		time.Sleep(30 * time.Second)
		if h := w.keeper.Health(); h.AtWork != 5 {
			t.Fatalf("health is %+v: all five should wait for their second look", h)
		}
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the stop took %s", took)
		}
		w.start()
		time.Sleep(5 * time.Minute)
		w.working("after the restart", 4*time.Minute)
	})
}

// open gives the actions that were begun and have no outcome.
func (w *watch) open() (out []string) {
	lines, err := w.db.Events(context.Background(), store.Query{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Outcome == "" || l.Outcome == rotation.Unknown {
			out = append(out, fmt.Sprint(l.User.Name, " ", l.Action, " ", l.Outcome))
		}
	}
	return out
}
