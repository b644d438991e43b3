package server

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
)

// Who read what is shown of the users that the key may see; that there is no such user is no other answer than that nobody read. Pages are
// played in cmd/keyturn's scripts: here it is a time before any that a seq has room for.
func TestAccesses(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		reader := k.key("*", apikey.ReadCredentials)
		for i := range 5 {
			time.Sleep(time.Second)
			k.ask(reader, http.MethodGet, fmt.Sprintf("/v1/credentials/user-%d", i%2), "")
		}
		all, some := k.key("*", apikey.ReadEvents), k.key("user-1", apikey.ReadEvents)
		read := func(key string, query url.Values) (out api.Accesses) {
			k.get(key, "/v1/accesses?"+query.Encode(), &out)
			return out
		}
		newest := read(all, nil)
		id, _ := k.current("user-0")
		if n := newest.Accesses; len(n) != 5 || n[0].User != "user-0" || n[0].KeyID != id || n[0].Caller != "id0" || n[0].Account != simAccount ||
			n[0].Route != "GET /v1/credentials/{user}" || n[0].From != "127.0.0.1" || !n[0].At.After(*n[1].At) || newest.Next != "" {
			t.Errorf("%+v", newest)
		}
		at := func(i int) string { return newest.Accesses[i].At.Format(time.RFC3339Nano) }
		for _, c := range []struct {
			key   string
			query url.Values
			reads int
		}{
			{all, url.Values{"user": {"user-0"}}, 3},
			{all, url.Values{"user": {simAccount + ":user-1"}}, 2},
			{all, url.Values{"user": {"nobody"}}, 0},
			{all, url.Values{"caller": {"id0"}}, 5},
			{all, url.Values{"caller": {"id1"}}, 0},
			{all, url.Values{"since": {at(1)}}, 2},
			{all, url.Values{"until": {at(1)}}, 3},
			{all, url.Values{"before": {"9999999999999999999"}}, 5},
			{some, nil, 2},
			{some, url.Values{"limit": {"1"}}, 1},
			{some, url.Values{"user": {"user-0"}}, 0},
		} {
			if got := read(c.key, c.query); len(got.Accesses) != c.reads {
				t.Errorf("%v: %d reads, %d expected: %+v", c.query, len(got.Accesses), c.reads, got)
			}
		}
		for _, query := range []string{"since=yesterday", "before=x", "limit=0", "limit=10001"} {
			if a := k.ask(all, http.MethodGet, "/v1/accesses?"+query, ""); a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, a.Status, a.Text)
			}
		}
	})
}
