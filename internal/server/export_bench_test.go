package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// many is a server of ten thousand users whose credentials are in memory, over a database on a disk.
func many(b *testing.B) (*Server, []rotation.User) {
	b.Helper()
	db, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "keyturn.db"), Settle: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	users, names := make([]rotation.User, 10_000), map[string]rotation.User{}
	for i := range users {
		users[i] = rotation.User{Account: simAccount, Name: fmt.Sprintf("service-user-%05d", i)}
		names[users[i].Name] = users[i]
	}
	cache := credentials.New(credentials.Config{Read: func(_ context.Context, u rotation.User, _ fleet.Credential) (fleet.Credential, error) {
		now := time.Now()
		return fleet.Credential{User: u, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rotation.NewSensitive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
			VersionID: "6cca14f8-a089-53ae-b543-b7d3cc306b4d", At: now, Expiration: now.Add(time.Hour), Grace: 2 * time.Minute}, nil
	}})
	b.Cleanup(cache.Close)
	for _, u := range users {
		if _, err := cache.Get(b.Context(), u); err != nil {
			b.Fatal(err)
		}
	}
	caller := &apikey.Caller{ID: "bench", Name: "bench", Scopes: apikey.Scopes, Users: []string{"*"}}
	s, err := New(Config{Desk: nobody{}, Keys: apikey.NewRing(apikey.Config{}), Log: slog.New(slog.DiscardHandler), Settings: Settings{Export: true},
		Find: func(name string) (rotation.User, error) {
			if u, ok := names[name]; ok {
				return u, nil
			}
			return rotation.User{}, &fleet.UnknownUserError{Name: name}
		},
		Users:        func() ([]rotation.User, error) { return users, nil },
		Authenticate: func(context.Context, string, netip.Addr) (*apikey.Caller, error) { return caller, nil },
		Credentials:  cache.Get, Record: db.RecordAccess})
	if err != nil {
		b.Fatal(err)
	}
	return s, users
}

type nobody struct{ fleet.Desk }

// BenchmarkExport is the whole of an export of ten thousand users, each access on record: 2 s and 50 MiB are what it may take.
func BenchmarkExport(b *testing.B) {
	s, _ := many(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/credentials", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
		w := discard{http.Header{}}
		s.ServeHTTP(&w, r)
	}
}

// BenchmarkGetCredentials is a read of one, for many at once, each on record.
func BenchmarkGetCredentials(b *testing.B) {
	s, users := many(b)
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/credentials/"+users[i*7919%len(users)].Name, nil)
			r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
			s.ServeHTTP(&discard{http.Header{}}, r)
		}
	})
}

// discard is an answer that nobody reads.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int) {
	if status != http.StatusOK {
		panic(status)
	}
}
