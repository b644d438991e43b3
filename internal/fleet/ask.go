package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// aheadSteps is how many steps an Answer and a Foresight tell of: the rest of one key's life, and the next one's beginning.
const aheadSteps = 6

// leasedAgain is how long an Ask waits before it asks again for a user that another run has.
const leasedAgain = time.Second

// Do makes one run for the Ask, or as many as its patience allows. The first run that carries it out is the last one.
func (o *Office) Do(ctx context.Context, a Ask) (Answer, error) {
	if a.Patience > 0 {
		return Patiently(ctx, o, a, nil)
	}
	f, err := o.fleet()
	if err != nil {
		return Answer{}, err
	}
	if a.User == "" && a.Request.Kind == rotation.RequestResume {
		return o.lift(ctx, f)
	}
	found, err := o.askedOf(ctx, a)
	if err != nil {
		return Answer{}, err
	}
	since, err := o.since(ctx, a)
	if err != nil {
		return Answer{}, err
	}
	m := found[0]
	if a.Since != 0 {
		if ans := o.metBy(ctx, Answer{User: m.User, Since: since, At: f.cfg.Now()}, m.User); ans.Done {
			return ans, nil // another run would make one key more than was asked for
		}
	}
	enter := f.slots.ask
	if a.Request.Kind == rotation.RequestRevoke {
		enter = f.slots.start // a key that others may have is not to wait for what else is asked for
	}
	if err := enter(ctx); err != nil {
		return Answer{}, err
	}
	var res reconcile.Result
	hold(ctx, m, f.slots.give, func(ctx context.Context, m Member) { res = f.one(ctx, m, a.Request) })
	if o.cfg.Looked != nil {
		o.cfg.Looked(m, res)
	}
	ans := f.answer(m, a.Request, res)
	if a.Request.Kind == rotation.RequestRotate && !ans.Done {
		ans.Since = since
		ans = o.metBy(ctx, ans, m.User)
	}
	return ans, nil
}

// askedOf finds whom an Ask is about. That a user was deleted and made anew is seen by discoveries, and whoever accepts it has just done so.
func (o *Office) askedOf(ctx context.Context, a Ask) ([]Member, error) {
	if a.Request.Kind == rotation.RequestAdopt && a.Request.KeyID == "" {
		if _, err := o.selection(ctx, true); err != nil {
			return nil, err
		}
	}
	return o.members(ctx, a.User)
}

// lift ends what holds scheduled changes of everybody back. The selection is what the policy learns from.
func (o *Office) lift(ctx context.Context, f *Fleet) (Answer, error) {
	if _, err := o.selection(ctx, false); err != nil {
		return Answer{}, err
	}
	return Answer{Done: true, Reason: rotation.ReasonResumed, Detail: f.policy.Lift(ctx), At: f.cfg.Now()}, nil
}

// answer says what came of one run.
func (f *Fleet) answer(m Member, r rotation.Request, res reconcile.Result) Answer {
	a := Answer{User: m.User, Done: carriedOut(r, res), Reason: res.Reason, KeyID: res.KeyID, Detail: res.Detail, Actions: res.Actions,
		Keys: res.Keys, Recheck: res.Recheck, At: f.cfg.Now(),
		Then: rotation.Forecast(m.Schedule, f.cfg.Limits, res.Observation, aheadSteps)}
	if res.Err != nil {
		a.Error, a.Err = res.Err.Error(), res.Err
	}
	if !a.Done {
		a.Refused = refusedBy(r, res)
		// A step that had to come first was taken. The run knows when it will look again by itself, and a rotation need not wait so long.
		if free := res.Standing.FreeAt; r.Kind == rotation.RequestRotate && len(res.Actions) > 0 && free.Before(a.Recheck) {
			a.Recheck = free
		}
	}
	return a
}

// carriedOut reports whether nothing is left to do for a request after a run.
func carriedOut(r rotation.Request, res reconcile.Result) bool {
	took := func(k rotation.ActionKind) bool {
		return slices.ContainsFunc(res.Actions, func(a rotation.Action) bool { return a.Kind == k })
	}
	switch r.Kind {
	case rotation.RequestRotate:
		return Rotated(res)
	case rotation.RequestRollback:
		return res.Reason == rotation.ReasonRollbackDone || res.Reason == rotation.ReasonRollback && took(rotation.RecordPromoted)
	case rotation.RequestResume:
		return took(rotation.RecordResumed)
	case rotation.RequestAdopt:
		return took(rotation.RecordUser) || stands(r, res.Observation)
	}
	return stands(r, res.Observation)
}

// stands reports whether what was asked for is so already, by what AWS itself records: so an asking again, after a crash say, finds it
// done.
func stands(r rotation.Request, o rotation.Observation) bool {
	st, present, err := rotation.ParseState(o.Secret.Tags)
	if err != nil || !present {
		return false
	}
	switch r.Kind {
	case rotation.RequestRevoke:
		return st.IsRevoked(r.KeyID) && !slices.ContainsFunc(o.Keys, func(k rotation.Key) bool {
			return k.ID == r.KeyID && k.Status == rotation.Active
		})
	case rotation.RequestAdopt:
		return r.KeyID != "" && st.IsAdopted(r.KeyID)
	case rotation.RequestPause:
		return st.Pause.Paused
	}
	return false
}

// refusedBy says why asking again is of no use; empty when it may be.
func refusedBy(r rotation.Request, res reconcile.Result) string {
	if res.Err != nil {
		if lasting(res.Err) {
			return res.Err.Error()
		}
		return ""
	}
	return refusal(r, res.Reason, res.Detail)
}

