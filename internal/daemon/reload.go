package daemon

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/config"
)

// Times of the configuration file.
const (
	pollEvery = time.Second
	// tryAgain: settings that are right and could not be taken, as AWS did not answer, are tried again so often.
	tryAgain = 30 * time.Second
)

// watchSettings takes up what the configuration file says, whenever it changes or somebody asks.
func (d *daemon) watchSettings(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var waiting *config.Config // right, and not taken yet
	var again time.Time
	for {
		var next *config.Config
		var err error
		select {
		case <-ctx.Done():
			return
		case <-d.Hangup:
			d.told(d.Notify.Reloading())
			next, err = d.file.read()
			waiting = d.reload(ctx, next, err)
			again = time.Now().Add(tryAgain)
			d.told(d.Notify.Ready(d.status())) // ends the reload, whatever came of it
			continue
		case <-ticker.C:
			next, err = d.file.poll(time.Now())
		}
		if next == nil && err == nil && waiting != nil && !time.Now().Before(again) {
			next = waiting
		}
		if next != nil || err != nil {
			waiting = d.reload(ctx, next, err)
			again = time.Now().Add(tryAgain)
		}
	}
}

// reload puts settings into force, or refuses them with the error for which they could not be read. What comes back is to be tried again.
func (d *daemon) reload(ctx context.Context, next *config.Config, err error) (again *config.Config) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.mu.Lock()
	before, k, was := d.settings, d.keeper, d.refused
	d.mu.Unlock()
	if err == nil {
		err = d.checkAPI(next)
	}
	if err == nil {
		if k != nil {
			err = k.Reload(ctx, next)
		} else {
			err = before.NeedsRestart(next)
		}
	}
	if ctx.Err() != nil {
		return nil // stopping: the next process reads the file
	}
	if err == nil {
		err = d.applyAPI(next)
	}
	d.mu.Lock()
	if d.refused = err; err == nil {
		d.settings = next
	}
	d.mu.Unlock()
	d.metrics.outcome(d.metrics.reloads, err)
	var wrong *config.Error
	switch {
	case err == nil:
		what := "nothing in it changed"
		if changes := before.Changes(next); len(changes) > 0 {
			what = strings.Join(changes, "; ")
		}
		d.Log.Info(d.File + " is taken: " + what)
	case errors.As(err, &wrong):
		d.Log.Error("the settings of before stay in force: " + err.Error())
	default: // right, as far as can be told
		if was == nil || was.Error() != err.Error() {
			d.Log.Error("the settings of before stay in force, and the new ones are tried again: " + err.Error())
		}
		return next
	}
	return nil
}
