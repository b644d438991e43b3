package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/server"
)

// desk says the same each time, and remembers what it was asked.
type desk struct {
	states []fleet.State
	ahead  []fleet.Ahead
	seen   fleet.Foresight
	answer fleet.Answer
	since  int64 // of what was asked for last
	err    error
	events []fleet.Happening
	snap   fleet.Snapshot

	mu    sync.Mutex
	asked []string
	slow  time.Duration // of a Do
}

func (d *desk) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, fmt.Sprintf(format, args...))
}

// heard is what was asked since the last time.
func (d *desk) heard() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.asked
	d.asked = nil
	return out
}

func (d *desk) States(_ context.Context, names ...string) ([]fleet.State, error) {
	return d.states, d.err
}

func (d *desk) Plan(_ context.Context, steps int, names ...string) ([]fleet.Ahead, error) {
	d.note("plan %d %v", steps, names)
	if slices.Contains(names, "anna") {
		return nil, &fleet.UnknownUserError{Name: "anna", Nearest: anna.Name}
	}
	return d.ahead, d.err
}

func (d *desk) Foresee(_ context.Context, a fleet.Ask) (fleet.Foresight, error) {
	d.note("foresee %+v", a)
	return d.seen, d.err
}

func (d *desk) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	d.since = a.Since
	d.note("do %s %v %s %q %s", a.User, a.Request.Kind, a.Request.KeyID, a.Request.Why, a.Patience)
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
	}
	return d.answer, d.err
}

func (d *desk) Events(_ context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	if q.After > 0 {
		return nil, d.err
	}
	return d.events, d.err
}

func (d *desk) Watch(_ context.Context, v fleet.View) (fleet.Snapshot, error) { return d.snap, d.err }

var (
	t0   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	anna = rotation.User{Account: "123456789012", Name: "a+n=n,a@x.y"}
	berk = rotation.User{Account: "123456789012", Name: ".."}
	keys = []rotation.ClassifiedKey{{Key: rotation.Key{ID: "AKIAIOSFODNN7EXAMPLE", Status: rotation.Active, Created: t0}, Class: rotation.ClassCurrent}}
)

func newDesk() *desk {
	then := []rotation.Forecasted{{At: t0.Add(time.Hour), Action: rotation.DeactivateKey, KeyID: keys[0].ID, Reason: rotation.ReasonGraceOver}}
	return &desk{
		states: []fleet.State{{User: berk, Standing: fleet.Failed, LastError: "it failed", Failures: 2, At: t0},
			{User: anna, CurrentKeyID: keys[0].ID, Keys: keys, Standing: fleet.Fine, Reason: rotation.ReasonGrace, At: t0, NextAction: rotation.DeactivateKey,
				NextAt: t0.Add(time.Hour), Recheck: t0.Add(time.Minute)}},
		ahead:  []fleet.Ahead{{User: anna, Steps: then, Keys: []rotation.Key{keys[0].Key}, Reason: rotation.ReasonGrace, At: t0, Recheck: t0.Add(time.Hour)}},
		seen:   fleet.Foresight{User: anna, Reason: rotation.ReasonRevoke, Now: []rotation.Action{{Kind: rotation.MarkRevoked, KeyID: keys[0].ID}}, Then: then, Keys: keys, At: t0, Settling: 90 * time.Second},
		answer: fleet.Answer{User: anna, Done: true, Reason: rotation.ReasonAsked, Actions: []rotation.Action{{Kind: rotation.CreateKey, KeyID: keys[0].ID}}, Keys: keys, At: t0, Then: then},
		events: []fleet.Happening{{Seq: 7, At: t0, User: anna, Run: "r", Action: rotation.Promote, Outcome: rotation.Done, KeyID: keys[0].ID},
			{Seq: 9, At: t0, User: berk, Action: rotation.Promote, Outcome: rotation.Failed, Detail: "no such luck"}},
		snap: fleet.Snapshot{At: t0, Version: "v1", Notice: "a freeze stands", Matched: 2, Summary: fleet.Summary{Users: 2, Failed: 1}},
	}
}

const text = "keyturn_0123456789_test"

