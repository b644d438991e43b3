package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Refusal is a step that must not be taken, though nothing failed: it needs a person.
type Refusal struct {
	Reason rotation.Reason
	Text   string
}

// Error says why, and what to do.
func (e *Refusal) Error() string { return e.Text }

// ErrDeadline ends a run before a step that could end too late for what others may assume of it.
var ErrDeadline = errors.New("the run's deadline passed before its last step; the next run goes on from here")

// execute takes the steps of a decision in order. The first one that fails ends the run, and what comes of it is observed anew
// by the next; only soft steps are skipped instead.
func (r *run) execute(ctx context.Context, d rotation.Decision) error {
	var softFailed error
	for i := 0; i < len(d.Actions); i++ {
		a := d.Actions[i]
		if a.Soft && softFailed != nil {
			continue
		}
		err := r.inTime(ctx, a)
		if err == nil {
			err = r.step(ctx, a, d)
		}
		var hopeless *hopelessError
		switch {
		case err == nil:
		case errors.As(err, &hopeless) && d.IfHopeless != nil && !a.Soft:
			d.Reason, d.Actions, i, d.IfHopeless = rotation.ReasonPendingHopeless, d.IfHopeless, -1, nil
			r.res.Reason, r.res.Detail = d.Reason, hopeless.Error()
		case a.Soft:
			softFailed = err
		default:
			return err
		}
	}
	if softFailed != nil {
		return fmt.Errorf("the leaked key is Inactive, but its successor is not made: %w", softFailed)
	}
	return nil
}

// inTime: no step begins after the run's deadline, and soft ones leave time for the two calls behind them.
func (r *run) inTime(ctx context.Context, a rotation.Action) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before %s: %w", a.Kind, err)
	}
	if r.left(a.Soft) <= 0 {
		return ErrDeadline
	}
	return nil
}

// left is how much of the run remains, on the monotonic clock. It counts from before the lease was asked for, as the lease does: a
// process that stalled between the two must not act when the user may be another run's already.
func (r *run) left(soft bool) time.Duration {
	left := r.Limits.RunDeadline - time.Since(r.leased)
	if soft {
		left -= 2 * r.Limits.HTTPTimeout
	}
	return left
}

// step takes one action: recorded before it is made (no record, no action) and its outcome after.
func (r *run) step(ctx context.Context, a rotation.Action, d rotation.Decision) error {
	if a.KeyID == "" && r.made != nil {
		a.KeyID = r.made.ID
	}
	if a.VersionID == "" && a.KeyID != "" {
		a.VersionID = rotation.VersionID(a.KeyID)
	}
	if a.Kind == rotation.Verify {
		return r.verify(ctx, a)
	}
	if err := r.refuse(ctx, a, d); err != nil {
		return err
	}
	id, err := r.Journal.Begin(ctx, rotation.Event{At: r.task.Cloud.Date(), User: r.task.User, Run: r.id, Action: a.Kind,
		Reason: d.Reason, KeyID: a.KeyID, VersionID: a.VersionID, Detail: r.wish(d.Reason)})
	if err != nil {
		return fmt.Errorf("%s of %s is not made, as it cannot be recorded: %w", a.Kind, r.task.User, err)
	}
	after, err := r.send(ctx, a)
	// A crash here: the action is recorded as begun without an outcome, which is what it is; the next run observes it.
	r.changed = r.Now().Add(time.Second)
	outcome, detail := rotation.Done, ""
	if err != nil {
		outcome, detail = rotation.Unknown, err.Error()
		if rotation.Definite(err) {
			outcome = rotation.Failed
		}
		r.tell("")
	} else {
		r.obs = after
		if a.KeyID == "" && r.made != nil {
			a.KeyID = r.made.ID
		}
		r.res.Actions = append(r.res.Actions, a)
		r.tell(after.Current())
	}
	endErr := r.Journal.End(context.WithoutCancel(ctx), id, r.task.Cloud.Date(), outcome, a.KeyID, detail)
	r.log.Info(string(a.Kind), "outcome", outcome, "reason", d.Reason, "key", a.KeyID)
	if err != nil && a.Kind == rotation.CreateKey && outcome == rotation.Failed {
		// Left out by a crash: the intent stays open without a key, and a later one replaces it.
		_ = r.step(ctx, rotation.Action{Kind: rotation.CloseIntent}, rotation.Decision{Reason: rotation.ReasonCreateFailed})
	}
	if err == nil && endErr != nil {
		return fmt.Errorf("%s of %s was made, but: %w", a.Kind, r.task.User, endErr)
	}
	return err
}

// wish is why an operator asked for what is done, for the history; empty when it is not done for an operator.
func (r *run) wish(reason rotation.Reason) string {
	switch reason {
	case rotation.ReasonAsked, rotation.ReasonRevoke, rotation.ReasonRollback, rotation.ReasonPaused, rotation.ReasonResumed,
		rotation.ReasonAdopt:
		return r.task.Request.Why
	}
	return ""
}

