package rotation

import (
	"fmt"
	"time"
)

// violate notes that a safety rule was broken, in the truth and not in somebody's records.
func (w *world) violate(format string, args ...any) {
	w.violations = append(w.violations, w.clock()+" "+fmt.Sprintf(format, args...))
}

func (w *world) clock() string { return Duration(w.now.Sub(w.start)) }

func (w *world) currentKey() (Key, bool) {
	current := w.o.Secret.Stage(StageCurrent)
	for _, k := range w.o.Keys {
		if current != "" && (VersionID(k.ID) == current || w.names[current] == k.ID) {
			return k, true
		}
	}
	return Key{}, false
}

// thawed: nothing that comes by itself begins while it is frozen.
func (w *world) thawed(o Observation, d *Decision) {
	if o.Frozen == nil || !o.Frozen(o.Now).On() || o.Request.Kind != NoRequest {
		return
	}
	for _, a := range d.Actions {
		cur, ok := w.currentKey()
		works := ok && cur.Status == Active
		switch a.Kind {
		case Onboard, OnboardExisting:
			w.violate("the user is onboarded while that is frozen (%s)", d.Reason)
		case CreateKey:
			if works && d.Reason != ReasonRevoke {
				w.violate("a key is made while that is frozen, though the current one works (%s)", d.Reason)
			}
		case DeactivateKey, DeleteKey:
			st, _, _ := ParseState(w.o.Secret.Tags)
			if (works || w.o.LeaveCare) && w.truth.handedOut[a.KeyID] && !st.IsRevoked(a.KeyID) {
				w.violate("%s: %s while that is frozen (%s)", a.KeyID, a.Kind, d.Reason)
			}
		}
	}
}

// promoted: rule 1. Nothing is promoted unverified, and only an Active key.
func (w *world) promoted(id string) {
	k, ok := w.o.key(id)
	if !ok || k.Status != Active {
		w.violate("rule 1: %s is promoted, which is no Active key", id)
	}
	if !w.truth.verified[id] {
		w.violate("rule 1: %s is promoted unverified", id)
	}
	if st, _, _ := ParseState(w.o.Secret.Tags); st.IsRevoked(id) {
		w.violate("a revoked key is promoted: %s", id)
	}
	if old, ok := w.currentKey(); ok && old.ID != id {
		w.truth.replaced = w.now
	}
	w.truth.handedOut[id] = true
}

// deactivated: rule 2. A key that consumers may hold stays Active for the whole grace after its successor's promotion.
func (w *world) deactivated(id string, why Reason) {
	w.truth.inactiveAt[id] = w.now
	st, _, _ := ParseState(w.o.Secret.Tags)
	if why == ReasonRevoke || st.IsRevoked(id) {
		return
	}
	if until := w.truth.expires[id]; w.now.Before(until) {
		w.violate("%s is deactivated %s before the Expiration that a consumer holds", id, Duration(until.Sub(w.now)))
	}
	cur, ok := w.currentKey()
	switch {
	case w.truth.foreign[id]:
		w.violate("rule 5: the foreign key %s is deactivated (%s)", id, why)
	case ok && cur.ID == id:
		w.violate("rule 1: the current key %s is deactivated (%s)", id, why)
	case w.o.Secret.Stage(StageCurrent) == "" && st.IsAdopted(id):
		return // two keys from before our care, and an operator chose which one goes
	case !w.truth.handedOut[id]:
		return // an orphan, or a pending key that nobody got
	case !ok || cur.Status != Active:
		w.violate("rule 2: %s is deactivated (%s) while current is not Active", id, why)
	}
	if early := w.truth.replaced.Add(w.s.Grace()).Sub(w.now); early > 0 {
		w.violate("rule 2: %s is deactivated %s before the grace is over (%s)", id, Duration(early), why)
	}
	if early := w.truth.activeAt[id].Add(w.s.Grace()).Sub(w.now); early > 0 {
		w.violate("rule 2: %s is deactivated %s before the grace of its reactivation is over (%s)", id, Duration(early), why)
	}
}

// deleted: rules 3 and 5.
func (w *world) deleted(id string, why Reason) {
	k, _ := w.o.key(id)
	retention := w.s.Retention()
	if !w.truth.handedOut[id] && w.truth.ours[id] {
		retention = min(retention, w.l.Quarantine) // nobody ever got it
	}
	cur, ok := w.currentKey()
	switch at := w.truth.inactiveAt[id]; {
	case k.Status == Active:
		w.violate("rule 3: the Active key %s is deleted (%s)", id, why)
	case ok && cur.ID == id:
		w.violate("rule 3: the current key %s is deleted (%s)", id, why)
	case w.truth.foreign[id]:
		w.violate("rule 5: the foreign key %s is deleted (%s)", id, why)
	case w.now.Before(at.Add(retention)):
		w.violate("rule 3: %s is deleted %s before its retention is over (%s)", id, Duration(at.Add(retention).Sub(w.now)), why)
	}
}

// handOut is a consumer that reads a key and its Expiration, from an answer that may be stale.
func (w *world) handOut(stale time.Duration) (string, time.Time) {
	old := w.asOf(w.now.Add(-stale))
	current := old.secret.Stage(StageCurrent)
	id := w.names[current]
	if id == "" {
		return "", time.Time{}
	}
	o := w.o
	o.Now, o.Keys, o.Secret = w.now.Truncate(time.Second), old.keys, old.secret
	until := Expiration(w.s, w.l, o, id)
	if k, _ := w.o.key(id); k.Status == Active && until.After(w.truth.expires[id]) {
		w.truth.expires[id] = until
	}
	return id, until
}
