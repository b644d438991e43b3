package apikey

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a ring needs.
type Config struct {
	Vault Vault            // needed
	Now   func() time.Time // by which keys are made and expire; many goroutines call it. Nil, or a zero time: time.Now
}

// How old what was read may be. A revoked key is refused within 10 s wherever Secrets Manager can be read.
const (
	fresh   = 5 * time.Second  // so long nobody reads again
	usable  = 9 * time.Second  // so long nobody waits for the read that is under way
	outage  = 15 * time.Minute // so long known keys go on while Secrets Manager cannot be read
	every   = 5 * time.Second  // between the beginnings of two reads, whatever came of the first
	longest = 20 * time.Second // of one read of all shards

	patienceKnown   = 1500 * time.Millisecond // less than the 2 s after which botocore gives up
	patienceUnknown = 5 * time.Second
)

// Ring is all keys. It reads Secrets Manager when it is asked something and what it knows is older than 5 s, never for one request
// more than for another: who shows keys that do not exist causes no calls.
type Ring struct {
	c   Config
	now atomic.Pointer[snapshot] // nil: nothing was read yet

	changing sync.Mutex // one change at a time in this process; others are met by compare-and-swap

	mu      sync.Mutex // guards what follows
	shards  []held
	reading chan struct{} // closed when the read under way ends; nil: none is
	began   time.Time     // of the last read
	failure error         // of the last read; nil: it went well
}

// NewRing makes a ring. It reads nothing before it is asked something.
func NewRing(c Config) *Ring { return &Ring{c: c} }

func (r *Ring) clock() time.Time {
	if r.c.Now != nil {
		if now := r.c.Now(); !now.IsZero() {
			return now
		}
	}
	return time.Now()
}

// Authenticate tells who shows a key, from where. Its errors are ErrUnknown (ErrMalformed is one), ErrUnavailable, or the context's.
func (r *Ring) Authenticate(ctx context.Context, presented string, from netip.Addr) (*Caller, error) {
	if !wellFormed(presented) {
		return nil, ErrMalformed
	}
	if s := r.now.Load(); s != nil {
		a := s.look(presented, from, time.Now(), r.clock()) // spans are measured by the monotonic clock
		switch {
		case a.final, a.caller == nil && a.age < fresh:
			return nil, ErrUnknown
		case a.caller != nil && a.age < fresh:
			return a.caller, nil
		case a.caller != nil && a.age < usable:
			r.read()
			return a.caller, nil
		case a.caller != nil:
			return r.await(ctx, presented, from, patienceKnown)
		}
	}
	return r.await(ctx, presented, from, patienceUnknown)
}

// await looks again after the read that is under way or due.
func (r *Ring) await(ctx context.Context, presented string, from netip.Addr, patience time.Duration) (*Caller, error) {
	if done := r.read(); done != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s := r.now.Load(); s != nil {
		a := s.look(presented, from, time.Now(), r.clock())
		switch {
		case a.final, a.caller == nil && a.age < usable:
			return nil, ErrUnknown
		case a.caller != nil && a.age < outage:
			return a.caller, nil
		}
	}
	// A key that is not known may have been made since the last read that went well: unknown is unknown.
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, r.failure)
	}
	return nil, fmt.Errorf("%w in time", ErrUnavailable)
}

// read begins a read of all shards if one is due, and gives the end of the one under way; nil when there is none.
func (r *Ring) read() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reading != nil {
		return r.reading
	}
	if !r.began.IsZero() && time.Since(r.began) < every {
		return nil
	}
	done := make(chan struct{})
	r.reading, r.began = done, time.Now()
	go func() {
		// Not the request's context: others wait for it, too.
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		err := r.readAll(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reading, r.failure = nil, err
		close(done)
	}()
	return done
}
