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
	c.Log = o.logger()
	if a.fleet, err = fleet.New(c); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) close() { _ = a.db.Close() } // every event is written already

// now is AWS's time, or the local one before AWS has answered.
func (a *app) now() time.Time {
	if now := a.account.Now(); !now.IsZero() {
		return now
	}
	return time.Now()
}

// dial makes the AWS clients; nothing is sent yet.
func dial(ctx context.Context, cfg *config.Config) (*awscloud.Account, error) {
	account, err := awscloud.Load(ctx, fleet.AWS(cfg))
	if err != nil {
		return nil, usagef("%v", err)
	}
	return account, nil
}
