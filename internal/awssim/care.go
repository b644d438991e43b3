package awssim

import (
	"fmt"
	"time"
)

// Care is what it means, for the safety rules, that a user is under a rotator's care. The rules know
// nothing of how the rotator decides; they compare true times, and durations here are as they pass:
// Config.Speed does not divide them.
type Care struct {
	// SecretName is the user's secret, in the home Region.
	SecretName string
	// Grace passes between the promotion of a key and the deactivation of the one before it.
	Grace time.Duration
	// Retention passes between the deactivation of a key and its deletion; Quarantine instead for a
	// key that the rotator made and never stored.
	Retention, Quarantine time.Duration
	// VerifyRegions are where a key must have answered GetCallerIdentity, VerifySuccesses times in a
	// row (zero: once), before AWSCURRENT may name it. Empty: the home Region.
	VerifyRegions   []string
	VerifySuccesses int
	// Legacy are keys that people made and the rotator may retire.
	Legacy []string
	// PeopleGrace is for how long after an act of people on the user or the secret the rotator cannot
	// be blamed for acting on what it saw before. Zero: it is always blamed.
	PeopleGrace time.Duration
}

type care struct {
	user string
	Care
	secret   string // as in World.secrets
	peopleAt time.Time
}

// Care declares or changes what the safety rules demand for a user; changing it while calls are being
// made is safe.
func (w *World) Care(user string, c Care) {
	if len(c.VerifyRegions) == 0 {
		c.VerifyRegions = w.cfg.Regions[:1]
	}
	if c.VerifySuccesses == 0 {
		c.VerifySuccesses = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	held := &care{user: user, Care: c, secret: w.secretKey(w.cfg.Regions[0], c.SecretName)}
	if was := w.care[user]; was != nil {
		held.peopleAt = was.peopleAt
		delete(w.careOf, was.secret)
	}
	w.care[user], w.careOf[held.secret] = held, held
}

// Uncare ends a user's care: nothing that happens to it is judged any more.
func (w *World) Uncare(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.care[user]; c != nil {
		delete(w.care, user)
		delete(w.careOf, c.secret)
	}
}

// AllowRevoke lets the rotator deactivate a key at any time, whatever AWSCURRENT names. Once it did,
// it may not bring the key back.
func (w *World) AllowRevoke(keyID string) { w.allow(keyID, func(k *key) { k.revocable = true }) }

// AllowRetire lets the rotator retire a key that people made, as if it were legacy.
func (w *World) AllowRetire(keyID string) { w.allow(keyID, func(k *key) { k.retirable = true }) }

func (w *World) allow(keyID string, set func(*key)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.keys[keyID]; k != nil {
		set(k)
	}
}

// PeopleActed starts a user's PeopleGrace. The methods of People do it by themselves.
func (w *World) PeopleActed(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched(w.care[user])
}

func (w *World) touched(c *care) {
	if c != nil {
		c.peopleAt = w.now()
	}
}

// Violations are the broken safety rules so far, oldest first.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.broken...)
}

// violate records a broken rule; it is told to the test once the lock is free.
func (w *World) violate(c *care, rule, format string, args ...any) {
	now := w.now()
	if c.PeopleGrace > 0 && !c.peopleAt.IsZero() && now.Sub(c.peopleAt) < c.PeopleGrace {
		return
	}
	v := fmt.Sprintf("%s: user %s at %s: %s", rule, c.user, now.UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	w.broken = append(w.broken, v)
	w.unsaid = append(w.unsaid, v)
}
