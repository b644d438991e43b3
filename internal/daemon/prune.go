package daemon

import (
	"context"
	"errors"
	"time"
)

// History is removed a little at a time, so that nobody who wants to write waits for it.
const (
	pruneEvery = 10 * time.Minute
	pruneBatch = 300
	pruneRest  = 200 * time.Millisecond
)

// prune removes history that is older than the settings want, again and again until the context ends. Only whoever looks after the users
// does: AWS's time is what history is dated by.
func (d *daemon) prune(ctx context.Context) {
	said := ""
	for sleep(ctx, pruneEvery) == nil {
		if err := d.pruneOnce(ctx); err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			d.Log.Warn("old history stays for now", "error", err)
		} else if err == nil {
			said = ""
		}
	}
}

// pruneOnce removes all that is old. A crash on the way leaves the rest for the next time.
func (d *daemon) pruneOnce(ctx context.Context) error {
	d.mu.Lock()
	k := d.keeper
	d.mu.Unlock()
	if k == nil {
		return nil
	}
	now := k.Health().Now
	if now.IsZero() {
		return nil
	}
	before := now.Add(-k.Settings().History.D())
	prune := func() (more bool, err error) {
		_, more, err = d.Store.Prune(ctx, before, pruneBatch)
		return more, err
	}
	pruneAccesses := func() (bool, error) { return d.Store.PruneAccesses(ctx, before, pruneBatch) }
	return errors.Join(little(ctx, prune), little(ctx, pruneAccesses))
}

// little calls prune, with a rest in between, until there is nothing more or the context ends.
func little(ctx context.Context, prune func() (bool, error)) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = prune(); err != nil {
			return err
		}
		if more && sleep(ctx, pruneRest) != nil {
			return nil //nolint:nilerr // being stopped
		}
	}
	return nil
}
