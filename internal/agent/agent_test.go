package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/agent"
)

// upstream is a keyturn server without a socket. It knows users whose names begin with "app".
type upstream struct {
	mu    sync.Mutex
	away  bool
	asked map[string]int
}

func (u *upstream) set(away bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.away = away
}

func (u *upstream) requests(user string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[user]
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	user := strings.TrimPrefix(r.URL.Path, "/v1/container/")
	u.mu.Lock()
	u.asked[user]++
	n, away := u.asked[user], u.away
	u.mu.Unlock()
	if away {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	if !strings.HasPrefix(user, "app") {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"code":"unknown-user","detail":"there is no such user"}`)
	} else {
		fmt.Fprintf(w, `{"AccessKeyId":"AKIA%d","SecretAccessKey":"hush","Token":"","Expiration":%q}`, n,
			time.Now().Add(11*time.Minute).UTC().Format(time.RFC3339))
	}
	return w.Result(), nil
}

const token = "a-token-of-some-length"

func newAgent(t *testing.T) (*agent.Agent, *upstream) {
	t.Helper()
	u := &upstream{asked: map[string]int{}}
	a, err := agent.New(agent.Config{Token: token,
		Upstream: client.Config{URL: "https://keyturn.test", APIKey: "k", HTTPClient: &http.Client{Transport: u}}})
	if err != nil {
		t.Fatal(err)
	}
	return a, u
}

// get asks as an SDK does, but for what change does.
func get(a *agent.Agent, path string, change ...func(*http.Request)) (status int, body string) {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7911"+path, nil)
	r.Header.Set("Authorization", token)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		body = "NOT no-store: "
	}
	return w.Code, body + w.Body.String()
}

// What is answered has the very fields that SDKs look for.
func TestContainerForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAgent(t)
		defer a.Close()
		status, body := get(a, "/v1/container/app")
		var got map[string]string
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		want := map[string]string{"AccessKeyId": "AKIA1", "SecretAccessKey": "hush", "Token": "", "Expiration": "2000-01-01T00:11:00Z"}
		for k, v := range want {
			if is, there := got[k]; !there || is != v || len(got) != len(want) {
				t.Errorf("%s is %q, not %q", k, is, v)
			}
		}
	})
}

// Who may ask, and for what.
func TestWhoMayAsk(t *testing.T) {
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	header := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	synctest.Test(t, func(t *testing.T) {
		a, u := newAgent(t)
		defer a.Close()
		for _, c := range []struct {
			path   string
			change func(*http.Request)
			status int
			code   string
		}{
			{"/v1/container/app", nil, 200, ""},
			{"/v1/container/app", header("Authorization", "Bearer "+token), 200, ""},
			{"/v1/container/app", host("[::1]:7911"), 200, ""},
			{"/v1/container/app", host("127.0.0.2"), 200, ""},
			{"/v1/container/123456789012:app", nil, 400, "unknown-user"},
			{"/v1/container/app", host("localhost:7911"), 403, "wrong-host"},
			{"/v1/container/app", host("evil.example:7911"), 403, "wrong-host"},
			{"/v1/container/app", host("127.0.0.1.evil.example"), 403, "wrong-host"},
			{"/v1/container/app", host(""), 403, "wrong-host"},
			{"/v1/container/app", header("Origin", "http://127.0.0.1:7911"), 403, "from-a-browser"},
			{"/v1/container/app", header("Origin", "null"), 403, "from-a-browser"},
			{"/v1/container/app", header("Sec-Fetch-Site", "cross-site"), 403, "from-a-browser"},
			{"/v1/container/app", header("Authorization", ""), 400, "wrong-token"},
			{"/v1/container/app", header("Authorization", token+"x"), 400, "wrong-token"},
			{"/v1/container/app", header("Authorization", token[1:]), 400, "wrong-token"},
			{"/v1/container/app%2F..%2Fother", nil, 400, "bad-user"},
			{"/v1/container/app%0Aother", nil, 400, "bad-user"},
			{"/v1/container/" + strings.Repeat("a", 65), nil, 400, "bad-user"},
			{"/v1/container/other", nil, 400, "unknown-user"},
			{"/v1/container/", nil, 404, "no-such-route"},
			{"/v1/credentials/app", nil, 404, "no-such-route"},
			{"/v1/container/app", func(r *http.Request) { r.Method = http.MethodPost }, 404, "no-such-route"},
		} {
			change := c.change
			if change == nil {
				change = func(*http.Request) {}
			}
			before := u.requests("app")
			status, body := get(a, c.path, change)
			if status != c.status || c.code != "" && !strings.Contains(body, `"code":"`+c.code+`"`) {
				t.Errorf("%s gives %d %s, not %d %s", c.path, status, body, c.status, c.code)
			}
			if c.status != 200 && (strings.Contains(body, "hush") || strings.Contains(body, token) || u.requests("app") != before) {
				t.Errorf("%s: refused, and still %d requests and %s", c.path, u.requests("app")-before, body)
			}
		}
	})
}

// A server that is away for less than the credentials last is nobody's trouble; after that it is said, and over once the server is back.
func TestServerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, u := newAgent(t)
		defer a.Close()
		if status, body := get(a, "/v1/container/app"); status != 200 {
			t.Fatal(body)
		}
		time.Sleep(5 * time.Minute) // it has fetched again meanwhile, or is about to
		u.set(true)
		for range 300 {
			if status, body := get(a, "/v1/container/app"); status != 200 {
				t.Fatal(body)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(6 * time.Minute)
		if status, body := get(a, "/v1/container/app"); status != 500 || !strings.Contains(body, `"code":"unavailable"`) {
			t.Errorf("with nothing left: %d %s", status, body)
		}
		u.set(false)
		if status, body := get(a, "/v1/container/app"); status != 200 {
			t.Errorf("back again: %d %s", status, body)
		}
	})
}

// Users that nobody asks for any more are forgotten, those that were named are not, and those that are refused are not asked about again.
func TestWhoIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, u := newAgent(t)
		defer a.Close()
		go a.Run(t.Context())
		if err := a.Keep(t.Context(), "app-named"); err != nil {
			t.Fatal(err)
		}
		_, _ = get(a, "/v1/container/app-once")
		_, _ = get(a, "/v1/container/other")
		if err := a.Keep(t.Context(), "other-named"); err == nil {
			t.Error("a user that the server does not know is kept without a word")
		}
		time.Sleep(24 * time.Hour)
		if n := u.requests("app-named"); n < 24*60/6 {
			t.Errorf("a named user was fetched %d times in a day", n)
		}
		if n := u.requests("app-once"); n > 4*60/5 {
			t.Errorf("a user that was asked for once was fetched %d times in a day", n)
		}
		if n := u.requests("other"); n != 1 {
			t.Errorf("a user that the server refused was asked about %d times", n)
		}
	})
}

// Whoever has the token may ask for any name, and not fill the memory.
func TestManyUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAgent(t)
		defer a.Close()
		for i := range 1000 {
			if status, body := get(a, fmt.Sprint("/v1/container/app", i)); status != 200 {
				t.Fatal(body)
			}
		}
		if status, _ := get(a, "/v1/container/app-more"); status != 500 {
			t.Errorf("one user too many gives %d", status)
		}
		if status, _ := get(a, "/v1/container/app7"); status != 200 {
			t.Errorf("a known user gives %d", status)
		}
	})
}

func TestToken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "token")
	made, err := agent.Token(path)
	if err != nil || len(made) < 40 {
		t.Fatalf("%q, %v", made, err)
	}
	text, _ := os.ReadFile(path)
	info, _ := os.Stat(path)
	if string(text) != made || info.Mode().Perm() != 0o600 {
		t.Errorf("the file holds %q with mode %v; SDKs refuse a newline", text, info.Mode())
	}
	if again, err := agent.Token(path); err != nil || again != made {
		t.Errorf("the second time it is %q: %v", again, err)
	}
	for want, spoil := range map[string]func(string) error{
		"chmod 600":       func(p string) error { return os.Chmod(p, 0o640) },
		"holds no token":  func(p string) error { return os.WriteFile(p, []byte("short"), 0o600) },
		"no regular file": func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/dev/null", p)) },
		"chmod 700":       func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) },
	} {
		path := filepath.Join(t.TempDir(), "sub", "token")
		if _, err := agent.Token(path); err != nil {
			t.Fatal(err)
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		if _, err := agent.Token(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, and it should say %q", err, want)
		}
	}
}

// An agent is found while it lives, by its lock; what a dead one left is not believed, as its address may be another program's by now.
func TestFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if _, err := agent.Find(path); !errors.Is(err, agent.ErrNone) {
		t.Errorf("none: %v", err)
	}
	p := agent.Place{PID: os.Getpid(), URL: "http://127.0.0.1:1", TokenFile: path}
	leave, err := agent.Announce(p)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := agent.Find(path); err != nil || got != p {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := agent.Announce(p); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second one: %v", err)
	}
	leave()
	if _, err := agent.Find(path); !errors.Is(err, agent.ErrNone) {
		t.Errorf("after its end: %v", err)
	}
	text, _ := json.Marshal(p)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "agent.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Find(path); !errors.Is(err, agent.ErrNone) {
		t.Errorf("one that was killed: %v", err)
	}
}
