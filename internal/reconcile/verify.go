package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// hopelessError: this key can never work, or did not for so long that it is given up.
type hopelessError struct{ err error }

func (e *hopelessError) Error() string { return e.err.Error() }
func (e *hopelessError) Unwrap() error { return e.err }

// backoffMost is how many times the interval between two tries can grow.
const backoffMost = 8

// probe is one Region's verification.
type probe struct {
	region    string
	successes int
	last      error
}

// verify proves that the key works: GetCallerIdentity signed with the key itself, several times in a row in every Region, since
// one success is not propagation. A wrong secret fails at once; "not yet" is tried again until the time-out, which ends this
// run and not the key.
func (r *run) verify(ctx context.Context, a rotation.Action) error {
	key, err := r.secretOf(ctx, a)
	if err != nil {
		return err
	}
	until := time.Now().Add(min(r.Limits.VerifyTimeout, r.left(a.Soft)))
	probes := make([]*probe, len(r.Regions))
	for i, region := range r.Regions {
		probes[i] = &probe{region: region}
	}
	pause := r.Limits.VerifyInterval
	for {
		missing, failed, err := r.tryAll(ctx, probes, key)
		if err != nil || missing == 0 {
			return err
		}
		wait := r.Limits.VerifyInterval
		if failed {
			wait = pause
			pause = min(2*max(pause, r.Limits.VerifyTimeout/600), backoffMost*max(r.Limits.VerifyInterval, r.Limits.VerifyTimeout/60))
		}
		if time.Now().Add(wait).After(until) {
			return r.notVerified(a, probes)
		}
		if err := r.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// tryAll asks once in every Region that is not proved yet, and says how many are missing.
func (r *run) tryAll(ctx context.Context, probes []*probe, key NewKey) (missing int, failed bool, err error) {
	for _, p := range probes {
		if p.successes >= r.Limits.VerifySuccesses {
			continue
		}
		p.last = r.task.Cloud.GetCallerIdentity(ctx, p.region, key.ID, key.Secret)
		switch {
		case p.last == nil:
			p.successes++
		case errors.Is(p.last, rotation.ErrWrongSecret), errors.Is(p.last, rotation.ErrWrongUser):
			return 0, true, &hopelessError{p.last}
		case ctx.Err() != nil:
			return 0, true, ctx.Err()
		default:
			p.successes, failed = 0, true
		}
		if p.successes < r.Limits.VerifySuccesses {
			missing++
		}
	}
	return missing, failed, nil
}

// notVerified ends the run. Only definite answers make a key hopeless, and only when it is old enough; an outage of STS is
// unknown.
func (r *run) notVerified(a rotation.Action, probes []*probe) error {
	var last error
	definite := true
	for _, p := range probes {
		if p.successes >= r.Limits.VerifySuccesses {
			continue
		}
		if p.last != nil {
			last = p.last
			definite = definite && errors.Is(p.last, rotation.ErrInvalidKey)
		}
	}
	err := fmt.Errorf("the key %s is not proved to work yet, and is not promoted: %w", a.KeyID, orNotYet(last))
	for _, k := range r.obs.Keys {
		if k.ID == a.KeyID && definite && last != nil && r.task.Cloud.Date().Sub(k.Created) >= r.Limits.HopelessAfter {
			return &hopelessError{err}
		}
	}
	return err
}

// ErrNotYet ends a verification that found no failure and not enough successes; the next run goes on from here.
var ErrNotYet = errors.New("the run's time was over before enough answers came in a row")

func orNotYet(err error) error {
	if err == nil {
		return ErrNotYet
	}
	return err
}

// secretOf gives the key with its secret: made in this run, or read from the version that holds it.
func (r *run) secretOf(ctx context.Context, a rotation.Action) (NewKey, error) {
	if r.made != nil && r.made.ID == a.KeyID {
		return *r.made, nil
	}
	key, err := r.task.Cloud.ReadKey(ctx, a.VersionID)
	if err != nil {
		return NewKey{}, err
	}
	if key.ID != a.KeyID {
		// What it names instead is not repeated: with the names of two fields exchanged it is the secret.
		return NewKey{}, &hopelessError{fmt.Errorf("the version %s names another key than %s", a.VersionID, a.KeyID)}
	}
	return key, nil
}