// errNotSent: recording took so long that the call would come too late.
var errNotSent = &rotation.CallError{Operation: "the call", Target: "the run", Definite: true,
	Detail: "not sent: the run's deadline passed while the action was recorded"}

// send makes the call only while the run's time lasts, and bounds it so that whatever it does is done before the lease, and the
// window of an intent, can be over.
func (r *run) send(ctx context.Context, a rotation.Action) (rotation.Observation, error) {
	left := r.left(a.Soft)
	if left <= 0 {
		return r.obs, errNotSent
	}
	if r.Calling != nil {
		ctx = r.Calling(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, left+r.Limits.HTTPTimeout)
	defer cancel()
	return r.act(ctx, a)
}

// act makes the AWS call of an action and gives the world after it.
func (r *run) act(ctx context.Context, a rotation.Action) (rotation.Observation, error) {
	c, before := r.task.Cloud, r.obs
	effect := func() rotation.Observation {
		m := rotation.MomentOf(r.task.Schedule, r.Limits, c.Date().Add(time.Second), c.Date(), r.id)
		if r.made != nil {
			m.Made = rotation.Key{ID: r.made.ID, Status: rotation.Active, Created: r.made.Created}
		}
		return rotation.Effect(before, a, m)
	}
	var err error
	switch a.Kind {
	case rotation.Onboard:
		// A crash after this: an empty secret with an intent and no key; a later intent replaces it.
		after := effect()
		return after, c.CreateSecret(ctx, stateTags(after))
	case rotation.CreateKey:
		// A crash after this leaves an orphan: a key whose secret nobody holds. The open intent proves that it is ours.
		key, err := c.CreateAccessKey(ctx)
		if err != nil {
			return before, err
		}
		r.made = &key
		return effect(), nil
	case rotation.PutPending, rotation.PutFirst:
		// A crash after PutPending leaves a pending key, which the next run verifies and promotes. After PutFirst the key is
		// current already (it was verified before), and the next run records that.
		err = c.PutKey(ctx, a.VersionID, *r.made, a.Base, r.oldKey())
	case rotation.Promote:
		// A crash after this: AWSCURRENT names the new key and the record does not; the next run mends it before anything else.
		err = c.MoveCurrent(ctx, a.VersionID, a.Base)
	case rotation.DeactivateKey:
		// A crash after this: the key is seen Inactive without a record; the retention counts from the next look.
		err = c.UpdateAccessKey(ctx, a.KeyID, rotation.Inactive)
	case rotation.ReactivateKey:
		err = c.UpdateAccessKey(ctx, a.KeyID, rotation.Active)
	case rotation.DeleteKey:
		err = c.DeleteAccessKey(ctx, a.KeyID)
	default: // a record in the tags, one TagResource call
		after := effect()
		old, _, _ := rotation.ParseState(before.Secret.Tags)
		now, _, err := rotation.ParseState(after.Secret.Tags)
		if err != nil {
			return before, err
		}
		tags := now.Changed(old)
		if a.Kind == rotation.OnboardExisting {
			tags = now.Tags()
		}
		if len(tags) == 0 {
			return after, nil
		}
		return after, c.TagSecret(ctx, tags)
	}
	if err != nil {
		return before, err
	}
	return effect(), nil
}

func stateTags(o rotation.Observation) map[string]string {
	st, _, _ := rotation.ParseState(o.Secret.Tags)
	return st.Tags()
}

// oldKey is the current key before this run's, for the field OldAccessKeyId.
func (r *run) oldKey() string {
	current := r.obs.Secret.Stage(rotation.StageCurrent)
	for _, k := range r.obs.Keys {
		if current != "" && (rotation.VersionID(k.ID) == current || r.obs.CurrentRead && r.obs.CurrentNames == k.ID) {
			return k.ID
		}
	}
	return ""
}

// refuse stops a re-promotion that would bring back old values of other people's fields in a shared secret.
func (r *run) refuse(ctx context.Context, a rotation.Action, d rotation.Decision) error {
	asks := a.Kind == rotation.RecordPaused && a.VersionID != "" && a.KeyID != ""
	again := a.Kind == rotation.RecordPromoting
	if !asks && !again {
		return nil
	}
	current := r.obs.Secret.Stage(rotation.StageCurrent)
	same, err := r.task.Cloud.SameFields(ctx, a.VersionID, current)
	if err != nil {
		return err
	}
	if same {
		return nil
	}
	return &Refusal{rotation.BlockedRollback, fmt.Sprintf("%s of %s to the key %s is refused: other fields of the secret changed "+
		"since that version, and going back would undo them; rotate instead", d.Reason, r.task.User, a.KeyID)}
}
