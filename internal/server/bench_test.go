package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// nobodyWrites is a response that goes nowhere.
type nobodyWrites struct{ h http.Header }

func (w *nobodyWrites) Header() http.Header         { return w.h }
func (w *nobodyWrites) Write(b []byte) (int, error) { return len(b), nil }
func (w *nobodyWrites) WriteHeader(int)             {}

// BenchmarkGuard is what every request costs before its handler, limits on: the rest of the way is net/http's and the handler's.
func BenchmarkGuard(b *testing.B) {
	callers := map[string]*apikey.Caller{}
	for i := range 100 {
		callers[fmt.Sprintf("k%d", i)] = &apikey.Caller{ID: fmt.Sprintf("id%d", i), Scopes: []apikey.Scope{apikey.ReadCredentials}, Users: []string{"*"}}
	}
	s, err := New(Config{Desk: struct{ fleet.Desk }{}, Keys: &apikey.Ring{},
		Find: func(name string) (rotation.User, error) { return rotation.User{Account: simAccount, Name: name}, nil },
		Authenticate: func(_ context.Context, presented string, _ netip.Addr) (*apikey.Caller, error) {
			if c := callers[presented]; c != nil {
				return c, nil
			}
			return nil, apikey.ErrUnknown
		},
		Settings: Settings{PerKey: Limit{1e9, 1e9}, PerAddress: Limit{1e9, 1e9}}})
	if err != nil {
		b.Fatal(err)
	}
	rt := &Route{ID: "bench", Method: "GET", Path: "/v1/bench/{user}", Scope: apikey.ReadCredentials}
	s.mux.HandleFunc(rt.Pattern(), s.guard(rt, func(w http.ResponseWriter, r *http.Request, c *call) {
		if _, err := s.user(c, r.PathValue("user")); err != nil {
			b.Error(err)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		r := httptest.NewRequest("GET", "/v1/bench/user-17", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:9847", "127.0.0.1:40000"
		r.Header.Set("X-API-Key", "k17")
		w := &nobodyWrites{http.Header{}}
		for p.Next() {
			clear(w.h)
			s.ServeHTTP(w, r)
		}
	})
}
