package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// trouble makes AWS refuse the calls of some users.
type trouble map[string]bool

func (b trouble) sim() awssim.Config {
	return awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if b[c.User] && c.Operation == "CreateAccessKey" {
			return awssim.Fate{FailBefore: awssim.AccessDenied}
		}
		return awssim.Fate{}
	}}
}

// passes makes one every thirty seconds, and gives who was rotated and how often the reasons came up.
func (s *stage) passes(span time.Duration) (rotated []string, reasons map[rotation.Reason]int) {
	s.t.Helper()
	reasons = map[rotation.Reason]int{}
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(30 * time.Second) {
		s.pass(fleet.Pass{DueOnly: true, OnResult: func(r reconcile.Result) {
			reasons[r.Reason]++
			if fleet.Rotated(r) {
				rotated = append(rotated, r.User.Name)
			}
		}})
	}
	slices.Sort(rotated)
	return rotated, reasons
}

// settled is a stage whose users have their first key, one minute before it is due.
func settled(t *testing.T, users int, sim awssim.Config) *stage {
	s := newStage(t, users, sim)
	s.cfg.Concurrency = 1 // users are looked at by name
	s.restart()
	if got, _ := s.passes(9 * time.Minute); len(got) != users {
		t.Fatalf("%d of %d users were onboarded", len(got), users)
	}
	return s
}

// Five of twenty users begin to fail: scheduled changes stop for the others before any of these was touched, over a restart too; the
// notice has the figures. The failing ones are tried again, and when they succeed everything goes on, without an operator.
func TestBlastRadiusStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := trouble{}
		s := settled(t, 20, failing.sim())
		for _, name := range []string{"user-0", "user-1", "user-10", "user-11", "user-12"} {
			failing[name] = true
		}
		rotated, reasons := s.passes(5 * time.Minute)
		if len(rotated) > 0 || reasons[rotation.ReasonFrozen] != 15 {
			t.Errorf("while five fail, %v were rotated; %v", rotated, reasons)
		}
		s.restart()
		sum, _ := s.pass(fleet.Pass{DueOnly: true})
		if sum.Failed != 5 || sum.Held != 15 || sum.OK() {
			t.Errorf("after a restart the summary is %+v", sum)
		}
		notice := s.fleet.Policy().Notice(time.Now())
		for _, part := range []string{"5 of 20 users", "within 10m", "20%", "user-0, user-1, user-10 and 2 more", "2 or fewer of them still fail", "2000-01-01T00:1"} {
			if !strings.Contains(notice, part) {
				t.Errorf("the notice lacks %q: %s", part, notice)
			}
		}
		clear(failing)
		rotated, _ = s.passes(10 * time.Minute) // the back-off of four failures is eight minutes
		if len(slices.Compact(rotated)) != 20 || s.fleet.Policy().Notice(time.Now()) != "" {
			t.Errorf("after the trouble %d were rotated: %v; %s", len(slices.Compact(rotated)), rotated, s.fleet.Policy().Notice(time.Now()))
		}
	})
}

// While scheduled changes are stopped, what breaks is mended all the same.
func TestBlastRadiusLetsRepairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := trouble{"user-0": true, "user-1": true, "user-10": true}
		s := newStage(t, 10, failing.sim())
		clear(failing)
		s.cfg.Concurrency = 1
		s.restart()
		s.passes(9 * time.Minute)
		failing["user-0"], failing["user-1"], failing["user-2"] = true, true, true
		s.passes(2 * time.Minute)
		if s.fleet.Policy().Notice(time.Now()) == "" {
			t.Fatal("three of ten users fail, and nothing stopped")
		}
		broken := s.world.Keys("user-7")[0].ID
		s.world.People().SetKeyStatus("user-7", broken, "Inactive")
		rotated, _ := s.passes(65 * time.Minute) // the next look comes within max_recheck
		if !slices.Equal(rotated, []string{"user-7"}) {
			t.Errorf("%v were rotated; user-7 has no working key", rotated)
		}
	})
}