// serve answers for a desk, to a key that may do everything.
func serve(t *testing.T, d *desk) *Client {
	t.Helper()
	find := func(name string) (rotation.User, error) {
		for _, u := range []rotation.User{anna, berk} {
			if name == u.Account+":"+u.Name || name == u.Name || name == ":"+u.Name {
				return u, nil
			}
		}
		return rotation.User{}, &fleet.UnknownUserError{Name: name, Nearest: anna.Name}
	}
	s, err := server.New(server.Config{Desk: d, Find: find, Keys: apikey.NewRing(apikey.Config{}),
		Authenticate: func(_ context.Context, presented string, _ netip.Addr) (*apikey.Caller, error) {
			if presented != text {
				return nil, apikey.ErrUnknown
			}
			return &apikey.Caller{ID: "1", Name: "ops", Scopes: apikey.Scopes, Users: []string{"*"}}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	t.Cleanup(s.Close)
	return client(t, h.URL, text)
}

func client(t *testing.T, url, key string) *Client {
	t.Helper()
	c, err := New(Config{URL: url, Key: rotation.NewSensitive(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func same[T any](t *testing.T, what string, got, want T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

// TestSameAsTheDesk: whoever holds a Desk cannot tell the two ends apart.
func TestSameAsTheDesk(t *testing.T) {
	d := newDesk()
	c, ctx := serve(t, d), t.Context()
	states, err := c.States(ctx)
	same(t, "states", states, d.states, err)
	states, err = c.States(ctx, anna.Name, berk.String(), anna.String())
	same(t, "named states", states, []fleet.State{d.states[1], d.states[0]}, err)
	ahead, err := c.Plan(ctx, 3, anna.String())
	same(t, "plan", ahead, d.ahead, err)
	seen, err := c.Foresee(ctx, fleet.Ask{User: berk.Name, Request: rotation.Request{Kind: rotation.RequestRevoke, KeyID: keys[0].ID}})
	same(t, "foresight", seen, d.seen, err)
	events, err := c.Events(ctx, fleet.EventQuery{Limit: 10})
	same(t, "events", events, d.events, err)
	events, err = c.Events(ctx, fleet.EventQuery{After: 9, Limit: 10, Wait: time.Millisecond})
	same(t, "no events", events, nil, err)
	snap, err := c.Watch(ctx, fleet.View{})
	same(t, "snapshot", snap, d.snap, err)
	for kind, key := range map[rotation.RequestKind]string{rotation.RequestRotate: "", rotation.RequestRevoke: keys[0].ID, rotation.RequestRollback: keys[0].ID,
		rotation.RequestAdopt: keys[0].ID, rotation.RequestPause: "", rotation.RequestResume: ""} {
		d.heard()
		ans, err := c.Do(ctx, fleet.Ask{User: anna.String(), Request: rotation.Request{Kind: kind, KeyID: key, Why: "anna: why"}})
		same(t, string(kind), ans, d.answer, err)
		same(t, "asked", d.heard(), []string{fmt.Sprintf("do %s %v %s %q 0s", anna, kind, key, "ops: anna: why")}, nil)
	}
	lifted, err := c.Do(ctx, fleet.Ask{Request: rotation.Request{Kind: rotation.RequestResume}})
	if err != nil || !lifted.Done {
		t.Error(lifted, err)
	}
}

// TestWhatWasNotDoneIsAnAnswer: refused, not yet, failed.
func TestWhatWasNotDoneIsAnAnswer(t *testing.T) {
	failed := &rotation.CallError{Service: "iam", Operation: "CreateAccessKey", Target: "anna", Kind: rotation.ErrThrottled}
	for name, want := range map[string]fleet.Answer{
		"refused": {User: anna, Reason: rotation.BlockedTwoLegacy, Refused: "the user is blocked", At: t0},
		"not yet": {User: anna, Reason: rotation.ReasonWaitingSlot, KeyID: keys[0].ID, Recheck: t0.Add(time.Hour), At: t0},
		"failed":  {User: anna, Reason: rotation.ReasonUnknown, Error: failed.Error(), Err: failed, Recheck: t0.Add(time.Minute), At: t0},
	} {
		for _, kind := range []rotation.RequestKind{rotation.RequestRotate, rotation.RequestRevoke} {
			d := newDesk()
			d.answer = want
			got, err := serve(t, d).Do(t.Context(), fleet.Ask{User: anna.Name, Request: rotation.Request{Kind: kind, KeyID: keys[0].ID}})
			want.Err = nil
			same(t, name+" "+string(kind), got, want, err)
		}
	}
}

// TestErrorsKeepTheirKind: the exit code depends on it.
func TestErrorsKeepTheirKind(t *testing.T) {
	d := newDesk()
	c := serve(t, d)
	_, err := c.Plan(t.Context(), 3, "anna")
	var unknown *fleet.UnknownUserError
	if !errors.As(err, &unknown) || unknown.Nearest != anna.Name || unknown.Name != "anna" {
		t.Errorf("%#v", err)
	}
	if _, err = c.States(t.Context(), "a+n=n,a@x.z"); !errors.As(err, &unknown) || unknown.Nearest != anna.Name || !unknown.Unseen {
		t.Errorf("%v", err)
	}
	if _, err = c.Foresee(t.Context(), fleet.Ask{User: "no:name", Request: rotation.Request{Kind: rotation.RequestPause}}); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
	d.err = fmt.Errorf("reading: %w", rotation.ErrDenied)
	if _, err := c.Plan(t.Context(), 3, anna.Name); !errors.Is(err, rotation.ErrDenied) {
		t.Errorf("%v", err)
	}
	var setup *SetupError
	if _, err := client(t, c.base.String(), "keyturn_wrong").States(t.Context()); !errors.As(err, &setup) || strings.Contains(err.Error(), "keyturn_wrong") {
		t.Errorf("%v", err)
	}
}

// TestOneSentenceEach: whatever is wrong with the URL, the key or the certificate.
func TestOneSentenceEach(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") == "" {
			return
		}
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "https://elsewhere.example"+r.URL.Path, http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, "<html>welcome</html>")
	}))
	defer other.Close()
	tls := httptest.NewTLSServer(other.Config.Handler)
	defer tls.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := gone.Addr().String()
	_ = gone.Close()
	for _, c := range []struct{ url, key, want string }{
		{"keyturn.example.com", text, "is not a URL like"},
		{"ftp://keyturn.example.com", text, "is not a URL like"},
		{"http://keyturn.example.com", text, "anybody on the way could read the API key, so use https://"},
		{"http://10.0.0.7:9317", text, "anybody on the way could read"},
		{"http://127.0.0.1.example.com", text, "anybody on the way could read"},
		{"https://me:secret@keyturn.example.com", text, "takes no name, password"},
		{"http://localhost:1/?a=b", text, "takes no name, password"},
		{"http://localhost:1", "", "KEYTURN_URL is set, and KEYTURN_API_KEY is not"},
		{"http://localhost:1", "two\nlines", "KEYTURN_API_KEY is no API key"},
		{"http://" + nobody, text, "no keyturn answers at http://" + nobody + " (connection refused)"},
		{other.URL, text, "is no keyturn"},
		{other.URL + "/moved", text, "no redirect is followed with an API key"},
		{strings.Replace(other.URL, "http:", "https:", 1), text, "does not speak TLS"},
		{strings.Replace(tls.URL, "https:", "http:", 1), text, "speaks TLS: set KEYTURN_URL to https://"},
		{tls.URL, text, "signed by nobody whom this machine trusts"},
		{"https://no-such-host.invalid", text, "no-such-host.invalid"},
	} {
		client, err := New(Config{URL: c.url, Key: rotation.NewSensitive(c.key)})
		if err == nil {
			_, err = client.States(t.Context())
			client.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), text) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.url, err)
		}
	}
}

