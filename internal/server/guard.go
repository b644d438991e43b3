package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

// call is one request that was let in.
type call struct {
	caller *apikey.Caller // nil: the route is open
	route  *Route
	from   netip.Addr // who asks; a trusted proxy's word counts
	r      *http.Request
	w      http.ResponseWriter
	acted  bool // it has changed something, or may yet: with an Idempotency-Key it is not carried out again, whatever is answered
}

// lasts gives the answer so much longer than others to be on its way.
func (c *call) lasts(d time.Duration) {
	if c.w != nil {
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(d + 30*time.Second)) // a test's recorder cannot
	}
}

type callKey struct{}

// callOf gives the call of a handler's context; every one that guard let in has one.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// caller gives who asks; nil when the route is open.
func caller(ctx context.Context) *apikey.Caller {
	if c := callOf(ctx); c != nil {
		return c.caller
	}
	return nil
}

// user gives the user of a name in the URL, if the call's key may use the route's scope on it. One that is not there and one that the key
// may not know are the same error, after the same work.
func (s *Server) user(c *call, name string) (rotation.User, error) {
	u, err := s.Find(name)
	if may := c.caller.May(c.route.Scope, u); err == nil && may {
		return u, nil
	}
	if _, unknown := err.(*fleet.UnknownUserError); err != nil && (!unknown || everybody(c.caller)) { //nolint:errorlint // Find makes it
		return rotation.User{}, err
	}
	return rotation.User{}, hidden(name)
}

// hidden is the answer of a user that is not there, for this key at least. It tells no other name.
func hidden(name string) error {
	return fmt.Errorf("there is no user %q that this API key may use like this%w", name, &silent{&fleet.UnknownUserError{Name: name}})
}

// silent gives an error a kind and no words.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (e silent) Unwrap() error { return e.error }

// guard lets in who may use a route.
func (s *Server) guard(rt *Route, do func(http.ResponseWriter, *http.Request, *call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := s.settings.Load()
		c := &call{route: rt, from: client(r, f.TrustedProxies), r: r, w: w}
		defer s.caught(w, r, c)
		if err := s.admit(w, r, c, f); err != nil {
			s.fail(w, r, c, err)
			return
		}
		if r.Method != http.MethodPost {
			do(w, r, c)
			return
		}
		body, err := s.body(w, r, rt)
		if err != nil {
			s.fail(w, r, c, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.once(w, r, c, body, do)
	}
}

// admit checks everything that does not depend on the body.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, c *call, f *inForce) error {
	open := c.route.Open || c.route.OpenOnLoopback && f.plainLoopback && local(r, c.from)
	if open {
		return s.slowDown(w, "address", addressKey{neighbourhood(c.from), false}, f.PerAddress, f.addressPolicy)
	}
	if s.Standing != nil {
		if err := s.Standing(); err != nil {
			return fmt.Errorf("%w: %w", kinds.ErrStandingBy, err)
		}
	}
	who, err := s.Authenticate(r.Context(), presented(r, c.route.Token), c.from)
	if err != nil {
		return s.refuse(w, r, c, f, err)
	}
	c.caller = who
	if err := s.slowDown(w, "address", addressKey{neighbourhood(c.from), true}, f.PerAddress, f.addressPolicy); err != nil {
		return err
	}
	if f.keyPolicy != nil {
		v := s.perKey.take(who.ID, f.PerKey, s.Now())
		h := w.Header()
		h["Ratelimit-Policy"], h["Ratelimit"] = f.keyPolicy, []string{stateOf("key", v)}
		if !v.ok {
			return tooFast(w, "this API key", f.PerKey, v)
		}
	}
	if s.Used != nil {
		s.Used(who.ID, s.Now(), c.from)
	}
	if c.route.Scope != "" && !who.Has(c.route.Scope) {
		return fmt.Errorf("%w: it needs the scope %s; ask for a key that has it", kinds.ErrForbidden, c.route.Scope)
	}
	return nil
}

// still says why a caller that was let in may not use the route any more; nil: it may. An answer that takes long asks before whatever it
// gives away next. From then on the call's caller may do what it may by now.
func (s *Server) still(ctx context.Context, c *call) error {
	now, err := s.Again(ctx, c.caller, presented(c.r, c.route.Token), c.from)
	if err != nil {
		return err
	}
	if c.route.Scope != "" && !now.Has(c.route.Scope) {
		return fmt.Errorf("%w: it needs the scope %s, which it lacks by now", kinds.ErrForbidden, c.route.Scope)
	}
	c.caller = now
	return nil
}

// addressKey is one address, with keys or without.
type addressKey struct {
	address netip.Addr
	known   bool // it showed a valid key: a flood of wrong ones takes nothing from these
}

func (s *Server) slowDown(w http.ResponseWriter, name string, who addressKey, limit Limit, policy []string) error {
	if policy == nil {
		return nil
	}
	if v := s.perAddress.take(who, limit, s.Now()); !v.ok {
		h := w.Header()
		h["Ratelimit-Policy"], h["Ratelimit"] = policy, []string{stateOf(name, v)}
		return tooFast(w, "this address", limit, v)
	}
	return nil
}

func tooFast(w http.ResponseWriter, who string, limit Limit, v verdict) error {
	wait := max(1, seconds(v.until))
	w.Header().Set("Retry-After", strconv.Itoa(wait))
	return fmt.Errorf("%w: %s may send %g a second, %d at once; wait %d s", kinds.ErrTooFast, who, limit.PerSecond, limit.Burst, wait)
}

// refuse answers who showed no valid key, later and later. A failure of ours is not held against anybody.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, c *call, f *inForce, err error) error {
	if !errors.Is(err, apikey.ErrUnknown) {
		return err
	}
	if slow := s.slowDown(w, "address", addressKey{neighbourhood(c.from), false}, f.PerAddress, f.addressPolicy); slow != nil {
		return slow
	}
	w.Header()["Www-Authenticate"] = []string{`Bearer realm="keyturn"`}
	if presented(r, c.route.Token) == "" { // nothing was guessed
		return fmt.Errorf("%w%w", errNoKey, &silent{apikey.ErrUnknown})
	}
	if ok, d := s.failures.wait(r.Context(), c.from, s.Now()); !ok {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", strconv.Itoa(max(1, seconds(d))))
		return fmt.Errorf("%w without a valid API key from this address", kinds.ErrTooFast)
	}
	return err
}

var errNoKey = errors.New("no API key was sent: send one as X-API-Key, or as Authorization: Bearer; `keyturn apikey create` makes one")

// caught answers a request whose handler panicked, and goes on for all others.
func (s *Server) caught(w http.ResponseWriter, r *http.Request, c *call) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
		panic(p)
	}
	s.Log.Error("a request panicked", "route", c.route.ID, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	s.fail(w, r, c, errors.New("the request met a fault of keyturn's own; its log tells more"))
}

// presented is the key that a request shows; "" when there is none.
func presented(r *http.Request, also Token) string {
	if k := r.Header.Get("X-API-Key"); k != "" {
		return k
	}
	auth := r.Header.Get("Authorization")
	if scheme, key, ok := strings.Cut(auth, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	switch also {
	case TokenContainer:
		return auth
	case TokenVault:
		return r.Header.Get("X-Vault-Token")
	}
	return ""
}
