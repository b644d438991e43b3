package credentials

import (
	"time"

	"golang.org/x/time/rate"
)

// wake has what is held looked through from now on.
func (c *Cache) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil && c.ctx.Err() == nil {
		c.timer = time.AfterFunc(beat, c.look)
	}
}

// look forgets what has expired, reads ahead for consumers, finds how fast reads in the background must be, and comes again unless
// nothing is held.
func (c *Cache) look() {
	c.mu.Lock()
	c.timer = nil // whoever comes from here on may set it
	c.mu.Unlock()
	some, sum := false, 0.0
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for u, s := range sh.slots {
			if left, often := c.lookAt(s); left {
				some, sum = true, sum+often
			} else {
				delete(sh.slots, u)
			}
		}
		sh.mu.Unlock()
	}
	c.rate.SetLimit(max(atLeast, rate.Limit(slack*sum)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if some && c.timer == nil && c.ctx.Err() == nil {
		c.timer = time.AfterFunc(beat, c.look)
	}
}

// lookAt reports whether anything is left of a slot, and how often a second it would be read if it were read all the time, and each read
// took as long as its credential is firm and not fresh.
func (c *Cache) lookAt(s *slot) (left bool, often float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.expire(now) {
		s.gone = true
		return false, 0
	}
	h := s.held.Load()
	if s.flight == nil && !before(now, s.again) && (h == nil || !before(now, h.renew)) && s.wanted(now) {
		c.begin(s, now, c.renewals)
	}
	if h != nil && h.firmUntil.After(h.freshUntil) {
		often = 1 / h.firmUntil.Sub(h.freshUntil).Seconds()
	}
	return true, often
}
