package credentials

import "time"

// wake has what is held looked through from now on.
func (c *Cache) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil && c.ctx.Err() == nil {
		c.timer = time.AfterFunc(beat, c.look)
	}
}

// look forgets what has expired and reads ahead for consumers, and comes again unless nothing is held.
func (c *Cache) look() {
	c.mu.Lock()
	c.timer = nil // whoever comes from here on may set it
	c.mu.Unlock()
	some := false
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for u, s := range sh.slots {
			if c.lookAt(s) {
				some = true
			} else {
				delete(sh.slots, u)
			}
		}
		sh.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if some && c.timer == nil && c.ctx.Err() == nil {
		c.timer = time.AfterFunc(beat, c.look)
	}
}

// lookAt reports whether anything is left of a slot.
func (c *Cache) lookAt(s *slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.expire(now) {
		s.gone = true
		return false
	}
	h := s.held.Load()
	if s.flight == nil && !before(now, s.again) && (h == nil || !before(now, h.renew)) && s.wanted(now) {
		c.begin(s, now, c.renewals)
	}
	return true
}
