package fleet

import (
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Narrow leaves in a snapshot of everybody only what concerns some users, with counts of their own: those of all would tell of the others.
// It leaves out what is about no single user. Match and limit are a View's.
func (s *Snapshot) Narrow(sees func(rotation.User) bool, match string, limit int) {
	s.Rates, s.Summary, s.Overdue, s.Matched = nil, Summary{}, 0, 0
	if s.Notice != "" { // it names who fails, and who goes first
		s.Notice = "scheduled changes are held back, of everybody or most; a key for every user is told why"
	}
	match = strings.ToLower(match)
	var shown []State
	for _, u := range s.Users {
		if !sees(u.User) {
			continue
		}
		s.Summary.count(u.Standing)
		if pressure(u) == pressureLate {
			s.Overdue++
		}
		if strings.Contains(strings.ToLower(u.User.String()), match) {
			s.Matched++
			shown = append(shown, u)
		}
	}
	s.Users = shown[:min(len(shown), limit)]
	var events []Happening
	for _, h := range s.Events {
		if sees(h.User) {
			events = append(events, h)
		}
	}
	s.Events = events
}
