package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/store"
)

// TestProxyIsNoLocalProgram: what plain loopback gives without a key it gives to this machine's own programs, not to whoever a proxy here
// lets through; and these learn no more of what is wrong than its kind.
func TestProxyIsNoLocalProgram(t *testing.T) {
	settings := Settings{Hosts: []string{"keyturn.example.com"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	inKit(t, 1, func(k *kit) {
		for _, c := range []struct {
			name   string
			header []string
			local  bool
		}{
			{"a program", nil, true},
			{"one that says localhost", []string{"Host", "localhost:8080"}, true},
			{"a proxy that tells for whom", []string{"X-Forwarded-For", "203.0.113.7"}, false},
			{"one whose client claims to be local", []string{"X-Forwarded-For", "127.0.0.1"}, false},
			{"one with the other field", []string{"Forwarded", "for=203.0.113.7"}, false},
			{"one that hands on the name", []string{"Host", "keyturn.example.com"}, false},
		} {
			if a := k.ask("", "GET", "/metrics", "", c.header...); (a.Status == http.StatusOK) != c.local {
				t.Errorf("%s: /metrics answers %d", c.name, a.Status)
			}
			a := k.ask("", "GET", "/readyz", "", c.header...)
			if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Text, "AWS could not be asked") || strings.Contains(a.Text, "arn:") != c.local {
				t.Errorf("%s: /readyz answers %d %s", c.name, a.Status, a.Text)
			}
		}
	}, with(settings), func(c *Config) {
		c.Ready = func() error {
			return errors.New("AWS could not be asked which users there are: iam:ListUsers, denied to arn:aws:iam::123456789012:role/rotator")
		}
	})
}

// TestConsumerTellsNoUser: whoever may make keys learns nothing of users that its own key may not know.
func TestConsumerTellsNoUser(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		for _, admin := range []string{k.key("user-1", apikey.Admin, apikey.ReadCredentials), k.key("", apikey.Admin), k.key("999999999999:*", apikey.Admin, apikey.ReadCredentials)} {
			a := k.ask(admin, http.MethodPost, "/v1/api-keys", `{"name":"x","consumer":"user-0"}`)
			b := k.ask(admin, http.MethodPost, "/v1/api-keys", `{"name":"x","consumer":"user-9"}`)
			k.problem(a, http.StatusForbidden, "grant")
			if strings.ReplaceAll(a.Text, "user-0", "user-9") != b.Text {
				t.Errorf("one that is there and one that is not:\n%s%s", a.Text, b.Text)
			}
		}
		if a := k.ask(k.key(simAccount+":user-*", apikey.Admin, apikey.ReadCredentials), http.MethodPost, "/v1/api-keys", `{"name":"x","consumer":"user-0"}`); a.Status != http.StatusCreated || !strings.Contains(a.Text, simAccount+":user-0") {
			t.Errorf("%d %s", a.Status, a.Text)
		}
	})
}

// noticing is a desk at which something holds changes back.
type noticing struct{ fleet.Desk }

func (n noticing) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	snap, err := n.Desk.Watch(ctx, v)
	snap.Notice = "scheduled changes have stopped for everybody: 1 of 2 users began to fail (user-0)"
	return snap, err
}

// TestNoticeNamesNobodyElse: why changes are held back names users that a limited key may not know.
func TestNoticeNamesNobodyElse(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		a := k.ask(k.key("user-1", apikey.ReadEvents), "GET", "/v1/fleet", "")
		if a.Status != http.StatusOK || strings.Contains(a.Text, "user-0") || !strings.Contains(a.Text, "held back") {
			t.Errorf("%d %s", a.Status, a.Text)
		}
		if a := k.ask(k.key("*", apikey.ReadEvents), "GET", "/v1/fleet", ""); !strings.Contains(a.Text, "began to fail (user-0)") {
			t.Errorf("%d %s", a.Status, a.Text)
		}
	}, func(c *Config) { c.Desk = noticing{c.Desk} })
}

// TestOneRequestReadsHistoryInPages: a key that may see the last of many users cannot have the history of all read event by event.
func TestOneRequestReadsHistoryInPages(t *testing.T) {
	reads := 0
	inKit(t, 30, func(k *kit) {
		key := k.key("user-29", apikey.ReadEvents)
		var seen []int64
		for after := int64(0); ; {
			var page api.Events
			k.get(key, "/v1/events?limit=1&after="+itoa(after), &page)
			if len(page.Events) == 0 {
				break
			}
			if len(page.Events) > 1 || page.Events[0].User != "user-29" || page.Events[0].Seq != page.Next {
				t.Fatalf("%+v", page)
			}
			seen, after = append(seen, page.Next), page.Next
		}
		if len(seen) != 4 || reads > 2*(len(seen)+1) {
			t.Errorf("%d events after %d reads", len(seen), reads)
		}
	}, func(c *Config) {
		page := c.History
		c.History = func(ctx context.Context, q store.PageQuery) (store.Page, error) {
			reads++
			return page(ctx, q)
		}
	})
}
