package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// radius bounds the blast radius: it counts the users that begin to fail among those looked at, and stops scheduled changes when they
// are too many. A user counts from the first of its failures in a row, so one that fails again and again counts once, and one that has
// failed for long does not count. It is pure: times come in with every call.
type radius struct {
	seen map[rotation.User]seen
	stop Stop
	// wave are the users that began to fail and made the stop, and those that did since: they are tried again, as nothing else can show
	// that it is over.
	wave map[rotation.User]bool
	// excused are the users that failed when an operator lifted a stop: they do not count before they have succeeded.
	excused map[rotation.User]bool
}

// seen is what the looks at one user came to.
type seen struct {
	at      time.Time // the last one that began or ended
	failing time.Time // the first failure in a row; zero: the last look did not fail
}

// Stop is a stop of scheduled changes, with the figures that made it. It is kept in the database.
type Stop struct {
	Since   time.Time     `json:"since,omitzero"` // zero: there is none
	Failing int           `json:"failing,omitempty"`
	Looked  int           `json:"looked,omitempty"`
	Share   float64       `json:"share,omitempty"`
	Within  time.Duration `json:"within,omitempty"`
	Allowed int           `json:"allowed,omitempty"`
	Who     []string      `json:"who,omitempty"` // the first few
	// Excused are those that failed when an operator lifted a stop, and fail still, as of the last discovery.
	Excused []string `json:"excused,omitempty"`
}

// shown is how many failing users are named.
const shown = 3

// On reports whether scheduled changes have stopped.
func (s Stop) On() bool { return !s.Since.IsZero() }

// End is how many may still fail when it ends by itself.
func (s Stop) End() int { return s.Allowed / 2 }

// Why is the stop in few words.
func (s Stop) Why() string {
	return fmt.Sprintf("%d of %d users began to fail within %s", s.Failing, s.Looked, rotation.Duration(s.Within))
}

// Notice tells an operator what happened and what to do; empty when there is no stop.
func (s Stop) Notice() string {
	if !s.On() {
		return ""
	}
	who := strings.Join(s.Who, ", ")
	if more := s.Failing - len(s.Who); more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	end := "none of them fails any more"
	if s.End() > 0 {
		end = fmt.Sprintf("%d or fewer of them still fail", s.End())
	}
	return fmt.Sprintf("scheduled changes have stopped for everybody since %s: %s (%s), and blast_radius allows %g%%. Repairs and requests go "+
		"on, and the failing users are tried again: it ends when %s. See their errors in `keyturn status`; `keyturn resume --stopped` lifts it",
		s.Since.UTC().Format(time.RFC3339), s.Why(), who, 100*s.Share, end)
}

func newRadius() radius {
	return radius{seen: map[rotation.User]seen{}, wave: map[rotation.User]bool{}, excused: map[rotation.User]bool{}}
}

// began notes that a look at a user begins: it counts as looked at from then on, as failures come faster than successes.
func (r *radius) began(u rotation.User, now time.Time) {
	s := r.seen[u]
	s.at = now
	r.seen[u] = s
}

// ended notes how a look ended, and reports whether a stop ended with it.
func (r *radius) ended(u rotation.User, failed bool, now time.Time, rules Rules) (over bool) {
	s := r.seen[u]
	s.at = now
	fresh := failed && s.failing.IsZero()
	switch {
	case fresh:
		s.failing = now
	case !failed:
		s.failing = time.Time{}
		delete(r.excused, u)
	}
	r.seen[u] = s
	switch {
	case r.stop.On() && fresh:
		r.wave[u] = true
	case r.stop.On() && !failed:
		delete(r.wave, u)
		return r.settle()
	case fresh:
		r.judge(now, rules)
	}
	return false
}

// settle ends a stop when few enough of its users still fail.
func (r *radius) settle() bool {
	if !r.stop.On() || len(r.wave) > r.stop.End() {
		return false
	}
	r.end()
	return true
}

func (r *radius) end() {
	r.stop = Stop{Excused: r.stop.Excused}
	clear(r.wave)
}

// lift ends a stop for an operator. Whoever fails now does not count again before it has succeeded.
func (r *radius) lift() {
	r.end()
	for u, s := range r.seen {
		if !s.failing.IsZero() {
			r.excused[u] = true
		}
	}
	r.list()
}

// list writes down who is excused.
func (r *radius) list() {
	r.stop.Excused = nil
	for u := range r.excused {
		r.stop.Excused = append(r.stop.Excused, u.String())
	}
	slices.Sort(r.stop.Excused)
}

// judge stops scheduled changes when too many users began to fail.
func (r *radius) judge(now time.Time, rules Rules) {
	if rules.Failing <= 0 || r.stop.On() {
		return
	}
	from := now.Add(-rules.Within)
	looked := 0
	var failing []rotation.User
	for u, s := range r.seen {
		if s.at.Before(from) {
			continue
		}
		looked++
		if !s.failing.Before(from) && !r.excused[u] {
			failing = append(failing, u)
		}
	}
	const grain = 1e-9 // of the product: 29 of 100 are not more than 29 %
	if len(failing) < max(1, rules.Least) || float64(len(failing)) <= rules.Failing*float64(looked)+grain {
		return
	}
	r.stop = Stop{Since: now, Failing: len(failing), Looked: looked, Share: rules.Failing, Within: rules.Within, Excused: r.stop.Excused,
		Allowed: max(rules.Least-1, int(rules.Failing*float64(looked)+grain))}
	for _, u := range failing {
		r.wave[u] = true
		r.stop.Who = append(r.stop.Who, u.Name)
	}
	slices.Sort(r.stop.Who)
	r.stop.Who = r.stop.Who[:min(shown, len(r.stop.Who))]
}

// learn takes over what the database knows of the users: those that are new to the radius, and none that are gone.
func (r *radius) learn(members []Member, rules Rules) {
	here := make(map[rotation.User]bool, len(members))
	for _, m := range members {
		here[m.User] = true
		if _, known := r.seen[m.User]; !known && slices.Contains(r.stop.Excused, m.User.String()) && failing(m.Standing) {
			r.excused[m.User] = true
		}
		if _, known := r.seen[m.User]; known || !m.Known {
			continue
		}
		s := seen{at: m.Standing.At}
		if failing(m.Standing) {
			s.failing = rules.since(m.Standing)
			if r.stop.On() && !s.failing.Before(r.stop.Since.Add(-r.stop.Within)) {
				r.wave[m.User] = true
			}
		}
		r.seen[m.User] = s
	}
	for u := range r.seen {
		if !here[u] {
			delete(r.seen, u)
			delete(r.wave, u)
			delete(r.excused, u)
		}
	}
	r.list()
}

// failing: the last run of a user failed, for a reason of its own: it was neither blocked nor told to end.
func failing(s rotation.Standing) bool {
	return s.LastError != "" && s.Failures > 0 && !s.Reason.Blocked()
}

// since is the latest moment at which the first of a user's failures in a row can have been: each of them put the next look off.
func (r Rules) since(s rotation.Standing) time.Time {
	const most = 40 // then it is days ago at any rate
	at := s.At
	for i := range min(s.Failures-1, most) {
		at = at.Add(-min(r.Settle<<min(i, 12), max(r.Settle, r.MaxRecheck)))
	}
	return at
}