// TestASlowRotationIsWatched: longer than one request waits for it.
func TestASlowRotationIsWatched(t *testing.T) {
	d := newDesk()
	d.slow = 50 * time.Millisecond
	c := serve(t, d)
	ans, err := c.Do(t.Context(), fleet.Ask{User: anna.Name, Request: rotation.Request{Kind: rotation.RequestRotate}})
	same(t, "rotation", ans, d.answer, err)
}

// TestARotationIsAskedForAgain: with the Seq from which on a new key counts, as the first answer gave it.
func TestARotationIsAskedForAgain(t *testing.T) {
	d := newDesk()
	d.answer = fleet.Answer{User: anna, Reason: rotation.ReasonGrace, Recheck: t0.Add(time.Minute), At: t0, Since: -1}
	c := serve(t, d)
	a := fleet.Ask{User: anna.Name, Request: rotation.Request{Kind: rotation.RequestRotate}}
	ans, err := c.Do(t.Context(), a)
	if err != nil || ans.Done || ans.Since != -1 {
		t.Fatalf("%+v, %v", ans, err)
	}
	a.Since = 41
	if _, err := c.Do(t.Context(), a); err != nil || d.since != 41 {
		t.Errorf("the server was told %d: %v", d.since, err)
	}
}

// TestSomebodyElsesRotation: another one's request waits for longer than ours has patience. It goes on, and we are told where.
func TestSomebodyElsesRotation(t *testing.T) {
	forever := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(api.Rotation{Account: anna.Account, User: anna.Name, ID: "r1-aaaaaa", State: api.Running,
			Detail: "it waits", Location: "/v1/users/anna/rotations/r1-aaaaaa"})
	}))
	t.Cleanup(forever.Close)
	c := client(t, forever.URL, "keyturn_x")
	ans, err := c.Do(t.Context(), fleet.Ask{User: anna.Name, Request: rotation.Request{Kind: rotation.RequestRotate}, Until: time.Now().Add(-time.Minute)})
	if err != nil || ans.Done || !strings.Contains(ans.Refused, "goes on without this command; GET /v1/users/anna/rotations/r1-aaaaaa") {
		t.Fatalf("%+v, %v", ans, err)
	}
}
