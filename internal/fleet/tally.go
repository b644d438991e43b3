package fleet

import "time"

// Tally counts a Keeper's users, for whoever watches over it.
type Tally struct {
	By     map[Standing]int // every standing has an entry; users whose own settings keep them from being looked after are Blocked
	AtWork int              // runs under way
	// Overdue are the users whose run should have been over: it has not begun for longer than overdueAfter, or it failed. Longest is
	// for how long that is so of the user of whom it is so longest.
	Overdue int
	Longest time.Duration
}

// overdueAfter is how late a run may begin before anybody should wonder.
const overdueAfter = 5 * time.Second

// Tally counts. It looks at every user.
func (k *Keeper) Tally() Tally {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := Tally{By: map[Standing]int{Failed: 0, Blocked: 0, Held: 0, Waiting: 0, Fine: 0}, AtWork: k.index.working}
	now := k.settings.account.Now()
	for _, p := range k.index.users {
		s := p.member.Standing
		if !p.member.Known {
			t.By[Waiting]++ // for its first look
		} else {
			t.By[StandingOf(s.Reason, s.LastError != "")]++
		}
		late := now.Sub(p.since)
		if s.Failures > 0 && late > 0 || (p.stage == ready || p.stage == waking) && late > overdueAfter {
			t.Overdue++
			t.Longest = max(t.Longest, late)
		}
	}
	for _, r := range k.sel.Refused {
		if r.Broken {
			t.By[Blocked]++
		}
	}
	return t
}

// Pulse tells whether a Keeper lives.
type Pulse struct {
	// Beat is when the loop last came round, on the local clock; it does so every 30 seconds at least. Zero: it has not begun.
	Beat time.Time
	// Idle: somebody is due, and nobody is at work. That is so for a moment only.
	Idle bool
}

// Pulse looks. It takes no time.
func (k *Keeper) Pulse() Pulse {
	k.mu.Lock()
	defer k.mu.Unlock()
	x := k.index
	return Pulse{Beat: k.beat, Idle: x.working == 0 && len(x.waking)+x.ready[0].Len()+x.ready[1].Len() > 0}
}
