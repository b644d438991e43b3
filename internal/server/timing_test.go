//go:build soak

package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// A user that a key may not know of, and one that is not there, cannot be told apart by the time that the refusal takes. It measures real
// time, so it is for `make soak`; how, and what chance explains, stands in internal/apikey/timing_test.go.
func TestTimingTellsNoUser(t *testing.T) {
	users := map[string]rotation.User{}
	var hidden, absent, control []string
	for i := range 10_000 {
		name := fmt.Sprintf("web-%05d", i)
		users[name] = rotation.User{Account: simAccount, Name: name}
		if i < 100 {
			hidden, absent, control = append(hidden, name), append(absent, fmt.Sprintf("wex-%05d", i)), append(control, fmt.Sprintf("wey-%05d", i))
		}
	}
	s, err := New(Config{
		Desk: struct{ fleet.Desk }{}, Keys: apikey.NewRing(apikey.Config{}), Version: "v1",
		Find: func(name string) (rotation.User, error) {
			if u, ok := users[name]; ok {
				return u, nil
			}
			return rotation.User{}, &fleet.UnknownUserError{Name: name}
		},
		Authenticate: func(context.Context, string, netip.Addr) (*apikey.Caller, error) { return caller1, nil },
		Credentials: func(context.Context, rotation.User) (fleet.Credential, error) {
			panic("a hidden user's credentials were asked for")
		},
		Record: func(context.Context, store.Access) error { panic("a read that was refused was recorded") },
		Users:  func() ([]rotation.User, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{"/v1/credentials/", "/v1/users/", "/v1/container/"} {
		block := func(names []string) float64 {
			began := time.Now()
			for _, name := range names {
				r := httptest.NewRequest(http.MethodGet, route+name, nil)
				r.Host, r.RemoteAddr = "127.0.0.1", "127.0.0.1:40000"
				r.Header.Set("X-API-Key", "k")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusNotFound {
					t.Fatalf("%s: %d", name, w.Code)
				}
			}
			return float64(time.Since(began)) / float64(len(names))
		}
		const blocks = 6_000
		var real, same, all []float64
		for i := range blocks {
			kinds := [][]string{absent, hidden, control}
			var took [3]float64
			for _, k := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {0, 2, 1}, {1, 0, 2}}[i%6] {
				took[k] = block(kinds[k])
			}
			real, same, all = append(real, took[1]-took[0]), append(same, took[2]-took[0]), append(all, took[0])
		}
		d, e := middle(real)
		d0, e0 := middle(same)
		typical, _ := middle(all)
		t.Logf("%s: a refusal takes %.0f ns; of a hidden user %+.1f ns (standard error %.1f); of other absent ones %+.1f ns (%.1f)", route, typical, d, e, d0, e0)
		if bound := max(5*math.Hypot(e, e0), typical/50); math.Abs(d-d0) > bound {
			t.Errorf("%s: the refusal of a hidden user takes %.1f ns longer than that of an absent one, and chance explains %.1f", route, d-d0, bound)
		}
	}
}

var caller1 = &apikey.Caller{ID: "id", Name: "test", Scopes: apikey.Scopes, Users: []string{"app-*"}}

// middle is the mean and its standard error, without the outer tenths: other programs' turns on the processor.
func middle(x []float64) (mean, standardError float64) {
	x = slices.Clone(x)
	slices.Sort(x)
	x = x[len(x)/10 : len(x)-len(x)/10]
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		standardError += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(standardError / float64(len(x)-1) / float64(len(x)))
}
