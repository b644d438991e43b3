package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Reconciler runs users. Every field is needed; it holds no state of its own and may be used by many goroutines.
type Reconciler struct {
	Journal Journal
	Limits  rotation.Limits
	Regions []string // where keys are verified: every Region that consumers use
	Holder  string   // names this process in leases; unique among all that share the database
	// Now is AWS's time: the Date of its last answer, and the time since.
	Now func() time.Time
	// Wait sleeps for d, or until the context ends. A run that waits holds no worker.
	Wait func(ctx context.Context, d time.Duration) error
	// Calling gives the context of a call that changes something and is about to be sent: it may outlast the run's own, so that a
	// run that is told to end cuts no action in half. Nil: the run's own.
	Calling func(ctx context.Context) context.Context
	// Heard is told what a run sees of its user's keys: at its look, and after every step that changed something or may have. Version is
	// the one that AWSCURRENT names, empty when there is none or a step's outcome is unknown; usable are the keys that consumers may hold.
	// It should be quick. Nil: nobody is.
	Heard func(u rotation.User, version string, usable []string)
	Log   *slog.Logger
	// NewRun gives the id of a run: unique, 8 to 16 characters of a–z and 0–9.
	NewRun func() string
}

// Task is one user to look after.
type Task struct {
	User            rotation.User
	UserID          string
	Schedule        rotation.Schedule
	Cloud           Cloud
	Request         rotation.Request
	LeaveCare       bool
	ExistingAllowed bool
	// Frozen says when scheduled changes may not begin; see rotation.Observation. Nil: they always may.
	Frozen   func(at time.Time) rotation.Freeze
	Failures int // runs in a row that failed before this one; a failure's recheck backs off with it
}

// Result is what a run did and found.
type Result struct {
	User    rotation.User
	Reason  rotation.Reason
	KeyID   string // the key that the reason is about
	Detail  string
	Actions []rotation.Action // taken, in order, with the ids of keys that were made
	Keys    []rotation.ClassifiedKey
	Recheck time.Time
	Calls   int // AWS requests sent
	Err     error
	// Standing is what was recorded of the user at the end; its At is zero when nothing was, as somebody else is at work on it.
	Standing rotation.Standing
	// Observation is the world as this run left it, as far as it was read; for forecasts.
	Observation rotation.Observation
}

// Run takes the user's lease, makes one observation and takes the steps that follow from it. Errors are in the result: one
// user's failure is nobody else's.
func (r *Reconciler) Run(ctx context.Context, t Task) Result {
	run := &run{Reconciler: r, task: t, id: r.NewRun(), log: r.Log.With("user", t.User.String())}
	run.res.User = t.User
	now := r.Now()
	run.leased = time.Now()
	lease, err := r.Journal.Acquire(ctx, t.User, r.Holder+"/"+run.id, now, now.Add(r.Limits.Lease()))
	if err != nil {
		run.res.Err = err
		run.res.Reason, run.res.Recheck = rotation.ReasonUnknown, now.Add(r.Limits.Settle)
		return run.res
	}
	if !lease.Taken {
		run.res.Reason, run.res.Recheck = rotation.ReasonLeased, lease.Until
		return run.res
	}
	run.quiet = lease.Quiet
	run.reconcile(ctx)
	run.finish(ctx)
	return run.res
}

// run is one Run under way.
type run struct {
	*Reconciler
	task  Task
	id    string
	log   *slog.Logger
	quiet time.Time

	leased  time.Time // monotonic, just before the lease was asked for: the run's deadline counts from here
	began   time.Time // monotonic, just before the first list call
	obs     rotation.Observation
	made    *NewKey   // the key made or read in this run, with its secret
	changed time.Time // end of the last changing call, whatever came of it; AWS's time
	res     Result
}

func (r *run) reconcile(ctx context.Context) {
	d, err := r.look(ctx, 0)
	if err == nil && d.Confirm > 0 {
		d, err = r.confirm(ctx, d)
	}
	r.note(d)
	if !r.obs.Now.IsZero() {
		r.tell(r.obs.Current())
	}
	if err != nil {
		r.res.Err, r.res.Reason = err, rotation.ReasonUnknown
		return
	}
	if err := r.execute(ctx, d); err != nil {
		r.res.Err = err
		var refused *Refusal
		if errors.As(err, &refused) {
			r.res.Reason = refused.Reason
		}
	}
}

// tell says what is seen of the user's keys.
func (r *run) tell(version string) {
	if r.Heard != nil {
		r.Heard(r.task.User, version, r.obs.Usable())
	}
}

