package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

const longHistory = 150_000

// longServed is a server over a long history of a thousand users; alice has two lines of it, and 300 users have none. Its API keys are
// the globs that they are for.
func longServed(t *testing.T) *Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyturn.db")
	db, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	raw, err := sql.Open("sqlite", path) // one by one, as runs write them, it would take a minute
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(longHistory) + `)
			SELECT i, 0, '` + simAccount + `', 'user-' || (i % 1000), i, 'verify', 'due', 'AKIAIOSFODNN7EXAMPLE', '', '' FROM n`,
		`UPDATE events SET name = 'alice' WHERE id IN (3, 75000)`,
		`INSERT INTO outcomes SELECT id, id, at, 'done', '', 'verified after two tries' FROM events`,
		`INSERT INTO users (account, name) SELECT DISTINCT account, name FROM events`,
		`INSERT INTO users (account, name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
			SELECT '` + simAccount + `', 'quiet-' || i FROM n`,
	} {
		if _, err := raw.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Desk: office, History: db.Page, Keys: apikey.NewRing(apikey.Config{}),
		Find: func(name string) (rotation.User, error) { return rotation.User{}, &fleet.UnknownUserError{Name: name} },
		Authenticate: func(_ context.Context, presented string, _ netip.Addr) (*apikey.Caller, error) {
			return &apikey.Caller{ID: presented, Scopes: []apikey.Scope{apikey.ReadEvents}, Users: strings.Fields(presented)}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// events asks for a page, and tells how many megabytes were allocated for it.
func events(t *testing.T, s *Server, key, query string) (page api.Events, mb float64) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events"+query, nil)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	r.Header.Set("X-API-Key", key)
	w := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	return page, float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20)
}

// TestHistoryOfOthersCostsLittle: whoever may see nobody, or little of a long history, has no request do much work, and still finds all
// that there is by going on from next.
func TestHistoryOfOthersCostsLittle(t *testing.T) {
	s := longServed(t)
	for _, key := range []string{"nobody", "alice", "alice quiet-*", "*"} {
		for _, query := range []string{"", "?after=0", "?after=1", "?after=0&user=alice", "?user=alice"} {
			if key == "nobody" && strings.Contains(query, "user=") {
				continue // there is no such user for it
			}
			if _, mb := events(t, s, key, query); mb > 20 {
				t.Errorf("a key for %s: %q allocates %.1f MB", key, query, mb)
			}
		}
	}
	for _, c := range []struct {
		key, query string
		want       []int64
		pages      int // at most
	}{{"nobody", "", nil, 2}, {"alice", "", []int64{3, 75000}, 3}, {"*", "&user=alice", []int64{3, 75000}, 3},
		{"alice quiet-*", "", []int64{3, 75000}, 11}} {
		var found []int64
		pages := 0
		for after := int64(0); ; pages++ {
			page, _ := events(t, s, c.key, "?limit=10&after="+itoa(after)+c.query)
			for _, e := range page.Events {
				found = append(found, e.Seq)
			}
			if page.Next == after {
				break
			}
			after = page.Next
		}
		if fmt.Sprint(found) != fmt.Sprint(c.want) || pages > c.pages {
			t.Errorf("a key for %s finds %v in %d pages, want %v in %d at most", c.key, found, pages, c.want, c.pages)
		}
	}
}

// TestManySearchersAreToldSo: a request whose turn to search the history does not come in time says that it was too much.
func TestManySearchersAreToldSo(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		began := time.Now()
		k.problem(k.ask(k.key("user-0", apikey.ReadEvents), http.MethodGet, "/v1/events", ""), http.StatusTooManyRequests, "too-fast")
		if took := time.Since(began); took != historyWithin {
			t.Errorf("after %s", took)
		}
		began = time.Now()
		k.problem(k.ask(k.key("user-0", apikey.ReadEvents), http.MethodGet, "/v1/accesses", ""), http.StatusTooManyRequests, "too-fast")
		if took := time.Since(began); took != historyWithin {
			t.Errorf("the access records: after %s", took)
		}
		// Whoever goes away leaves at once.
		c := &call{caller: &apikey.Caller{}, route: k.server.routes["events"]}
		ctx, leave := context.WithCancel(context.WithValue(k.t.Context(), callKey{}, c))
		time.AfterFunc(time.Second, leave)
		began = time.Now()
		if _, _, err := k.server.newest(ctx, nil, 1); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		synctest.Wait()
	}, func(c *Config) {
		c.History = func(ctx context.Context, _ store.PageQuery) (store.Page, error) {
			<-ctx.Done()
			return store.Page{}, ctx.Err()
		}
		c.Accesses = func(ctx context.Context, _ store.AccessQuery) ([]store.AccessLine, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
}
