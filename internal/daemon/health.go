package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// When the Keeper counts as dead. Its loop comes round every 30 seconds, and whoever is due is at work within a second or two.
const (
	beatWithin = 90 * time.Second
	idleFor    = 2 * time.Minute
)

// alive reports why this process should be replaced; nil: it should not.
func (d *daemon) alive() error {
	d.mu.Lock()
	k, idle := d.keeper, d.idle
	d.mu.Unlock()
	if k == nil {
		return nil
	}
	p := k.Pulse()
	switch {
	case !p.Beat.IsZero() && time.Since(p.Beat) > beatWithin:
		return fmt.Errorf("the loop has not come round for %s", time.Since(p.Beat).Round(time.Second))
	case p.Idle && !idle.IsZero() && time.Since(idle) > idleFor:
		return fmt.Errorf("users have been due for %s, and nobody is at work", time.Since(idle).Round(time.Second))
	}
	return nil
}

// ready reports why users are not looked after; nil: they are.
func (d *daemon) ready() error {
	d.mu.Lock()
	k, seat, waiting, leaving := d.keeper, d.seat, d.waiting, d.leaving
	d.mu.Unlock()
	if k == nil || leaving {
		return errors.New(waiting)
	}
	h := k.Health()
	switch {
	case !h.Ready() && h.SweepError != nil:
		return fmt.Errorf("AWS could not be asked which users there are: %w", h.SweepError)
	case !h.Ready():
		return errors.New("AWS is being asked which users there are")
	case !seat.Held():
		return errors.New("the database has not confirmed for a while that no other daemon took over")
	}
	return nil
}

// status is one line for a person.
func (d *daemon) status() string {
	if err := d.ready(); err != nil {
		return err.Error()
	}
	d.mu.Lock()
	k := d.keeper
	d.mu.Unlock()
	if k == nil {
		return "stopping"
	}
	t := k.Tally()
	text := fmt.Sprintf("%d under care, %d at work", under(t), t.AtWork)
	if t.Overdue > 0 {
		text += fmt.Sprintf("; %d overdue, one of them for %s", t.Overdue, t.Longest.Round(time.Second))
	}
	if notice := d.notice(); notice != "" {
		text += "; " + notice
	}
	if held := k.Policy().Notice(k.Account().Now()); held != "" {
		text += "; " + held
	}
	return text
}

func under(t fleet.Tally) (n int) {
	for _, m := range t.By {
		n += m
	}
	return n
}

// notice is what an operator must know before all else.
func (d *daemon) notice() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused == nil {
		return ""
	}
	return "settings of before are in force: " + d.refused.Error()
}

// watched is what the metrics show.
func (d *daemon) watched() watched {
	d.mu.Lock()
	w := watched{active: d.keeper != nil, refused: d.refused != nil}
	k := d.keeper
	d.mu.Unlock()
	if k != nil {
		w.tally, w.health = k.Tally(), k.Health()
	}
	return w
}

// statusEvery is how often systemd is told how it is going.
const statusEvery = 10 * time.Second

// pulse watches over the Keeper, feeds the watchdog while that lives, and keeps systemd's status line up to date.
func (d *daemon) pulse(ctx context.Context) {
	feed := time.Second
	if d.Notify != nil && d.Notify.Watchdog > 0 {
		feed = min(feed, d.Notify.Watchdog/2)
	}
	var fed, toldAt time.Time
	last := ""
	for sleep(ctx, feed) == nil {
		d.mu.Lock()
		k := d.keeper
		if k == nil || !k.Pulse().Idle {
			d.idle = time.Time{}
		} else if d.idle.IsZero() {
			d.idle = time.Now()
		}
		d.mu.Unlock()
		if d.Notify == nil {
			continue
		}
		if n := d.Notify; n.Watchdog > 0 && time.Since(fed) >= n.Watchdog/2-feed/2 {
			if err := d.alive(); err != nil {
				d.Log.Error("the watchdog is not fed", "error", err)
			} else {
				d.told(n.Alive())
			}
			fed = time.Now()
		}
		if time.Since(toldAt) >= statusEvery && ctx.Err() == nil {
			if text := d.status(); text != last {
				d.told(d.Notify.Status(text))
				last = text
			}
			toldAt = time.Now()
		}
	}
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
