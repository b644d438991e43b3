package fleet

import (
	"context"
	"sync"
	"time"
)

// slots bounds how many users are in work at once. Whoever comes back from a wait goes before whoever has not begun: users under
// way are finished first, so that a run's deadline is not spent in the queue. Those who only look have a place of their own before they
// come for a slot, so that however many people and programs look, runs find most of the slots.
type slots struct {
	mu       sync.Mutex
	free     int // less than none after resize made them fewer: those in use are not taken away
	size     int
	resuming []chan struct{}
	starting []chan struct{}
	asking   []chan struct{}
	began    bool // the last one that was let in of these two was of starting

	looks *slots // the places of looks; nil: these are such places themselves
}

func newSlots(n int) *slots {
	return &slots{free: n, size: n, looks: &slots{free: looksOf(n), size: looksOf(n)}}
}

// looksOf is how many of the slots looks may have at once.
func looksOf(slots int) int { return max(1, slots/4) }

// resize changes how many users are in work at once; those that are stay.
func (s *slots) resize(n int) {
	if s.looks != nil {
		s.looks.resize(looksOf(n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n - s.size
	s.size = n
	for s.free > 0 && s.next() {
		s.free--
	}
}

// start takes a slot for a user that begins.
func (s *slots) start(ctx context.Context) error { return s.take(ctx, &s.starting) }

// ask takes a slot for what somebody asks for. While they and those who begin wait, they take turns: however much is asked for, what is due
// goes on.
func (s *slots) ask(ctx context.Context) error { return s.take(ctx, &s.asking) }

// look takes a slot for a look, which gives it back by looked. In line for a slot stand no more looks than may have one.
func (s *slots) look(ctx context.Context) error {
	if err := s.looks.start(ctx); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		s.looks.give()
		return err
	}
	return nil
}

// looked gives back what look took.
func (s *slots) looked() {
	s.give()
	s.looks.give()
}

// take waits in a queue for a slot, first come, first served.
func (s *slots) take(ctx context.Context, queue *[]chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	*queue = append(*queue, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for i, c := range *queue {
		if c == turn {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			s.mu.Unlock()
			return ctx.Err()
		}
	}
	s.mu.Unlock() // the slot was handed over in the same moment: pass it on
	s.give()
	return ctx.Err()
}

// give hands the slot to the next in line.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free < 0 || !s.next() {
		s.free++
	}
}

// next lets the next in line go on; false when nobody waits.
func (s *slots) next() bool {
	first, second := &s.starting, &s.asking
	if s.began {
		first, second = second, first
	}
	for _, queue := range []*[]chan struct{}{&s.resuming, first, second} {
		if len(*queue) > 0 {
			turn := (*queue)[0]
			*queue = (*queue)[1:]
			if queue != &s.resuming {
				s.began = queue == &s.starting
			}
			close(turn)
			return true
		}
	}
	return false
}

// wait is reconcile's Wait: the caller's slot goes to others meanwhile. It holds a slot again when it returns, also when the
// context has ended: the caller gives it back either way.
func (s *slots) wait(ctx context.Context, d time.Duration) error { return s.without(ctx, d, sleep) }

// without sleeps without a slot.
func (s *slots) without(ctx context.Context, d time.Duration, sleep func(context.Context, time.Duration) error) error {
	s.give()
	err := sleep(ctx, d)
	if takeErr := s.take(context.WithoutCancel(ctx), &s.resuming); err == nil {
		err = takeErr
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
