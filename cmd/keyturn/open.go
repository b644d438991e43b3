package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/store"
)

// app is what a command works with: configuration, AWS, database, fleet.
type app struct {
	cfg     *config.Config
	account *awscloud.Account
	db      *store.Store
	fleet   *fleet.Fleet
}

// database says what a command needs of it.
type database int

const (
	withDatabase database = iota // opened, and made when there is none
	readDatabase                 // what it knows, if there is one; none is made
	onlyDatabase                 // the same, and AWS is not asked
)

// openApp wires a command. The database is opened while AWS answers the first question, which also tells the time.
func openApp(ctx context.Context, o *options, need database) (*app, error) {
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg}
	if a.account, err = dial(ctx, cfg); err != nil {
		return nil, err
	}
	path := cfg.DatabasePath()
	if _, err := os.Stat(path); need == readDatabase && errors.Is(err, fs.ErrNotExist) {
		path = store.Memory
	}
	if a.db, err = store.Open(ctx, store.Options{Path: path, Settle: cfg.Settle.D()}); err != nil {
		return nil, err
	}
	c := fleet.Wire(a.account, a.db, cfg)
	c.Log, c.Rules.Version = o.logger(), versionText()
	if a.fleet, err = fleet.New(c); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) close() { _ = a.db.Close() } // every event is written already

// dial makes the AWS clients; nothing is sent yet.
func dial(ctx context.Context, cfg *config.Config) (*awscloud.Account, error) {
	account, err := awscloud.Load(ctx, fleet.AWS(cfg))
	if err != nil {
		return nil, usagef("%v", err)
	}
	return account, nil
}

// desk is what an operator's command acts through.
type desk struct {
	fleet.Desk
	close func()
	far   bool // in the daemon
	// holds gives what holds scheduled changes of everybody back; nil: as a live view has it.
	holds func(ctx context.Context) (string, error)
}

// held is what holds scheduled changes of everybody back; empty: nothing.
func (d *desk) held(ctx context.Context) (string, error) {
	if d.holds != nil {
		return d.holds(ctx)
	}
	s, err := d.Watch(ctx, fleet.View{Limit: 1, Events: 1})
	return s.Notice, err
}

// notice warns of what holds scheduled changes of everybody back.
func (d *desk) notice(ctx context.Context, o *options) {
	if text, err := d.held(ctx); err == nil && text != "" && !o.json {
		o.out.warn(text)
	}
}

// openDesk gives the desk of the server that the environment names, if it does; else the daemon's desk if one looks after this database, otherwise this process's own, under the same leases as every run.
func openDesk(ctx context.Context, o *options, need database) (*desk, error) {
	if d, err := dialRemote(); d != nil || err != nil {
		return d, err
	}
	if d, err := dialDesk(ctx, o); d != nil || err != nil {
		return d, err
	}
	if need == onlyDatabase {
		return openBooks(ctx, o)
	}
	return openHere(ctx, o, need)
}

// openHere gives this process's own desk.
func openHere(ctx context.Context, o *options, need database) (*desk, error) {
	a, err := openApp(ctx, o, need)
	if err != nil {
		return nil, err
	}
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: a.db, Fleet: func() *fleet.Fleet { return a.fleet }, Version: versionText()})
	if err != nil {
		a.close()
		return nil, err
	}
	return &desk{Desk: office, close: a.close}, nil
}

// openBooks gives a desk that reads the database and needs neither AWS nor credentials. Nothing is made where there is none.
func openBooks(ctx context.Context, o *options) (*desk, error) {
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, err
	}
	path := cfg.DatabasePath()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		o.out.note("nothing is recorded in %s yet: `keyturn run` makes the first pass", path)
		path = store.Memory
	}
	db, err := store.Open(ctx, store.Options{Path: path, Settle: cfg.Settle.D()})
	if err != nil {
		return nil, err
	}
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: db})
	if err != nil {
		return nil, err
	}
	return &desk{Desk: office, close: func() { _ = db.Close() }, holds: func(ctx context.Context) (string, error) {
		return fleet.Recall(ctx, fleet.RulesOf(cfg), fleet.Memory{Setting: db.Setting}, time.Now())
	}}, nil
}
