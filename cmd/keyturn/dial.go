package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/control"
	"github.com/keyturn/keyturn/internal/remote"
	"github.com/keyturn/keyturn/internal/rotation"
)

// dialDesk gives the desk of the daemon that looks after this configuration's database; nil when none does. A daemon that does not
// answer stops nobody: the leases in the database keep what it does and what this command does apart.
func dialDesk(ctx context.Context, o *options) (*desk, error) {
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, err
	}
	c, err := control.Dial(ctx, cfg.SocketPath())
	switch {
	case errors.Is(err, control.ErrNobody):
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		o.out.warn(err.Error() + "; this command goes on without it")
		return nil, nil //nolint:nilerr,nilnil // said above: nobody is stopped by it
	}
	if path, err := filepath.Abs(cfg.DatabasePath()); err == nil && path != c.About().Database {
		c.Close() // it looks after another one
		return nil, nil
	}
	return &desk{Desk: c, close: c.Close, far: true}, nil
}

// dialRemote gives the desk of the server that the environment names; nil when it names none. Nothing of this machine is looked at then,
// the configuration neither, and nothing is done here when that server is away.
func dialRemote() (*desk, error) {
	c, err := dialServer()
	if c == nil {
		return nil, err
	}
	return &desk{Desk: c, close: c.Close}, nil
}

// dialServer gives the server that the environment names, to be asked with the API key of the environment or with a proof of this machine's
// AWS identity; nil when it names none.
func dialServer() (*remote.Client, error) {
	where := os.Getenv(remote.URLVariable)
	if where == "" {
		return nil, nil //nolint:nilnil // absence is a value
	}
	c := remote.Config{URL: where, Key: rotation.NewSensitive(os.Getenv(remote.KeyVariable)), Version: versionText()}
	var err error
	if c.Prove, err = prover(where); err != nil {
		return nil, err
	}
	return remote.New(c)
}
