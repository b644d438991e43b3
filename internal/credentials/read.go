package credentials

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// flight is one read under way. Detached, its result is nobody's any more: what it read may be from before what was heard.
type flight struct {
	began    time.Time
	detached chan struct{} // closed when it is; under the slot's mu
	done     chan struct{} // closed when what follows is set
	result   *held
	err      error
}

// detach takes the read under way from a slot: whoever waits for it looks again. Under mu.
func (s *slot) detach() {
	if s.flight != nil {
		close(s.flight.detached)
		s.flight = nil
	}
}

// goes bounds how often a Get begins anew because something was heard while it waited: a rotation tells about ten times.
const goes = 20

// errRestless: the user's keys change faster than they can be read.
var errRestless = errors.New("its keys are being changed; ask again in a moment")

// wait is a Get that finds nothing fresh.
func (c *Cache) wait(ctx context.Context, u rotation.User) (fleet.Credential, error) {
	enough := time.Now().Add(patience)
	for range goes {
		if c.ctx.Err() != nil {
			return fleet.Credential{}, ErrClosed
		}
		s, now := c.slot(u), time.Now()
		s.mu.Lock()
		if s.gone {
			s.mu.Unlock()
			continue
		}
		if h := s.held.Load(); h != nil && h.firm(now) {
			if !h.fresh(now) && s.flight == nil && !before(now, s.again) && c.rate.AllowN(now, 1) {
				c.begin(s, now, c.refresh)
			}
			s.mu.Unlock()
			return give(h, nil)
		}
		best := s.best(now)
		if best != nil && !now.Before(enough) || before(now, s.again) && (best != nil || s.err != nil) { // it was tried a moment ago
			err := s.err
			s.mu.Unlock()
			return give(best, err)
		}
		if s.flight == nil {
			c.begin(s, now, nil)
		}
		f := s.flight
		s.mu.Unlock()
		var until time.Time
		if best != nil {
			until = earlier(enough, f.began.Add(patience))
		}
		if h, err, ok := c.await(ctx, s, f, until); ok {
			return give(h, err)
		}
	}
	return fleet.Credential{}, &fleet.WithheldError{User: u, Reason: rotation.ReasonSettling, Detail: errRestless.Error()}
}

// give hands a credential out; nil: the error instead.
func give(h *held, err error) (fleet.Credential, error) {
	if h == nil {
		return fleet.Credential{}, err
	}
	h.given()
	return h.credential, nil
}

// await waits for a read, until a time if there is something good. Not ok: look again, as something was heard meanwhile.
func (c *Cache) await(ctx context.Context, s *slot, f *flight, until time.Time) (_ *held, err error, ok bool) { //nolint:revive // ok says whether the others count
	var enough <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-f.done:
	case <-f.detached:
		return nil, nil, false
	case <-enough:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	select {
	case <-f.detached:
		return nil, nil, false
	default:
	}
	select {
	case <-f.done:
		// What never was good for any time, of a schedule without a grace say, is given out all the same: there is no better.
		if f.err == nil && (f.result.good(now) || f.result.timeless) {
			return f.result, nil, true
		}
		err = f.err
	default:
	}
	best := s.best(now)
	if best == nil && err == nil {
		return nil, nil, false // what was good has expired meanwhile, or was forgotten
	}
	return best, err, true
}

// begin begins a read, unless its queue is full; without a queue somebody waits for it. Under the slot's mu.
func (c *Cache) begin(s *slot, now time.Time, queue chan struct{}) bool {
	if queue != nil {
		select {
		case queue <- struct{}{}:
		default:
			return false
		}
	}
	f := &flight{began: now, detached: make(chan struct{}), done: make(chan struct{})}
	s.flight = f
	go c.fly(s, f, queue)
	return true
}

// fly makes a read.
func (c *Cache) fly(s *slot, f *flight, queue chan struct{}) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.Within)
	defer cancel()
	var got fleet.Credential
	var err error
	if queue == nil {
		queue = c.reads
		select {
		case queue <- struct{}{}:
		case <-ctx.Done():
			queue, err = nil, ctx.Err()
		}
	}
	began := time.Now()
	if err == nil {
		got, err = c.cfg.Read(ctx, s.user, s.latest())
		<-queue
	}
	c.land(s, f, got, began, err)
}

// latest is the credential that was read last, or the zero one.
func (s *slot) latest() fleet.Credential {
	if h := s.held.Load(); h != nil {
		return h.credential
	}
	return fleet.Credential{}
}

// land takes in what a read gave, if it still counts.
func (c *Cache) land(s *slot, f *flight, got fleet.Credential, began time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	if f.err = err; s.flight != f {
		return
	}
	s.flight = nil
	if c.ctx.Err() != nil {
		f.err = ErrClosed
		return
	}
	now := time.Now()
	if err == nil {
		f.result, f.err = s.doubt(hold(got, began), now)
	}
	s.err = f.err
	switch {
	case f.err == nil:
		s.failed, s.again = 0, time.Time{}
		if f.result != s.held.Load() {
			s.replace(f.result)
		} else {
			s.again = now.Add(mostRest)
		}
	case refused(f.err): // AWS has answered: nothing may be given out
		s.discard()
		s.err, s.again = f.err, now.Add(rest)
	default:
		f.result = nil
		s.again = now.Add(min(rest<<min(s.failed, 8), mostRest))
		if s.best(now) == nil {
			s.again = now.Add(rest)
		}
		s.failed++
	}
}

// refused reports an error that says that nothing may be given out.
func refused(err error) bool {
	var withheld *fleet.WithheldError
	var unknown *fleet.UnknownUserError
	return errors.As(err, &withheld) || errors.As(err, &unknown)
}

// doubt compares what was read with what was heard a moment ago: AWS may have answered as before. A key that is known to be dead is not
// taken; another version than the current one is taken when there is nothing better, and soon read again. Under mu.
func (s *slot) doubt(h *held, now time.Time) (*held, error) {
	if !before(now, s.heard.Add(unsure)) {
		return h, nil
	}
	dead := slices.Contains(s.dead, h.credential.AccessKeyID)
	other := s.version != "" && s.version != h.credential.VersionID
	if was := s.held.Load(); was.good(now) && (dead || other && was.credential.VersionID == s.version) {
		return was, nil
	}
	if dead {
		return nil, &fleet.WithheldError{User: s.user, Reason: rotation.ReasonSettling,
			Detail: "Secrets Manager still names a key that does not work any more; ask again in a moment"}
	}
	if other {
		soon := now.Add(mostRest)
		if soon.After(h.until) {
			soon = h.until
		}
		h.freshUntil, h.firmUntil, h.renew = soon, soon, soon
	}
	return h, nil
}
