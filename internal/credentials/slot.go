package credentials

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// slot is what is known of one user.
type slot struct {
	user rotation.User
	held atomic.Pointer[held] // the last one read; nil: none. Changed under mu

	mu      sync.Mutex
	spare   *held     // an earlier one, good for longer than held; for when nothing can be read
	flight  *flight   // the read under way whose result will be kept; nil: none
	gone    bool      // it is no user's slot any more
	owed    time.Time // until when a consumer may hold a credential that was given out, and is not held any more
	err     error     // of the last read; nil: it succeeded
	failed  int       // reads in a row
	again   time.Time // when the next read may be tried after failed ones
	version string    // that AWSCURRENT names, as was heard; "": not known
	dead    []string  // key ids that were heard to be unusable while they were held
	heard   time.Time // when
}

// held is a credential in memory. It never changes, but for what was done with it.
type held struct {
	credential fleet.Credential
	// Until when it is fresh, firm and good, and when it is read again for a consumer that holds it.
	freshUntil, firmUntil, until, renew time.Time
	timeless                            bool        // it was never good for any time
	handed                              atomic.Bool // somebody got it
}

// hold makes what is held of a credential whose read began at a time, on the local clock.
func hold(c fleet.Credential, began time.Time) *held {
	// AWS's time was rounded down: the true one was up to a second later, and as much less is left.
	left := max(0, c.Expiration.Sub(c.At)-time.Second)
	return &held{credential: c, freshUntil: began.Add(min(left/4, mostFresh)), firmUntil: began.Add(min(left/2, mostFirm)),
		until: began.Add(left), renew: began.Add(left * 3 / 4), timeless: left == 0}
}

// before reports whether a time lies ahead, by the monotonic clock and by the wall clock: a machine that slept knows it by the latter.
func before(now, t time.Time) bool { return now.Before(t) && now.Round(0).Before(t) }

func (h *held) fresh(now time.Time) bool { return before(now, h.freshUntil) }
func (h *held) firm(now time.Time) bool  { return before(now, h.firmUntil) }
func (h *held) good(now time.Time) bool  { return h != nil && before(now, h.until) }

// given notes that somebody got it.
func (h *held) given() {
	if !h.handed.Load() {
		h.handed.Store(true)
	}
}

// stale is the same, to be read again as soon as possible.
func (h *held) stale() *held {
	s := &held{credential: h.credential, until: h.until}
	s.handed.Store(h.handed.Load())
	return s
}

// best gives what can be given out when AWS does not tell; nil: nothing. Under mu.
func (s *slot) best(now time.Time) *held {
	if h := s.held.Load(); h.good(now) {
		return h
	}
	if s.spare.good(now) {
		return s.spare
	}
	return nil
}

// replace takes a new one in. Under mu.
func (s *slot) replace(h *held) {
	was := s.held.Load()
	if was != nil && was.handed.Load() {
		s.owed = later(s.owed, was.until)
	}
	if was != nil && was.until.After(h.until) && (s.spare == nil || was.until.After(s.spare.until)) {
		s.spare = was
	}
	if s.spare != nil && !s.spare.until.After(h.until) {
		s.spare = nil
	}
	s.held.Store(h)
}

// wanted reports whether a consumer may hold a credential of this user, so that it will come for the next one. Under mu.
func (s *slot) wanted(now time.Time) bool {
	h := s.held.Load()
	return now.Before(s.owed) || h.good(now) && h.handed.Load() || s.spare.good(now) && s.spare.handed.Load()
}

// expire forgets what is past its Expiration, and reports whether nothing is left. Under mu.
func (s *slot) expire(now time.Time) (empty bool) {
	if h := s.held.Load(); h != nil && !h.good(now) {
		if h.handed.Load() {
			s.owed = later(s.owed, h.until)
		}
		s.held.Store(nil)
	}
	if !s.spare.good(now) {
		s.spare = nil
	}
	return s.held.Load() == nil && s.spare == nil && s.flight == nil && !before(now, s.owed) && !before(now, s.again) &&
		!before(now, s.heard.Add(unsure))
}

// forget drops all that is held, and the read under way.
func (s *slot) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discard()
}

// discard is forget under mu.
func (s *slot) discard() {
	s.held.Store(nil)
	s.spare = nil
	s.detach()
	s.owed, s.err, s.failed, s.again = time.Time{}, nil, 0, time.Time{}
}

// kills reports whether a credential's key is not among those that may be used, and remembers it. Whoever holds it will come for another
// one. Under mu.
func (s *slot) kills(h *held, usable []string) bool {
	if h == nil || slices.Contains(usable, h.credential.AccessKeyID) {
		return false
	}
	if h.handed.Load() {
		s.owed = later(s.owed, h.until)
	}
	s.dead = append(s.dead, h.credential.AccessKeyID)
	return true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
