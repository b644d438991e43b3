package rotation

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"
)

// Schedule says how old a key may get. DeactivateAfter and DeleteAfter are ages of a key, as AWS administrators speak of
// them; grace and retention follow from them.
type Schedule struct {
	Name        string        // "" for the default schedule
	RotateEvery time.Duration // age at which a key is replaced; for cron: the longest time between two firings
	// Next gives the first firing of the cron schedule after a time, zero when there is none; nil: RotateEvery decides.
	Next     func(after time.Time) time.Time
	Cron     string // as configured, for people; empty for durations
	TimeZone string // of Cron

	DeactivateAfter time.Duration // at least RotateEvery
	DeleteAfter     time.Duration // at least DeactivateAfter
	JitterShare     float64       // up to this share of RotateEvery is added to a key's due time; 0: none
}

// Limits are the bounds of one run and the waits that do not depend on the schedule. All of them are needed.
type Limits struct {
	VerifySuccesses int           // GetCallerIdentity answers in a row, per Region
	VerifyInterval  time.Duration // between two of them
	VerifyTimeout   time.Duration // ends a run's verification, not the key
	RunDeadline     time.Duration // no step of a run begins later than this after its first list call
	HTTPTimeout     time.Duration // of one request
	Settle          time.Duration // nobody looks at a user for so long after a change: outlasts AWS's staleness
	HopelessAfter   time.Duration // a stored key that AWS refuses for so long is given up
	Quarantine      time.Duration // an orphan stays Inactive for so long before it is deleted
	MaxRecheck      time.Duration // longest time between two looks
	LegacyQuiet     time.Duration // a legacy key is retired once unused for so long
	MaxHold         time.Duration // a previous key in use is held back for so long at most
	// CoarseUse is the shortest grace with which last-used data can hold a key back: AWS's record is 15 minutes coarse.
	CoarseUse time.Duration
	// Brief is the Expiration of a credential while no promotion is on record.
	Brief time.Duration
	// Pledge is for how long after its promotion a key is promised to stand, beyond what the grace promises anyway: so much later may a
	// shorter schedule take hold.
	Pledge time.Duration
}

// DefaultLimits are the defaults of the configuration.
func DefaultLimits() Limits {
	return Limits{
		VerifySuccesses: 2, VerifyInterval: time.Second, VerifyTimeout: time.Minute,
		RunDeadline: 90 * time.Second, HTTPTimeout: 10 * time.Second, Settle: time.Minute,
		HopelessAfter: 10 * time.Minute, Quarantine: 5 * time.Minute, MaxRecheck: time.Hour,
		LegacyQuiet: 7 * 24 * time.Hour, MaxHold: 7 * 24 * time.Hour, CoarseUse: time.Hour, Brief: time.Minute, Pledge: time.Hour,
	}
}

// tick is the grain of AWS's Date: what is computed from it may be off by so much.
const tick = time.Second

// Window is how long after an intent its key can have been created.
func (l Limits) Window() time.Duration { return l.RunDeadline + l.HTTPTimeout + tick }

// Lease is how long a run holds its user: past its last possible change, and settle after that.
func (l Limits) Lease() time.Duration { return l.Window() + l.Settle }

// Grace is how long a replaced key stays Active after its successor was promoted.
func (s Schedule) Grace() time.Duration { return max(0, s.DeactivateAfter-s.RotateEvery) }

// Retention is how long a key stays Inactive before it is deleted.
func (s Schedule) Retention() time.Duration { return max(0, s.DeleteAfter-s.DeactivateAfter) }

// Due is when a key is to be replaced, jitter included. Zero when a cron schedule never fires again.
func (s Schedule) Due(k Key) time.Time {
	due := k.Created.Add(s.RotateEvery)
	if s.Next != nil {
		due = s.Next(k.Created)
		if due.IsZero() {
			return due
		}
	}
	return due.Add(s.jitter(k.ID))
}

// jitter spreads the users: the same key always gets the same share. It is of whole seconds, as AWS's time is: a moment between
// two would not be seen before the second one.
func (s Schedule) jitter(keyID string) time.Duration {
	if s.JitterShare <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(keyID))
	share := float64(mix(h.Sum64())>>11) / (1 << 53)
	return time.Duration(s.JitterShare * share * float64(s.RotateEvery)).Truncate(tick)
}

// mix spreads FNV's low bits over the word: ids that differ in the last letter only must not get neighbouring jitters.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Validate refuses a schedule that cannot be kept, with the arithmetic that shows why.
func (s Schedule) Validate(l Limits) error {
	switch {
	case s.RotateEvery <= 0:
		return fmt.Errorf("rotate_every must be longer than zero")
	case s.DeactivateAfter < s.RotateEvery:
		return fmt.Errorf("deactivate_after (%s) must be at least rotate_every (%s): it is the key's age, and the difference is "+
			"the grace in which both keys work", Duration(s.DeactivateAfter), Duration(s.RotateEvery))
	case s.DeleteAfter < s.DeactivateAfter:
		return fmt.Errorf("delete_after (%s) must be at least deactivate_after (%s): it is the key's age, and only an Inactive "+
			"key is deleted", Duration(s.DeleteAfter), Duration(s.DeactivateAfter))
	}
	busy := l.RunDeadline + l.Settle
	if s.RotateEvery < busy {
		return fmt.Errorf("rotate_every (%s) must be at least run_deadline + settle = %s, which one rotation may take: else the third key "+
			"would be made before the first one is gone, and IAM allows two", Duration(s.RotateEvery), Duration(busy))
	}
	if latest := 2*s.RotateEvery - busy; s.DeleteAfter > latest {
		return fmt.Errorf("this schedule would need three keys, and IAM allows two: the first key is deleted at age %s, but the "+
			"third is made at 2 × rotate_every = %s, less run_deadline + settle = %s makes %s; delete_after must not exceed %s",
			Duration(s.DeleteAfter), Duration(2*s.RotateEvery), Duration(busy), Duration(latest), Duration(latest))
	}
	return nil
}

// Duration prints a duration as people write it: 90d, 36h, 12m, 1h30m, 16.7ms.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 0 {
		return "-" + Duration(-max(d, -math.MaxInt64))
	}
	if d < time.Second {
		return d.String()
	}
	out := ""
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / u.of; n > 0 {
			out += fmt.Sprintf("%d%s", n, u.name)
			d -= n * u.of
		}
	}
	if d > 0 {
		out += fmt.Sprintf("%gs", d.Seconds())
	}
	return out
}
