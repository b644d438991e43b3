package server

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// failures makes whoever shows wrong keys wait: the more of them in a row, the longer. It is asked after a key was found wrong, so that
// a valid one never waits, whatever else comes from its address.
type failures struct {
	mu      sync.Mutex
	by      map[netip.Addr]failed
	waiting int // all over
}

type failed struct {
	count   int
	last    time.Time
	waiting int
}

// How long wrong keys wait.
const (
	freeFailures   = 3                      // so many are a person's slips
	firstDelay     = 250 * time.Millisecond // doubled each time
	longestDelay   = 4 * time.Second
	forgetFailures = 10 * time.Minute // after the last one
	// Nobody takes all the room: whoever would be one waiter too many is answered at once, and told to be slower.
	waitersPerAddress = 4
	waitersInAll      = 256
	rememberedFailed  = 16_384 // addresses
)

// delay is for how long the n-th failure waits.
func delay(n int) time.Duration {
	if n <= freeFailures {
		return 0
	}
	return min(longestDelay, firstDelay<<min(n-freeFailures-1, 10))
}

// wait counts a failure and waits. It reports whether there was room to: if not, nobody waited, and for how long it would have been.
func (f *failures) wait(ctx context.Context, from netip.Addr, now time.Time) (ok bool, d time.Duration) {
	from = neighbourhood(from)
	f.mu.Lock()
	e := f.by[from]
	if now.Sub(e.last) > forgetFailures {
		e.count = 0
	}
	e.count, e.last = min(e.count+1, 1000), now
	d = delay(e.count)
	ok = d == 0 || e.waiting < waitersPerAddress && f.waiting < waitersInAll
	if ok && d > 0 {
		e.waiting++
		f.waiting++
	}
	f.makeRoom(now)
	f.by[from] = e
	f.mu.Unlock()
	if !ok || d == 0 {
		return ok, d
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting--
	if e, there := f.by[from]; there {
		e.waiting = max(0, e.waiting-1)
		f.by[from] = e
	}
	return true, d
}

// makeRoom forgets old failures, and when there are too many fresh ones, some of those.
func (f *failures) makeRoom(now time.Time) {
	if f.by == nil {
		f.by = map[netip.Addr]failed{}
	}
	if len(f.by) < rememberedFailed {
		return
	}
	for a, e := range f.by {
		if now.Sub(e.last) > forgetFailures && e.waiting == 0 {
			delete(f.by, a)
		}
	}
	for a := range f.by { // an eighth at once, so that the search above is a rare one
		if len(f.by) <= rememberedFailed*7/8 {
			return
		}
		delete(f.by, a)
	}
}
