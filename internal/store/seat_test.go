package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// daemon is a process with the database open, and its seat.
type daemon struct {
	store *Store
	seat  *Seat
	took  chan time.Time // when it had taken the seat
}

// join has a daemon stand by, or take the seat.
func join(t *testing.T, path, name string) *daemon {
	t.Helper()
	s := must(Open(t.Context(), Options{Path: path}))(t)
	d := &daemon{store: s, seat: s.Seat(name), took: make(chan time.Time, 1)}
	go func() {
		if d.seat.Take(t.Context(), nil) == nil {
			d.took <- time.Now()
		}
	}()
	synctest.Wait()
	return d
}

// freeze has a daemon give no sign of life any more, as SIGSTOP does: it keeps its lock.
func (d *daemon) freeze(t *testing.T) {
	d.seat.end()
	ok(t, d.store.Close())
}

// kill takes its lock as well, as the kernel does.
func (d *daemon) kill(t *testing.T) {
	d.freeze(t)
	d.seat.loosen()
}

// over ends what a test left.
func (d *daemon) over(t *testing.T) {
	if err := d.seat.GiveUp(); err != nil && !errors.Is(err, errClosed) { // as of one that was killed
		t.Error(err)
	}
	ok(t, d.store.Close())
}

// takes waits until the daemon has the seat, looking every moment that nobody else believes to have it, and gives how long that took.
func (d *daemon) takes(t *testing.T, others ...*daemon) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		held := 0
		for _, o := range append(others, d) {
			if o.seat.Held() {
				held++
			}
		}
		if held > 1 {
			t.Fatalf("%d hold the seat at once", held)
		}
		if d.seat.Held() {
			return (<-d.took).Sub(began)
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
	}
	t.Fatal("nobody took the seat within a minute")
	return 0
}

func seats(t *testing.T, test func(t *testing.T, path string)) {
	synctest.Test(t, func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "keyturn.db")) })
}

func TestSeatIsTakenAtOnceAndKept(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		defer a.over(t)
		if d := a.takes(t); d > 0 {
			t.Errorf("a new database's seat took %s", d)
		}
		b := join(t, path, "b")
		for range 60 {
			time.Sleep(time.Minute)
			if !a.seat.Held() || b.seat.Held() {
				t.Fatalf("held: a %v, b %v", a.seat.Held(), b.seat.Held())
			}
		}
		ok(t, a.seat.GiveUp())
		if d := b.takes(t, a); d > usualSeat.ask {
			t.Errorf("a seat that was given up was taken after %s", d)
		}
		b.over(t)
	})
}

func TestSeatOfTheDead(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		a.takes(t)
		b := join(t, path, "b")
		c := join(t, path, "c")
		time.Sleep(time.Hour + 3*time.Second)
		a.kill(t)
		first, second := b, c
		time.Sleep(usualSeat.ask + time.Millisecond)
		synctest.Wait()
		if c.seat.Held() {
			first, second = c, b
		}
		if !first.seat.Held() || second.seat.Held() {
			t.Fatalf("after %s: b %v, c %v", usualSeat.ask, b.seat.Held(), c.seat.Held())
		}
		a.over(t)
		first.over(t)
		second.takes(t, first)
		second.over(t)
	})
}

// One that stands still has lost the seat before another takes it, and the other takes it within 30 s.
func TestSeatOfOneThatStandsStill(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		a.takes(t)
		b := join(t, path, "b")
		time.Sleep(time.Hour)
		a.freeze(t)
		if d := b.takes(t, a); d > 30*time.Second || d < 10*time.Second {
			t.Errorf("taken over after %s", d)
		}
		if a.seat.May() || !b.seat.May() {
			t.Errorf("runs may begin: a %v, b %v", a.seat.May(), b.seat.May())
		}
		// While a holds the lock still, b's own death shows by its silence; a third does not mistake the lock for b's.
		c := join(t, path, "c")
		time.Sleep(time.Minute)
		if !b.seat.Held() || c.seat.Held() {
			t.Fatalf("held: b %v, c %v", b.seat.Held(), c.seat.Held())
		}
		a.seat.loosen() // a dies
		time.Sleep(usualSeat.beat + time.Second)
		if !b.seat.Held() || c.seat.Held() {
			t.Fatalf("after a's lock was free: b %v, c %v", b.seat.Held(), c.seat.Held())
		}
		b.kill(t)
		if d := c.takes(t, a); d > usualSeat.ask {
			t.Errorf("taken over after %s", d)
		}
		a.over(t)
		b.over(t)
		c.over(t)
	})
}

// A daemon goes on with the seat when the database is replaced under it: the lock is not in the database.
func TestSeatOutlivesTheDatabase(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		a.takes(t)
		b := join(t, path, "b")
		for range 5 {
			time.Sleep(time.Minute)
			ok(t, os.Remove(path))
			for range 300 {
				time.Sleep(100 * time.Millisecond)
				if !a.seat.Held() || b.seat.Held() {
					t.Fatalf("held: a %v, b %v", a.seat.Held(), b.seat.Held())
				}
			}
		}
		a.over(t)
		b.takes(t, a)
		b.over(t)
	})
}

// While the database cannot be written the holder does not trust in the seat; it goes on by itself, as nobody else could take it.
func TestSeatOfALockedDatabase(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		a.takes(t)
		other := must(connect(Options{Path: path}, "_txlock=immediate"))(t)
		lock := must(other.BeginTx(t.Context(), nil))(t)
		time.Sleep(time.Minute)
		if a.seat.Held() {
			t.Error("held without a sign of life for a minute")
		}
		if !a.seat.May() {
			t.Error("no run begins, so none says that nothing can be recorded")
		}
		ok(t, lock.Rollback())
		ok(t, other.Close())
		time.Sleep(usualSeat.beat)
		if !a.seat.Held() {
			t.Error("not held again")
		}
		a.over(t)
	})
}

func TestStandingByEndsWithTheContext(t *testing.T) {
	seats(t, func(t *testing.T, path string) {
		a := join(t, path, "a")
		a.takes(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var heard []string
		err := a.store.Seat("b").Take(ctx, func(holder string, err error) {
			ok(t, err)
			heard = append(heard, holder)
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("standing by ended with %v", err)
		}
		same(t, heard, []string{"a"})
		a.over(t)
	})
}
