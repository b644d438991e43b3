package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestOfficeEvents: history is given oldest first, of everyone or of some; what comes later is waited for, and given once.
func TestOfficeEvents(t *testing.T) {
	inOffice(t, 3, awssim.Config{}, func(t *testing.T, d *desk) {
		ctx := t.Context()
		if none, err := d.Events(ctx, fleet.EventQuery{After: -1}); err != nil || len(none) > 0 {
			t.Fatalf("an empty history gives %v, %v", none, err)
		}
		d.live(3 * time.Minute)
		all, err := d.Events(ctx, fleet.EventQuery{After: -1, Limit: 1000})
		if err != nil || len(all) != 3*4 { // onboard, create-key, put-first, record-promoted
			t.Fatalf("%d happenings, %v", len(all), err)
		}
		for i, h := range all {
			if h.Outcome != rotation.Done || h.At.IsZero() || h.Run == "" || i > 0 && h.Seq <= all[i-1].Seq {
				t.Errorf("happening %d is %+v", i, h)
			}
		}
		last, err := d.Events(ctx, fleet.EventQuery{Limit: 2})
		if err != nil || len(last) != 2 || last[0].Seq > last[1].Seq {
			t.Errorf("the newest two are %+v, %v", last, err)
		}
		of, err := d.Events(ctx, fleet.EventQuery{Users: []string{"user-1", "123456789012/user-2"}})
		if err != nil || len(of) != 2*4 {
			t.Errorf("two users have %d happenings, %v", len(of), err)
		}
		for _, h := range of {
			if h.User.Name == anyName {
				t.Errorf("another user's: %+v", h)
			}
		}
		if _, err := d.Events(ctx, fleet.EventQuery{Users: []string{"user-9"}}); err == nil || !strings.Contains(err.Error(), "did you mean") {
			t.Errorf("an unknown user: %v", err)
		}

		after := all[len(all)-1].Seq
		began := time.Now()
		if none, err := d.Events(ctx, fleet.EventQuery{After: after, Wait: 20 * time.Second}); err != nil || len(none) > 0 ||
			time.Since(began) < 20*time.Second {
			t.Errorf("with nothing new it waited %v: %v, %v", time.Since(began), none, err)
		}
		go func() {
			time.Sleep(time.Minute)
			_, _ = d.Do(ctx, fleet.Ask{User: "user-2", Patience: time.Minute, Request: rotation.Request{Kind: rotation.RequestPause, Why: "alice: release"}})
			_, _ = d.Do(ctx, fleet.Ask{User: "user-1", Patience: time.Minute, Request: rotation.Request{Kind: rotation.RequestPause, Why: "bob: release"}})
		}()
		for _, want := range []string{"alice: release", "bob: release"} {
			got, err := d.Events(ctx, fleet.EventQuery{After: after, Wait: 10 * time.Minute, Limit: 1})
			if err != nil || len(got) != 1 || got[0].Action != rotation.RecordPaused || got[0].Detail != want {
				t.Fatalf("waited for %q, and got %+v, %v", want, got, err)
			}
			after = got[0].Seq
		}
	})
}

// TestOfficeEventsOfOne: one user's history is found among more of others than are read at once.
func TestOfficeEventsOfOne(t *testing.T) {
	inOffice(t, 130, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(time.Minute)
		d.done(ask(rotation.RequestPause, ""))
		got, err := d.Events(t.Context(), fleet.EventQuery{Users: []string{anyName}, After: -1})
		if err != nil || len(got) != 5 || got[4].Action != rotation.RecordPaused {
			t.Errorf("%d happenings, %v", len(got), err)
		}
	})
}

// TestOfficeWatch: those that need attention come first, and the rest by what is next; the summary is of everybody, whatever is matched.
func TestOfficeWatch(t *testing.T) {
	fails := true
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if fails && c.User == "user-3" && c.Operation == "ListAccessKeys" {
			return awssim.Fate{FailBefore: awssim.AccessDenied}
		}
		return awssim.Fate{}
	}}
	inOffice(t, 5, sim, func(t *testing.T, d *desk) {
		show := func(v fleet.View) fleet.Snapshot {
			t.Helper()
			s, err := d.Watch(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		if s := show(fleet.View{}); s.Matched != 5 || s.Summary.Waiting != 5 || s.Users[0].Standing != fleet.Waiting || !s.Users[0].At.IsZero() {
			t.Errorf("before the first look: %+v", s)
		}
		d.live(2 * time.Minute)
		pause := ask(rotation.RequestPause, "")
		pause.User = "user-4"
		d.done(pause)
		d.live(time.Minute)
		d.pass(fleet.Pass{Users: []string{"user-3"}})
		s := show(fleet.View{Limit: 3, Events: 2})
		var order []string
		for _, u := range s.Users {
			order = append(order, fmt.Sprintf("%s %s", u.User.Name, u.Standing))
		}
		if got := strings.Join(order, ", "); got != "user-3 failed, user-4 held, user-0 fine" || s.Matched != 5 {
			t.Errorf("the users are %s, %d matched", got, s.Matched)
		}
		if s.Summary.Users != 5 || s.Summary.Failed != 1 || s.Summary.Held != 1 || len(s.Events) != 2 || s.At.IsZero() {
			t.Errorf("the snapshot is %+v", s)
		}
		if s := show(fleet.View{Match: "SER-1"}); s.Matched != 1 || s.Users[0].User.Name != "user-1" || s.Summary.Users != 5 {
			t.Errorf("matched: %+v", s)
		}
	})
}

// TestOfficeRates: each quota's rate is what was sent in the last seconds, and nothing once nothing is.
func TestOfficeRates(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		rates := func() map[string]fleet.Rate {
			out := map[string]fleet.Rate{}
			s, err := d.Watch(t.Context(), fleet.View{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range s.Rates {
				out[r.Name] = r
			}
			return out
		}
		d.done(ask(rotation.RequestRotate, ""))
		time.Sleep(2 * time.Minute)
		for name, r := range rates() {
			if r.PerSecond != 0 && name != "iam" && name != "sts" { // the selection was asked for a moment ago
				t.Errorf("nothing was sent for two minutes, and %s has a rate of %v", name, r.PerSecond)
			}
		}
		for range 10 {
			if _, err := d.Plan(t.Context(), 1, anyName); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if r := rates()["secret_reads"]; r.PerSecond != 1 || r.Quota != 10_000 {
			t.Errorf("one DescribeSecret a second is told as %+v", r)
		}
		if r := rates()["secret_writes"]; r.PerSecond != 0 || r.Quota != 50 {
			t.Errorf("no write is told as %+v", r)
		}
	})
}

// TestNextFromNewDatabase: what comes next is told as it will be, also by the first run over a new database, which itself looks twice.
func TestNextFromNewDatabase(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.pass(fleet.Pass{})
		s, err := d.Watch(t.Context(), fleet.View{})
		if err != nil {
			t.Fatal(err)
		}
		u := s.Users[0]
		if late := u.NextAt.Sub(u.Keys[0].Created.Add(10 * time.Minute)); u.NextAction != rotation.CreateKey || late < 0 || late > 10*time.Second {
			t.Errorf("%s is told %v after the key is due", u.NextAction, late)
		}
	})
}
