package reconcile

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Look makes one observation and the decision that follows from it, and does nothing: no lease, no record, only reads. Quiet is
// the end of our last change, as far as the journal knows.
func (r *Reconciler) Look(ctx context.Context, t Task, quiet time.Time) (rotation.Observation, rotation.Decision, error) {
	run := &run{Reconciler: r, task: t, quiet: quiet, log: r.Log}
	d, err := run.look(ctx, 0)
	return run.obs, d, err
}
