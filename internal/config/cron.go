package config

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // time zones on machines and in images that have none

	"github.com/netresearch/go-cron"
)

// firings is a cron schedule in its time zone. Where clocks change, it does as the classic cron does: a firing at a set hour
// that the day misses comes right after the gap, one at an hour that the day has twice comes in the first of the two, and a
// schedule with * for the hour goes on as if nothing had happened.
type firings struct {
	next func(after time.Time) time.Time // UTC; zero: never again
	// The gaps between firings, over the years that were looked at.
	longest time.Duration
	// pair is the shortest time from one firing to the second one after it.
	pair time.Duration
}

// cronYears bounds the search for a firing: 29 February is eight years away from 2096.
const cronYears = 9

// gapsFrom is where gaps are measured from: a fixed day, so that the same file always gives the same answer.
var gapsFrom = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// parseCron reads five fields in a time zone ("" is UTC). The error ends a sentence about the schedule.
func parseCron(spec, zone string) (firings, error) {
	if zone == "" {
		zone = "UTC"
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return firings{}, errZone
	}
	fields := strings.Fields(spec)
	if len(fields) != 5 {
		return firings{}, fmt.Errorf("a cron schedule has five fields (minute, hour, day of month, month, day of week)")
	}
	if !strings.ContainsAny(fields[2][:1], "*?") && !strings.ContainsAny(fields[4][:1], "*?") {
		return firings{}, fmt.Errorf("it limits both the day of month and the day of week, which cron programs understand " +
			"differently (either, or both at once): write * for one of them")
	}
	//nolint:staticcheck // deprecated for a next major version, which is not there yet
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).WithMaxSearchYears(cronYears)
	// The parser's own time zones fire twice on the day when clocks go back: it is asked for wall-clock times only.
	wall, err := parser.Parse("CRON_TZ=UTC " + spec)
	if err != nil {
		if strings.Contains(fields[4], "#") {
			return firings{}, fmt.Errorf("it has no #, as in MON#1 for the first Monday: take every week, or a day of the month")
		}
		return firings{}, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "cron: "))
	}
	z := zoned{wall: wall, loc: loc, anyHour: strings.HasPrefix(fields[1], "*")}
	f := firings{next: z.next}
	return f, f.measure()
}

var errZone = fmt.Errorf("the time zone is unknown")

// measure walks the firings of nine years, or the first 10,000.
func (f *firings) measure() error {
	first := f.next(gapsFrom)
	if first.IsZero() {
		return fmt.Errorf("it never fires: no calendar has such a day")
	}
	before, last := time.Time{}, first
	for range 10_000 {
		at := f.next(last)
		if at.IsZero() || at.After(gapsFrom.AddDate(cronYears, 0, 0)) {
			if before.IsZero() && !at.IsZero() {
				f.longest, f.pair = at.Sub(last), 2*at.Sub(last)
			}
			break
		}
		f.longest = max(f.longest, at.Sub(last))
		if pair := at.Sub(before); !before.IsZero() && (f.pair == 0 || pair < f.pair) {
			f.pair = pair
		}
		before, last = last, at
	}
	if f.longest == 0 {
		return fmt.Errorf("it fires only once")
	}
	if f.pair == 0 {
		f.pair = 2 * f.longest
	}
	return nil
}
