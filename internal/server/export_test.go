package server

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestKeyEndsDuringAnExport: what is not sent by then is not sent any more, and nobody takes the rest for all there is.
func TestKeyEndsDuringAnExport(t *testing.T) {
	var given atomic.Int64
	var end func()
	adjust := exporting(1000, func(int) (string, error) {
		if given.Add(1) == together+1 {
			end()
		}
		return "secret", nil
	})
	inKit(t, 1, func(k *kit) {
		key := k.all()
		end = func() { k.revoke(key) }
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/credentials", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
		r.Header.Set("X-API-Key", key)
		w := httptest.NewRecorder()
		defer func() {
			if recover() != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				t.Error("the answer ended as if it were whole")
			}
			if n := given.Load(); n != 2*together {
				t.Errorf("%d credentials were given out, though the key ended during the second %d", n, together)
			}
		}()
		k.server.ServeHTTP(w, r)
	}, adjust)
}

// TestKeyMayDoLessDuringAnExport: the users that it may not export any more are not sent.
func TestKeyMayDoLessDuringAnExport(t *testing.T) {
	var given atomic.Int64
	var narrow func()
	adjust := exporting(1000, func(int) (string, error) {
		if given.Add(1) == 1 {
			narrow()
		}
		return "secret", nil
	})
	inKit(t, 1, func(k *kit) {
		key := k.all()
		narrow = func() { k.narrow(key, "user-009*", apikey.ExportCredentials) }
		var all api.Export
		k.get(key, "/v1/credentials", &all)
		if len(all.Credentials) != together+100 {
			t.Errorf("%d credentials, not those of the first %d and of the 100 that it may export still", len(all.Credentials), together)
		}
	}, adjust)
}

// TestVariablesOfNamesMadeForIt: nobody is called so that another user's credentials stand under its variables.
func TestVariablesOfNamesMadeForIt(t *testing.T) {
	const account = "111111111111"
	for _, names := range [][]string{
		{"A.B", "A_B", "a_2e_b_" + account},
		{"A.B", "A_B", "a_2e_b_" + account, "a.2e.b." + account},
		{"A.B", "A_B", "A_2E_B_" + account, "A_5F_2E_5F_B_5F_" + account + "_" + account},
		{"1", "_1", "_5f_1_" + account, "-1"},
	} {
		var users []rotation.User
		for _, n := range names {
			users = append(users, rotation.User{Account: account, Name: n})
		}
		holders := map[string]rotation.User{}
		for u, name := range variables(users) {
			if other, taken := holders[name]; taken {
				t.Errorf("%v: %s and %s are both %s", names, u.Name, other.Name, name)
			}
			holders[name] = u
		}
	}
}

// TestExportsTakeTurns: so many exports read and record at a time, however many are asked for; and those that wait are made in the end.
func TestExportsTakeTurns(t *testing.T) {
	var busy, most atomic.Int64
	adjust := exporting(together, func(int) (string, error) {
		most.Store(max(most.Load(), busy.Add(1)))
		time.Sleep(time.Second) // virtual
		busy.Add(-1)
		return "secret", nil
	})
	inKit(t, 1, func(k *kit) {
		key := k.all()
		var all sync.WaitGroup
		for range 3 * exportTurns {
			all.Go(func() {
				var out api.Export
				k.get(key, "/v1/credentials", &out)
				if len(out.Credentials) != together {
					t.Errorf("%d credentials", len(out.Credentials))
				}
			})
		}
		all.Wait()
		if n := most.Load(); n > exportTurns*together {
			t.Errorf("%d were read at once", n)
		}
	}, adjust)
}

// TestExportWithoutATurnIsToldSo, after a while, and the next one is made.
func TestExportWithoutATurnIsToldSo(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.all()
		for range exportTurns {
			k.server.exports <- struct{}{}
		}
		began := time.Now()
		k.problem(k.ask(key, http.MethodGet, "/v1/credentials", ""), http.StatusTooManyRequests, "too-fast")
		if took := time.Since(began); took != exportStep {
			t.Errorf("after %s", took)
		}
		<-k.server.exports
		var out api.Export
		k.get(key, "/v1/credentials", &out)
	}, exporting(1, func(int) (string, error) { return "secret", nil }))
}
