package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// A web site can point a name of its own at this machine; its pages must not reach the API through a browser here.
func TestHostsThatARequestMayName(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		host     string
		ok       bool
	}{
		{Settings{}, "127.0.0.1:9847", true}, {Settings{}, "[::1]:9847", true}, {Settings{}, "localhost", true}, {Settings{}, "127.8.8.8:1", true},
		{Settings{}, "evil.example:9847", false}, {Settings{}, "10.0.0.7", false}, {Settings{}, "", false}, {Settings{}, "localhost.evil.example", false},
		{Settings{Hosts: []string{"keyturn.internal"}}, "keyturn.internal:443", true}, {Settings{Hosts: []string{"keyturn.internal"}}, "KEYTURN.internal", true},
		{Settings{Hosts: []string{"keyturn.internal"}}, "other.internal", false},
		{Settings{Public: true}, "anything.example", true}, {Settings{Public: true, Hosts: []string{"a.b"}}, "evil.example", false},
		{Settings{Public: true, Hosts: []string{"a.b"}}, "10.0.0.7:443", true},
	} {
		inKit(t, 1, func(k *kit) {
			a := k.ask(k.all(), "GET", "/v1/whoami", "", "Host", c.host)
			if (a.Status == 200) != c.ok {
				t.Errorf("%+v, %q: %d %s", c.settings, c.host, a.Status, a.Text)
			}
			if !c.ok {
				k.problem(a, 403, "wrong-host")
			}
		}, with(c.settings))
	}
}

func TestPagesOfOtherSites(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		k.route(Route{ID: "test", Method: "POST", Path: "/v1/test"}, echo)
		key, body := k.all(), `{"text": "x"}`
		post := func(more ...string) answer { return k.ask(key, "POST", "/v1/test", body, more...) }
		k.problem(post("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), 403, "cross-origin")
		k.problem(post("Origin", "https://evil.example"), 403, "cross-origin")
		for _, more := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://console.example", "Sec-Fetch-Site", "cross-site"}} {
			if a := post(more...); a.Status != 200 {
				t.Errorf("%v: %d %s", more, a.Status, a.Text)
			}
		}
		ask := func(origin string) http.Header {
			return k.ask("", "OPTIONS", "/v1/test", "", "Origin", origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "content-type,x-api-key").Header
		}
		if h := ask("https://console.example"); h.Get("Access-Control-Allow-Origin") != "https://console.example" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("the console's pages: %v", h)
		}
		if h := ask("https://evil.example"); h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("another site's: %v", h)
		}
	}, with(Settings{CORSOrigins: []string{"https://console.example"}}))
	inKit(t, 1, func(k *kit) {
		if h := k.ask("", "OPTIONS", "/v1/whoami", "", "Origin", "https://console.example", "Access-Control-Request-Method", "GET").Header; h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("without any origin configured: %v", h)
		}
	})
}

func echo(_ context.Context, in *testPost) (*testOut, error) {
	out := &testOut{}
	out.Body.Text, out.Body.Secret = in.Body.Text, "hush"
	return out, nil
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		for _, path := range []string{"/v1/whoami", "/v1/nowhere", "/healthz", "/docs", "/v1//whoami"} {
			h := k.ask(k.all(), "GET", path, "").Header
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
				"Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000"} {
				if h.Get(name) != want {
					t.Errorf("%s: %s is %q", path, name, h.Get(name))
				}
			}
			if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'") {
				t.Errorf("%s: %s", path, h.Get("Content-Security-Policy"))
			}
		}
	}, with(Settings{TLS: true}))
}

func TestBadRequests(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		called := 0
		k.route(Route{ID: "test", Method: "POST", Path: "/v1/test", MaxBody: 100}, func(ctx context.Context, in *testPost) (*testOut, error) {
			called++
			return echo(ctx, in)
		})
		key := k.all()
		secret := "s3cr3t"
		for _, c := range []struct {
			body   string
			status int
			code   string
		}{
			{`{"text":`, 400, "bad-request"}, {`nonsense`, 400, "bad-request"}, {`{"text": "x"} {}`, 400, "bad-request"}, {"", 400, "bad-request"},
			{`{}`, 422, "invalid-request"}, {`{"text": 7}`, 422, "invalid-request"}, {`{"text": "x", "more": "` + secret + `"}`, 422, "invalid-request"},
			{`{"text": "` + secret + strings.Repeat("x", 20) + `"}`, 422, "invalid-request"}, {`[]`, 422, "invalid-request"},
			{`{"text": "` + strings.Repeat("x", 200) + `"}`, 413, "too-large"},
		} {
			a := k.ask(key, "POST", "/v1/test", c.body)
			k.problem(a, c.status, c.code)
			if strings.Contains(a.Text, secret) {
				t.Errorf("what was sent is shown again: %s", a.Text)
			}
		}
		k.problem(k.ask(key, "POST", "/v1/test", `{"text": "x"}`, "Content-Type", "text/plain"), 415, "media-type")
		k.problem(k.ask(key, "POST", "/v1/test", `{"text": "x"}`, "Content-Type", ""), 415, "media-type")
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/test", io.MultiReader(strings.NewReader(`{"text": "`), strings.NewReader(strings.Repeat("x", 200)+`"}`)))
		r.Host, r.RemoteAddr, r.ContentLength = "127.0.0.1", "127.0.0.1:40000", -1 // it does not say how long it is
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", key)
		w := httptest.NewRecorder()
		k.server.ServeHTTP(w, r)
		k.problem(answer{w.Code, w.Header(), w.Body.String()}, 413, "too-large")
		a := k.ask(key, "PUT", "/v1/test", `{"text": "x"}`)
		if k.problem(a, 405, "no-method"); a.Header.Get("Allow") != "POST" {
			t.Errorf("Allow: %s", a.Header.Get("Allow"))
		}
		for _, path := range []string{"/v1", "/v1/", "/v2/whoami", "/v1/whoami/", "/v1//whoami", "/v1/../v1/whoami", "/v1/./whoami"} {
			k.problem(k.ask(key, "GET", path, ""), 404, "no-route")
		}
		if called > 0 {
			t.Errorf("%d bad requests reached the handler", called)
		}
	})
}

