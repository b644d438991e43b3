package rotation

import "time"

// Freeze keeps scheduled changes from beginning: a rotation that is due, a retirement, a deletion, the onboarding of a new user.
// Repairs and what an operator asks for go on, and so does every look. The zero value freezes nothing.
type Freeze struct {
	Why   string    // for a person; empty: nothing is frozen
	Until time.Time // scheduled changes may begin again then; zero: nobody knows yet
}

// On reports whether anything is frozen.
func (f Freeze) On() bool { return f.Why != "" }

// String is the reason, and the end as far as it is known.
func (f Freeze) String() string {
	if f.Why == "" || f.Until.IsZero() {
		return f.Why
	}
	return f.Why + ", until " + stamp(f.Until)
}

// heldBack is frozen for a step of a user under care. Nothing is held back that makes room for the key that a user without a working
// one needs, or that an operator asked for.
func (p *planner) heldBack(keyID string) bool {
	_, works := p.activeCurrent()
	return (works || p.o.LeaveCare) && p.o.Request.Kind != RequestRotate && p.frozen(keyID)
}

// frozen reports whether a change that comes by itself has to wait, and notes what for. Called when the change could be made now: so
// a freeze can only delay, and nothing that is counted from other times counts from its end.
func (p *planner) frozen(keyID string) bool {
	if p.o.Frozen == nil {
		return false
	}
	f := p.o.Frozen(p.o.Now)
	if !f.On() || !f.Until.IsZero() && p.over(f.Until) {
		return false
	}
	p.freeze = f
	p.waitFor(ReasonFrozen, keyID)
	return true
}