// refusal says why a request cannot be carried out, however long one waits; empty when it can.
func refusal(r rotation.Request, reason rotation.Reason, detail string) string {
	switch {
	case reason == rotation.BlockedRollback:
		return "going back is not possible: " + detail
	case reason == rotation.BlockedRequest:
		return detail
	case reason.Blocked() && detail != "":
		return fmt.Sprintf("the user is %s: %s", reason, detail)
	case reason.Blocked():
		return fmt.Sprintf("the user is %s", reason)
	case reason == rotation.ReasonLeft:
		return "the user left care"
	case r.Kind != rotation.RequestRotate:
		return ""
	}
	switch reason {
	case rotation.ReasonPaused, rotation.ReasonRollbackDone:
		return "the user is paused (" + detail + "); resume it first"
	case rotation.ReasonRollback:
		return "the user is going back to an earlier key; resume it afterwards"
	}
	return ""
}

// lasting reports an error that stays until somebody acts: a refusal, a missing right, settings or a database that cannot be used. What
// AWS may answer otherwise in a minute is not.
func lasting(err error) bool {
	for _, kind := range []error{rotation.ErrDenied, rotation.ErrNoUser, rotation.ErrVersionQuota, rotation.ErrPendingDeletion,
		rotation.ErrWrongSecret, rotation.ErrWrongUser, rotation.ErrRegionDisabled, rotation.ErrKMS, rotation.ErrBadSecret,
		rotation.ErrInvalid} {
		if errors.Is(err, kind) {
			return true
		}
	}
	for _, kind := range []error{reconcile.ErrDeadline, reconcile.ErrNotYet, rotation.ErrLeaseLost} {
		if errors.Is(err, kind) {
			return false
		}
	}
	var call *rotation.CallError
	return !errors.As(err, &call)
}

// Foresee reads AWS once and says what the Ask would do, by the plan that would do it.
func (o *Office) Foresee(ctx context.Context, a Ask) (Foresight, error) {
	f, err := o.fleet()
	if err != nil {
		return Foresight{}, err
	}
	found, err := o.askedOf(ctx, a)
	if err != nil {
		return Foresight{}, err
	}
	if err := f.slots.look(ctx); err != nil {
		return Foresight{}, err
	}
	var l Look
	hold(ctx, found[0], f.slots.looked, func(ctx context.Context, m Member) { l = f.look(ctx, m, a.Request) })
	if l.Err != nil {
		return Foresight{}, l.Err
	}
	m := l.Member
	d, at, then := rotation.Foresee(m.Schedule, f.cfg.Limits, l.Observation, aheadSteps)
	settled := m.Standing.Changed.Add(f.cfg.Limits.Settle)
	out := Foresight{User: m.User, Reason: d.Reason, KeyID: d.KeyID, Detail: d.Detail, Begins: at, Then: then, Keys: d.Classes,
		At: l.Observation.Now, Settling: max(0, settled.Sub(l.Observation.Now))}
	if out.Stands = d.Reason == rotation.ReasonRollbackDone && a.Request.Kind == rotation.RequestRollback ||
		stands(a.Request, l.Observation); !out.Stands {
		out.Now, out.Refused = d.Actions, refusal(a.Request, d.Reason, d.Detail)
	}
	return out, nil
}

// Patiently asks a desk again and again, until the Ask is carried out or refused, or its patience cannot last until the next try. An
// answer that is not Done then says when to ask again. On is told of each wait before it begins; nil: nobody is.
//
// A rollback pauses the user first. When somebody resumes it while the rollback waits, that is the last word, and it is not asked again.
func Patiently(ctx context.Context, d Desk, a Ask, on func(Answer, time.Duration)) (Answer, error) {
	until := time.Now().Add(a.Patience)
	a.Patience, a.Until = 0, until
	var taken []rotation.Action
	for {
		if a.Request.Kind == rotation.RequestRollback && pauses(taken) {
			if f, err := d.Foresee(ctx, a); err == nil && pauses(f.Now) {
				return Answer{User: f.User, Reason: f.Reason, KeyID: f.KeyID, Actions: taken, Keys: f.Keys, At: f.At, Recheck: f.At, Then: f.Then,
					Refused: "somebody resumed the user meanwhile, which ends the rollback"}, nil
			}
		}
		ans, err := d.Do(ctx, a)
		taken = append(taken, ans.Actions...)
		ans.Actions, a.Since = taken, ans.Since
		if err == nil && ctx.Err() != nil && !ans.Done {
			err = fmt.Errorf("stopped on the way; the next run goes on from here: %w", ctx.Err())
		}
		if err != nil {
			return ans, err
		}
		wait := max(ans.Recheck.Sub(ans.At), time.Second)
		if ans.Reason == rotation.ReasonLeased { // whoever has the lease gives it back earlier, as a rule; asking for it costs no AWS call
			wait = min(wait, leasedAgain)
		}
		if ans.Done || ans.Refused != "" || time.Now().Add(wait).After(until) {
			return ans, nil
		}
		if on != nil {
			on(ans, wait)
		}
		if err := sleep(ctx, wait); err != nil {
			return ans, stopped(a.Request, err)
		}
	}
}

func pauses(actions []rotation.Action) bool {
	return slices.ContainsFunc(actions, func(a rotation.Action) bool { return a.Kind == rotation.RecordPaused })
}

// stopped words the end of a wait: what is recorded in AWS goes on without whoever asked for it.
func stopped(r rotation.Request, err error) error {
	if r.Kind == rotation.RequestRollback {
		return fmt.Errorf("stopped while waiting; once the rollback is recorded, the next run carries it on: %w", err)
	}
	return fmt.Errorf("stopped while waiting; nothing is left half done: %w", err)
}
