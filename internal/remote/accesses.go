package remote

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// accessPage is what a server gives at once.
const accessPage = 10_000

// Accesses are the reads of credentials on the server's record, newest first. Of the query, Of is not asked: the server knows what the key
// may see.
func (c *Client) Accesses(ctx context.Context, q store.AccessQuery) (found []store.AccessLine, err error) {
	ask := url.Values{}
	set := func(name, value string) {
		if value != "" {
			ask.Set(name, value)
		}
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	set("user", q.User.Name)
	if q.User.Account != "" {
		set("user", api.Path(q.User))
	}
	set("caller", q.Caller)
	set("since", moment(q.Since))
	set("until", moment(q.Until))
	if q.Before > 0 {
		set("before", strconv.FormatInt(q.Before, 10))
	}
	for len(found) < q.Limit {
		ask.Set("limit", strconv.Itoa(min(accessPage, q.Limit-len(found))))
		var page api.Accesses
		if err := c.send(ctx, request{method: http.MethodGet, path: []string{"accesses"}, query: ask, into: &page}); err != nil {
			return nil, err
		}
		for _, a := range page.Accesses {
			found = append(found, a.Line())
		}
		if page.Next == "" || len(page.Accesses) == 0 {
			break
		}
		ask.Set("before", page.Next)
	}
	return found, nil
}
