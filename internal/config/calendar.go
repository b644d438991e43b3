package config

import (
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// calendar is when scheduled changes may begin: windows and freezes, of one user or of all.
type calendar struct {
	windows []span
	freezes []rotation.Freeze
	from    []time.Time // of each freeze
}

// span is a window ready for use.
type span struct {
	days     [7]bool
	from, to time.Duration // since midnight; to may lie in the next day
	loc      *time.Location
}

// Calendar tells when scheduled changes of a user may not begin, by the windows and freezes that are meant for it. Nil: always. The
// configuration must be valid.
func (c *Config) Calendar(u Candidate) func(at time.Time) rotation.Freeze {
	k := c.calendar(func(users []Match) bool { return anyOf(users, u) })
	if len(k.windows)+len(k.freezes) == 0 {
		return nil
	}
	return k.frozen
}

// CalendarUntold is Calendar for a user whose tags are not known: what is meant for users with some tag counts as meant for this one.
func (c *Config) CalendarUntold(u Candidate) func(at time.Time) rotation.Freeze {
	k := c.calendar(func(users []Match) bool {
		untold := slices.Clone(users)
		for i := range untold {
			untold[i].Tag = ""
		}
		return anyOf(untold, u)
	})
	if len(k.windows)+len(k.freezes) == 0 {
		return nil
	}
	return k.frozen
}

// FreezeOfAll tells of the freezes that are meant for everybody, leaving windows aside. Nil: there are none.
func (c *Config) FreezeOfAll() func(at time.Time) rotation.Freeze {
	k := c.calendar(func(users []Match) bool { return len(users) == 0 })
	if k.windows = nil; len(k.freezes) == 0 {
		return nil
	}
	return k.frozen
}

func (c *Config) calendar(meant func(users []Match) bool) (k calendar) {
	for _, w := range c.Windows {
		if meant(w.Users) {
			k.windows = append(k.windows, w.span())
		}
	}
	for _, f := range c.Freezes {
		if loc, err := location(f.TimeZone); err == nil && meant(f.Users) {
			k.from = append(k.from, f.From.in(loc))
			k.freezes = append(k.freezes, rotation.Freeze{Why: f.Why, Until: f.To.in(loc)})
		}
	}
	return k
}

func (w Window) span() span {
	s := span{from: time.Duration(w.From) * time.Minute, to: time.Duration(w.To) * time.Minute, loc: time.UTC}
	if loc, err := location(w.TimeZone); err == nil {
		s.loc = loc
	}
	if s.to <= s.from {
		s.to += 24 * time.Hour
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		s.days[day] = len(w.Days) == 0
		for _, d := range w.Days {
			s.days[day] = s.days[day] || d.Has(day)
		}
	}
	return s
}

// frozen gives why scheduled changes may not begin at a moment, and when they may: past everything that follows at once.
func (k calendar) frozen(at time.Time) rotation.Freeze {
	f := k.first(at)
	for range 1000 {
		next := rotation.Freeze{}
		if f.On() {
			next = k.first(f.Until)
		}
		if !next.On() {
			break
		}
		f.Until = next.Until
	}
	return f
}

func (k calendar) first(at time.Time) rotation.Freeze {
	for i, f := range k.freezes {
		if !at.Before(k.from[i]) && at.Before(f.Until) {
			return f
		}
	}
	if len(k.windows) == 0 {
		return rotation.Freeze{}
	}
	var next time.Time
	for _, w := range k.windows {
		opens := w.next(at)
		if !opens.After(at) {
			return rotation.Freeze{}
		}
		if next.IsZero() || opens.Before(next) {
			next = opens
		}
	}
	return rotation.Freeze{Why: "outside the maintenance windows", Until: next}
}

// next is when the window is open: at, when it is open then; otherwise the next opening.
func (s span) next(at time.Time) time.Time {
	for day := -1; day <= 8; day++ {
		opens, closes := s.on(at, day)
		switch {
		case !closes.After(at): // over, or no window on that day
		case opens.After(at):
			return opens
		default:
			return at
		}
	}
	return at // not reached: a week has every day
}

// on is the window of the day so many days after a moment's, in UTC; zero when that day has none. Clocks that are changed change it
// as they change a cron schedule: an opening that the day misses comes right after the gap, for as long as ever, and of two equal times
// the first counts.
func (s span) on(at time.Time, days int) (opens, closes time.Time) {
	y, m, d := at.In(s.loc).Date()
	day := time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC)
	if !s.days[day.Weekday()] {
		return opens, closes
	}
	opens, gap := onClocks(day.Add(s.from), s.loc)
	if !gap.IsZero() {
		return gap, gap.Add(s.to - s.from)
	}
	closes, _ = onClocks(day.Add(s.to), s.loc)
	return opens, closes
}
