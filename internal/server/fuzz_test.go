package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// hidden1 is a user that the fuzzed key may not know of.
var hidden1 = rotation.User{Account: simAccount, Name: "hidden-canary"}

const fuzzedSecret = "s3cr3t-canary-of-user-1"

// offDesk knows what the database says, and carries nothing out.
type offDesk struct{ fleet.Desk }

func (offDesk) Plan(context.Context, int, ...string) ([]fleet.Ahead, error) { return nil, nil }
func (offDesk) Watch(context.Context, fleet.View) (fleet.Snapshot, error) {
	return fleet.Snapshot{}, nil
}
func (offDesk) Foresee(context.Context, fleet.Ask) (fleet.Foresight, error) {
	return fleet.Foresight{}, fleet.ErrStopping
}
func (offDesk) Do(context.Context, fleet.Ask) (fleet.Answer, error) {
	return fleet.Answer{}, fleet.ErrStopping
}

// noVault is Secrets Manager away.
type noVault struct{}

func (noVault) Read(context.Context, int) (apikey.Document, error) {
	return apikey.Document{}, apikey.ErrUnavailable
}
func (noVault) Create(context.Context, int, []byte) error { return apikey.ErrUnavailable }
func (noVault) Replace(context.Context, int, string, string, []byte) error {
	return apikey.ErrUnavailable
}

// fuzzed is a server over an empty database, asked in real time.
func fuzzed(f *testing.F) (*Server, *strings.Builder) {
	db, err := store.Open(f.Context(), store.Options{Path: store.Memory})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: db})
	if err != nil {
		f.Fatal(err)
	}
	log := &strings.Builder{}
	s, err := New(Config{Desk: offDesk{office}, History: db.Page, Replays: db, Keys: apikey.NewRing(apikey.Config{Vault: noVault{}}), Log: slog.New(slog.NewTextHandler(log, nil)),
		Authenticate: func(context.Context, string, netip.Addr) (*apikey.Caller, error) {
			return &apikey.Caller{ID: "id", Name: "fuzz", Scopes: apikey.Scopes, Users: []string{"user-*"}}, nil
		},
		Record: func(context.Context, store.Access) error { return nil },
		Credentials: func(_ context.Context, u rotation.User) (fleet.Credential, error) {
			return fleet.Credential{User: u, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rotation.NewSensitive(fuzzedSecret),
				Expiration: time.Now().Add(time.Hour)}, nil
		},
		Find: func(name string) (rotation.User, error) {
			for _, u := range []rotation.User{{Account: simAccount, Name: "user-1"}, hidden1} {
				if name == u.Name || name == u.Account+":"+u.Name {
					return u, nil
				}
			}
			return rotation.User{}, &fleet.UnknownUserError{Name: name}
		}})
	if err != nil {
		f.Fatal(err)
	}
	return s, log
}

