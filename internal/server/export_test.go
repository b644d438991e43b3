package server

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
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
