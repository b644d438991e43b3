package awssim

import (
	"slices"
	"time"
)

// The names of the safety rules, with which each violation begins.
const (
	RulePromote  = "promote"   // AWSCURRENT was moved to a key that is not Active and verified
	RulePending  = "pending"   // a value was stored over AWSCURRENT instead of as pending
	RuleFields   = "fields"    // a promotion lost or changed fields of the secret that are people's own
	RuleRetire   = "retire"    // a key was deactivated without a successor, or before its grace was over
	RuleDelete   = "delete"    // a key was deleted while Active or before its retention was over
	RuleForeign  = "foreign"   // a key that people made was changed
	RuleTwoKeys  = "two-keys"  // a key was made beside another whose secret nobody holds
	RuleRevoked  = "revoked"   // a revoked key was brought back
	RuleLastCopy = "last-copy" // the secret or the user itself was deleted
)

// currentOf is the version that AWSCURRENT names for a user under care, and its key if that exists.
func (w *World) currentOf(c *care) (*secretState, *version, *key) {
	st := w.secrets[c.secret].state()
	if st == nil {
		return nil, nil, nil
	}
	v := st.with(current)
	if v == nil {
		return st, nil, nil
	}
	return st, v, w.keyOf(c.user, v)
}

// keyOf is the key of the user that a version names, if it exists.
func (w *World) keyOf(user string, v *version) *key {
	if v == nil {
		return nil
	}
	k := w.keys[v.named.keyID]
	if k == nil || k.session != nil || k.user.name != user {
		return nil
	}
	return k
}

// foreign tells a key that people made and nobody handed to the rotator.
func (c *care) foreign(k *key) bool {
	return !k.byRotator && !k.retirable && !k.revocable && !slices.Contains(c.Legacy, k.id)
}

// ruleSecret judges a change of a secret: what AWSCURRENT names must be Active, verified and whole.
func (w *World) ruleSecret(by actor, s *secretSlot, before, next *secretState, now time.Time) {
	for _, v := range next.versions[min(len(next.versions), max(0, len(next.versions)-2)):] {
		if k := w.keys[v.named.keyID]; k != nil {
			k.stored = true
		}
	}
	was, is := before.with(current), next.with(current)
	if is == nil || was != nil && was.id == is.id {
		return
	}
	if c := w.careOf[s.id]; c != nil && by.rotator {
		w.rulePromote(c, was, is)
	}
	// The verification of a key counts until it loses AWSCURRENT: bringing it back needs another.
	if was != nil {
		if k := w.keys[was.named.keyID]; k != nil {
			k.proven = nil
		}
	}
	if k := w.keys[is.named.keyID]; k != nil {
		k.wasCurrent = true
	}
}

func (w *World) rulePromote(c *care, was, is *version) {
	k := w.keyOf(c.user, is)
	switch {
	case k == nil:
		w.violate(c, RulePromote, "AWSCURRENT came to version %s, which names %q: no key of the user", is.id, is.named.keyID)
		return
	case k.status != active:
		w.violate(c, RulePromote, "AWSCURRENT came to version %s, whose key %s is Inactive", is.id, k.id)
	case !is.holds(k.secret):
		w.violate(c, RulePromote, "AWSCURRENT came to version %s, which does not hold the secret of its key %s", is.id, k.id)
	case k.revoked:
		w.violate(c, RuleRevoked, "AWSCURRENT came to version %s, whose key %s is revoked", is.id, k.id)
	}
	for _, region := range c.VerifyRegions {
		if n := k.proven[region]; n < c.VerifySuccesses {
			w.violate(c, RulePromote, "AWSCURRENT came to key %s, which answered %d times in a row in %s: %d are required",
				k.id, n, region, c.VerifySuccesses)
		}
	}
	if was == nil {
		return
	}
	oldSecret := ""
	if old := w.keys[was.named.keyID]; old != nil {
		oldSecret = old.secret
	}
	if field := was.named.differ(is.named, oldSecret, k.secret); field != "" {
		w.violate(c, RuleFields, "AWSCURRENT came to version %s, which lost or changed the field %q", is.id, field)
	}
}

