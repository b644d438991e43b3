package fleet

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A user that waits gives its slot away, so that many more than there are slots wait at the same time; and whoever comes back
// from a wait goes before whoever has not begun.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		began := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		busy, most := 0, 0
		work := func(d time.Duration) {
			mu.Lock()
			busy++
			most = max(most, busy)
			mu.Unlock()
			time.Sleep(d) // virtual
			mu.Lock()
			busy--
			mu.Unlock()
		}
		const users = 20
		for range users {
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer s.give()
				work(100 * time.Millisecond)
				if err := s.wait(t.Context(), time.Minute); err != nil {
					t.Error(err)
				}
				work(100 * time.Millisecond)
			})
		}
		all.Wait()
		if most != 2 {
			t.Errorf("%d users were in work at once, with 2 slots", most)
		}
		// 10 rounds of 100 ms, the minute that all wait at once, and what the last ones do after it.
		if took := time.Since(began); took > time.Minute+3*time.Second {
			t.Errorf("%d users that wait a minute each took %v: they did not wait at the same time", users, took)
		}
		if s.free != 2 {
			t.Errorf("%d slots are free at the end, not 2", s.free)
		}
	})
}

// Those who resume go first.
func TestSlotsResumeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		var order []string
		var all sync.WaitGroup
		_ = s.start(t.Context())
		all.Go(func() {
			_ = s.wait(t.Context(), time.Second)
			order = append(order, "resumed")
			s.give()
		})
		synctest.Wait()
		_ = s.start(t.Context()) // the slot of the one that waits
		all.Go(func() {
			_ = s.start(t.Context())
			order = append(order, "started")
			s.give()
		})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.give()
		all.Wait()
		if len(order) != 2 || order[0] != "resumed" {
			t.Errorf("order %v, want the resumed one first", order)
		}
	})
}

// A context that ends takes nobody's slot with it.
func TestSlotsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if s.start(ctx) == nil {
					t.Error("a slot was given after the context ended")
				}
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		if err := s.wait(ctx, time.Hour); err == nil {
			t.Error("the wait did not say that the context ended")
		}
		s.give()
		if s.free != 1 {
			t.Errorf("%d slots are free, not 1", s.free)
		}
	})
}

// More slots count at once, for those in line as well; fewer as soon as those in use are given back.
func TestSlotsResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		var mu sync.Mutex
		busy := 0
		var all sync.WaitGroup
		end := make(chan struct{})
		for range 6 {
			all.Go(func() {
				_ = s.start(t.Context())
				mu.Lock()
				busy++
				mu.Unlock()
				<-end
				mu.Lock()
				busy--
				mu.Unlock()
				s.give()
			})
		}
		for _, step := range []struct{ size, give, busy int }{{1, 0, 1}, {4, 0, 4}, {2, 0, 4}, {2, 1, 3}, {2, 1, 2}, {2, 1, 2}, {2, 2, 1}, {5, 0, 1}} {
			s.resize(step.size)
			for range step.give {
				end <- struct{}{}
			}
			synctest.Wait()
			if busy != step.busy {
				t.Errorf("%d slots, %d given back: %d are busy, want %d", step.size, step.give, busy, step.busy)
			}
		}
		end <- struct{}{}
		all.Wait()
		if s.free != 5 {
			t.Errorf("%d slots are free at the end, not 5", s.free)
		}
	})
}

// Looks have a quarter of the slots at most, whatever their number, and leave no place taken when they go away.
func TestLooksLeaveSlots(t *testing.T) {
	for _, c := range []struct{ slots, looks int }{{1, 1}, {2, 1}, {8, 2}, {32, 8}} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlots(c.slots)
			ctx, leave := context.WithCancel(t.Context())
			var all sync.WaitGroup
			var mu sync.Mutex
			looking := 0
			for range 100 {
				all.Go(func() {
					if s.look(ctx) != nil {
						return
					}
					mu.Lock()
					looking++
					mu.Unlock()
					<-ctx.Done()
					s.looked()
				})
			}
			synctest.Wait()
			if looking != c.looks || s.free != c.slots-c.looks || len(s.starting) > 0 {
				t.Errorf("%d slots: %d look, want %d, and %d slots are free", c.slots, looking, c.looks, s.free)
			}
			leave()
			all.Wait()
			if s.free != c.slots || s.looks.free != c.looks {
				t.Errorf("%d slots, %d for looks: %d and %d are free at the end", c.slots, c.looks, s.free, s.looks.free)
			}
			s.resize(4 * c.slots)
			if s.looks.free != c.slots {
				t.Errorf("%d slots: %d for looks", 4*c.slots, s.looks.free)
			}
		})
	}
}

// A look that goes away while runs have all slots gives its place among the looks back.
func TestLookThatFindsNoSlotLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4)
		for range 4 {
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if s.look(ctx) == nil || s.looks.free != 1 || len(s.starting) != 0 {
			t.Errorf("%d places of looks are free, %d stand in line", s.looks.free, len(s.starting))
		}
	})
}

// However much is asked for, whoever is due waits for one other at most; and what is asked for goes on while many are due.
func TestSlotsAsksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		_ = s.start(t.Context())
		var order []string
		var all sync.WaitGroup
		line := func(what string, enter func(context.Context) error) {
			all.Go(func() {
				_ = enter(t.Context())
				order = append(order, what)
				s.give()
			})
			synctest.Wait()
		}
		for range 4 {
			line("asked", s.ask)
		}
		for range 3 {
			line("due", s.start)
		}
		s.give()
		all.Wait()
		if got := strings.Join(order, " "); got != "due asked due asked due asked asked" && got != "asked due asked due asked due asked" {
			t.Error(got)
		}
		if s.free != 1 {
			t.Errorf("%d slots are free, not 1", s.free)
		}
	})
}
