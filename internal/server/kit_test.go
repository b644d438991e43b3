package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// kit is a server over a real office and a simulated account, in virtual time, asked without a socket.
type kit struct {
	t      *testing.T
	world  *awssim.World
	db     *store.Store
	fleet  *fleet.Fleet
	office *fleet.Office
	cache  *credentials.Cache
	server *Server
	mu     sync.Mutex                // guards keys
	keys   map[string]*apikey.Caller // by their text
	fate   awssim.Fate               // of every call to AWS that keyturn signs
	tried  awssim.Fate               // of those by which a user's key is tried
	log    *strings.Builder

	restart func() // has a new server take the place of the one of before
}

const simAccount = "123456789012"

// inKit plays with a server for so many users, named user-0 and so on, each with its first key.
func inKit(t *testing.T, users int, play func(*kit), adjust ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kit{t: t, keys: map[string]*apikey.Caller{}, log: &strings.Builder{}}
		k.world = awssim.New(awssim.Config{Seed: 1, Rates: awssim.Rates{Unlimited: true}, Violation: func(s string) { t.Error(s) },
			OnCall: func(c *awssim.Call) awssim.Fate {
				if !c.Rotator {
					return k.tried
				}
				return k.fate
			}})
		for i := range users {
			if err := k.world.People().CreateUser(fmt.Sprintf("user-%d", i), "/service/", nil); err != nil {
				t.Fatal(err)
			}
		}
		cfg := config.Default()
		cfg.Region, cfg.Pace, cfg.Jitter, cfg.Users.Include = "us-east-1", config.Pace{}, 0, []config.Match{{Path: "/service/"}}
		var err error
		if k.db, err = store.Open(t.Context(), store.Options{Path: store.Memory, Settle: cfg.Settle.D()}); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = k.db.Close() }()
		id, secret := k.world.RotatorKey()
		cloud := fleet.AWS(cfg)
		cloud.IgnoreEnvironment, cloud.Endpoint = true, "http://aws.invalid"
		cloud.AccessKeyID, cloud.SecretAccessKey = id, rotation.NewSensitive(secret)
		cloud.HTTPClient = &http.Client{Transport: k.world.Transport()}
		account, err := awscloud.Load(t.Context(), cloud)
		if err != nil {
			t.Fatal(err)
		}
		k.cache = credentials.New(credentials.Config{Read: func(ctx context.Context, u rotation.User, _ fleet.Credential) (fleet.Credential, error) {
			return k.office.Credential(ctx, u.String())
		}})
		defer k.cache.Close()
		wired := fleet.Wire(account, k.db, cfg)
		wired.Heard = k.cache.Heard
		if k.fleet, err = fleet.New(wired); err != nil {
			t.Fatal(err)
		}
		k.office, err = fleet.NewOffice(fleet.OfficeConfig{DB: k.db, Fleet: func() *fleet.Fleet { return k.fleet }})
		if err != nil {
			t.Fatal(err)
		}
		k.pass()
		c := Config{Desk: k.office, Find: k.find, Keys: apikey.NewRing(apikey.Config{Vault: account.KeyVault("keyturn/api-keys")}), Authenticate: k.authenticate, Version: "v1", Replays: k.db,
			Credentials: k.cache.Get, Users: k.users, Record: k.db.RecordAccess, Accesses: k.db.Accesses, History: k.db.Page,
			Log: slog.New(slog.NewTextHandler(k.log, nil))}
		for _, a := range adjust {
			a(&c)
		}
		k.restart = func() {
			if k.server, err = New(c); err != nil {
				t.Fatal(err)
			}
		}
		k.restart()
		play(k)
	})
}

// pass does what is due.
func (k *kit) pass() {
	k.t.Helper()
	if _, err := k.fleet.Run(k.t.Context(), fleet.Pass{DueOnly: true}); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) find(name string) (rotation.User, error) {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, simAccount), ":")
	for _, u := range k.world.Users() {
		if u.Name == bare && strings.HasPrefix(u.Name, "user-") {
			return rotation.User{Account: simAccount, Name: bare}, nil
		}
	}
	return rotation.User{}, &fleet.UnknownUserError{Name: name}
}

