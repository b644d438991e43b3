package daemon

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
)

const someone = "users: {include: [{name: x}]}\n"

// The API takes up what changes in its settings, and refuses as a whole what it cannot be under.
func TestTheAPITakesUpSettings(t *testing.T) {
	parse := func(text string) *config.Config {
		c, err := config.Parse("keyturn.yaml", []byte(someone+text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := parse("api: {insecure_plaintext: true, hosts: [a.example]}\n")
	d := &daemon{Config: Config{File: "keyturn.yaml", Log: slog.New(slog.DiscardHandler), Listen: "0.0.0.0:0"}, settings: first, waiting: "starting"}
	d.metrics = newMetrics("", d.watched)
	var err error
	if d.api, err = d.newAPI(first); err != nil {
		t.Fatal(err)
	}
	l := &life{daemon: d}
	answers := func(when, host string, want int) {
		t.Helper()
		if code, text := l.get("/healthz", host); code != want {
			t.Errorf("%s, %s: %d %s", when, host, code, text)
		}
	}
	answers("at first", "a.example", 200)
	answers("at first", "b.example", 403)
	d.reload(t.Context(), parse("api: {insecure_plaintext: true, hosts: [b.example]}\n"), nil)
	answers("afterwards", "a.example", 403)
	answers("afterwards", "b.example", 200)
	d.reload(t.Context(), parse("api: {hosts: [a.example]}\n"), nil)
	if d.refused == nil || !strings.Contains(d.refused.Error(), "keyturn.yaml:2: the address \"0.0.0.0:0\" can be reached") {
		t.Errorf("plain text beyond this machine, of which nothing is said any more: %v", d.refused)
	}
	answers("after a refusal", "b.example", 200)
	d.reload(t.Context(), parse("api: {insecure_plaintext: true, cors_origins: [\"https://a.example:99999\"], hosts: [a.example]}\n"), nil)
	if d.refused == nil {
		t.Error("an origin that no browser has is taken")
	}
	answers("after a refusal", "b.example", 200)
}

// Whoever stands by says so on the API, and its pages answer; whoever works takes orders.
func TestTheAPIStandsBy(t *testing.T) {
	living(t, 1, fleet.NewPlain(), "", func(t *testing.T, l *life) {
		if code, text := l.get("/v1/users", "127.0.0.1"); code != http.StatusServiceUnavailable || !strings.Contains(text, "standing-by") {
			t.Errorf("without an office: %d %s", code, text)
		}
		w, err := l.newOffice(l.keeper)
		if err != nil {
			t.Fatal(err)
		}
		l.work.Store(w)
		if code, text := l.get("/v1/users", "127.0.0.1"); code != http.StatusUnauthorized && code != http.StatusServiceUnavailable {
			t.Errorf("at work: %d %s", code, text)
		}
		l.work.Store(nil)
	})
}

// Who was let in by a proof goes on without another one, as long as the settings name it.
func TestAnIdentityGoesOn(t *testing.T) {
	cfg, err := config.Parse("keyturn.yaml", []byte(someone+"api: {server_id: keyturn.example.com, aws_identities: [{account: \"123456789012\", "+
		"unique_id: AROAEXAMPLEEXAMPLE01, scopes: [\"events:read\"], users: [\"*\"]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{Config: Config{File: "keyturn.yaml", Log: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0"}, settings: cfg, waiting: "starting"}
	d.metrics = newMetrics("", d.watched)
	if d.api, err = d.newAPI(cfg); err != nil {
		t.Fatal(err)
	}
	was := &apikey.Caller{ID: "aws:123456789012:AROAEXAMPLEEXAMPLE01", Expires: time.Now().Add(15 * time.Minute)}
	again := func() (*apikey.Caller, error) {
		return d.api.Again(t.Context(), was, "keyturn-aws1.used", netip.Addr{})
	}
	if c, err := again(); err != nil || !c.Has(apikey.ReadEvents) {
		t.Errorf("%+v, %v", c, err)
	}
	if err := d.identities.Allow(nil); err != nil {
		t.Fatal(err)
	}
	if c, err := again(); !errors.Is(err, apikey.ErrUnknown) {
		t.Errorf("%+v, %v", c, err)
	}
}

// However many requests a visitor begins over one connection of HTTP/2, few are under way.
func TestTheAPIBoundsStreams(t *testing.T) {
	var mu sync.Mutex
	busy, most, all := map[string]int{}, 0, make(chan struct{})
	s := httptest.NewUnstartedServer(nil)
	s.Config = newHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("it is served over %s", r.Proto)
		}
		mu.Lock()
		busy[r.RemoteAddr]++
		most = max(most, busy[r.RemoteAddr])
		sum := 0
		for _, n := range busy {
			sum += n
		}
		if sum == 4*together {
			close(all)
		}
		mu.Unlock()
		<-all // a client that wants more opens more connections, which are bounded elsewhere
	}), slog.New(slog.DiscardHandler))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	var waiting sync.WaitGroup
	for range 4 * together {
		waiting.Go(func() {
			resp, err := s.Client().Get(s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	waiting.Wait()
	if most > together {
		t.Errorf("%d requests were under way over one connection", most)
	}
}