// FuzzRequest: whatever a request looks like, it is answered, with JSON that says why not, and never by a fault of ours. Nothing tells of a
// user that the key may not know.
func FuzzRequest(f *testing.F) {
	s, log := fuzzed(f)
	for _, path := range []string{"/v1/users/user-1", "/v1/users/" + simAccount + ":user-1", "/v1/users/a%2Fb", "/v1/users/%2e%2e", "/v1/users/hidden-canary",
		"/v1/credentials/user-1", "/v1/credentials", "/v1/events?after=3&limit=10&user=user-1", "/v1/plan?steps=3", "/v1/api-keys",
		"/v1/users?limit=1000&cursor=x", "/openapi.json", "/docs", "/healthz", "/v1//users", "/v1/container/user-1", "/v1/aws/static-creds/user-1"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			f.Add(method, path, "", "", "", "127.0.0.1", []byte(nil))
		}
	}
	f.Add(http.MethodPost, "/v1/users/user-1/rotate", "Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324", "application/json", "localhost:80",
		[]byte(`{"why":"x"}`))
	f.Add(http.MethodPost, "/v1/users/user-1/pause", "Idempotency-Key", "\x00", "application/json", "[::1]", []byte(`{"why":["x"]}`))
	f.Add(http.MethodGet, "/v1/events", "Last-Event-ID", "99999999999999999999", "", "127.0.0.1", []byte(nil))
	f.Add(http.MethodGet, "/v1/events", "Accept", "text/event-stream;q=2, */*", "", "evil.example", []byte(nil))
	f.Add(http.MethodOptions, "/v1/users", "Origin", "https://evil.example", "", "127.0.0.1", []byte(nil))
	f.Fuzz(func(t *testing.T, method, target, name, value, contentType, host string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") || method == http.MethodConnect {
			return // net/http refuses it
		}
		if strings.Contains(target, "wait=") {
			return // a client that waits is answered later
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // streams end
		defer cancel()
		r := (&http.Request{Method: method, URL: u, RequestURI: target, Host: host, Header: http.Header{}, RemoteAddr: "127.0.0.1:40000",
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}).WithContext(ctx)
		if len(body) > 0 {
			made, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Body, r.ContentLength = made.Body, made.ContentLength
		}
		if name != "" {
			r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		}
		r.Header.Set("X-API-Key", "keyturn_x")
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		said := w.Body.String()
		if strings.Contains(log.String(), "panicked") {
			panic(log.String()) // the rest would fail by it as well
		}
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %d %s", method, target, w.Code, said)
		}
		var p struct { // the protocols of others have forms of their own
			Problem
			Errors []any `json:"errors"`
		}
		vaults := func() bool { // its problems are texts, and have no code
			if len(p.Errors) == 0 {
				return false
			}
			_, is := p.Errors[0].(string)
			return is
		}
		if w.Code >= 400 && method != http.MethodHead && (json.Unmarshal(w.Body.Bytes(), &p) != nil ||
			p.Code == "" && !vaults() || p.Status != 0 && p.Status != w.Code) {
			t.Fatalf("%s %s: %d without a code: %s", method, target, w.Code, said)
		}
		if strings.Contains(said, fuzzedSecret) && (w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "no-store")) {
			t.Fatalf("%s %s: %d %v gives a secret away", method, target, w.Code, w.Header())
		}
		if strings.Contains(said, hidden1.Name) && !strings.Contains(target+value+string(body), hidden1.Name[:6]) {
			t.Fatalf("%s %s tells of a user that the key may not know: %s", method, target, said)
		}
	})
}

// FuzzClientAddress: only a trusted proxy's word counts, and never beyond the first address that is no trusted proxy's.
func FuzzClientAddress(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, s := range []string{"192.0.2.7", "192.0.2.7, 10.1.2.3", "[2001:db8::1]:443", "fd00::1%eth0, ::ffff:10.0.0.1", "unknown", ",,", ""} {
		f.Add("10.0.0.1:40000", s, "")
		f.Add("198.51.100.1:40000", s, s)
	}
	f.Fuzz(func(t *testing.T, peer, one, two string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {one, two}}}
		from := client(r, trusted)
		ap, err := netip.ParseAddrPort(peer)
		if err != nil {
			if from.IsValid() {
				t.Fatalf("%q is %s", peer, from)
			}
			return
		}
		if at := ap.Addr().Unmap(); !within(at, trusted) && from != at {
			t.Fatalf("a stranger, %s, passes for %s", at, from)
		}
		if !from.IsValid() {
			t.Fatalf("%q, %q, %q is nobody", peer, one, two)
		}
		if alone := client(r, nil); alone != ap.Addr().Unmap() {
			t.Fatalf("without trusted proxies %q passes for %s", peer, alone)
		}
	})
}

// FuzzPresented: what is taken for a key was sent as one.
func FuzzPresented(f *testing.F) {
	f.Add("keyturn_x", "", "")
	f.Add("", "Bearer keyturn_x", "")
	f.Add("", "bearer  keyturn_x ", "t")
	f.Add("", "Basic a2V5", "t")
	f.Fuzz(func(t *testing.T, key, authorization, vault string) {
		r := &http.Request{Header: http.Header{"X-Api-Key": {key}, "Authorization": {authorization}, "X-Vault-Token": {vault}}}
		for _, token := range []Token{0, TokenContainer, TokenVault} {
			got := presented(r, token)
			if got != "" && got != key && !strings.Contains(authorization, got) && got != vault {
				t.Fatalf("%q came out of %q, %q and %q", got, key, authorization, vault)
			}
			if token != TokenVault && key == "" && authorization == "" && got != "" {
				t.Fatalf("%q was taken for a key", got)
			}
		}
	})
}
