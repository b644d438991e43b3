package fleet

import (
	"time"

	"golang.org/x/time/rate"
)

// spread has runs begin one after the other that are due at the same time. AWS's times are whole seconds, and so are due times: without it
// all runs of a second would begin together, and in a fleet of ten thousand whoever reads a credential meanwhile would wait for fifty of
// them. It is no bound: however many there are, the last one begins spreadWithin after the first, as far as there is room for them.
type spread struct {
	begins *rate.Limiter
	second time.Time // when the one began that came counts
	came   int       // whose time came in it
	before int       // in the one before
}

const (
	// spreadWithin is within what time runs begin that are due at the same time: the daemon's promise is a second.
	spreadWithin = 600 * time.Millisecond
	// spreadMost is how far apart they are at most, so that a few begin almost at once.
	spreadMost = 25 * time.Millisecond
)

func newSpread() *spread {
	return &spread{begins: rate.NewLimiter(rate.Every(spreadMost), 1)}
}

// due is told how many users' time came since it was last told, and how many wait for their runs. Runs begin as fast as is needed for those
// of a second, or for all that wait; it has no lock of its own, but runs may wait in begins meanwhile.
func (s *spread) due(clock time.Time, came, waiting int) {
	if past := clock.Sub(s.second); past >= time.Second {
		if s.before = s.came; past >= 2*time.Second {
			s.before = 0
		}
		s.second, s.came = clock, 0
	}
	s.came += came
	apart := spreadMost
	if n := max(s.came, s.before, waiting); n > 0 {
		apart = min(apart, spreadWithin/time.Duration(n))
	}
	if limit := rate.Every(apart); limit != s.begins.Limit() {
		s.begins.SetLimit(limit)
	}
}
