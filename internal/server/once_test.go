package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// madeForPeople counts the keys that were made because somebody asked.
func (k *kit) madeForPeople() (n int) {
	k.t.Helper()
	lines, err := k.db.Events(context.Background(), store.Query{Limit: 10_000})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Action == rotation.CreateKey && l.Reason == rotation.ReasonAsked {
			n++
		}
	}
	return n
}

// untilFree has the schedule retire the old key, so that a rotation is possible again.
func (k *kit) untilFree() {
	for range 14 {
		k.pass()
		time.Sleep(30 * time.Second)
	}
}

// TestRotatedOnce: a rotation that was made is not made again for the same request, whatever failed after it.
func TestRotatedOnce(t *testing.T) {
	var noRecord, noQuota atomic.Bool
	adjust := func(c *Config) {
		record := c.Record
		c.Record = func(ctx context.Context, a store.Access) error {
			if noRecord.Load() {
				return fmt.Errorf("recording: %w", store.ErrFull)
			}
			return record(ctx, a)
		}
		asked := 0
		c.Quota = func(context.Context, rotation.User) (fleet.Quota, error) {
			if asked++; noQuota.Load() && asked%2 == 0 { // it is read before the rotation, and for the answer
				return fleet.Quota{}, fmt.Errorf("counting: %w", store.ErrLocked)
			}
			return fleet.Quota{}, nil
		}
	}
	tries := map[string]struct {
		path   string
		broken *atomic.Bool
		status int
	}{
		"the access cannot be recorded": {"/v1/credentials/user-0?wait=120", &noRecord, http.StatusAccepted},
		"the quota cannot be read":      {"/v1/credentials/user-0?wait=120", &noQuota, http.StatusServiceUnavailable},
		"nor for a rotation alone":      {"/v1/users/user-0/rotate?wait=120", &noQuota, http.StatusServiceUnavailable},
	}
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			inKit(t, 1, func(k *kit) {
				time.Sleep(2 * time.Minute)
				key := k.key("user-0", apikey.Rotate, apikey.ReadCredentials)
				send := func() answer { return k.ask(key, http.MethodPost, try.path, "{}", "Idempotency-Key", "once") }
				try.broken.Store(true)
				first := send()
				if first.Status != try.status || k.madeForPeople() != 1 {
					t.Fatalf("%d %s; %d keys made", first.Status, first.Text, k.madeForPeople())
				}
				if _, secret := k.current("user-0"); strings.Contains(first.Text, secret) {
					t.Error("the answer holds the secret")
				}
				try.broken.Store(false)
				k.untilFree()
				again := send()
				if again.Status != first.Status || again.Header.Get("Idempotency-Replayed") != "true" || k.madeForPeople() != 1 {
					t.Errorf("again: %d %s; %d keys made", again.Status, again.Text, k.madeForPeople())
				}
			}, adjust)
		})
	}
}

// TestRotatedOnceForNobody: who hung up while the rotation went on, and sends the same again, is told of that rotation.
func TestRotatedOnceForNobody(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		key := k.key("user-0", apikey.Rotate)
		ctx, hangUp := context.WithCancel(k.t.Context())
		time.AfterFunc(10*time.Millisecond, hangUp)
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/users/user-0/rotate?wait=120", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
		r.Header.Set("X-API-Key", key)
		r.Header.Set("Idempotency-Key", "once")
		k.server.ServeHTTP(httptest.NewRecorder(), r)
		time.Sleep(time.Minute)
		k.untilFree()
		a := k.ask(key, http.MethodPost, "/v1/users/user-0/rotate?wait=120", "", "Idempotency-Key", "once")
		var told api.Rotation
		k.read(a, http.StatusAccepted, &told)
		if told.Location == "" || a.Header.Get("Location") != told.Location || k.madeForPeople() != 1 {
			t.Errorf("%s; %d keys made", a.Text, k.madeForPeople())
		}
	})
}

// TestRefusedIsSentAgain: what was refused before it changed anything is carried out when it is possible.
func TestRefusedIsSentAgain(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		key := k.all()
		send := func() answer {
			return k.ask(key, http.MethodPost, "/v1/users/user-0/rotate?wait=120", "{}", "Idempotency-Key", "once")
		}
		k.read(k.ask(key, http.MethodPost, "/v1/users/user-0/pause", `{"why":"test"}`), http.StatusOK, &struct{}{})
		time.Sleep(2 * time.Minute)
		k.problem(send(), http.StatusConflict, "blocked")
		k.read(k.ask(key, http.MethodPost, "/v1/users/user-0/resume", "{}"), http.StatusOK, &struct{}{})
		time.Sleep(2 * time.Minute)
		var r api.Rotation
		if k.read(send(), http.StatusOK, &r); r.State != api.Done || k.madeForPeople() != 1 {
			t.Errorf("%+v; %d keys made", r, k.madeForPeople())
		}
	})
}