// rulePut judges a value that the rotator stores: over an existing one only as pending.
func (w *World) rulePut(by actor, s *secretSlot, stages []string) {
	c := w.careOf[s.id]
	if c == nil || !by.rotator || s.state().with(current) == nil {
		return
	}
	if len(stages) == 0 || slices.Contains(stages, current) {
		w.violate(c, RulePending, "a value was stored as AWSCURRENT at once instead of as AWSPENDING")
	}
}

func (w *World) ruleCreate(by actor, k *key) {
	c := w.care[k.user.name]
	if c == nil || !by.rotator {
		return
	}
	for _, other := range k.user.state().keys { // a third one is refused before, as by IAM
		if o := w.keys[other.id]; o != k && o.byRotator && !o.stored {
			w.violate(c, RuleTwoKeys, "key %s was made while %s, made before, was never stored", k.id, o.id)
		}
	}
}

// ruleStatus judges the rotator's UpdateAccessKey before it takes effect.
func (w *World) ruleStatus(by actor, k *key, status string, now time.Time) {
	c := w.care[k.user.name]
	if c == nil || !by.rotator {
		return
	}
	if status == active {
		switch {
		case c.foreign(k):
			w.violate(c, RuleForeign, "key %s, which people made, was set Active", k.id)
		case k.revoked:
			w.violate(c, RuleRevoked, "key %s was set Active after it was revoked", k.id)
		}
		return
	}
	if k.revocable {
		k.revoked = true
		return
	}
	if k.status == inactive {
		return
	}
	st, v, cur := w.currentOf(c)
	switch {
	case c.foreign(k):
		w.violate(c, RuleForeign, "key %s, which people made, was deactivated", k.id)
	case cur == k:
		w.violate(c, RuleRetire, "key %s was deactivated while AWSCURRENT names it", k.id)
	case k.byRotator && !k.wasCurrent:
		// A key that never came into service may go at any time.
	case v == nil || cur == nil:
		w.violate(c, RuleRetire, "key %s was deactivated without a successor: AWSCURRENT names no key of the user", k.id)
	case !st.deleted.IsZero():
		w.violate(c, RuleRetire, "key %s was deactivated while the secret of its successor is being deleted", k.id)
	case cur.status != active:
		w.violate(c, RuleRetire, "key %s was deactivated while its successor %s is Inactive", k.id, cur.id)
	case now.Sub(st.currentSince) < c.Grace:
		w.violate(c, RuleRetire, "key %s was deactivated %v after the promotion of %s: the grace is %v",
			k.id, now.Sub(st.currentSince), cur.id, c.Grace)
	}
}

// ruleDelete judges the rotator's DeleteAccessKey before it takes effect.
func (w *World) ruleDelete(by actor, k *key, now time.Time) {
	c := w.care[k.user.name]
	if c == nil || !by.rotator {
		return
	}
	_, _, cur := w.currentOf(c)
	rest, name := c.Retention, "retention"
	if k.byRotator && !k.wasCurrent {
		rest, name = c.Quarantine, "quarantine"
		if k.stored {
			rest = 0 // nobody was given it, and it is known to be the rotator's
		}
	}
	switch {
	case c.foreign(k):
		w.violate(c, RuleForeign, "key %s, which people made, was deleted", k.id)
	case k.status == active:
		w.violate(c, RuleDelete, "key %s was deleted while Active", k.id)
	case cur == k:
		w.violate(c, RuleDelete, "key %s was deleted while AWSCURRENT names it", k.id)
	case now.Sub(k.inactive) < rest:
		w.violate(c, RuleDelete, "key %s was deleted %v after its deactivation: the %s is %v",
			k.id, now.Sub(k.inactive), name, rest)
	}
}

func (w *World) ruleDeleteSecret(by actor, s *secretSlot) {
	if c := w.careOf[s.id]; c != nil && by.rotator && s.state().with(current) != nil {
		w.violate(c, RuleLastCopy, "the secret that holds the current key was deleted")
	}
}

func (w *World) ruleDeleteUser(by actor, s *userSlot) {
	if c := w.care[s.name]; c != nil && by.rotator {
		w.violate(c, RuleLastCopy, "the user was deleted")
	}
}
