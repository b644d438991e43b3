package fleet_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestWatchTimeline: what a timeline is drawn from comes with the state: when the key is replaced, the grace and the retention; and
// whose look is late stands before those that need nothing.
func TestWatchTimeline(t *testing.T) {
	inOffice(t, 3, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(2 * time.Minute)
		show := func() fleet.Snapshot {
			t.Helper()
			s, err := d.Watch(t.Context(), fleet.View{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		for _, s := range show().Users {
			if want := s.Keys[0].Created.Add(10 * time.Minute); s.Due.Before(want) || s.Due.After(want.Add(time.Minute)) || s.Grace != 2*time.Minute ||
				s.Retention != 3*time.Minute || s.Late != 0 {
				t.Errorf("%+v", s)
			}
		}
		time.Sleep(30 * time.Minute)
		d.pass(fleet.Pass{Users: []string{"user-0", "user-1"}})
		s := show()
		if first := s.Users[0]; first.User.Name != "user-2" || first.Late < 15*time.Minute || s.Overdue != 1 || s.Users[1].Late != 0 {
			t.Errorf("with one look late, the first is %+v, and %d are overdue", first, s.Overdue)
		}
	})
}

// TestWatchAnyway: when AWS cannot tell who is under care, a live view has those that the database knows, at once, and why; others have
// the error.
func TestWatchAnyway(t *testing.T) {
	down, slow := false, time.Duration(0)
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if down {
			return awssim.Fate{FailBefore: awssim.AccessDenied}
		}
		return awssim.Fate{Delay: slow}
	}}
	inOffice(t, 2, sim, func(t *testing.T, d *desk) {
		d.live(2 * time.Minute)
		d.open()
		down = true
		if _, err := d.Watch(t.Context(), fleet.View{}); err == nil {
			t.Error("who needs to know who is under care is not told that nobody does")
		}
		for range 30 {
			s, err := d.Watch(t.Context(), fleet.View{Anyway: true})
			if err != nil || s.Matched != 2 || !strings.Contains(s.Partial, "denied") || s.Users[0].Standing != fleet.Fine || s.At.IsZero() {
				t.Fatalf("%+v, %v", s, err)
			}
			time.Sleep(time.Second)
		}
		down = false
		time.Sleep(2 * time.Minute)
		if s, err := d.Watch(t.Context(), fleet.View{Anyway: true}); err != nil || s.Partial != "" || s.Users[0].Grace == 0 {
			t.Errorf("once AWS answers: %+v, %v", s, err)
		}
		d.open()
		slow = 8 * time.Second
		began := time.Now()
		s, err := d.Watch(t.Context(), fleet.View{Anyway: true})
		if err != nil || time.Since(began) > 3*time.Second || !strings.Contains(s.Partial, "still being asked") || s.Matched != 2 {
			t.Errorf("an AWS that is slow keeps a live view waiting for %v: %+v, %v", time.Since(began), s, err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
	})
}

// TestWatchWithoutFleet: an office that cannot ask AWS at all has the database.
func TestWatchWithoutFleet(t *testing.T) {
	inOffice(t, 2, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(2 * time.Minute)
		books, err := fleet.NewOffice(fleet.OfficeConfig{DB: d.db})
		if err != nil {
			t.Fatal(err)
		}
		s, err := books.Watch(t.Context(), fleet.View{Anyway: true})
		if err != nil || s.Matched != 2 || s.Partial == "" || s.Summary.Users != 2 || s.Users[0].NextAction != rotation.CreateKey {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