// One user that fails again and again stops nobody, and neither do users that are blocked.
func TestBlastRadiusCountsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := trouble{}
		s := settled(t, 10, failing.sim())
		failing["user-0"], failing["user-1"] = true, true
		for _, name := range []string{"user-2", "user-3", "user-4", "user-5"} {
			if _, _, err := s.world.People().CreateAccessKey(name); err != nil { // a foreign key in the slot
				t.Fatal(err)
			}
		}
		rotated, reasons := s.passes(3 * time.Hour)
		if reasons[rotation.BlockedForeignKey] == 0 || reasons[rotation.ReasonFrozen] > 0 || len(slices.Compact(rotated)) != 4 || len(rotated) > 0 && len(rotated) < 60 {
			t.Errorf("two users fail for hours and four are blocked: %d rotations of %v; %v", len(rotated), slices.Compact(rotated), reasons)
		}
	})
}

// An operator lifts a stop: whoever fails by then does not count again, and more who begin to fail do.
func TestBlastRadiusIsLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := trouble{}
		s := settled(t, 12, failing.sim())
		failing["user-0"], failing["user-1"], failing["user-10"] = true, true, true
		if rotated, _ := s.passes(2 * time.Minute); len(rotated) > 0 {
			t.Fatalf("%v were rotated while three of twelve fail", rotated)
		}
		if what := s.fleet.Policy().Lift(t.Context()); !strings.Contains(what, "3 of 12 users") {
			t.Errorf("lifted: %q", what)
		}
		s.restart()
		if rotated, _ := s.passes(time.Minute); len(rotated) != 9 {
			t.Errorf("after it was lifted, %v were rotated", rotated)
		}
		for _, name := range []string{"user-2", "user-3", "user-4"} {
			failing[name] = true
		}
		if _, reasons := s.passes(11 * time.Minute); reasons[rotation.ReasonFrozen] == 0 {
			t.Errorf("three more begin to fail, and nothing stopped: %v", reasons)
		}
		if what := s.fleet.Policy().Lift(t.Context()); what == "" {
			t.Error("the second stop was not lifted")
		}
		if what := s.fleet.Policy().Lift(t.Context()); what != "" {
			t.Errorf("nothing stands, and %q was lifted", what)
		}
	})
}

// faster is a schedule that changes everybody's.
func (s *stage) faster() {
	m := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Minute) }
	s.cfg.Schedule = config.Schedule{RotateEvery: config.Every{Interval: m(8)}, DeactivateAfter: m(10), DeleteAfter: m(12)}
}

// The schedule changes: the canary users are rotated first, under the new one; the others follow as soon as they are through, long
// before the time is over.
func TestCanaryFirstAfterASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 6, awssim.Config{})
		s.cfg.Canary.Users = []config.Match{{Name: "user-3"}, {Name: "user-5"}}
		s.restart()
		if rotated, _ := s.passes(5 * time.Minute); len(rotated) != 6 {
			t.Fatalf("at first there is nothing to compare with, and %v were onboarded", rotated)
		}
		s.faster()
		s.restart()
		notice := ""
		rotated, _ := s.passes(2 * time.Minute)
		if notice = s.fleet.Policy().Notice(time.Now()); len(rotated) > 0 || !strings.Contains(notice, "schedule changed from 10m, 12m, 15m to 8m, 10m, 12m; 0 of 2 rotated, waiting for user-3, user-5") {
			t.Errorf("%v: %s", rotated, notice)
		}
		s.restart() // which forgets nothing; the looks are those that were planned under the schedule before
		var order []string
		for range 12 {
			s.pass(fleet.Pass{DueOnly: true, OnResult: func(r reconcile.Result) {
				if fleet.Rotated(r) {
					order = append(order, r.User.Name)
				}
			}})
			time.Sleep(30 * time.Second)
		}
		if len(order) != 6 {
			t.Fatalf("rotated: %v", order)
		}
		slices.Sort(order[:2])
		if !slices.Equal(order[:2], []string{"user-3", "user-5"}) || s.fleet.Policy().Notice(time.Now()) != "" {
			t.Errorf("the order is %v; %s", order, s.fleet.Policy().Notice(time.Now()))
		}
	})
}

