package fleet

import (
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Health is how a Keeper is doing.
type Health struct {
	Users   int // under care, those that leave it included
	Due     int // whose time has come and whose run has not begun
	AtWork  int // runs under way
	Failing int // whose last run failed
	Refused int // users whose own settings keep them from being looked after
	// Waiting is for how long the user that has waited longest for its run has been due.
	Waiting time.Duration
	// Swept is when discovery last succeeded, on AWS's clock; zero: never, and nobody is looked after yet.
	Swept time.Time
	// SweepError says why the last discovery failed; nil: it did not. The selection of Swept stands.
	SweepError error
	SweepFails int // in a row
	// Late is by how much the last runs began later than they were due.
	Late Lateness
	// Now is AWS's time; zero: it has never answered.
	Now time.Time
}

// Ready reports whether the fleet is being looked after: discovery has succeeded at least once.
func (h Health) Ready() bool { return !h.Swept.IsZero() }

// Lateness is a summary of the last starts of users that were known before.
type Lateness struct {
	Starts        int // that it is made of: at most the last 1,024
	P50, P99, Max time.Duration
}

// lateness remembers the last starts.
type lateness struct {
	last []time.Duration
	at   int
}

const lateStarts = 1024

func (l *lateness) add(d time.Duration) {
	if len(l.last) < lateStarts {
		l.last = append(l.last, d)
		return
	}
	l.last[l.at] = d
	l.at = (l.at + 1) % lateStarts
}

func (l *lateness) summary() Lateness {
	n := len(l.last)
	if n == 0 {
		return Lateness{}
	}
	sorted := slices.Sorted(slices.Values(l.last))
	return Lateness{Starts: n, P50: sorted[n/2], P99: sorted[n*99/100], Max: sorted[n-1]}
}

// Health tells how the Keeper is doing.
func (k *Keeper) Health() Health {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := Health{Users: len(k.index.users), AtWork: k.index.working, Failing: k.index.failing, Swept: k.sweeps.last,
		SweepError: k.sweeps.err, SweepFails: k.sweeps.failures, Late: k.late.summary(), Now: k.settings.account.Now()}
	h.Due, h.Waiting = k.index.due(h.Now)
	for _, r := range k.sel.Refused {
		if r.Broken {
			h.Refused++
		}
	}
	return h
}

// Selection is who is under care as of the last discovery that succeeded, by name. Standings are those of the last run, without keys,
// the current key and the next step, which the database has; Tags hold no more than a run needs.
func (k *Keeper) Selection() Selection {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.sel
	out.Members = make([]Member, len(k.order))
	for i, p := range k.order {
		out.Members[i] = p.member
	}
	return out
}

// Refused are those who are not looked after and should be, as of the last discovery that succeeded. Nobody changes them.
func (k *Keeper) Refused() []Refused {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sel.Refused
}

// Schedule is that of a user under care; known is false for others.
func (k *Keeper) Schedule(u rotation.User) (_ rotation.Schedule, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.index.users[u]; p != nil {
		return p.member.Schedule, true
	}
	return rotation.Schedule{}, false
}

// Settings are those in force.
func (k *Keeper) Settings() *config.Config { return k.current().cfg }

// Fleet is the fleet with the settings in force, for looks and for what an operator asks for; tell Looked of its results. It shares
// the Keeper's slots.
func (k *Keeper) Fleet() *Fleet { return k.current().fleet }

// Account is the adapter in use.
func (k *Keeper) Account() *awscloud.Account { return k.current().account }