func (r *run) note(d rotation.Decision) {
	r.res.Reason, r.res.KeyID, r.res.Detail, r.res.Recheck = d.Reason, d.KeyID, d.Detail, d.Recheck
	r.res.Keys = d.Classes
}

// confirm looks a second time, long enough after the first that no stale answer can be the reason for what is seen. The wait
// holds no worker; the lease is taken anew for it.
func (r *run) confirm(ctx context.Context, first rotation.Decision) (rotation.Decision, error) {
	before, since := r.obs, r.began
	if err := r.Wait(ctx, first.Confirm); err != nil {
		return first, err
	}
	now := r.Now()
	r.leased = time.Now()
	lease, err := r.Journal.Acquire(ctx, r.task.User, r.Holder+"/"+r.id, now, now.Add(r.Limits.Lease()))
	if err != nil {
		return first, err
	}
	if !lease.Taken {
		return first, nil
	}
	d, err := r.look(ctx, time.Since(since))
	if err == nil && !sameWorld(before, r.obs) {
		return rotation.Decision{Reason: rotation.ReasonConfirm, Recheck: r.obs.Now.Add(first.Confirm), Classes: d.Classes}, nil
	}
	return d, err
}

// finish plans the next look in the world as it was left, and gives the lease back settle after the last change. A run that
// failed after a change is looked at again as soon as settle allows.
func (r *run) finish(ctx context.Context) {
	now := r.Now()
	s := rotation.Standing{At: now, Changed: r.changed, Reason: r.res.Reason, Keys: r.res.Keys}
	s.FreeAt = now.Truncate(time.Second) // at once: another process knows AWS's time by whole seconds only, and may be in this one
	if !r.changed.IsZero() {
		s.FreeAt = r.changed.Add(r.Limits.Settle)
	}
	switch {
	case errors.Is(r.res.Err, context.Canceled): // told to end: no failure of the user, and the next process goes on from here
		s.LastError, s.Failures = r.res.Err.Error(), r.task.Failures
		r.res.Recheck = s.FreeAt
	case r.res.Err != nil:
		s.LastError, s.Failures = r.res.Err.Error(), r.task.Failures+1
		r.res.Recheck = maxTime(s.FreeAt, now.Add(backoff(r.Limits, r.task.Failures)))
	case !r.obs.Now.IsZero() && r.res.Reason != rotation.ReasonSettling && r.res.Reason != rotation.ReasonConfirm:
		world := r.obs
		world.Now = maxTime(world.Now, r.task.Cloud.Date())
		d, at := rotation.NextLook(r.task.Schedule, r.Limits, world, r.changed)
		r.res.Recheck = at
		if len(r.res.Actions) > 0 {
			s.Keys = d.Classes
			if r.res.Reason == rotation.ReasonOnboard && d.Reason.Blocked() { // two legacy keys: not to be learned an hour later only
				r.res.Reason, r.res.KeyID, r.res.Detail, s.Reason = d.Reason, d.KeyID, d.Detail, d.Reason
			}
		}
		switch {
		case r.task.Request.Kind != rotation.NoRequest && r.res.Reason.Blocked():
			s.Reason = d.Reason // what an operator was refused is no state of the user's
		case len(r.res.Actions) > 0 && d.Reason == rotation.ReasonPaused:
			s.Reason = d.Reason // nothing more comes by itself, and whoever looks must see why
		}
	}
	s.Recheck = r.res.Recheck
	for _, k := range s.Keys {
		if k.Class == rotation.ClassCurrent {
			s.CurrentKeyID = k.ID
		}
	}
	if r.res.Err == nil && !r.obs.Now.IsZero() {
		world := r.obs
		if world.Quiet.IsZero() {
			world.Quiet = world.Now // a new database has this run on record from now on, so what comes later needs no second look
		}
		if next := rotation.Forecast(r.task.Schedule, r.Limits, world, 1); len(next) > 0 {
			s.NextAction, s.NextAt = next[0].Action, next[0].At
		}
	}
	if s.Keys != nil {
		r.res.Keys = s.Keys
	}
	r.res.Calls = r.task.Cloud.Calls()
	r.res.Observation = r.obs
	r.res.Standing = s
	if err := r.Journal.Finish(context.WithoutCancel(ctx), r.task.User, r.Holder+"/"+r.id, s); err != nil && r.res.Err == nil {
		r.res.Err = err
	}
}

// backoff is settle, doubled with every failure in a row, up to the longest time between two looks.
func backoff(l rotation.Limits, failures int) time.Duration {
	const doublings = 12 // passes any max_recheck, and cannot overflow
	return min(l.Settle<<min(failures, doublings), max(l.Settle, l.MaxRecheck))
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
