package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
)

// TestOnlyOnesOwnUsers: lists, plan, events and the fleet hold what the key may see, and their counts tell of nobody else.
func TestOnlyOnesOwnUsers(t *testing.T) {
	inKit(t, 12, func(k *kit) {
		key := k.key("user-1*", apikey.ReadEvents) // user-1, user-10, user-11
		var users api.Users
		k.get(key, "/v1/users", &users)
		var names []string
		for _, u := range users.Users {
			names = append(names, u.User)
		}
		if strings.Join(names, " ") != "user-1 user-10 user-11" {
			t.Errorf("%v", names)
		}
		var plan api.Plan
		k.get(key, "/v1/plan", &plan)
		if len(plan.Users) != 3 || len(plan.Users[0].Steps) != 4 {
			t.Errorf("%+v", plan)
		}
		var events api.Events
		k.get(key, "/v1/events?limit=5", &events)
		if len(events.Events) != 5 {
			t.Errorf("%d events", len(events.Events))
		}
		for path, want := range map[string]int{"/v1/events?limit=1000": 12, "/v1/events?limit=1000&after=0": 12, "/v1/events?user=user-1&limit=1000": 4} {
			k.get(key, path, &events)
			for _, e := range events.Events {
				if !strings.HasPrefix(e.User, "user-1") {
					t.Errorf("%s: an event of %s", path, e.User)
				}
			}
			if len(events.Events) != want {
				t.Errorf("%s: %d events, not %d", path, len(events.Events), want)
			}
		}
		var fleet api.Fleet
		k.get(key, "/v1/fleet?limit=2", &fleet)
		if fleet.Matched != 3 || len(fleet.Users) != 2 || fleet.Summary.Users != 3 || fleet.Summary.AWSCalls != 0 || len(fleet.Rates) != 0 {
			t.Errorf("%+v", fleet)
		}
		k.get(k.all(), "/v1/fleet?limit=2&match=user-1", &fleet)
		if fleet.Matched != 3 || len(fleet.Users) != 2 || fleet.Summary.Users != 12 {
			t.Errorf("%+v", fleet)
		}
		// One that the key may not see is not there; the nearest name is one that it may.
		for _, path := range []string{"/v1/users?user=user-2", "/v1/plan?user=user-2", "/v1/events?user=user-2", "/v1/users/user-2"} {
			a, b := k.ask(key, http.MethodGet, path, ""), k.ask(key, http.MethodGet, strings.Replace(path, "user-2", "user-X", 1), "")
			k.problem(a, http.StatusNotFound, "unknown-user")
			if strings.ReplaceAll(a.Text, "user-2", "user-X") != b.Text || strings.Contains(a.Text, "user-3") {
				t.Errorf("%s:\n%s\n%s", path, a.Text, b.Text)
			}
		}
	})
}

func TestPages(t *testing.T) {
	inKit(t, 7, func(k *kit) {
		key := k.all()
		for _, path := range []string{"/v1/users?limit=3", "/v1/plan?limit=3"} {
			var names []string
			for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
				var page struct {
					Users []struct{ User string }
					Next  string
				}
				k.get(key, path+"&cursor="+cursor, &page)
				for _, u := range page.Users {
					names = append(names, u.User)
				}
				if cursor = page.Next; n > 3 {
					t.Fatal("no end")
				}
			}
			if strings.Join(names, " ") != "user-0 user-1 user-2 user-3 user-4 user-5 user-6" {
				t.Errorf("%s: %v", path, names)
			}
		}
		// Events: on from where the page before ended, nothing twice.
		seen := map[int64]bool{}
		for after := int64(0); ; {
			var page api.Events
			k.get(key, "/v1/events?limit=5&after="+itoa(after), &page)
			if len(page.Events) == 0 {
				break
			}
			for _, e := range page.Events {
				if seen[e.Seq] {
					t.Errorf("event %d twice", e.Seq)
				}
				seen[e.Seq] = true
			}
			after = page.Next
		}
		if len(seen) != 4*7 {
			t.Errorf("%d events", len(seen))
		}
		// A page with nothing new waits for as long as it is told.
		var page api.Events
		began := time.Now()
		k.get(key, "/v1/events?wait=20&after="+itoa(int64(len(seen))), &page)
		if waited := time.Since(began); len(page.Events) != 0 || waited < 20*time.Second || waited > 25*time.Second || page.Next != int64(len(seen)) {
			t.Errorf("waited %s for %+v", time.Since(began), page)
		}
		for _, path := range []string{"/v1/events?limit=0", "/v1/events?limit=x", "/v1/events?after=-1", "/v1/events?wait=99", "/v1/events?nonsense=1", "/v1/users?limit=0"} {
			k.problem(k.ask(key, http.MethodGet, path, ""), http.StatusUnprocessableEntity, "invalid-request")
		}
	})
}
