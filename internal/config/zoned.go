package config

import (
	"time"

	"github.com/netresearch/go-cron"
)

// zoned turns a schedule of wall-clock times into moments of a time zone.
type zoned struct {
	wall    cron.Schedule // of wall-clock times, kept as UTC
	loc     *time.Location
	anyHour bool // the hour is *: a schedule of spans, not of times of day
}

// next is the first firing after a moment, in UTC; zero when there is none. It goes from one change of the clocks to the
// next, as the offset from UTC is fixed in between.
func (z zoned) next(after time.Time) time.Time {
	from, period := after, after
	for range 8 * cronYears {
		begin, end := period.In(z.loc).ZoneBounds()
		offset := z.offset(period)
		if fresh := z.fresh(begin, offset); fresh.After(from) {
			from = fresh.Add(-1)
		}
		wall := z.wall.Next(from.UTC().Add(offset))
		if wall.IsZero() {
			return wall
		}
		at := wall.Add(-offset)
		if end.IsZero() || at.Before(end) {
			return at
		}
		if skipped := z.offset(end) - offset; !z.anyHour && at.Before(end.Add(skipped)) {
			return end.UTC()
		}
		from, period = end.Add(-1), end
	}
	return time.Time{}
}

// fresh is when the wall clock leaves the times that it has shown already before the period's beginning.
func (z zoned) fresh(begin time.Time, offset time.Duration) time.Time {
	if z.anyHour || begin.IsZero() {
		return begin
	}
	return begin.Add(max(0, z.offset(begin.Add(-1))-offset))
}

func (z zoned) offset(t time.Time) time.Duration {
	_, seconds := t.In(z.loc).Zone()
	return time.Duration(seconds) * time.Second
}
