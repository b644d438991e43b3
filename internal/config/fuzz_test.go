package config

import (
	"strings"
	"testing"
	"time"
)

// FuzzCron: a schedule that is taken fires, each time later than the last, and no rarer than it says.
func FuzzCron(f *testing.F) {
	for _, s := range []string{"*/10 * * * *", "30 2 * * SUN", "0 0 29 2 *", "59 23 31 DEC ?", "@daily", "0 0 * * 5#3", "1-5/2,7 */3 1,15 * *"} {
		f.Add(s, "Europe/Berlin")
		f.Add(s, "")
	}
	f.Add("0 2 * * *", "../../etc/passwd")
	f.Fuzz(func(t *testing.T, spec, zone string) {
		if len(spec) > 200 {
			return // a file's line
		}
		c, err := parseCron(spec, zone)
		if err != nil {
			return
		}
		last := gapsFrom
		for range 20 {
			at := c.next(last)
			if at.IsZero() {
				break
			}
			if !at.After(last) {
				t.Fatalf("%q in %q fires at %s after %s", spec, zone, at, last)
			}
			last = at
		}
		if c.longest < c.pair/2 {
			t.Fatalf("%q in %q: the longest gap %s is shorter than half of two, %s", spec, zone, c.longest, c.pair)
		}
	})
}

// FuzzDuration: a span that is taken is none below zero, and is read again as it is written.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"10m", "1h30m", "90d", "2w", "0", "-1s", "1e9h", "1.5h", "9999999999d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		again, err := ParseDuration(Duration(d).String())
		if err != nil || again != d {
			t.Fatalf("%q is %s, which reads as %s, %v", s, d, again, err)
		}
	})
}

// FuzzTimes: days, times of day and dates of windows and calendars.
func FuzzTimes(f *testing.F) {
	for _, s := range []string{"22:00", "Mon-Fri", "Sat, Sun", "Fri-Mon", "2026-12-24", "2026-12-24T18:00:00Z", "24:00", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var at TimeOfDay
		if err := at.parse(s); err == nil && (at < 0 || at > TimeOfDay(24*time.Hour)) {
			t.Fatalf("%q is %d", s, at)
		}
		var days Days
		_ = days.parse(s)
		var m Moment
		_ = m.parse(s)
		var share Share
		if err := share.parse(s); err == nil && (share < 0 || share > 1) {
			t.Fatalf("%q is a share of %v", s, share)
		}
		var rate Rate
		if err := rate.parse(s); err == nil && !(rate >= 0) {
			t.Fatalf("%q is a rate of %v", s, rate)
		}
	})
}

// FuzzGlob: a pattern takes what a slow and plain matcher takes.
func FuzzGlob(f *testing.F) {
	f.Add("/service/*", "/service/a/b")
	f.Add("*a?b*", "xxaabb")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 30 || len(s) > 30 {
			return // the plain matcher is slow
		}
		if got, want := glob(pattern, s), plainly([]rune(pattern), []rune(s)); got != want {
			t.Fatalf("%q takes %q: %v, want %v", pattern, s, got, want)
		}
		if strings.Trim(pattern, "*") == "" && pattern != "" && !glob(pattern, s) {
			t.Fatalf("%q does not take %q", pattern, s)
		}
	})
}

// plainly matches by the definition, with a table of what is matched.
func plainly(p, s []rune) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for _, c := range p {
		next := make([]bool, len(s)+1)
		for j := range next {
			switch {
			case c == '*':
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = row[j-1] && (c == '?' || c == s[j-1])
			}
		}
		row = next
	}
	return row[len(s)]
}
