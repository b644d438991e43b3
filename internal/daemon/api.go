package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awsidentity"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/server"
	"github.com/keyturn/keyturn/internal/store"
)

// work is what the API acts through while this daemon has its seat. Requests read it without a lock.
type work struct {
	keeper *fleet.Keeper
	office *fleet.Office
	desk   fleet.Desk
	cache  *credentials.Cache
	known  atomic.Bool // which users there are; once true it stays so
}

// newAPI makes the server of the API and the pages. It lives as long as the process; whether it can answer is for standing to say.
func (d *daemon) newAPI(cfg *config.Config) (*server.Server, error) {
	ring := apikey.NewRing(apikey.Config{Vault: vault{d, cfg.API.KeyPrefix}, Now: d.now})
	if cfg.API.ServerID != "" {
		var err error
		d.identities, err = awsidentity.New(awsidentity.Config{ServerID: cfg.API.ServerID, Identities: identitiesOf(cfg), Region: d.homeRegion,
			Endpoint: d.stsEndpoint, Now: d.now})
		if err != nil {
			return nil, err
		}
	}
	metrics := promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelError)})
	return server.New(server.Config{
		Desk: apiDesk{d}, Find: d.find, Keys: ring, Authenticate: d.identities.Or(ring.Authenticate), // a nil verifier takes no proofs
		Again: d.identities.AgainOr(ring.Authenticate), Replays: d.Store, Used: d.Store.NoteKeyUse,
		Credentials: d.credential, Users: d.users, Record: d.record, Accesses: d.Store.Accesses, History: d.Store.Page,
		KeysUsed: d.Store.KeyUses, Quota: d.quota, Settings: d.apiSettings(cfg), Alive: d.alive, Ready: d.ready, Metrics: metrics,
		Standing: d.standing, Version: d.Version, Log: d.Log,
	})
}

// apiSettings are those of the API that can change while it runs.
func (d *daemon) apiSettings(cfg *config.Config) server.Settings {
	a := cfg.API
	limit := func(r config.Rate) server.Limit {
		return server.Limit{PerSecond: float64(r), Burst: max(1, int(float64(r)*a.Limits.Burst.D().Seconds()))}
	}
	hosts := a.Hosts
	if h := server.HostOf(a.URL); h != "" && (len(hosts) > 0 || config.Loopback(d.Listen)) {
		hosts = append([]string{h}, hosts...)
	}
	return server.Settings{Public: !config.Loopback(d.Listen), TLS: a.TLS.On(), Hosts: hosts, TrustedProxies: cfg.TrustedProxies(),
		CORSOrigins: a.CORSOrigins, Export: a.Export, PerKey: limit(a.Limits.PerKey), PerAddress: limit(a.Limits.PerAddress)}
}

func identitiesOf(cfg *config.Config) (out []awsidentity.Identity) {
	for _, id := range cfg.API.AWSIdentities {
		one := awsidentity.Identity{Account: id.Account, UniqueID: id.UniqueID, Users: id.Users}
		for _, s := range id.Scopes {
			one.Scopes = append(one.Scopes, apikey.Scope(s))
		}
		out = append(out, one)
	}
	return out
}

// checkAPI says why the API cannot take up settings; nil: it can. Nothing changes.
func (d *daemon) checkAPI(next *config.Config) error {
	if err := next.CheckListen(d.Listen); err != nil {
		return next.Refuse("api", "the address %v", err)
	}
	if err := server.Check(d.apiSettings(next)); err != nil {
		return next.Refuse("api", "%v", err)
	}
	return nil
}

// applyAPI has the API take up settings that checkAPI found good. A certificate that cannot be read is no reason to refuse all the rest:
// the one of before serves on, and the log says so.
func (d *daemon) applyAPI(next *config.Config) error {
	if d.certificate != nil {
		if err := d.certificate.Use(next.CertificatePaths()); err != nil {
			d.Log.Error("the certificate of before serves on: " + err.Error())
		}
	}
	if d.identities != nil {
		if err := d.identities.Allow(identitiesOf(next)); err != nil {
			return err
		}
	}
	return d.api.Apply(d.apiSettings(next))
}

// standing says why the API cannot answer; nil: it can.
func (d *daemon) standing() error {
	w := d.work.Load()
	switch {
	case w != nil && w.known.Load():
		return nil
	case w != nil && w.keeper.Health().Ready():
		w.known.Store(true)
		return nil
	}
	return d.ready()
}

func (d *daemon) now() time.Time {
	if w := d.work.Load(); w != nil {
		return w.keeper.Account().Now()
	}
	return time.Time{}
}

// stsEndpoint is where AWS identities are proven, as the account's own client of STS has it.
func (d *daemon) stsEndpoint() string {
	if w := d.work.Load(); w != nil {
		return w.keeper.Account().STSEndpoint()
	}
	return ""
}

// homeRegion is the account's own; empty: this daemon has no seat.
func (d *daemon) homeRegion() string {
	if w := d.work.Load(); w != nil {
		return w.keeper.Account().Home()
	}
	return ""
}

func (d *daemon) find(name string) (rotation.User, error) {
	if w := d.work.Load(); w != nil {
		return w.keeper.Find(name)
	}
	return rotation.User{}, kinds.ErrStandingBy
}

