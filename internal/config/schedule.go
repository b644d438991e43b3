package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// RotationSchedule compiles a schedule into the core's form: "" is the default one, other names are those of `schedules`.
// An unknown name, or a schedule that cannot be kept, is an [Error].
func (c *Config) RotationSchedule(name string) (rotation.Schedule, error) {
	path, written := "schedule", c.Schedule
	if name != "" {
		path = "schedules." + name
		var ok bool
		if written, ok = c.Schedules[name]; !ok {
			return rotation.Schedule{}, &Error{File: c.file, Message: fmt.Sprintf("there is no schedule %q in schedules: %s", name,
				c.scheduleNames())}
		}
	}
	return c.compile(path, name, written)
}

// scheduleNames words which names a user's tag may hold.
func (c *Config) scheduleNames() string {
	if len(c.Schedules) == 0 {
		return "it has no entries"
	}
	return "its names are " + strings.Join(c.sortedSchedules(), ", ")
}

func (c *Config) sortedSchedules() []string { return slices.Sorted(maps.Keys(c.Schedules)) }

func (c *Config) compile(path, name string, w Schedule) (rotation.Schedule, error) {
	s := rotation.Schedule{
		Name: name, RotateEvery: w.RotateEvery.Interval.D(), DeactivateAfter: w.DeactivateAfter.D(), DeleteAfter: w.DeleteAfter.D(),
		JitterShare: float64(c.Jitter),
	}
	if w.RotateEvery.Cron != "" {
		return c.compileCron(path, s, w)
	}
	if w.TimeZone != "" {
		return s, c.fail(path+".time_zone", "%s.time_zone is for cron schedules only, and rotate_every is %s: remove it", path,
			w.RotateEvery)
	}
	if err := s.Validate(c.Limits()); err != nil {
		return s, c.fail(path+"."+blamed(err), "%s: %v", path, err)
	}
	return s, nil
}

func (c *Config) compileCron(path string, s rotation.Schedule, w Schedule) (rotation.Schedule, error) {
	f, known := c.crons[[2]string{w.RotateEvery.Cron, w.TimeZone}]
	var err error
	if !known {
		f, err = parseCron(w.RotateEvery.Cron, w.TimeZone)
	}
	if errors.Is(err, errZone) {
		return s, c.fail(path+".time_zone", "%s.time_zone %q is not a time zone: write one as Europe/Berlin, America/New_York or UTC",
			path, w.TimeZone)
	}
	if err != nil {
		return s, c.fail(path+".rotate_every", "%s.rotate_every %s is not a usable cron schedule: %v", path, w.RotateEvery, err)
	}
	s.Cron, s.TimeZone, s.Next, s.RotateEvery = w.RotateEvery.Cron, w.TimeZone, f.next, f.longest
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.DeactivateAfter < f.longest {
		return s, c.fail(path+".deactivate_after", "%s: deactivate_after (%s) must be at least %s, the longest time between two "+
			"firings of %s in %s: it is the key's age, and the difference is the grace in which both keys work", path,
			w.DeactivateAfter, Duration(f.longest), w.RotateEvery, s.TimeZone)
	}
	l := c.Limits()
	busy := l.RunDeadline + l.Settle
	if f.pair-busy < f.longest {
		return s, c.fail(path+".rotate_every", "%s: %s in %s fires too often, or too unevenly: a key must live for %s, the longest time "+
			"between two firings, but three can lie within %s, less run_deadline + settle = %s, and IAM allows two keys", path,
			w.RotateEvery, s.TimeZone, Duration(f.longest), Duration(f.pair), Duration(busy))
	}
	if s.DeleteAfter >= s.DeactivateAfter && s.DeleteAfter > f.pair-busy {
		return s, c.fail(path+".delete_after", "%s: this schedule would need three keys, and IAM allows two: the first key is deleted "+
			"at age %s, but three firings of %s in %s can lie within %s, less run_deadline + settle = %s makes %s; delete_after must "+
			"not exceed %s", path, w.DeleteAfter, w.RotateEvery, s.TimeZone, Duration(f.pair), Duration(busy), Duration(f.pair-busy),
			Duration(f.pair-busy))
	}
	if err := s.Validate(l); err != nil {
		return s, c.fail(path+"."+blamed(err), "%s: %v", path, err)
	}
	return s, nil
}

// blamed is the key whose line a refusal of the core is shown at.
func blamed(err error) string {
	for _, k := range []string{"rotate_every", "deactivate_after"} {
		if strings.HasPrefix(err.Error(), k) {
			return k
		}
	}
	return "delete_after"
}

// leastHTTPTimeout: a request takes this machine as long as it takes, at any speed.
const leastHTTPTimeout = Duration(time.Second)

// Speed gives a copy in which every duration is n times shorter, for simulated AWSs; but http_timeout is no shorter than a second, and
// history is kept as long as ever, as it is kept for people, who do not live faster. A cron schedule cannot be sped up; windows and
// freezes stay where the calendar has them.
func (c *Config) Speed(n float64) (*Config, error) {
	if !(n > 0) {
		return nil, &Error{Message: fmt.Sprintf("speed must be above 0, not %g", n)}
	}
	out := *c
	out.speed = n * max(c.speed, 0)
	if c.speed == 0 {
		out.speed = n
	}
	faster := func(d *Duration) { *d = Duration(float64(*d) / n) }
	schedule := func(path string, s *Schedule) error {
		if s.RotateEvery.Cron != "" {
			return c.fail(path+".rotate_every", "%s.rotate_every %s is a cron schedule, which follows the calendar and cannot be sped up",
				path, s.RotateEvery)
		}
		faster(&s.RotateEvery.Interval)
		faster(&s.DeactivateAfter)
		faster(&s.DeleteAfter)
		return nil
	}
	if err := schedule("schedule", &out.Schedule); err != nil {
		return nil, err
	}
	out.Schedules = make(map[string]Schedule, len(c.Schedules))
	for name, s := range c.Schedules {
		if err := schedule("schedules."+name, &s); err != nil {
			return nil, err
		}
		out.Schedules[name] = s
	}
	for _, d := range []*Duration{
		&out.Verify.Interval, &out.Verify.Timeout, &out.RunDeadline, &out.HTTPTimeout, &out.Settle, &out.HopelessAfter,
		&out.Quarantine, &out.MaxRecheck, &out.LegacyQuiet, &out.MaxHold, &out.BlastRadius.Within, &out.Canary.For,
		&out.DiscoverEvery,
	} {
		faster(d)
	}
	out.HTTPTimeout = max(out.HTTPTimeout, min(c.HTTPTimeout, leastHTTPTimeout))
	return &out, nil
}
