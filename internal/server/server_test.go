package server

import (
	"net/http"
	"testing"

	"github.com/keyturn/keyturn/internal/apikey"
)

func TestWhoAmI(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		var me struct {
			Scopes []apikey.Scope
			Users  []string
		}
		k.get(k.key("user-*", apikey.Rotate), "/v1/whoami", &me)
		if len(me.Scopes) != 1 || me.Scopes[0] != apikey.Rotate || len(me.Users) != 1 || me.Users[0] != "user-*" {
			t.Errorf("%+v", me)
		}
		k.problem(k.ask("", http.MethodGet, "/v1/whoami", ""), http.StatusUnauthorized, "unauthenticated")
		k.problem(k.ask("nobody's", http.MethodGet, "/v1/whoami", ""), http.StatusUnauthorized, "unauthenticated")
		k.problem(k.ask(k.all(), http.MethodGet, "/v1/nowhere", ""), http.StatusNotFound, "no-route")
	})
}
