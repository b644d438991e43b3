package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// scalar is a value with a written form of its own.
type scalar interface {
	parse(s string) error // the error ends a sentence: "must be …"
	form() (expected, example string)
	fmt.Stringer
}

// Duration is a span of time, written 90d, 36h, 12m, 1h30m, 2w.
type Duration time.Duration

// D is the duration in Go's own type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the duration as people do: 15m, 90d.
func (d Duration) String() string {
	if d == 0 {
		return "0"
	}
	return rotation.Duration(time.Duration(d))
}

func (*Duration) form() (string, string) { return "a duration", "10m, 36h or 90d" }

func (d *Duration) parse(s string) error {
	v, err := ParseDuration(s)
	*d = Duration(v)
	return err
}

var units = map[string]time.Duration{
	"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second,
	"ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond, "ns": 1,
}

// ParseDuration reads 10m, 36h, 90d, 2w, 1h30m; a day is 24 hours. 0 needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	var total float64
	rest := s
	if rest == "" {
		return 0, fmt.Errorf("it is empty")
	}
	for rest != "" && s != "0" {
		i := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		switch i {
		case -1:
			return 0, fmt.Errorf("%q has no unit (s, m, h, d, w)", s)
		case 0:
			return 0, fmt.Errorf("%q is not one", s)
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not one", s)
		}
		rest = rest[i:]
		i = strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
		if i < 0 {
			i = len(rest)
		}
		unit, ok := units[rest[:i]]
		if !ok {
			return 0, fmt.Errorf("%q has the unknown unit %q (s, m, h, d, w)", s, rest[:i])
		}
		total += n * float64(unit)
		rest = rest[i:]
	}
	if total > float64(100*365*24*time.Hour) {
		return 0, fmt.Errorf("%q is longer than 100 years", s)
	}
	return time.Duration(math.Round(total)), nil
}

// Every is when a key is replaced: at an age, or at the firings of a cron schedule. One of the two is set.
type Every struct {
	Interval Duration
	Cron     string // five fields
}

// String is the value as it is written in the file.
func (e Every) String() string {
	if e.Cron != "" {
		return strconv.Quote(e.Cron)
	}
	return e.Interval.String()
}

func (*Every) form() (string, string) {
	return "a duration or a cron schedule", `10m, 90d or "0 3 * * SUN"`
}

func (e *Every) parse(s string) error {
	if fields := strings.Fields(s); len(fields) > 1 || strings.HasPrefix(s, "@") {
		if len(fields) != 5 {
			return fmt.Errorf("a cron schedule has five fields (minute, hour, day of month, month, day of week), and %q has %d",
				s, len(fields))
		}
		*e = Every{Cron: strings.Join(fields, " ")}
		return nil
	}
	*e = Every{}
	return e.Interval.parse(s)
}

// Share is a part of a whole, written 1%; 0.01 is one hundredth.
type Share float64

// String writes the share in percent.
func (p Share) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*1e8)/1e6, 'g', -1, 64) + "%"
}

func (*Share) form() (string, string) { return "a percentage", "1% or 0%" }

func (p *Share) parse(s string) error {
	number, ok := strings.CutSuffix(s, "%")
	if s == "0" {
		number, ok = s, true
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not one", s)
	case !ok:
		return fmt.Errorf("%q has no %% sign", s)
	case !(v >= 0 && v <= 50):
		return fmt.Errorf("%q is not between 0%% and 50%%", s)
	}
	*p = Share(v / 100)
	return nil
}

// Rate is a number of requests per second; 0 means no bound.
type Rate float64

// String writes the rate as a plain number.
func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) }

func (*Rate) form() (string, string) { return "a number of requests per second", "45 or 49.5" }

func (r *Rate) parse(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is not one", s)
	}
	if v < 0 {
		return fmt.Errorf("%q is less than 0", s)
	}
	*r = Rate(v)
	return nil
}
