package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Fingerprint is what decides how users are looked after: when it changes, canary users go first.
type Fingerprint struct {
	Version   string            `json:"version"`
	Schedules map[string]string `json:"schedules"` // by name, "" being the default one; in words
}

// Rollout is a fingerprint on its way to everybody. It is kept in the database.
type Rollout struct {
	Done    Fingerprint   `json:"done"`             // what everybody is looked after with
	Next    Fingerprint   `json:"next,omitzero"`    // what canary users try
	Since   time.Time     `json:"since,omitzero"`   // zero: nothing is on its way
	Latest  time.Duration `json:"latest,omitempty"` // the others follow so long after Since, unless a canary fails
	Waiting []string      `json:"waiting,omitempty"`
	Failing []string      `json:"failing,omitempty"` // canary users whose last look failed
	Rotated int           `json:"rotated,omitempty"` // canary users that were
}

// On reports whether anything is on its way.
func (r Rollout) On() bool { return !r.Since.IsZero() }

// words is a schedule as people write it.
func words(s rotation.Schedule) string {
	every := rotation.Duration(s.RotateEvery)
	if s.Cron != "" {
		every = fmt.Sprintf("%q %s", s.Cron, s.TimeZone)
	}
	return every + ", " + rotation.Duration(s.DeactivateAfter) + ", " + rotation.Duration(s.DeleteAfter)
}

// touches reports whether a user is looked after otherwise than before.
func (r Rollout) touches(m Member) bool {
	return r.On() && (r.Next.Version != r.Done.Version || r.Next.Schedules[m.Schedule.Name] != r.Done.Schedules[m.Schedule.Name])
}

// What is the change in words.
func (r Rollout) What() string { return r.what(slices.Sorted(maps.Keys(r.Next.Schedules))...) }

// what is as much of the change as concerns these schedules.
func (r Rollout) what(schedules ...string) string {
	var parts []string
	if r.Next.Version != r.Done.Version {
		parts = append(parts, fmt.Sprintf("keyturn was upgraded from %s to %s", r.Done.Version, r.Next.Version))
	}
	for _, name := range schedules {
		is, was := r.Next.Schedules[name], r.Done.Schedules[name]
		called := "schedule"
		if name != "" {
			called = "schedules." + name
		}
		switch {
		case is == was:
		case was == "":
			parts = append(parts, called+" came into use")
		default:
			parts = append(parts, fmt.Sprintf("%s changed from %s to %s", called, was, is))
		}
	}
	return strings.Join(parts, ", and ")
}

// freeze is what a user with such a schedule waits for, when it is no canary. It goes to people who may see no other users: who fails, and
// what else changed, is in the notice.
func (r Rollout) freeze(schedule string) rotation.Freeze {
	if len(r.Failing) > 0 {
		return rotation.Freeze{Why: "canary users go first, and not all of them succeed"}
	}
	return rotation.Freeze{Why: "canary users go first, as " + r.what(schedule), Until: r.Since.Add(r.Latest)}
}

// Notice tells an operator what is on its way, how far it is, and what to do; empty when nothing is.
func (r Rollout) Notice() string {
	if !r.On() {
		return ""
	}
	s := fmt.Sprintf("canary users go first since %s: %s; ", r.Since.UTC().Format(time.RFC3339), r.What())
	switch {
	case len(r.Failing) > 0:
		return s + fmt.Sprintf("%s fails, so the others wait until it does not: see its error in `keyturn status`. `keyturn resume --stopped` has them go on",
			list(r.Failing))
	case r.Rotated+len(r.Waiting) == 0:
		s += "no canary user is concerned"
	default:
		s += fmt.Sprintf("%d of %d rotated", r.Rotated, r.Rotated+len(r.Waiting))
		if len(r.Waiting) > 0 {
			s += ", waiting for " + list(r.Waiting)
		}
	}
	return s + ". The others follow " + r.Since.Add(r.Latest).UTC().Format(time.RFC3339) + " at the latest"
}

func list(names []string) string {
	if more := len(names) - shown; more > 0 {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// rollout decides who goes first. It is pure: times come in with every call.
type rollout struct {
	Rollout
	canaries map[rotation.User]trial
}

// trial is one canary user's.
type trial struct {
	member  Member
	made    time.Time // of its current key
	failing bool
}

// learn compares what users are looked after with now and before. The first time ever there is nothing to compare with.
func (r *rollout) learn(members []Member, now time.Time, rules Rules) {
	is := Fingerprint{Version: rules.Version, Schedules: maps.Clone(r.Done.Schedules)}
	if is.Schedules == nil {
		is.Schedules = map[string]string{}
	}
	canaries := map[rotation.User]trial{}
	for _, m := range members {
		if m.LeaveCare {
			continue
		}
		is.Schedules[m.Schedule.Name] = words(m.Schedule)
		if m.Canary {
			t, known := r.canaries[m.User]
			if t.member = m; !known {
				t.failing, t.made = failing(m.Standing), made(m.Standing.Keys)
			}
			canaries[m.User] = t
		}
	}
	r.canaries = canaries
	same := is.Version == r.Done.Version && maps.Equal(is.Schedules, r.Done.Schedules)
	switch {
	case same || r.Done.Schedules == nil || !rules.Canaries:
		r.Rollout = Rollout{Done: is}
	case !r.On() || is.Version != r.Next.Version || !maps.Equal(is.Schedules, r.Next.Schedules):
		r.Rollout = Rollout{Done: r.Done, Next: is, Since: now}
	}
	if r.On() {
		r.Latest = rules.CanaryFor
	}
	r.conclude(now)
}

// ended notes how a look at a canary user ended, and reports whether the others may follow now that could not before.
func (r *rollout) ended(u rotation.User, failed bool, keys []rotation.ClassifiedKey, now time.Time) (over bool) {
	t, ok := r.canaries[u]
	if !ok {
		return false
	}
	if t.failing = failed; !failed {
		t.made = made(keys)
	}
	r.canaries[u] = t
	return r.conclude(now)
}

// conclude counts the canary users, and ends the rollout when all of them were rotated, or when its time is over; not while one fails.
func (r *rollout) conclude(now time.Time) (over bool) {
	if !r.On() {
		return false
	}
	held := len(r.Failing) > 0
	r.Waiting, r.Failing, r.Rotated = nil, nil, 0
	for u, t := range r.canaries {
		switch {
		case !r.touches(t.member):
		case t.failing:
			r.Failing = append(r.Failing, u.Name)
		case t.made.Before(r.Since):
			r.Waiting = append(r.Waiting, u.Name)
		default:
			r.Rotated++
		}
	}
	slices.Sort(r.Waiting)
	slices.Sort(r.Failing)
	done := r.Rotated > 0 && len(r.Waiting) == 0 || !now.Before(r.Since.Add(r.Latest))
	if len(r.Failing) > 0 || !done {
		return held && len(r.Failing) == 0
	}
	r.Rollout = Rollout{Done: r.Next}
	return true
}

// lift ends a rollout for an operator: what is on its way counts for everybody.
func (r *rollout) lift() {
	if r.On() {
		r.Rollout = Rollout{Done: r.Next}
	}
}

// made is when the current key was made.
func made(keys []rotation.ClassifiedKey) time.Time {
	for _, k := range keys {
		if k.Class == rotation.ClassCurrent && k.Status == rotation.Active {
			return k.Created
		}
	}
	return time.Time{}
}