// record puts an access on record, at AWS's time, as all of the history is.
func (d *daemon) record(ctx context.Context, a store.Access) error {
	d.read.Do(func() {
		if d.OnRead != nil {
			d.OnRead()
		}
	})
	if now := d.now(); !now.IsZero() {
		a.At = now
	}
	return d.Store.RecordAccess(ctx, a)
}

func (d *daemon) users() ([]rotation.User, error) {
	if w := d.work.Load(); w != nil {
		return w.keeper.Users(), nil
	}
	return nil, kinds.ErrStandingBy
}

func (d *daemon) credential(ctx context.Context, u rotation.User) (fleet.Credential, error) {
	if w := d.work.Load(); w != nil {
		return w.cache.Get(ctx, u)
	}
	return fleet.Credential{}, kinds.ErrStandingBy
}

func (d *daemon) quota(ctx context.Context, u rotation.User) (fleet.Quota, error) {
	if w := d.work.Load(); w != nil {
		return w.office.Quota(ctx, u)
	}
	return fleet.Quota{}, kinds.ErrStandingBy
}

// vault is where the API keys are, by the account of the settings in force.
type vault struct {
	d      *daemon
	prefix string
}

func (v vault) now() (apikey.Vault, error) {
	if w := v.d.work.Load(); w != nil {
		return w.keeper.Account().KeyVault(v.prefix), nil
	}
	return nil, kinds.ErrStandingBy
}

// Read is part of apikey.Vault.
func (v vault) Read(ctx context.Context, shard int) (apikey.Document, error) {
	real, err := v.now()
	if err != nil {
		return apikey.Document{}, err
	}
	return real.Read(ctx, shard)
}

// Create is part of apikey.Vault.
func (v vault) Create(ctx context.Context, shard int, value []byte) error {
	real, err := v.now()
	if err != nil {
		return err
	}
	return real.Create(ctx, shard, value)
}

// Replace is part of apikey.Vault.
func (v vault) Replace(ctx context.Context, shard int, from, to string, value []byte) error {
	real, err := v.now()
	if err != nil {
		return err
	}
	return real.Replace(ctx, shard, from, to, value)
}

// apiDesk is the desk of the moment.
type apiDesk struct{ d *daemon }

func (a apiDesk) now() (fleet.Desk, error) {
	if w := a.d.work.Load(); w != nil {
		return w.desk, nil
	}
	return nil, kinds.ErrStandingBy
}

// through asks the desk of the moment.
func through[Out any](a apiDesk, ask func(fleet.Desk) (Out, error)) (out Out, err error) {
	desk, err := a.now()
	if err != nil {
		return out, err
	}
	return ask(desk)
}

// States is part of fleet.Desk.
func (a apiDesk) States(ctx context.Context, names ...string) ([]fleet.State, error) {
	return through(a, func(d fleet.Desk) ([]fleet.State, error) { return d.States(ctx, names...) })
}

// Plan is part of fleet.Desk.
func (a apiDesk) Plan(ctx context.Context, steps int, names ...string) ([]fleet.Ahead, error) {
	return through(a, func(d fleet.Desk) ([]fleet.Ahead, error) { return d.Plan(ctx, steps, names...) })
}

// Foresee is part of fleet.Desk.
func (a apiDesk) Foresee(ctx context.Context, ask fleet.Ask) (fleet.Foresight, error) {
	return through(a, func(d fleet.Desk) (fleet.Foresight, error) { return d.Foresee(ctx, ask) })
}

// Do is part of fleet.Desk.
func (a apiDesk) Do(ctx context.Context, ask fleet.Ask) (fleet.Answer, error) {
	return through(a, func(d fleet.Desk) (fleet.Answer, error) { return d.Do(ctx, ask) })
}

// Events is part of fleet.Desk.
func (a apiDesk) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	return through(a, func(d fleet.Desk) ([]fleet.Happening, error) { return d.Events(ctx, q) })
}

// Watch is part of fleet.Desk.
func (a apiDesk) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	return through(a, func(d fleet.Desk) (fleet.Snapshot, error) { return d.Watch(ctx, v) })
}

var _ fleet.Desk = apiDesk{}

// drainWithin is how long answers under way may take at the end.
const drainWithin = 5 * time.Second

// drain takes no more requests and waits for the answers under way.
func (d *daemon) drain() {
	d.api.Close() // streams and long waits end
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if err := d.pages.Shutdown(ctx); err != nil {
		d.Log.Warn("an answer of the API was cut off", "error", err)
		_ = d.pages.Close() // whoever is still there had its time
	}
}

// visitors is how many may be connected at once: each takes an open file, and memory that the users' runs need. The others wait at the
// door. Half of them may come from one address, this machine and trusted proxies aside.
const visitors = 1024

// together is how many requests a visitor may have under way over one connection of HTTP/2, each of which takes memory as a visitor does.
const together = 8

// newHTTP bounds what a visitor can hold on to.
func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: together},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// certificateOf reads the certificate that the settings name; nil: none.
func certificateOf(cfg *config.Config) (*server.Certificate, error) {
	if !cfg.API.TLS.On() {
		return nil, nil //nolint:nilnil // absence is a value
	}
	return server.LoadCertificate(cfg.CertificatePaths())
}
