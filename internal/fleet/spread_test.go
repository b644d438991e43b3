package fleet

import (
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// TestSpread: runs begin as fast as those of a second, or all that wait, need; a few begin at once.
func TestSpread(t *testing.T) {
	gap := func(s *spread) time.Duration {
		return time.Duration(float64(time.Second) / float64(s.begins.Limit())).Round(time.Microsecond)
	}
	s := newSpread()
	same(t, "at first", gap(s), spreadMost)
	s.due(seconds(0), 2, 2)
	same(t, "two came", gap(s), spreadMost)
	s.due(seconds(0), 58, 60)
	same(t, "sixty came within a second", gap(s), 10*time.Millisecond)
	s.due(seconds(0).Add(600*time.Millisecond), 0, 1)
	same(t, "most of them have begun", gap(s), 10*time.Millisecond)
	s.due(seconds(1), 50, 50)
	same(t, "fifty came in the next second", gap(s), 10*time.Millisecond)
	s.due(seconds(2), 0, 0)
	same(t, "none in the one after", gap(s), 12*time.Millisecond)
	s.due(seconds(4), 0, 0)
	same(t, "nor later", gap(s), spreadMost)
	s.due(seconds(4), 0, 10_000)
	same(t, "a fleet that was left alone", gap(s), 60*time.Microsecond)
	for i := range 40 { // 240 a second, that do not come all at once
		s.due(seconds(5).Add(time.Duration(i)*50*time.Millisecond), 12, 12)
	}
	same(t, "evenly", gap(s), 2500*time.Microsecond)
	if s.begins.Burst() != 1 || s.begins.Limit() == rate.Inf {
		t.Errorf("%d begin at once", s.begins.Burst())
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
