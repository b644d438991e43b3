package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a maintenance window: times of the week in which scheduled changes may begin.
type Window struct {
	Days     []Days    `yaml:"days"`
	From     TimeOfDay `yaml:"from"`
	To       TimeOfDay `yaml:"to"`
	TimeZone string    `yaml:"time_zone"`
	Users    []Match   `yaml:"users"`
}

// String is the window for people.
func (w Window) String() string {
	days := "every day"
	if len(w.Days) > 0 {
		parts := make([]string, len(w.Days))
		for i, d := range w.Days {
			parts[i] = d.String()
		}
		days = strings.Join(parts, ", ")
	}
	s := fmt.Sprintf("%s from %s to %s %s", days, w.From, w.To, zoneName(w.TimeZone))
	if len(w.Users) > 0 {
		s += ", for " + written(w.Users)
	}
	return s
}

// Freeze is a time in which no scheduled change begins.
type Freeze struct {
	From     Moment  `yaml:"from"`
	To       Moment  `yaml:"to"`
	TimeZone string  `yaml:"time_zone"`
	Why      string  `yaml:"why"`
	Users    []Match `yaml:"users"`
}

// String is the freeze for people.
func (f Freeze) String() string {
	s := fmt.Sprintf("from %s to %s", f.From, f.To)
	if !f.From.fixed || !f.To.fixed {
		s += " " + zoneName(f.TimeZone)
	}
	if s += ": " + f.Why; len(f.Users) > 0 {
		s += ", for " + written(f.Users)
	}
	return s
}

// BlastRadius bounds how many users may fail before scheduled changes stop for everybody.
type BlastRadius struct {
	Failing Share    `yaml:"failing"`
	Within  Duration `yaml:"within"`
	Least   int      `yaml:"least"`
}

// Canary says who goes first after an upgrade or a change of a schedule.
type Canary struct {
	Users []Match  `yaml:"users"`
	For   Duration `yaml:"for"`
}

// String is the canary for people.
func (k Canary) String() string {
	return fmt.Sprintf("%s go first; the others after %s at the latest", written(k.Users), k.For)
}

func zoneName(zone string) string {
	if zone == "" {
		return "UTC"
	}
	return zone
}

// location finds a time zone; the machine's own is none, as the same file must mean the same everywhere.
func location(zone string) (*time.Location, error) {
	loc, err := time.LoadLocation(zoneName(zone))
	if err != nil || zone == "Local" {
		return nil, errZone
	}
	return loc, nil
}

// checkCalendar refuses windows and freezes that mean nothing, and windows under which a schedule cannot be kept.
func (c *Config) checkCalendar() error {
	for i, w := range c.Windows {
		if err := c.checkWindow(fmt.Sprintf("windows[%d]", i), w); err != nil {
			return err
		}
	}
	for i, f := range c.Freezes {
		if err := c.checkFreeze(fmt.Sprintf("freezes[%d]", i), f); err != nil {
			return err
		}
	}
	if err := c.checkMatches("canary.users", c.Canary.Users); err != nil {
		return err
	}
	if c.lines["canary"] > 0 && len(c.Canary.Users) == 0 {
		return c.fail("canary", "canary.users is missing, which would make nobody a canary: name users, such as [{name: \"canary-*\"}], or "+
			"remove canary")
	}
	return c.checkCycles()
}

func (c *Config) checkWindow(path string, w Window) error {
	if err := c.needs(path, "from", "to"); err != nil {
		return err
	}
	if _, err := location(w.TimeZone); err != nil {
		return c.failZone(path, w.TimeZone)
	}
	switch {
	case w.From == w.To:
		return c.fail(path+".to", "%s is from %s to %s, which is no time at all: write from \"00:00\" to \"24:00\" for the whole day", path,
			w.From, w.To)
	case w.From == endOfDay:
		return c.fail(path+".from", "%s.from is 24:00, which is the next day: write \"00:00\" and that day", path)
	case c.lines[path+".days"] > 0 && len(w.Days) == 0:
		return c.fail(path+".days", "%s.days is empty: name days, such as [mon-fri], or remove it to have every day", path)
	}
	return c.checkMatches(path+".users", w.Users)
}

func (c *Config) checkFreeze(path string, f Freeze) error {
	if err := c.needs(path, "from", "to", "why"); err != nil {
		return err
	}
	loc, err := location(f.TimeZone)
	if err != nil {
		return c.failZone(path, f.TimeZone)
	}
	switch {
	case f.Why == "":
		return c.fail(path+".why", "%s.why is empty: say why, as whoever waits for a rotation will ask", path)
	case f.TimeZone != "" && f.From.fixed && f.To.fixed:
		return c.fail(path+".time_zone", "%s.time_zone is for times without an offset, and both have one: remove it", path)
	case !f.To.in(loc).After(f.From.in(loc)):
		return c.fail(path+".to", "%s ends at %s, which is not after its beginning at %s", path, f.To, f.From)
	}
	return c.checkMatches(path+".users", f.Users)
}

func (c *Config) failZone(path, zone string) error {
	return c.fail(path+".time_zone", "%s.time_zone %q is not a time zone: write one as Europe/Berlin, America/New_York or UTC", path, zone)
}

// needs refuses an entry of the file that leaves out what has no default.
func (c *Config) needs(path string, keys ...string) error {
	for _, k := range keys {
		if c.lines[path] > 0 && c.lines[path+"."+k] == 0 {
			return c.fail(path, "%s.%s is missing: write it as %s", path, k, example(path))
		}
	}
	return nil
}

// checkMatches: users are named as in users.include; an empty list would mean nobody, and no list means everybody.
func (c *Config) checkMatches(path string, all []Match) error {
	if c.lines[path] > 0 && len(all) == 0 {
		return c.fail(path, "%s is empty, which would mean nobody: name users, such as [{name: \"ci-*\"}], or remove it", path)
	}
	for i, m := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := c.checkMatch(at, m); err != nil {
			return err
		}
	}
	return nil
}

// anyOf reports whether a user is meant: everybody when there are no entries.
func anyOf(all []Match, u Candidate) bool {
	return len(all) == 0 || slices.ContainsFunc(all, func(m Match) bool { return m.matches(u) })
}

// IsCanary reports whether a user goes first.
func (c *Config) IsCanary(u Candidate) bool {
	return len(c.Canary.Users) > 0 && anyOf(c.Canary.Users, u)
}
