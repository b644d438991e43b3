package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"pgregory.net/rapid"
)

func TestLimitsAreTheCoresOwnByDefault(t *testing.T) {
	if got, want := Default().Limits(), rotation.DefaultLimits(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSpeedDividesEveryDuration(t *testing.T) {
	c := parse(t, someUsers+"schedules: {slow: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}}")
	fast, err := c.Speed(60)
	if err != nil {
		t.Fatal(err)
	}
	before, after := c.Limits(), fast.Limits()
	for _, d := range [][2]time.Duration{
		{before.VerifyInterval, after.VerifyInterval}, {before.VerifyTimeout, after.VerifyTimeout},
		{before.RunDeadline, after.RunDeadline}, {before.Settle, after.Settle},
		{before.HopelessAfter, after.HopelessAfter}, {before.Quarantine, after.Quarantine}, {before.MaxRecheck, after.MaxRecheck},
		{before.LegacyQuiet, after.LegacyQuiet}, {before.MaxHold, after.MaxHold}, {before.CoarseUse, after.CoarseUse},
		{c.DiscoverEvery.D(), fast.DiscoverEvery.D()},
		{before.Brief, after.Brief}, {c.BlastRadius.Within.D(), fast.BlastRadius.Within.D()}, {c.Canary.For.D(), fast.Canary.For.D()},
	} {
		if d[0]/60 != d[1] {
			t.Errorf("%s became %s", d[0], d[1])
		}
	}
	if after.HTTPTimeout != time.Second {
		t.Errorf("a request may take %s, and no machine is faster than itself", after.HTTPTimeout)
	}
	for name, every := range map[string]time.Duration{"": 10 * time.Second, "slow": 36 * time.Hour} {
		s, err := fast.RotationSchedule(name)
		if err != nil || s.RotateEvery != every {
			t.Errorf("schedule %q: %s, %v; want %s", name, s.RotateEvery, err, every)
		}
	}
	if fast.History != c.History {
		t.Errorf("history is kept for %s, not %s", fast.History, c.History)
	}
	if s, _ := c.RotationSchedule("slow"); s.RotateEvery != 90*24*time.Hour {
		t.Error("the configuration that was sped up has changed itself")
	}
	twice, err := fast.Speed(2)
	if err != nil || twice.Settle.D() != 500*time.Millisecond || twice.Limits().Brief != 500*time.Millisecond {
		t.Errorf("speed on speed: %v %v %v", twice.Settle, twice.Limits().Brief, err)
	}
}

func TestSpeedRefuses(t *testing.T) {
	c := parse(t, Example())
	const want = `example.yaml:`
	c.file = "example.yaml"
	if _, err := c.Speed(60); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "weekly") {
		t.Errorf("a cron schedule was sped up: %v", err)
	}
	for _, n := range []float64{0, -1, math.NaN()} {
		if _, err := Default().Speed(n); err == nil {
			t.Errorf("speed %g was accepted", n)
		}
	}
}

func TestUnknownScheduleNamesTheKnownOnes(t *testing.T) {
	_, err := parse(t, Example()).RotationSchedule("fast")
	if err == nil || !strings.HasSuffix(err.Error(), `there is no schedule "fast" in schedules: its names are slow, weekly`) {
		t.Errorf("got %v", err)
	}
}

// What is printed reads back as the same duration: people copy durations from messages into the file.
func TestDurationsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit")
		d := time.Duration(rapid.Int64Range(0, 999).Draw(t, "n")) * unit
		got, err := ParseDuration(Duration(d).String())
		if err != nil || got != d {
			t.Fatalf("%v is written %s and read %v, %v", d, Duration(d), got, err)
		}
	})
	for text, want := range map[string]time.Duration{
		"0": 0, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "90d": 2160 * time.Hour, "250ms": 250 * time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for d, want := range map[time.Duration]string{15 * time.Minute: "15m", 2160 * time.Hour: "90d", 0: "0", 90 * time.Second: "1m30s"} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