// A handler that panics is answered as any other failure, and the server lives on.
func TestAPanicIsAnAnswer(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		k.route(Route{ID: "test", Method: "GET", Path: "/v1/test"}, func(context.Context, *struct{}) (*struct{}, error) { panic("the secret is hush") })
		a := k.ask(k.all(), "GET", "/v1/test", "")
		if k.problem(a, 500, "unexpected"); strings.Contains(a.Text+k.log.String(), "hush") {
			t.Errorf("%s\n%s", a.Text, k.log)
		}
	})
}

// The same request, sent again because its answer was lost, is carried out once and answered alike, without its secret.
func TestIdempotencyKeys(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		called, fail, hold := 0, error(nil), make(chan struct{})
		close(hold)
		k.route(Route{ID: "test", Method: "POST", Path: "/v1/test", Secrets: []string{"secret"}}, func(ctx context.Context, in *testPost) (*testOut, error) {
			called++
			<-hold
			if fail != nil {
				return nil, fail
			}
			return echo(ctx, in)
		})
		one, other := k.all(), k.all()
		send := func(key, id, text string) answer {
			return k.ask(key, "POST", "/v1/test", `{"text": "`+text+`"}`, "Idempotency-Key", id)
		}
		first, again := send(one, "a", "x"), send(one, "a", "x")
		var got, replayed map[string]string
		_ = json.Unmarshal([]byte(first.Text), &got)
		_ = json.Unmarshal([]byte(again.Text), &replayed)
		if called != 1 || got["text"] != "x" || got["secret"] != "hush" || again.Status != 200 || replayed["text"] != "x" ||
			strings.Contains(again.Text, "hush") || again.Header.Get("Idempotency-Replayed") != "true" || again.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%d calls\n%s\n%s %v", called, first.Text, again.Text, again.Header)
		}
		k.problem(send(one, "a", "y"), 422, "idempotency-mismatch")
		if a := send(other, "a", "y"); a.Status != 200 || called != 2 {
			t.Errorf("another caller's: %d, %d calls", a.Status, called)
		}
		if a := send(one, "b", "y"); a.Status != 200 || called != 3 {
			t.Errorf("another key's: %d, %d calls", a.Status, called)
		}
		k.problem(send(one, strings.Repeat("x", 256), "y"), 400, "bad-request")
		k.problem(send(one, "ü", "y"), 400, "bad-request")

		hold = make(chan struct{})
		var both sync.WaitGroup
		both.Go(func() {
			if a := send(one, "c", "z"); a.Status != 200 {
				t.Errorf("the first: %d %s", a.Status, a.Text)
			}
		})
		time.Sleep(time.Second)
		busy := send(one, "c", "z")
		if k.problem(busy, 409, "idempotency-busy"); busy.Header.Get("Retry-After") == "" {
			t.Errorf("%v", busy.Header)
		}
		close(hold)
		both.Wait()

		// One that a process began which was killed does not end: nobody waits for that.
		_, err := k.db.BeginRequest(t.Context(), store.Request{Caller: k.keys[one].ID, Key: "lost", Route: "POST /v1/test",
			Hash: sha256.Sum256([]byte(`{"text": "z"}`))}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		lost := send(one, "lost", "z")
		if p := k.problem(lost, 409, "idempotency-busy"); lost.Header.Get("Retry-After") != "" || !strings.Contains(p.Detail, "/v1/events tells") {
			t.Errorf("%v %+v", lost.Header, p)
		}

		fail = errors.New("fire") // its outcome is unknown: not done twice
		called = 0
		k.problem(send(one, "d", "z"), 500, "unexpected")
		fail = nil
		if a := send(one, "d", "z"); a.Status != 500 || called != 1 {
			t.Errorf("after a failure of unknown outcome: %d, %d calls", a.Status, called)
		}
		if a := send(one, "e", "much too long"); a.Status != 422 {
			t.Errorf("%d", a.Status)
		}
		if a := send(one, "e", "short"); a.Status != 200 { // the wrong one had no effect
			t.Errorf("a corrected request: %d %s", a.Status, a.Text)
		}
		time.Sleep(25 * time.Hour)
		called = 0
		if a := send(one, "a", "x"); a.Status != 200 || called != 1 {
			t.Errorf("a day later: %d, %d calls", a.Status, called)
		}
	})
}

// New settings hold for the next request; wrong ones change nothing.
func TestSettingsChangeWhileItRuns(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.all()
		if err := k.server.Apply(Settings{PerKey: Limit{1, 1}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}); err != nil {
			t.Fatal(err)
		}
		if a := k.ask(key, "GET", "/v1/whoami", ""); a.Header.Get("RateLimit-Policy") != `"key";q=1;w=1` {
			t.Errorf("%v", a.Header)
		}
		if err := k.server.Apply(Settings{CORSOrigins: []string{"https://*.com"}}); err == nil {
			t.Error("an origin of everybody is taken")
		}
		k.problem(k.ask(key, "GET", "/v1/whoami", ""), 429, "too-fast")
	})
}
