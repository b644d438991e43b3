package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

func with(s Settings) func(*Config) { return func(c *Config) { c.Settings = s } }

// A key has its burst, is then told when to come again, and others are not held back by it.
func TestLimitsPerKey(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		one, other := k.all(), k.all()
		for i := range 4 {
			a := k.ask(one, "GET", "/v1/whoami", "")
			if want := `"key";r=` + strconv.Itoa(3-i) + ";t="; a.Status != 200 || !strings.HasPrefix(a.Header.Get("RateLimit"), want) {
				t.Errorf("request %d: %d, RateLimit %s", i, a.Status, a.Header.Get("RateLimit"))
			}
			if got := a.Header.Get("RateLimit-Policy"); got != `"key";q=4;w=2` {
				t.Error("RateLimit-Policy: " + got)
			}
		}
		a := k.ask(one, "GET", "/v1/whoami", "")
		p := k.problem(a, 429, "too-fast")
		if a.Header.Get("Retry-After") != "1" || !strings.Contains(p.Detail, "2 a second, 4 at once") {
			t.Errorf("Retry-After %s, %s", a.Header.Get("Retry-After"), p.Detail)
		}
		if a := k.ask(other, "GET", "/v1/whoami", ""); a.Status != 200 {
			t.Errorf("another key got %d", a.Status)
		}
		time.Sleep(500 * time.Millisecond)
		if a := k.ask(one, "GET", "/v1/whoami", ""); a.Status != 200 {
			t.Errorf("half a second later, one more of two a second: %d", a.Status)
		}
		k.problem(k.ask(one, "GET", "/v1/whoami", ""), 429, "too-fast")
	}, with(Settings{PerKey: Limit{2, 4}}))
}

// Whoever floods an address with wrong keys takes nothing from the valid keys behind it.
func TestLimitsPerAddress(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.all()
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() { k.ask("wrong", "GET", "/v1/whoami", "") })
		}
		synctest.Wait()
		began := time.Now()
		for range 3 {
			if a := k.ask(key, "GET", "/v1/whoami", ""); a.Status != 200 || time.Since(began) > 0 {
				t.Errorf("a valid key among wrong ones: %d after %v", a.Status, time.Since(began))
			}
		}
		k.problem(k.ask(key, "GET", "/v1/whoami", ""), 429, "too-fast")
		k.problem(k.ask(k.all(), "GET", "/v1/whoami", ""), 429, "too-fast") // another key, the same address
		wait.Wait()
	}, with(Settings{PerAddress: Limit{1, 3}}))
}

// Wrong keys wait longer and longer; when too many wait, more are told so at once. A good key never waits.
func TestFailedAuthenticationsAreDelayed(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.all()
		for i, want := range []time.Duration{0, 0, 0, 250e6, 500e6, 1e9, 2e9, 4e9, 4e9} {
			began := time.Now()
			a := k.ask("wrong", "GET", "/v1/whoami", "")
			if p := k.problem(a, 401, "unauthenticated"); time.Since(began) != want || a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("failure %d waited %v, not %v: %s", i+1, time.Since(began), want, p.Detail)
			}
			if began := time.Now(); k.ask(key, "GET", "/v1/whoami", "").Status != 200 || time.Since(began) > 0 {
				t.Errorf("a good key waited %v", time.Since(began))
			}
		}
		var wait sync.WaitGroup
		codes := make(chan int, 10)
		began := time.Now()
		for range 10 {
			wait.Go(func() {
				a := k.ask("wrong", "GET", "/v1/whoami", "")
				if a.Status == 429 && (time.Since(began) > 0 || a.Header.Get("Connection") != "close" || a.Header.Get("Retry-After") == "") {
					t.Errorf("one too many: after %v, %v", time.Since(began), a.Header)
				}
				codes <- a.Status
			})
		}
		wait.Wait()
		close(codes)
		count := map[int]int{}
		for c := range codes {
			count[c]++
		}
		if count[401] != waitersPerAddress || count[429] != 10-waitersPerAddress {
			t.Errorf("ten at once: %v", count)
		}
		time.Sleep(forgetFailures + time.Second)
		began = time.Now()
		k.ask("wrong", "GET", "/v1/whoami", "")
		if time.Since(began) > 0 {
			t.Error("long after, a first slip waits")
		}
	})
}

