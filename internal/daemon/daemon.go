package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awsidentity"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/server"
	"github.com/keyturn/keyturn/internal/store"
)

// Config is what a daemon is made of.
type Config struct {
	// File is the path of the configuration file, Text what it held when Settings were made of it. Needed.
	File     string
	Text     []byte
	Settings *config.Config
	// Speed divides every duration that File will hold, as it does those of Settings already: for a simulated AWS. Zero: nothing does.
	Speed float64
	// Store is the database at Settings.Database. Needed.
	Store *store.Store
	// Listen is the address of the API and the pages, one that Settings allow. Empty: as Settings say.
	Listen  string
	Version string
	// Engine makes the engine of wake-ups, each time that the daemon has its seat; what it gives is closed at the end. Needed.
	Engine func(ctx context.Context) (Engine, error)
	// Load makes the adapter of settings. Nil: awscloud.Load.
	Load func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error)
	// Notify tells systemd. Nil: nobody.
	Notify *Notifier
	// Hangup asks for the configuration file to be read at once. Nil: nobody does.
	Hangup <-chan os.Signal
	// Up is told where the daemon is to be found, as soon as it is and again when that changes. Its error is logged. Nil: nobody.
	Up func(Place) error
	// OnResult and OnSweep are told of what the Keeper does, one at a time. Nil: nobody.
	OnResult func(fleet.Looked)
	OnSweep  func(fleet.Sweep)
	// OnRead is told once, before the first credential is given out through the API. Nil: nobody.
	OnRead func()
	Log    *slog.Logger // needed
	// Steps hears of each step of each run, and of trouble within. Nil: Log does.
	Steps *slog.Logger
}

// Engine is a fleet.Engine that holds something to give back.
type Engine interface {
	fleet.Engine
	Close() error
}

// Place is where a daemon is to be found.
type Place struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen"`  // address of the API and the pages; empty: another process has it for now
	APIURL string `json:"api_url"` // as Listen
	Socket string `json:"socket"`  // absolute path of the owner's socket; it is there while the daemon looks after the users
}

// daemon is one that runs.
type daemon struct {
	Config
	holder  string
	started time.Time // on the local clock
	metrics *metrics
	file    *settingsFile
	pages   *http.Server // of the API and the pages
	api     *server.Server
	work    atomic.Pointer[work] // nil while standing by
	read    sync.Once            // a credential
	// certificate of the API; nil: it is served in plain text. identities: who is let in by AWS's word; nil: nobody.
	certificate *server.Certificate
	identities  *awsidentity.Verifier

	reloading sync.Mutex // one change of settings at a time, and none while a Keeper is being made

	mu       sync.Mutex
	settings *config.Config // in force, or to be once the seat is ours
	refused  error          // why the file as it is was refused; nil: it was not
	listen   string         // as in Place
	door     net.Listener   // where that is; nil: another process has it for now
	waiting  string         // for what, while there is no keeper
	leaving  bool           // it is being stopped
	keeper   *fleet.Keeper  // nil while standing by
	seat     *store.Seat    // of that keeper
	idle     time.Time      // since when somebody was due and nobody at work; zero: it is not so
}

// Run lives until the context ends, and then stops as softly as stopWithin allows; that is no error.
func Run(ctx context.Context, c Config) error {
	d := &daemon{Config: c, settings: c.Settings, started: time.Now(), file: newSettingsFile(c.File, c.Text, c.Speed), waiting: "starting"}
	d.holder = fleet.Holder()
	if d.Load == nil {
		d.Load = awscloud.Load
	}
	if d.Steps == nil {
		d.Steps = d.Log
	}
	if d.Listen == "" {
		d.Listen = c.Settings.Listen
	}
	d.metrics = newMetrics(c.Version, d.watched)
	var err error
	if d.certificate, err = certificateOf(c.Settings); err != nil {
		return usage{err}
	}
	if d.api, err = d.newAPI(c.Settings); err != nil {
		return usage{err}
	}
	d.pages = newHTTP(d.api, c.Log)
	// They end before the seat is given up, but for the watchdog's, which has to be fed meanwhile.
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	defer d.drain()
	all.Go(func() { d.pulse(background) })
	living, die := context.WithCancel(ctx)
	defer die()
	all.Go(func() { d.watchSettings(living) })
	all.Go(func() { d.prune(living) })
	if d.certificate != nil {
		all.Go(func() { d.certificate.Watch(living, d.Log) })
	}
	return d.live(living, &all)
}

