package fleet

import (
	"context"
	"sync"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Look is what would be done for a member now. Nothing is changed, and no lease is taken.
type Look struct {
	Member      Member
	Observation rotation.Observation
	Decision    rotation.Decision
	Err         error
}

// Look reads AWS for one member and decides, without doing anything.
func (f *Fleet) Look(ctx context.Context, m Member) Look { return f.look(ctx, m, rotation.Request{}) }

func (f *Fleet) look(ctx context.Context, m Member, r rotation.Request) Look {
	quiet := m.Standing.Changed
	if quiet.IsZero() && m.Known {
		quiet = m.Standing.At.Add(-2 * f.cfg.Limits.Settle) // no run ever changed it: there is nothing to settle
	}
	task, err := f.task(m, r)
	if err != nil {
		return Look{Member: m, Err: err}
	}
	obs, d, err := f.recon.Look(ctx, task, quiet)
	return Look{Member: m, Observation: obs, Decision: d, Err: err}
}

// Why says why nothing lies ahead of a user: what its decision waits for or is blocked by, or the freeze of unknown end in which it is.
func (l Look) Why() (r rotation.Reason, keyID, detail string) {
	d := l.Decision
	if l.Observation.Frozen != nil && !d.Reason.Blocked() {
		if f := l.Observation.Frozen(d.Recheck); f.On() && f.Until.IsZero() {
			return rotation.ReasonFrozen, d.KeyID, f.String()
		}
	}
	return d.Reason, d.KeyID, d.Detail
}

// LookAll looks at many members at once, within the looks' share of the slots, and hands each look to on, one at a time.
func (f *Fleet) LookAll(ctx context.Context, members []Member, on func(Look)) error {
	var mu sync.Mutex
	f.each(ctx, members, f.slots.look, f.slots.looked, func(ctx context.Context, m Member) {
		l := f.Look(ctx, m)
		mu.Lock()
		defer mu.Unlock()
		on(l)
	})
	return ctx.Err()
}

// Next gives the next n steps of a look, by the same plan that will take them.
func (f *Fleet) Next(l Look, n int) []rotation.Forecasted {
	if l.Err != nil {
		return nil
	}
	return rotation.Forecast(l.Member.Schedule, f.cfg.Limits, l.Observation, n)
}
