package rotation

import (
	"fmt"
	"time"
)

// checkSeenActive: a key that the tags know as Inactive is Active. Its old time of deactivation may never be used again, and
// whoever reactivated it has the whole grace.
func (p *planner) checkSeenActive() *Decision {
	for _, k := range p.classes {
		if since, ok := p.st.since(k.ID); ok && since.Inactive && k.Status == Active && k.Class != ClassForeign {
			return &Decision{Reason: ReasonSeenActive, KeyID: k.ID, Actions: []Action{{Kind: RecordActive, KeyID: k.ID}}}
		}
	}
	return nil
}

// grace is the longer of the grace now and the one on record: consumers may hold an Expiration from then.
func (p *planner) grace() time.Duration { return max(p.s.Grace(), p.st.Promoted.Grace) }

// checkRetire deactivates a previous or legacy key: only while current is Active in this very observation, and only when the
// whole grace has passed since the promotion on record, whatever the ages say.
func (p *planner) checkRetire() *Decision {
	_, ok := p.activeCurrent()
	for _, k := range p.classes {
		if k.Status != Active || k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		if !ok && !p.adoptedBesideWorking(k) {
			continue
		}
		ready := p.retireAt(k.Key)
		if !p.over(ready) {
			p.waitFor(ReasonGrace, k.ID)
			continue
		}
		if !p.heldBack(k.ID) && p.quiet(k, ready) {
			return &Decision{Reason: ReasonGraceOver, KeyID: k.ID, Actions: p.dropSteps(k.ID)}
		}
	}
	return nil
}

// adoptedBesideWorking: keys from before our care fill both slots and nothing is stored yet; the one that an operator adopted
// goes, as long as the other one is Active.
func (p *planner) adoptedBesideWorking(k ClassifiedKey) bool {
	if p.current != "" || !p.st.IsAdopted(k.ID) {
		return false
	}
	for _, other := range p.classes {
		if other.ID != k.ID && other.Status == Active && !p.st.IsAdopted(other.ID) {
			return true
		}
	}
	return false
}

// retireAt is the earliest moment at which an Active key may be deactivated: its age, the grace since its successor was
// promoted, and the grace since someone reactivated it.
func (p *planner) retireAt(k Key) time.Time {
	at := k.Created.Add(p.s.DeactivateAfter)
	if p.current != "" {
		at = latest(at, p.st.Promoted.At.Add(p.grace()))
	}
	if since, ok := p.st.since(k.ID); ok && !since.Inactive {
		at = latest(at, since.At.Add(p.grace()))
	}
	return at
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// quiet reports whether a key is out of use as far as it can be known. A legacy key must have been unused for legacy_quiet,
// without exception; a previous key with a long grace is held back while it is used, up to max_hold.
func (p *planner) quiet(k ClassifiedKey, ready time.Time) bool {
	if k.Class == ClassLegacy {
		use, known := p.lastUse(k.ID)
		if !known {
			return false
		}
		if !p.over(latest(use.At, k.Created).Add(p.l.LegacyQuiet)) {
			p.waitFor(ReasonWaitingLegacy, k.ID)
			p.usedBy(k.ID, use)
			return false
		}
		return true
	}
	if p.grace() < p.l.CoarseUse || !p.o.Now.Before(ready.Add(p.l.MaxHold)) {
		return true
	}
	use, known := p.lastUse(k.ID)
	if !known {
		p.wakeAt(ready.Add(p.l.MaxHold))
		return false
	}
	if use.At.IsZero() || p.over(use.At.Add(min(p.grace()/2, 24*p.l.CoarseUse))) {
		return true
	}
	p.wakeAt(ready.Add(p.l.MaxHold))
	p.waitFor(ReasonHeld, k.ID)
	p.usedBy(k.ID, use)
	return false
}

// usedBy tells of the last use of the key that the wait is for.
func (p *planner) usedBy(keyID string, use LastUse) {
	if p.about == keyID && !use.At.IsZero() {
		p.detail = fmt.Sprintf("last used by %s in %s at %s", use.Service, use.Region, stamp(use.At))
	}
}

// checkDelete deletes a previous or legacy key that was Inactive for the whole retention. Never current, never foreign.
func (p *planner) checkDelete() *Decision {
	for _, k := range p.classes {
		if k.Status == Active || k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		since, ok := p.st.since(k.ID)
		if !ok || !since.Inactive {
			return &Decision{Reason: ReasonSeenInactive, KeyID: k.ID, Actions: []Action{{Kind: RecordInactive, KeyID: k.ID}}}
		}
		if !p.over(since.At.Add(p.s.Retention())) {
			p.waitFor(ReasonRetention, k.ID)
			continue
		}
		if p.heldBack(k.ID) {
			continue
		}
		return &Decision{Reason: ReasonRetentionOver, KeyID: k.ID, Actions: []Action{{Kind: DeleteKey, KeyID: k.ID}}}
	}
	return nil
}
