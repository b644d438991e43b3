package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/control"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// stopWithin is how long runs under way may take to end, once the daemon is told to.
const stopWithin = 27 * time.Second // so that the rest is over within 30

// lookAfter is the daemon at work, until the context ends or the seat is lost. Patient: another process may still have our addresses,
// as it stands still or is just ending, so they are waited for.
func (d *daemon) lookAfter(ctx context.Context, seat *store.Seat, patient bool) (lost bool, err error) {
	if patient {
		d.Log.Info("taking over: the daemon that had the database has ended, or stands still")
	}
	engine, err := d.Engine(ctx)
	if err != nil {
		return false, errors.Join(err, seat.GiveUp())
	}
	defer func() { _ = engine.Close() }() // it is in memory
	// What runs see of keys counts in the cache at once; it reads through the keeper, and nobody asks it before that is there.
	var keeper *fleet.Keeper
	cache := credentials.New(credentials.Config{Read: func(ctx context.Context, u rotation.User, held fleet.Credential) (fleet.Credential, error) {
		return keeper.Credential(ctx, u, held)
	}})
	defer cache.Close()
	keeper, err = d.newKeeper(ctx, engine, seat, cache.Heard)
	if err != nil {
		return false, errors.Join(err, seat.GiveUp())
	}
	defer d.setKeeper(nil, nil)
	w, err := d.newOffice(keeper)
	if err != nil {
		return false, errors.Join(err, seat.GiveUp())
	}
	w.cache = cache
	d.work.Store(w)
	if d.identities != nil {
		d.identities.Begin()
	}
	defer d.work.Store(nil)
	working, end := context.WithCancel(ctx)
	defer end()
	// A crash from here on: whoever stands by takes the seat, and goes on from what AWS says.
	socket, err := d.openSocket(working, w.desk, patient)
	if err != nil {
		return false, errors.Join(usage{err}, seat.GiveUp())
	}
	d.up()
	d.told(d.Notify.Ready(d.status()))
	ran := make(chan error, 1)
	go func() { ran <- keeper.Run(working) }()
	select {
	case err = <-ran: // its engine failed
		ran <- err
	case <-ctx.Done():
		d.stopping("stopping: no run begins any more, and those under way end their steps")
		d.api.Close()
	case <-seat.Lost():
		lost = true
		d.work.Store(nil) // what is in memory is not what the other one knows; runs under way end after this
	}
	end()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		socket(stopWithin + time.Second)
	}()
	err = <-ran
	<-closed
	if !lost {
		d.drain() // up to now credentials could be read
		err = errors.Join(err, seat.GiveUp())
	}
	return lost, err
}

// stopping tells of it.
func (d *daemon) stopping(text string) {
	d.mu.Lock()
	d.waiting, d.leaving = text, true
	d.mu.Unlock()
	d.told(d.Notify.Stopping(text))
	d.Log.Info(text)
}

// newKeeper makes the Keeper of the settings of the moment; a reload comes before it or after it.
func (d *daemon) newKeeper(ctx context.Context, engine fleet.Engine, seat *store.Seat, heard func(rotation.User, string, []string)) (*fleet.Keeper, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.mu.Lock()
	settings := d.settings
	d.mu.Unlock()
	k, err := fleet.NewKeeper(ctx, fleet.KeeperConfig{
		Settings: settings, Store: d.Store, Engine: engine, Holder: d.holder, Log: d.Steps, StopWithin: stopWithin,
		Ours: seat.May, // a process that has just been woken may not have heard yet that another took over
		Load: func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error) {
			c.OnAttempt = d.metrics.attempt
			return d.Load(ctx, c)
		},
		Adjust: func(c *fleet.Config) { c.Rules.Version, c.Notices, c.Heard = d.Version, d.Log, heard },
		OnResult: func(l fleet.Looked) {
			d.metrics.looked(l)
			if d.OnResult != nil {
				d.OnResult(l)
			}
		},
		OnSweep: func(s fleet.Sweep) {
			d.metrics.outcome(d.metrics.sweeps, s.Err)
			if d.OnSweep != nil {
				d.OnSweep(s)
			}
		},
	})
	if err != nil {
		return nil, usage{err}
	}
	d.setKeeper(k, seat)
	return k, nil
}

func (d *daemon) setKeeper(k *fleet.Keeper, seat *store.Seat) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keeper, d.seat, d.idle = k, seat, time.Time{}
}

// newOffice makes what the socket and the API carry out.
func (d *daemon) newOffice(k *fleet.Keeper) (*work, error) {
	office, err := fleet.NewOffice(fleet.OfficeConfig{
		DB: d.Store, Fleet: k.Fleet, Schedule: k.Schedule, Refused: k.Refused, Version: d.Version, Started: d.started, Notice: d.notice, Day: d.day(),
		Selection: func(ctx context.Context, anew bool) (fleet.Selection, error) {
			if anew || !k.Health().Ready() {
				if err := k.Sweep(ctx); err != nil {
					return fleet.Selection{}, fmt.Errorf("the daemon does not know yet which users there are: %w", err)
				}
			}
			return k.Selection(), nil
		},
		Looked: func(_ fleet.Member, res reconcile.Result) { k.Looked(res) },
	})
	if err != nil {
		return nil, err
	}
	return &work{keeper: k, office: office, desk: &desk{office, k}}, nil
}

// day is for how long a version of a secret counts, sped up as all else is.
func (d *daemon) day() time.Duration {
	const day = 24 * time.Hour
	if d.Speed <= 0 {
		return day
	}
	return time.Duration(float64(day) / d.Speed)
}

// desk is an Office whose runs the Keeper waits for when it stops.
type desk struct {
	fleet.Desk
	keeper *fleet.Keeper
}

// Do is part of fleet.Desk. Its patience ends when the Keeper stops; a run goes on to the end of its steps.
func (d *desk) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	if a.Patience > 0 {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-d.keeper.Stopping():
				cancel()
			case <-waiting.Done():
			}
		}()
		ans, err := fleet.Patiently(waiting, d, a, nil)
		if err != nil && waiting.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %v", fleet.ErrStopping, err) // and not that whoever asked has gone
		}
		return ans, err
	}
	ctx, leave, err := d.keeper.Guest(ctx)
	if err != nil {
		return fleet.Answer{}, fmt.Errorf("nothing was done for %s: %w; ask again when it runs", a.User, err)
	}
	defer leave()
	return d.Desk.Do(ctx, a)
}

// openSocket serves the owner's socket, now, or as soon as it is free if that may be waited for. Close ends it, waiting for calls under
// way.
func (d *daemon) openSocket(ctx context.Context, office fleet.Desk, patient bool) (closing func(time.Duration), err error) {
	d.mu.Lock()
	about := control.About{Version: d.Version, PID: os.Getpid(), Started: d.started, Database: absolute(d.settings.DatabasePath()),
		Config: absolute(d.File)}
	path := d.settings.SocketPath()
	d.mu.Unlock()
	server := control.NewServer(office, about, d.Log)
	open := func() error {
		l, err := control.Listen(path)
		if err != nil {
			return err
		}
		l.Refused = func(err error) { d.Log.Warn(err.Error()) }
		go func() {
			if err := server.Serve(l); err != nil {
				d.Log.Error(err.Error())
			}
		}()
		return nil
	}
	if err := open(); err != nil {
		if !patient {
			return nil, err
		}
		d.Log.Warn("orders are not taken for now", "error", err)
		go d.keepTrying(ctx, open)
	}
	return func(within time.Duration) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			d.Log.Warn("a call on the daemon's socket was cut off", "error", err)
		}
	}, nil
}
