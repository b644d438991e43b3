package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

// needs is which scope each operation needs, and how to ask for it: USER is put in place of a user. It is written down a second time, so
// that a slip in Routes is seen. No scope: any key will do; open: none is needed.
var needs = map[string]struct {
	scope apikey.Scope
	open  bool
	path  string
	body  string
}{
	"get-credentials":       {scope: "credentials:read", path: "/v1/credentials/USER"},
	"create-credentials":    {scope: "rotate", path: "/v1/credentials/USER", body: "{}"},
	"export-credentials":    {scope: "credentials:export", path: "/v1/credentials"},
	"container-credentials": {scope: "credentials:read", path: "/v1/container/USER"},
	"vault-credentials":     {scope: "credentials:read", path: "/v1/aws/static-creds/USER"},
	"vault-mount":           {path: "/v1/sys/internal/ui/mounts/aws/static-creds/anybody"},
	"vault-token":           {path: "/v1/auth/token/lookup-self"},
	"list-users":            {scope: "events:read", path: "/v1/users"},
	"get-user":              {scope: "events:read", path: "/v1/users/USER"},
	"rotate":                {scope: "rotate", path: "/v1/users/USER/rotate?patience=0&wait=1", body: "{}"},
	"get-rotation":          {scope: "rotate", path: "/v1/users/USER/rotations/r1-abcdef"},
	"rollback":              {scope: "operate", path: "/v1/users/USER/rollback", body: "{}"},
	"revoke":                {scope: "operate", path: "/v1/users/USER/revoke", body: `{"key_id":"AKIAIOSFODNN7EXAMPLE"}`},
	"adopt":                 {scope: "operate", path: "/v1/users/USER/adopt", body: "{}"},
	"pause":                 {scope: "operate", path: "/v1/users/USER/pause", body: `{"why":"test"}`},
	"resume":                {scope: "operate", path: "/v1/users/USER/resume", body: "{}"},
	"plan":                  {scope: "events:read", path: "/v1/plan"},
	"fleet":                 {scope: "events:read", path: "/v1/fleet"},
	"resume-stopped":        {scope: "operate", path: "/v1/fleet/resume"},
	"events":                {scope: "events:read", path: "/v1/events"},
	"accesses":              {scope: "events:read", path: "/v1/accesses"},
	"list-api-keys":         {scope: "admin", path: "/v1/api-keys"},
	"create-api-key":        {scope: "admin", path: "/v1/api-keys", body: `{"name":"test","scopes":["admin"]}`},
	"rotate-api-key":        {scope: "admin", path: "/v1/api-keys/0123456789/rotate", body: "{}"},
	"revoke-api-key":        {scope: "admin", path: "/v1/api-keys/0123456789"},
	"whoami":                {path: "/v1/whoami"},
	"healthz":               {open: true, path: "/healthz"},
	"readyz":                {open: true, path: "/readyz"},
	"metrics":               {scope: "metrics:read", open: true, path: "/metrics"}, // on plain loopback, as here; guard_test.go has the others
	"openapi":               {open: true, path: "/openapi.json"},
	"docs":                  {open: true, path: "/docs"},
}

// TestEveryScopeAgainstEveryRoute asks for each operation with a key of each scope alone: only the right one is let in, none without a key,
// and the right one only for users that its globs take.
func TestEveryScopeAgainstEveryRoute(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		for _, rt := range Routes {
			n, is := needs[rt.ID]
			if !is {
				t.Errorf("the operation %s (%s) is missing in the table of this test", rt.ID, rt.Pattern())
				continue
			}
			if rt.Scope != n.scope {
				t.Errorf("%s needs %q, and the table of this test says %q", rt.ID, rt.Scope, n.scope)
			}
			ask := func(key, user string) answer {
				time.Sleep(2 * time.Second) // no limit is met
				return k.ask(key, rt.Method, strings.Replace(n.path, "USER", user, 1), n.body)
			}
			if !k.server.registered[rt.ID] {
				t.Errorf("the operation %s has no handler", rt.ID)
				continue
			}
			refused := http.StatusUnauthorized
			if rt.Token == TokenVault { // which knows no such status
				refused = http.StatusForbidden
			}
			if a := ask("", "user-0"); n.open != (a.Status == http.StatusOK) || !n.open && a.Status != refused {
				t.Errorf("%s without a key: %d", rt.ID, a.Status)
			}
			for _, scope := range apikey.Scopes {
				key := k.key("*", scope)
				a := ask(key, "user-0")
				in := n.open || n.scope == "" || n.scope == scope
				if in == (a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized) || a.Status == http.StatusInternalServerError {
					// Export is off unless the configuration says otherwise: that is a 403 of its own.
					if !strings.Contains(a.Text, `"switched-off"`) {
						t.Errorf("%s with %s alone: %d %s", rt.ID, scope, a.Status, a.Text)
					}
				}
				if in && strings.Contains(n.path, "USER") {
					theirs, absent := ask(k.key("user-1", scope), "user-0"), ask(k.key("user-1", scope), "user-9")
					if theirs.Status != http.StatusNotFound || strings.ReplaceAll(theirs.Text, "user-0", "user-9") != absent.Text {
						t.Errorf("%s of a user that the key may not see: %d %s; of one that is not there: %s", rt.ID, theirs.Status, theirs.Text, absent.Text)
					}
				}
			}
		}
		if len(needs) > len(Routes) {
			t.Errorf("the table has %d rows, and there are %d routes", len(needs), len(Routes))
		}
	})
}
