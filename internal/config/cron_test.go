package config

import (
	"testing"
	"time"
)

// Every local day of four years has exactly one firing, also the days on which clocks change, whether asked from the firing
// itself or from the moments after it at which a key is really made.
func TestCronLosesAndDoublesNoDay(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"} {
		for _, spec := range []string{"30 2 * * *", "0 2 * * *", "30 1 * * *", "0 3 * * *", "0 0 * * *", "59 2 * * *"} {
			for _, late := range []time.Duration{0, time.Second, 20 * time.Second, 7 * time.Minute, 75 * time.Minute} {
				f, err := parseCron(spec, zone)
				if err != nil {
					t.Fatal(err)
				}
				loc, err := time.LoadLocation(zone)
				if err != nil {
					t.Fatal(err)
				}
				day := time.Date(2024, 1, 1, 12, 0, 0, 0, loc)
				at := f.next(day)
				for range 4 * 365 {
					day = day.AddDate(0, 0, 1)
					if got, want := at.In(loc).Format(time.DateOnly), day.Format(time.DateOnly); got != want {
						t.Fatalf("%s in %s, asked %s after each firing: a firing on %s, and the one due on %s is lost or doubled",
							spec, zone, late, at.In(loc), want)
					}
					at = f.next(at.Add(late))
				}
			}
		}
	}
}

func TestCronOnTheDaysOfTheChange(t *testing.T) {
	for _, c := range []struct{ zone, after, want string }{
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},    // 02:30 does not exist: at 03:00 summer time
		{"Europe/Berlin", "2026-03-29T01:00:20Z", "2026-03-30T00:30:00Z"},    // and not again that day
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},    // the first 02:30
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},    // not the second
		{"Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},    // also when asked between the two
		{"America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"}, // 02:30 does not exist
		{"America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T07:30:00Z"}, // 02:30 exists once
	} {
		f, err := parseCron("30 2 * * *", c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		if got := f.next(after).Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.zone, c.after, got, c.want)
		}
	}
}

// With * for the hour a schedule is one of spans: the change of clocks neither stops nor doubles it.
func TestCronOfSpansGoesOnThroughTheChange(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York"} {
		f, err := parseCron("*/10 * * * *", zone)
		if err != nil {
			t.Fatal(err)
		}
		at := f.next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		for range 366 * 144 {
			then := f.next(at)
			if then.Sub(at) != 10*time.Minute {
				t.Fatalf("in %s from %s to %s", zone, at, then)
			}
			at = then
		}
	}
}

func TestCronGaps(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		spec, zone    string
		longest, pair time.Duration
	}{
		{"0 3 * * SUN", "", 7 * day, 14 * day},
		{"0 3 * * SUN", "Europe/Berlin", 7*day + time.Hour, 14*day - time.Hour},
		{"0 3 * * MON,TUE", "", 6 * day, 7 * day},
		{"0 3 * * MON,TUE,WED", "", 5 * day, 2 * day},
		{"0 3 1 * *", "", 31 * day, 59 * day},
		{"0 3 1 */3 *", "", 92 * day, 181 * day},
		{"*/10 * * * *", "", 10 * time.Minute, 20 * time.Minute},
		{"0 3 29 2 *", "", 1461 * day, 2922 * day},
	} {
		f, err := parseCron(c.spec, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		if f.longest != c.longest || f.pair != c.pair {
			t.Errorf("%s in %q: longest %s, pair %s; want %s, %s", c.spec, c.zone, Duration(f.longest), Duration(f.pair), Duration(c.longest), Duration(c.pair))
		}
	}
}

func TestCronSchedule(t *testing.T) {
	c := parse(t, someUsers+`schedule: {rotate_every: "0 3 * * SUN", time_zone: Europe/Berlin, deactivate_after: 8d, delete_after: 10d}`)
	s, err := c.RotationSchedule("")
	if err != nil {
		t.Fatal(err)
	}
	if s.Cron != "0 3 * * SUN" || s.TimeZone != "Europe/Berlin" || s.RotateEvery != 7*24*time.Hour+time.Hour {
		t.Errorf("got %+v", s)
	}
	if got := s.Grace(); got != 23*time.Hour {
		t.Errorf("the grace is %s, and must be what exceeds the longest time between firings", got)
	}
	if got := s.Next(time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC)); !got.Equal(time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)) {
		t.Errorf("the next firing is %s", got)
	}
}