// What is remembered of addresses is bounded, however many there are.
func TestMemoryOfAddressesIsBounded(t *testing.T) {
	l, f := newLimiter[addressKey](), &failures{}
	now := time.Now()
	for i := range 300_000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		l.take(addressKey{a, false}, Limit{1, 10}, now)
		if i < 100_000 {
			f.wait(t.Context(), a, now)
		}
	}
	n := 0
	for i := range l.shards {
		n += len(l.shards[i].full)
	}
	if n > mostPerShard*len(l.shards) || n < mostPerShard*len(l.shards)/2 || len(f.by) > rememberedFailed {
		t.Errorf("%d addresses in the limiter, %d among failures", n, len(f.by))
	}
	one, two := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2")
	if neighbourhood(one) != neighbourhood(two) || neighbourhood(one) == neighbourhood(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("a network of 64 bits is one address")
	}
}

func TestForwardedAddressesCountFromTrustedProxiesOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"203.0.113.9:1", "198.51.100.1", "203.0.113.9"},               // nobody's word
		{"10.0.0.1:1", "", "10.0.0.1"},                                 // the proxy itself
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1"},                 // its client
		{"10.0.0.1:1", "1.2.3.4, 198.51.100.1", "198.51.100.1"},        // what the client made up does not count
		{"10.0.0.1:1", "198.51.100.1, 10.9.9.9", "198.51.100.1"},       // two proxies
		{"10.0.0.1:1", "10.1.1.1, 10.9.9.9", "10.1.1.1"},               // a client inside
		{"10.0.0.1:1", "198.51.100.1:4711", "198.51.100.1"},            // some proxies add a port
		{"[fd00::1]:1", "[2001:db8::5]:99, fd00::2", "2001:db8::5"},    // IPv6
		{"10.0.0.1:1", "198.51.100.1, nonsense, 10.9.9.9", "10.9.9.9"}, // no further than can be read
		{"[::ffff:10.0.0.1]:1", "198.51.100.1", "198.51.100.1"},        // IPv4 in IPv6
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := client(r, trusted); got.String() != c.want {
			t.Errorf("%s with %q is %s, not %s", c.peer, c.forwarded, got, c.want)
		}
	}
	r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}
	if got := client(r, nil); got.String() != "10.0.0.1" {
		t.Errorf("nobody is trusted, and %s counts", got)
	}
}

// Where a key may stand, and where not.
func TestWhereAKeyMayStand(t *testing.T) {
	for _, c := range []struct {
		also         Token
		header, text string
		want         string
	}{
		{TokenUsual, "X-API-Key", "k", "k"},
		{TokenUsual, "Authorization", "Bearer k", "k"},
		{TokenUsual, "Authorization", "bearer  k ", "k"},
		{TokenUsual, "Authorization", "k", ""},
		{TokenUsual, "Authorization", "Basic k", ""},
		{TokenUsual, "X-Vault-Token", "k", ""},
		{TokenContainer, "Authorization", "k", "k"},
		{TokenContainer, "Authorization", "Bearer k", "k"},
		{TokenVault, "X-Vault-Token", "k", "k"},
	} {
		r := &http.Request{Header: http.Header{}}
		r.Header.Set(c.header, c.text)
		if got := presented(r, c.also); got != c.want {
			t.Errorf("%s: %s on a route of kind %d gives %q", c.header, c.text, c.also, got)
		}
	}
}

// The scope is asked for before anything else is said; a user that is hidden and one that is not there are the same answer.
func TestScopesAndHiddenUsers(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		k.route(Route{ID: "test", Method: "GET", Path: "/v1/test/{user}", Scope: apikey.Rotate}, func(ctx context.Context, in *testIn) (*struct{}, error) {
			_, err := k.server.user(callOf(ctx), in.User)
			return nil, err
		})
		k.problem(k.ask(k.key("*", apikey.Admin, apikey.Operate), "GET", "/v1/test/user-0", ""), 403, "forbidden")
		key := k.key("user-0 *:user-7", apikey.Rotate)
		for _, path := range []string{"user-0", simAccount + ":user-0", simAccount + "%3Auser-0"} {
			if a := k.ask(key, "GET", "/v1/test/"+path, ""); a.Status != 204 {
				t.Errorf("%s: %d %s", path, a.Status, a.Text)
			}
		}
		hidden := k.problem(k.ask(key, "GET", "/v1/test/user-1", ""), 404, "unknown-user")
		absent := k.problem(k.ask(key, "GET", "/v1/test/user-9", ""), 404, "unknown-user")
		k.problem(k.ask(key, "GET", "/v1/test/user-7", ""), 404, "unknown-user")
		if strings.ReplaceAll(hidden.Detail, "user-1", "user-9") != absent.Detail {
			t.Errorf("hidden: %s\nabsent: %s", hidden.Detail, absent.Detail)
		}
	})
}

