package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TimeOfDay is a time of the clock on the wall, in minutes from midnight; 24:00 is the end of the day.
type TimeOfDay int

const endOfDay TimeOfDay = 24 * 60

// String writes the time as 09:30.
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t/60, t%60) }

func (*TimeOfDay) form() (string, string) { return "a time of day", `"09:30"` }

func (t *TimeOfDay) parse(s string) error {
	h, m, ok := strings.Cut(s, ":")
	hours, errH := strconv.Atoi(h)
	minutes, errM := strconv.Atoi(m)
	at := TimeOfDay(60*hours + minutes)
	if !ok || errH != nil || errM != nil || len(h) > 2 || len(m) != 2 || hours < 0 || minutes < 0 || minutes > 59 || at > endOfDay {
		return fmt.Errorf("%q is not one", s)
	}
	*t = at
	return nil
}

// Days are days of the week that follow one another: "mon", or "mon-fri".
type Days struct{ First, Last time.Weekday }

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// String writes the days as they stand in the file.
func (d Days) String() string {
	if d.First == d.Last {
		return dayNames[d.First]
	}
	return dayNames[d.First] + "-" + dayNames[d.Last]
}

// Has reports whether a day is among them.
func (d Days) Has(day time.Weekday) bool { return (day-d.First+7)%7 <= (d.Last-d.First+7)%7 }

func (*Days) form() (string, string) {
	return "a day of the week or a span of them", "mon, sat or mon-fri"
}

func (d *Days) parse(s string) error {
	first, last, span := strings.Cut(s, "-")
	if !span {
		last = first
	}
	var err error
	if d.First, err = parseDay(first); err != nil {
		return err
	}
	d.Last, err = parseDay(last)
	return err
}

func parseDay(s string) (time.Weekday, error) {
	low := strings.ToLower(strings.TrimSpace(s))
	for d := time.Sunday; d <= time.Saturday; d++ {
		if low == dayNames[d] || low == strings.ToLower(d.String()) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not one", s)
}

// Moment is a point in time: with its own offset from UTC, or as the clocks of a time zone that stands beside it.
type Moment struct {
	wall  time.Time // in UTC; what the clocks show when there is no offset
	fixed bool      // it has an offset: wall is the moment itself
}

// MomentAt is a moment for configurations made in code.
func MomentAt(t time.Time) Moment { return Moment{wall: t.UTC(), fixed: true} }

// String writes the moment as RFC 3339 does, without an offset when it has none.
func (m Moment) String() string {
	if m.fixed {
		return m.wall.Format(time.RFC3339)
	}
	return m.wall.Format("2006-01-02T15:04:05")
}

func (*Moment) form() (string, string) {
	return "a date with a time of day", `"2026-11-26T18:00" or "2026-11-26T18:00:00-05:00"`
}

func (m *Moment) parse(s string) error {
	s = strings.Replace(s, " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			*m = MomentAt(t)
			return nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			*m = Moment{wall: t}
			return nil
		}
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return fmt.Errorf("%q has no time of day", s)
	}
	return fmt.Errorf("%q is not one", s)
}

// in is the moment in a time zone.
func (m Moment) in(loc *time.Location) time.Time {
	if m.fixed {
		return m.wall
	}
	at, _ := onClocks(m.wall, loc)
	return at
}

// onClocks is when the clocks of a place first show a time of the wall (given as UTC), in UTC. Where they are put forward over it, it
// is that much later, and gap is when they are put forward.
func onClocks(wall time.Time, loc *time.Location) (at, gap time.Time) {
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(loc).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(wall.Add(-24*time.Hour)), offset(wall.Add(24*time.Hour))
	at = wall.Add(-before)
	if offset(at) == before {
		return at, time.Time{}
	}
	if later := wall.Add(-after); offset(later) == after {
		return later, time.Time{}
	}
	gap, _ = at.In(loc).ZoneBounds()
	return at, gap.UTC()
}
