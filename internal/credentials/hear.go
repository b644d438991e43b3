package credentials

import (
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Drop forgets a user at once. A Get that begins from now on gives nothing that was read before.
func (c *Cache) Drop(u rotation.User) {
	if s := c.find(u); s != nil {
		s.forget()
	}
}

// Heard takes in what a run sees of a user's keys, as fleet.Config.Heard is told it. A credential whose key is not among the usable ones
// is forgotten at once. One of another version than AWSCURRENT's is not fresh any more; it is given out only while AWS does not tell which
// one is, and a consumer that holds it finds the next one read already.
func (c *Cache) Heard(u rotation.User, version string, usable []string) {
	s := c.find(u)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.detach() // it may have been answered before
	if !now.Before(s.heard.Add(unsure)) {
		s.dead = nil
	}
	s.dead = slices.DeleteFunc(s.dead, func(id string) bool { return slices.Contains(usable, id) })
	s.version, s.heard = version, now
	h := s.held.Load()
	if s.kills(h, usable) {
		s.held.Store(nil)
	}
	if s.kills(s.spare, usable) {
		s.spare = nil
	}
	s.err, s.failed, s.again = nil, 0, time.Time{}
	if h = s.held.Load(); h == nil || version != h.credential.VersionID || before(h.until, now.Add(brief)) {
		if h != nil {
			s.held.Store(h.stale())
		}
		if s.wanted(now) {
			c.begin(s, now, c.renewals)
		}
	}
}

// brief is a life so short that what was heard may have made it longer: a promotion went on record.
const brief = 90 * time.Second
