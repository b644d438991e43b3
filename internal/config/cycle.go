package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// cycle is how far apart two rotations of a user come under windows: at best, and at worst.
type cycle struct{ best, worst time.Duration }

// cycles tries a key made at the beginning, in the middle and at the end of every opening of four weeks. Each step of its life begins
// in a window: the rotation, the deactivation when the grace is over, the deletion when the retention is, and then the next rotation,
// which needs the slot.
func (k calendar) cycles(s rotation.Schedule, l rotation.Limits) (out cycle) {
	for day := range 28 {
		for _, w := range k.windows {
			opens, closes := w.on(gapsFrom, day)
			for _, made := range []time.Time{opens, opens.Add(closes.Sub(opens) / 2), closes.Add(-time.Second)} {
				if !closes.After(opens) {
					continue
				}
				gone := k.open(k.open(made.Add(s.Grace() + l.Settle)).Add(s.Retention() + l.Settle)).Add(l.Settle)
				due := made.Add(s.RotateEvery)
				if s.Next != nil {
					due = s.Next(made)
				}
				if due.Before(gone) {
					due = gone
				}
				took := k.open(due).Sub(made)
				out.worst = max(out.worst, took)
				if out.best == 0 || took < out.best {
					out.best = took
				}
			}
		}
	}
	return out
}

func (k calendar) open(at time.Time) time.Time {
	if f := k.frozen(at); f.On() {
		return f.Until
	}
	return at
}

// windowGroups are the windows that users can have: those for everybody, and with them those for the same users.
func (c *Config) windowGroups() (out []calendar, who [][]Match) {
	var seen [][]Match
	for _, w := range c.Windows {
		if len(w.Users) == 0 {
			seen = append([][]Match{nil}, seen...)
		} else {
			seen = append(seen, w.Users)
		}
	}
	for i, users := range seen {
		known := false
		for _, before := range seen[:i] {
			known = known || reflect.DeepEqual(before, users)
		}
		if known {
			continue
		}
		k := c.calendar(func(of []Match) bool { return len(of) == 0 || reflect.DeepEqual(of, users) })
		k.freezes, k.from = nil, nil // they pass
		out, who = append(out, k), append(who, users)
	}
	return out, who
}

// checkCycles refuses windows for everybody under which no rotation could come within one and a half times rotate_every. Of windows for some
// users that is only warned of: others may be open to the same users.
func (c *Config) checkCycles() error {
	return c.eachCycle(func(path string, s rotation.Schedule, who []Match, k cycle) error {
		if who != nil || k.best <= s.RotateEvery+s.RotateEvery/2 {
			return nil
		}
		return c.fail("windows", "windows: %s can never be kept: rotate_every is %s, and a key would be replaced after %s at the earliest, as "+
			"its predecessor is deactivated after the grace of %s and deleted after the retention of %s, each in a window; widen the "+
			"windows, or make grace and retention shorter", path, Duration(s.RotateEvery), Duration(k.best), Duration(s.Grace()),
			Duration(s.Retention()))
	})
}

// WindowWarnings are sentences about windows that make rotations come much later than a schedule says.
func (c *Config) WindowWarnings() (out []string) {
	_ = c.eachCycle(func(path string, s rotation.Schedule, who []Match, k cycle) error {
		if late := k.worst - s.RotateEvery; late > s.RotateEvery/10 {
			text := fmt.Sprintf("windows: under %s a key can get %s old, as no rotation begins outside the windows; rotate_every is %s", path,
				Duration(k.worst), Duration(s.RotateEvery))
			if who != nil {
				text += ", and this is for " + written(who)
			}
			out = append(out, text)
		}
		return nil
	})
	return out
}

func (c *Config) eachCycle(do func(path string, s rotation.Schedule, who []Match, k cycle) error) error {
	groups, who := c.windowGroups()
	for i, k := range groups {
		for _, name := range append([]string{""}, c.sortedSchedules()...) {
			s, err := c.RotationSchedule(name)
			if err != nil {
				return err
			}
			path := "schedule"
			if name != "" {
				path = "schedules." + name
			}
			if err := do(path, s, who[i], k.cycles(s, c.Limits())); err != nil {
				return err
			}
		}
	}
	return nil
}