func (k *kit) users() (out []rotation.User, _ error) {
	for _, u := range k.world.Users() {
		if strings.HasPrefix(u.Name, "user-") {
			out = append(out, rotation.User{Account: simAccount, Name: u.Name})
		}
	}
	return out, nil
}

func (k *kit) authenticate(_ context.Context, presented string, _ netip.Addr) (*apikey.Caller, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.keys[presented]; c != nil {
		return c, nil
	}
	return nil, apikey.ErrUnknown
}

// key makes an API key for the users of some globs, and gives its text.
func (k *kit) key(globs string, scopes ...apikey.Scope) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := fmt.Sprintf("keyturn_test%d", len(k.keys))
	k.keys[text] = &apikey.Caller{ID: fmt.Sprintf("id%d", len(k.keys)), Name: "test", Scopes: scopes, Users: strings.Fields(globs)}
	return text
}

// revoke ends a key.
func (k *kit) revoke(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, text)
}

// narrow has a key do something else from now on.
func (k *kit) narrow(text, globs string, scopes ...apikey.Scope) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.keys[text]
	k.keys[text] = &apikey.Caller{ID: was.ID, Name: was.Name, Scopes: scopes, Users: strings.Fields(globs)}
}

// all is a key that may do everything.
func (k *kit) all() string { return k.key("*", apikey.Scopes...) }

// answer is what a request got.
type answer struct {
	Status int
	Header http.Header
	Text   string
}

// ask sends a request with a key; a body that is not empty is JSON. More are headers, name and value in turn.
func (k *kit) ask(key, method, path, body string, more ...string) answer {
	k.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(k.t.Context(), method, path, in)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	for i := 0; i+1 < len(more); i += 2 {
		if r.Header.Set(more[i], more[i+1]); more[i] == "Host" {
			r.Host = more[i+1]
		}
	}
	w := httptest.NewRecorder()
	k.server.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// get reads a path, which must be answered with 200, into a value.
func (k *kit) get(key, path string, into any) {
	k.t.Helper()
	a := k.ask(key, http.MethodGet, path, "")
	if a.Status != http.StatusOK {
		k.t.Fatalf("GET %s: %d %s", path, a.Status, a.Text)
	}
	if err := json.Unmarshal([]byte(a.Text), into); err != nil {
		k.t.Fatalf("GET %s: %v in %s", path, err, a.Text)
	}
}

// problem is an answer that must be one, of this status and code.
func (k *kit) problem(a answer, status int, code string) Problem {
	k.t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(a.Text), &p); err != nil || a.Status != status || p.Code != code || p.Status != status ||
		a.Header.Get("Content-Type") != "application/problem+json" || p.Detail == "" {
		k.t.Errorf("want %d %s, got %d %s: %s", status, code, a.Status, a.Header.Get("Content-Type"), a.Text)
	}
	return p
}

// route adds a route for one test.
func (k *kit) route(rt Route, do any) {
	k.server.routes[rt.ID] = &rt
	switch do := do.(type) {
	case func(context.Context, *struct{}) (*struct{}, error):
		handle(k.server, rt.ID, do)
	case func(context.Context, *testIn) (*struct{}, error):
		handle(k.server, rt.ID, do)
	case func(context.Context, *testPost) (*testOut, error):
		handle(k.server, rt.ID, do)
	default:
		k.t.Fatalf("no handler of a test: %T", do)
	}
}

type testIn struct {
	User string `path:"user"`
}

type testPost struct {
	Body struct {
		Text string `json:"text" maxLength:"10"`
	}
}

type testOut struct {
	Body struct {
		Text   string `json:"text"`
		Secret string `json:"secret"`
	}
}