// A canary user fails after an upgrade: the others wait, past the time, until it does not.
func TestCanaryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := trouble{}
		s := newStage(t, 4, failing.sim())
		s.cfg.Canary.Users, s.version = []config.Match{{Name: "user-0"}}, "v1.0.0"
		s.restart()
		s.passes(9 * time.Minute)
		failing["user-0"], s.version = true, "v1.1.0"
		s.restart()
		rotated, reasons := s.passes(time.Hour)
		if len(rotated) > 0 || reasons[rotation.ReasonFrozen] < 3 {
			t.Errorf("the canary fails, and %v were rotated; %v", rotated, reasons)
		}
		notice := s.fleet.Policy().Notice(time.Now())
		for _, part := range []string{"upgraded from v1.0.0 to v1.1.0", "user-0 fails"} {
			if !strings.Contains(notice, part) {
				t.Errorf("the notice lacks %q: %s", part, notice)
			}
		}
		clear(failing)
		if rotated, _ = s.passes(time.Hour); len(slices.Compact(rotated)) != 4 {
			t.Errorf("the canary does not fail any more, and %v were rotated", rotated)
		}
	})
}

// Keys live for months: the others wait for canary.for, and no longer.
func TestCanaryTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 3, awssim.Config{})
		s.cfg.Canary.Users, s.version = []config.Match{{Name: "user-0"}}, "v1.0.0"
		s.cfg.Schedules = map[string]config.Schedule{"slow": {RotateEvery: config.Every{Interval: config.Duration(90 * 24 * time.Hour)},
			DeactivateAfter: config.Duration(97 * 24 * time.Hour), DeleteAfter: config.Duration(104 * 24 * time.Hour)}}
		s.world.People().TagUser("user-0", map[string]string{"keyturn:schedule": "slow"})
		s.restart()
		s.passes(9 * time.Minute)
		s.version = "v1.1.0"
		s.restart()
		if rotated, _ := s.passes(30 * time.Minute); len(rotated) > 0 {
			t.Errorf("within half an hour %v were rotated", rotated)
		}
		if rotated, _ := s.passes(2 * time.Minute); !slices.Equal(slices.Compact(rotated), []string{"user-1", "user-2"}) {
			t.Errorf("after half an hour %v were rotated", rotated)
		}
	})
}

// A window on Sundays from 02:15 to 02:45 in Berlin, over the day on which clocks skip that time: every change of a key begins in a
// window, and keys are rotated every week.
func TestWindowOverAChangeOfClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // the two users are changed at once
		var when []string
		s := newStage(t, 2, awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if c.Operation == "CreateAccessKey" || c.Operation == "UpdateAccessKey" || c.Operation == "DeleteAccessKey" {
				now := time.Now().UTC()
				mu.Lock()
				when = append(when, now.Format("01-02"))
				mu.Unlock()
				from, to := "01:15:00", "01:45:00" // before 26 March; summer time after it
				switch day := now.Format("01-02"); {
				case day == "03-26":
					from, to = "01:00:00", "01:30:00"
				case day > "03-26":
					from, to = "00:15:00", "00:45:00"
				}
				if clock := now.Format("15:04:05"); now.Weekday() != time.Sunday || clock < from || clock >= to {
					t.Errorf("%s at %s, %s", c.Operation, now, now.Weekday())
				}
			}
			return awssim.Fate{}
		}})
		day := func(n float64) config.Duration { return config.Duration(n * 24 * float64(time.Hour)) }
		s.cfg.Schedule = config.Schedule{RotateEvery: config.Every{Interval: day(6)}, DeactivateAfter: day(6.01), DeleteAfter: day(6.02)}
		s.cfg.Windows = []config.Window{{Days: []config.Days{{}}, From: 2*60 + 15, To: 2*60 + 45, TimeZone: "Europe/Berlin"}}
		time.Sleep(time.Until(time.Date(2000, 3, 10, 12, 0, 0, 0, time.UTC)))
		s.restart()
		for time.Now().Before(time.Date(2000, 4, 12, 0, 0, 0, 0, time.UTC)) {
			s.pass(fleet.Pass{DueOnly: true})
			time.Sleep(5 * time.Minute)
		}
		if got := fmt.Sprint(slices.Compact(when)); got != "[03-12 03-19 03-26 04-02 04-09]" {
			t.Errorf("keys were changed on %s", got)
		}
	})
}