// live goes from standing by to looking after, and back when the seat is lost.
func (d *daemon) live(ctx context.Context, all *sync.WaitGroup) error {
	stood := false
	listening := d.openPages(all)
	for {
		seat := d.Store.Seat(d.holder)
		err := seat.Take(ctx, func(holder string, err error) {
			if !stood && listening != nil {
				d.Log.Warn("the API and the pages are not served for now", "error", listening)
				all.Go(func() { d.keepTrying(ctx, func() error { return d.openPages(all) }) })
				listening = nil
			}
			stood = true
			d.standBy(holder, err)
		})
		if err != nil {
			return d.over(ctx, err)
		}
		if listening != nil {
			return errors.Join(usage{listening}, seat.GiveUp())
		}
		lost, err := d.lookAfter(ctx, seat, stood)
		if err != nil || !lost {
			return err
		}
		stood = true
		d.mu.Lock()
		d.waiting = "standing by: another daemon took over the database"
		d.mu.Unlock()
		d.Log.Warn("another daemon took over the database while this one stood still; this one stands by")
		if d.leaveDoor() {
			all.Go(func() {
				if sleep(ctx, doorOpen) == nil {
					d.keepTrying(ctx, func() error { return d.openPages(all) })
				}
			})
		}
	}
}

// over is how a wait ends: with the context, as it was asked to, or with an error.
func (d *daemon) over(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		d.stopping("stopping: it stood by")
		return nil //nolint:nilerr // whoever stops it knows
	}
	return err
}

// standBy tells of it, once for each holder.
func (d *daemon) standBy(holder string, err error) {
	text := "standing by: " + holder + " looks after the users of this database"
	switch {
	case err != nil:
		text = "standing by: " + err.Error()
		d.Log.Warn("standing by", "error", err)
	case holder == "":
		text = "standing by: another daemon is about to take the database"
		fallthrough
	default:
		d.Log.Info(text + "; this one takes over when that one ends")
	}
	d.mu.Lock()
	d.waiting = text
	d.mu.Unlock()
	d.told(d.Notify.Ready(text))
	d.up()
}

// usage is an error of the command line or the configuration.
type usage struct{ error }

// Unwrap gives the cause.
func (u usage) Unwrap() error { return u.error }

// Usage reports whether an error of Run is one of the command line or the configuration.
func Usage(err error) bool {
	var u usage
	return errors.As(err, &u)
}

// openPages serves the pages.
func (d *daemon) openPages(all *sync.WaitGroup) error {
	l, err := net.Listen("tcp", d.Listen)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("cannot listen on %s: %w; choose another address as \"listen\" in the configuration, or with --listen", d.Listen, err)
	}
	d.mu.Lock()
	d.listen, d.door = l.Addr().String(), l
	d.mu.Unlock()
	d.pages.SetKeepAlivesEnabled(true)
	all.Go(func() {
		door := l
		l := bounded(l, visitors, visitors/2, d.api.Trusts)
		if d.certificate != nil {
			l = tls.NewListener(l, d.certificate.TLS())
		}
		if err := d.pages.Serve(l); !errors.Is(err, http.ErrServerClosed) && d.atDoor(door) {
			d.Log.Error("the API and the pages are not served any more", "error", err)
		}
	})
	return nil
}

// doorOpen is for how long an address is left to whoever tries every second to have it.
const doorOpen = 3 * time.Second

// leaveDoor takes no more visitors, if it does until now: whoever works from now on may be told to listen at the same address, and waits for
// it. Visitors who are connected are sent away with their next answer.
func (d *daemon) leaveDoor() bool {
	d.mu.Lock()
	door := d.door
	d.door, d.listen = nil, ""
	d.mu.Unlock()
	if door == nil {
		return false
	}
	_ = door.Close() // whatever it says, nothing is accepted any more
	d.pages.SetKeepAlivesEnabled(false)
	d.up()
	return true
}

// atDoor reports whether visitors are still expected there.
func (d *daemon) atDoor(l net.Listener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.door == l
}

// keepTrying tries every second until it succeeds or the context ends; then the daemon's place has changed.
func (d *daemon) keepTrying(ctx context.Context, do func() error) {
	for sleep(ctx, time.Second) == nil {
		if do() == nil {
			d.up()
			return
		}
	}
}

func sleep(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// up tells where the daemon is.
func (d *daemon) up() {
	if d.Up == nil {
		return
	}
	d.mu.Lock()
	place := Place{PID: os.Getpid(), Listen: d.listen, Socket: d.settings.SocketPath()}
	if place.Listen != "" {
		scheme := map[bool]string{false: "http://", true: "https://"}[d.certificate != nil]
		place.APIURL = scheme + reachable(place.Listen)
	}
	d.mu.Unlock()
	if abs, err := filepath.Abs(place.Socket); err == nil {
		place.Socket = abs
	}
	if err := d.Up(place); err != nil {
		d.Log.Error("where this daemon is could not be told", "error", err)
	}
}

// reachable is an address at which this machine reaches what listens on every address.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || !ip.IsUnspecified() {
		return listen
	} else if ip.To4() == nil {
		return net.JoinHostPort("::1", port)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// told logs that systemd could not be told; it will see for itself.
func (d *daemon) told(err error) {
	if err != nil {
		d.Log.Warn(err.Error())
	}
}