// What AWS said is for administrators; everybody hears what kind of failure it was.
func TestWhoHearsWhatAWSSaid(t *testing.T) {
	denied := &rotation.CallError{Service: "iam", Operation: "CreateAccessKey", Target: "user-0", Action: "iam:CreateAccessKey", Kind: rotation.ErrDenied}
	inKit(t, 1, func(k *kit) {
		var err error
		k.route(Route{ID: "test", Method: "GET", Path: "/v1/test"}, func(context.Context, *struct{}) (*struct{}, error) { return nil, err })
		admin, other := k.all(), k.key("*", apikey.Rotate)
		err = denied
		if p := k.problem(k.ask(admin, "GET", "/v1/test", ""), 502, "denied"); !strings.Contains(p.Detail, "iam:CreateAccessKey") {
			t.Errorf("an administrator hears %s", p.Detail)
		}
		if p := k.problem(k.ask(other, "GET", "/v1/test", ""), 502, "denied"); strings.Contains(p.Detail, "CreateAccessKey") {
			t.Errorf("everybody hears %s", p.Detail)
		}
		err = errors.New("the disk of host-17 is on fire")
		if p := k.problem(k.ask(other, "GET", "/v1/test", ""), 500, "unexpected"); strings.Contains(p.Detail, "host-17") {
			t.Errorf("everybody hears %s", p.Detail)
		}
		if !strings.Contains(k.log.String(), "host-17") {
			t.Error("the log does not tell")
		}
		err = &kinds.BlockedError{User: rotation.User{Account: simAccount, Name: "user-0"}, Reason: rotation.BlockedRequest, KeyID: "AKIAX", Detail: "adopt it"}
		if p := k.problem(k.ask(other, "GET", "/v1/test", ""), 409, "blocked"); p.Reason != string(rotation.BlockedRequest) || p.User != simAccount+":user-0" || p.KeyID != "AKIAX" {
			t.Errorf("%+v", p)
		}
	})
}

// While another process looks after the users, or none does, the API says so and the pages answer.
func TestStandingBy(t *testing.T) {
	var standing error
	inKit(t, 1, func(k *kit) {
		standing = errors.New("host-2 looks after them")
		if p := k.problem(k.ask(k.all(), "GET", "/v1/whoami", ""), 503, "standing-by"); p.Status != 503 {
			t.Errorf("%+v", p)
		}
		for _, path := range []string{"/healthz", "/metrics", "/openapi.json", "/docs", "/"} {
			if a := k.ask("", "GET", path, ""); a.Status != 200 {
				t.Errorf("%s: %d", path, a.Status)
			}
		}
		standing = nil
		if a := k.ask(k.all(), "GET", "/v1/whoami", ""); a.Status != 200 {
			t.Errorf("%d %s", a.Status, a.Text)
		}
	}, func(c *Config) { c.Standing = func() error { return standing } })
}

// Beyond plain loopback the metrics tell more than everybody should know.
func TestWhoReadsMetrics(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		open     bool
	}{{Settings{}, true}, {Settings{Public: true}, false}, {Settings{TLS: true}, false}} {
		inKit(t, 1, func(k *kit) {
			if a := k.ask("", "GET", "/metrics", ""); (a.Status == 200) != c.open {
				t.Errorf("%+v: %d", c.settings, a.Status)
			}
			if a := k.ask(k.key("", apikey.ReadMetrics), "GET", "/metrics", ""); a.Status != 200 {
				t.Errorf("%+v: with a key %d", c.settings, a.Status)
			}
			if a := k.ask(k.key("*", apikey.Admin), "GET", "/metrics", ""); (a.Status == 200) != c.open {
				t.Errorf("%+v: with another key %d", c.settings, a.Status)
			}
		}, with(c.settings))
	}
}
