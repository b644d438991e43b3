package fleet_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// reload takes up settings that differ by a change.
func (w *watch) reload(change func(*config.Config)) {
	w.t.Helper()
	cfg := *w.cfg
	change(&cfg)
	if err := w.keeper.Reload(context.Background(), &cfg); err != nil {
		w.t.Fatal(err)
	}
	w.cfg = &cfg
}

// rotated gives who was rotated since the last forget, in order.
func (w *watch) rotated() (out []string) {
	for _, l := range w.seen() {
		if fleet.Rotated(l.Result) {
			out = append(out, l.Result.User.Name)
		}
	}
	return out
}

// A freeze is put into the settings of a running Keeper, and taken out again: nobody is rotated in between, and everybody right after.
func TestKeeperFreeze(t *testing.T) {
	inWatch(t, 10, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(5 * time.Minute)
		w.reload(func(c *config.Config) {
			c.Freezes = []config.Freeze{{From: config.MomentAt(time.Now()), To: config.MomentAt(time.Now().Add(240 * time.Hour)), Why: "the sale"}}
		})
		w.forget()
		time.Sleep(3 * time.Hour)
		if got := w.rotated(); len(got) > 0 {
			t.Errorf("frozen, and %v were rotated", got)
		}
		if n := len(w.seen()); n > 10*5 {
			t.Errorf("%d looks at ten frozen users in three hours", n)
		}
		if notice := w.keeper.Policy().Notice(time.Now()); !strings.Contains(notice, "the sale") {
			t.Errorf("the notice is %q", notice)
		}
		w.reload(func(c *config.Config) { c.Freezes = nil })
		time.Sleep(30 * time.Second)
		if got := w.rotated(); len(got) != 10 {
			t.Errorf("half a minute after the freeze %d of ten were rotated", len(got))
		}
	})
}

// A stop after too many failures: nobody else is rotated; when the failing users succeed again, the others are woken at once and not
// at their next look.
func TestKeeperBlastRadius(t *testing.T) {
	inWatch(t, 20, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Concurrency, w.cfg.Jitter = 1, 0
		w.start()
		time.Sleep(9 * time.Minute)
		bad := []string{"user-000", "user-001", "user-002", "user-003", "user-004"}
		w.setFate(func(c *awssim.Call) awssim.Fate {
			if c.Operation == "CreateAccessKey" && slices.Contains(bad, c.User) {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{Delay: 20 * time.Millisecond}
		})
		time.Sleep(3 * time.Minute) // who was in work when the fifth began to fail finishes its run
		w.forget()
		time.Sleep(20 * time.Minute)
		if got := w.rotated(); len(got) > 0 || w.keeper.Policy().Notice(time.Now()) == "" {
			t.Errorf("five of twenty fail, and %v were rotated; %s", got, w.keeper.Policy().Notice(time.Now()))
		}
		w.setFate(nil)
		var over time.Time
		for range 40 * 60 {
			if time.Sleep(time.Second); w.keeper.Policy().Notice(time.Now()) == "" {
				over = time.Now()
				break
			}
		}
		if over.IsZero() {
			t.Fatal("the stop is not over 40 minutes after the trouble")
		}
		time.Sleep(6 * time.Minute) // an old key whose retirement waited goes first
		fine := 0
		for _, name := range slices.Compact(slices.Sorted(slices.Values(w.rotated()))) {
			if !slices.Contains(bad, name) {
				fine++
			}
		}
		if fine != 15 {
			t.Errorf("six minutes after the stop %d of 15 were rotated", fine)
		}
		time.Sleep(15 * time.Minute)
		w.working("after the stop", 13*time.Minute)
	})
}

// The schedule is changed under a running Keeper: canary users are rotated under it before anybody else.
func TestKeeperCanary(t *testing.T) {
	inWatch(t, 8, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Canary.Users, w.cfg.Jitter = []config.Match{{Name: "user-003"}}, 0
		w.start()
		time.Sleep(9 * time.Minute)
		w.reload(func(c *config.Config) {
			c.Schedule.DeactivateAfter, c.Schedule.DeleteAfter = config.Duration(13*time.Minute), config.Duration(16*time.Minute)
		})
		for _, u := range w.users {
			w.care(u, w.cfg.Schedule)
		}
		w.forget()
		time.Sleep(2 * time.Minute)
		got := w.rotated()
		if len(got) != 8 || got[0] != "user-003" {
			t.Errorf("rotated: %v", got)
		}
		frozen := 0
		for _, l := range w.seen() {
			if l.Result.Reason == rotation.ReasonFrozen {
				frozen++
			}
		}
		if frozen < 7 || w.keeper.Policy().Notice(time.Now()) != "" {
			t.Errorf("%d looks at frozen users; %s", frozen, w.keeper.Policy().Notice(time.Now()))
		}
	})
}

// A freeze that comes while AWS does not tell who is under care counts for everybody whom it may be meant for.
func TestKeeperFreezeWhileNobodyCanBeDiscovered(t *testing.T) {
	for _, users := range [][]config.Match{{{Name: "user-*"}}, {{Tag: "team=shop", Path: "/service/"}}} {
		inWatch(t, 4, awssim.Config{}, func(t *testing.T, w *watch) {
			w.start()
			time.Sleep(5 * time.Minute)
			w.setFate(func(c *awssim.Call) awssim.Fate {
				f := awssim.Fate{Delay: 20 * time.Millisecond}
				if c.Operation == "GetAccountAuthorizationDetails" {
					f.FailBefore = awssim.ServiceUnavailable
				}
				return f
			})
			w.reload(func(c *config.Config) {
				c.Freezes = []config.Freeze{{From: config.MomentAt(time.Now()), To: config.MomentAt(time.Now().Add(240 * time.Hour)), Why: "the sale",
					Users: users}}
			})
			w.forget()
			time.Sleep(time.Hour)
			if got := w.rotated(); len(got) > 0 {
				t.Errorf("frozen as %v, and %v were rotated", users, got)
			}
			w.setFate(nil)
			time.Sleep(20 * time.Minute) // AWS tells again who bears which tag
			if got, want := len(w.rotated()) > 0, users[0].Tag != ""; got != want {
				t.Errorf("once AWS tells, frozen as %v: rotated: %v", users, w.rotated())
			}
		})
	}
}
