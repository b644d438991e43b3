package simulation

import (
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// frozen is what the fleet would tell a run of the freeze that stands.
func (w *world) frozen(at time.Time) rotation.Freeze {
	if w.freeze.On() && !w.freeze.Until.IsZero() && !at.Before(w.freeze.Until) {
		return rotation.Freeze{}
	}
	return w.freeze
}

// freezeAll keeps scheduled changes from beginning for a while; every other time nobody knows how long.
func (w *world) freezeAll() {
	long := w.later()
	f := rotation.Freeze{Why: "release week"}
	if w.rng.IntN(2) == 0 {
		f.Until = w.now().Add(long)
	}
	w.note("frozen for %s, %v", long, f)
	w.freeze = f
	w.after(long, func() {
		if w.freeze != f {
			return
		}
		w.thaw()
		if f.Until.IsZero() {
			w.hurry() // nothing else could wake whoever waits for it
		}
	})
}

func (w *world) thaw() {
	w.note("not frozen any more")
	w.freeze = rotation.Freeze{}
}

// checkFrozen: what nobody asked for and what mends nothing does not begin while it is frozen.
func (w *world) checkFrozen(e rotation.Event) {
	if !w.begun || !w.frozen(e.At).On() || w.request.Kind != rotation.NoRequest {
		return
	}
	switch e.Reason {
	case rotation.ReasonDue, rotation.ReasonGraceOver, rotation.ReasonOnboard:
		w.fail("%s %s (%s) though it is frozen", e.Action, e.KeyID, e.Reason)
	case rotation.ReasonRetentionOver:
		if w.currentWorks() {
			w.fail("%s %s (%s) though it is frozen and the current key works", e.Action, e.KeyID, e.Reason)
		}
	}
}
