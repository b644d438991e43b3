package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// When settings change the settle time while runs are under way, a dead run's last moment is never taken to be earlier than it can have
// been: the shortest settle time of all counts.
func TestLowerSettle(t *testing.T) {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: store.Memory, Settle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	quiet := func(name string) time.Duration {
		t.Helper()
		u := rotation.User{Account: "123456789012", Name: name}
		end := now.Add(3 * time.Minute)
		if l, err := s.Acquire(ctx, u, "dead", now, end); err != nil || !l.Taken {
			t.Fatal(l, err)
		}
		l, err := s.Acquire(ctx, u, "next", end, end.Add(time.Minute))
		if err != nil || !l.Taken {
			t.Fatal(l, err)
		}
		return end.Sub(l.Quiet)
	}
	for i, c := range []struct{ lower, want time.Duration }{{time.Hour, time.Minute}, {20 * time.Second, 20 * time.Second}, {time.Minute, 20 * time.Second}} {
		s.LowerSettle(c.lower)
		if got := quiet(string(rune('a' + i))); got != c.want {
			t.Errorf("after LowerSettle(%s) a dead run changed nothing in the last %s of its lease, want %s", c.lower, got, c.want)
		}
	}
}
