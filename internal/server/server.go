package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Config is what a server is made of.
type Config struct {
	// Desk carries out what operators ask for. Needed.
	Desk fleet.Desk
	// Find gives the user of a name, NAME or ACCOUNT:NAME, without I/O; a *fleet.UnknownUserError when nobody has it. Needed.
	Find func(name string) (rotation.User, error)
	// Keys are the API keys. Needed.
	Keys *apikey.Ring
	// Authenticate tells who shows a key. Nil: Keys does.
	Authenticate func(ctx context.Context, presented string, from netip.Addr) (*apikey.Caller, error)
	// Again tells who a caller is by now that was let in with a key some time ago. Nil: Authenticate does.
	Again func(ctx context.Context, was *apikey.Caller, presented string, from netip.Addr) (*apikey.Caller, error)
	// Credentials gives the current key of a user under care. Nil: none are given out.
	Credentials func(ctx context.Context, u rotation.User) (fleet.Credential, error)
	// Users are all that are under care, by account and name, without I/O; for the export. Nil: there is none.
	Users func() ([]rotation.User, error)
	// Record puts an access to a credential on record, durably. It comes before the credential is sent: no record, no credential. Nil:
	// none are given out.
	Record func(ctx context.Context, a store.Access) error
	// Accesses are the reads on record, newest first. Nil: there are none.
	Accesses func(ctx context.Context, q store.AccessQuery) ([]store.AccessLine, error)
	// History gives a page of the history of users that a key may see; needed for keys that are limited to some. Nil: they see none.
	History func(ctx context.Context, q store.PageQuery) (store.Page, error)
	// Replays remembers answers to requests with an Idempotency-Key. Nil: such a key means nothing.
	Replays Replays
	// Used is told of each caller that is let in; it must not wait for anything. Nil: nobody is.
	Used func(caller string, at time.Time, from netip.Addr)
	// Settings are those in force at first; Apply changes them.
	Settings Settings
	// Alive and Ready are what /healthz and /readyz say: nil, or why not. Nil functions: always.
	Alive, Ready func() error
	// Metrics answers /metrics. Nil: an empty page.
	Metrics http.Handler
	// Standing says why nothing can be answered now; nil: all can. Asked before each request under /v1. Nil: never.
	Standing func() error
	// Quota says how many rotations a user has left. Nil: as many as it likes.
	Quota func(ctx context.Context, u rotation.User) (fleet.Quota, error)
	// KeysUsed says when API keys were last accepted, by id. Nil: nobody knows.
	KeysUsed func(ctx context.Context) (map[string]store.KeyUse, error)
	Version  string
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: nobody
}

// Server is the API. It may be used by many goroutines.
type Server struct {
	Config
	api        huma.API
	mux        *http.ServeMux
	routes     map[string]*Route // by ID
	registered map[string]bool
	parameters map[string][]parameter // of the query, by route ID
	watchers   watchers
	turns      turns
	exports    chan struct{} // those that read and record
	newcomers  newcomers
	open       context.Context // ends with Close
	closing    context.CancelFunc
	settings   atomic.Pointer[inForce]
	perKey     *limiter[string]
	perAddress *limiter[addressKey]
	failures   failures
	carried    carried
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Desk == nil || c.Find == nil || c.Keys == nil {
		return nil, errors.New("server: Config.Desk, Find and Keys are needed")
	}
	if c.Authenticate == nil {
		c.Authenticate = c.Keys.Authenticate
	}
	if c.Again == nil {
		c.Again = func(ctx context.Context, _ *apikey.Caller, presented string, from netip.Addr) (*apikey.Caller, error) {
			return c.Authenticate(ctx, presented, from)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Config: c, mux: http.NewServeMux(), routes: map[string]*Route{}, registered: map[string]bool{}, parameters: map[string][]parameter{},
		exports: make(chan struct{}, exportTurns), perKey: newLimiter[string](), perAddress: newLimiter[addressKey]()}
	s.open, s.closing = context.WithCancel(context.Background())
	if err := s.Apply(c.Settings); err != nil {
		return nil, err
	}
	for i := range Routes {
		s.routes[Routes[i].ID] = &Routes[i]
	}
	s.api = humago.New(&gate{s}, description(c.Version))
	for _, register := range []func(*Server){
		registerUsers, registerOperate, registerRotate, registerPlan, registerEvents, registerAccesses, registerKeys, registerCredentials, registerPages,
	} {
		register(s)
	}
	s.mux.HandleFunc("/", s.nothing)
	return s, nil
}

// route gives a row of the table, once.
func (s *Server) route(id string) *Route {
	rt := s.routes[id]
	if rt == nil || s.registered[id] {
		panic(fmt.Sprintf("server: the operation %q has no row in Routes, or two handlers", id))
	}
	s.registered[id] = true
	return rt
}
