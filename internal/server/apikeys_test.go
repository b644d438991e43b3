package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
)

func TestAPIKeys(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		k.server.Authenticate = func(ctx context.Context, presented string, from netip.Addr) (*apikey.Caller, error) {
			if c, err := k.authenticate(ctx, presented, from); err == nil {
				return c, nil
			}
			return k.server.Keys.Authenticate(ctx, presented, from)
		}
		admin := k.key("user-*", apikey.Admin, apikey.ReadEvents)
		var made, next api.NewKey
		a := k.ask(admin, http.MethodPost, "/v1/api-keys", `{"name":"report","scopes":["events:read"],"users":["user-0"],"networks":["127.0.0.1"],"expires_in":3600}`)
		k.read(a, http.StatusCreated, &made)
		if !strings.HasPrefix(made.Text, apikey.Prefix) || made.ID == "" || made.Expires.Sub(*made.Created) != time.Hour || made.By != "API key test (id0)" ||
			a.Header.Get("Cache-Control") != "no-store" || fmt.Sprint(made.Networks) != "[127.0.0.1/32]" {
			t.Errorf("%+v %v", made, a.Header)
		}
		var me struct{ Name string }
		if k.get(made.Text, "/v1/whoami", &me); me.Name != "report" {
			t.Errorf("%+v", me)
		}
		// A repeated request gets the same answer without the key.
		body := `{"name":"twice","scopes":["admin"]}`
		first := k.ask(admin, http.MethodPost, "/v1/api-keys", body, "Idempotency-Key", "once")
		second := k.ask(admin, http.MethodPost, "/v1/api-keys", body, "Idempotency-Key", "once")
		if second.Status != http.StatusCreated || strings.Contains(second.Text, apikey.Prefix) || !strings.Contains(first.Text, apikey.Prefix) {
			t.Errorf("%d %s", second.Status, second.Text)
		}
		// Rotated, both are good for the overlap.
		k.read(k.ask(admin, http.MethodPost, "/v1/api-keys/"+made.ID+"/rotate", `{"overlap":60}`), http.StatusCreated, &next)
		if next.Follows != made.ID || next.Text == made.Text || next.Text == "" {
			t.Errorf("%+v", next)
		}
		k.get(made.Text, "/v1/whoami", &me)
		k.get(next.Text, "/v1/whoami", &me)
		time.Sleep(70 * time.Second)
		k.problem(k.ask(made.Text, http.MethodGet, "/v1/whoami", ""), http.StatusUnauthorized, "unauthenticated")
		// Revoked, it is refused within 10 s.
		if a := k.ask(admin, http.MethodDelete, "/v1/api-keys/"+next.ID, ""); a.Status != http.StatusNoContent || a.Text != "" {
			t.Errorf("%d %s", a.Status, a.Text)
		}
		time.Sleep(10 * time.Second)
		k.problem(k.ask(next.Text, http.MethodGet, "/v1/whoami", ""), http.StatusUnauthorized, "unauthenticated")
		var all api.Keys
		k.get(admin, "/v1/api-keys", &all)
		if len(all.Keys) != 3 || strings.Contains(fmt.Sprint(all), apikey.Prefix) || all.Keys[2].Revoked == nil {
			t.Errorf("%+v", all)
		}
		// Nobody gives away more than it has.
		for _, body := range []string{`{"name":"more","scopes":["operate"],"users":["user-0"]}`, `{"name":"more","scopes":["events:read"],"users":["*"]}`} {
			k.problem(k.ask(admin, http.MethodPost, "/v1/api-keys", body), http.StatusForbidden, "grant")
		}
		var operator, mighty, meters api.NewKey
		k.read(k.ask(k.all(), http.MethodPost, "/v1/api-keys", `{"name":"operator","scopes":["operate"],"users":["user-0"]}`), http.StatusCreated, &operator)
		k.read(k.ask(k.all(), http.MethodPost, "/v1/api-keys", `{"name":"mighty","scopes":["operate"],"users":["*"]}`), http.StatusCreated, &mighty)
		k.read(k.ask(k.all(), http.MethodPost, "/v1/api-keys", `{"name":"meters","scopes":["metrics:read"]}`), http.StatusCreated, &meters)
		time.Sleep(10 * time.Second)
		k.problem(k.ask(admin, http.MethodPost, "/v1/api-keys/"+operator.ID+"/rotate", ""), http.StatusForbidden, "grant")
		// The keys of others do not exist for it; those of its own users it revokes, whatever they may do.
		for _, id := range []string{mighty.ID, meters.ID} {
			k.problem(k.ask(admin, http.MethodPost, "/v1/api-keys/"+id+"/rotate", ""), http.StatusNotFound, "no-api-key")
			k.problem(k.ask(admin, http.MethodDelete, "/v1/api-keys/"+id, ""), http.StatusNotFound, "no-api-key")
		}
		if k.get(admin, "/v1/api-keys", &all); len(all.Keys) != 4 || all.Keys[3].Name != "operator" {
			t.Errorf("%+v", all)
		}
		if k.get(k.all(), "/v1/api-keys", &all); len(all.Keys) != 6 {
			t.Errorf("%+v", all)
		}
		if a := k.ask(admin, http.MethodDelete, "/v1/api-keys/"+operator.ID, ""); a.Status != http.StatusNoContent {
			t.Errorf("%d %s", a.Status, a.Text)
		}
		k.problem(k.ask(admin, http.MethodPost, "/v1/api-keys/0123456789/rotate", ""), http.StatusNotFound, "no-api-key")
		k.problem(k.ask(admin, http.MethodDelete, "/v1/api-keys/0123456789", ""), http.StatusNotFound, "no-api-key")
		for _, body := range []string{`{"name":"x","scopes":["everything"]}`, `{"name":"x","scopes":["admin"],"networks":["here"]}`, `{"name":"x"}`} {
			k.problem(k.ask(admin, http.MethodPost, "/v1/api-keys", body), http.StatusBadRequest, "invalid-api-key")
		}
	})
}
