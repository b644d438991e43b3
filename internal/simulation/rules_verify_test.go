package simulation

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// unverified lives until K1 is made and stored, and every answer to its probes is this fate.
func (s *scene) unverified(f awssim.Fate) (k0, k1 string) {
	k0 = s.first()
	s.until(10*time.Minute - time.Second)
	s.wait(time.Second)
	s.always("GetCallerIdentity", f)
	s.sent["GetCallerIdentity"] = 0
	s.look()
	k1 = s.newest()
	s.want(k1 != k0 && s.currentKey() == k0, "K1 is stored, and not promoted: %v", s.last.Err)
	return k0, k1
}

// TestRuleVerification: what a run makes of the answers to its probes, before it promotes.
func TestRuleVerification(t *testing.T) {
	t.Run("several in a row", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.until(10*time.Minute - time.Second)
			s.wait(time.Second)
			s.sent["GetCallerIdentity"] = 0
			s.upon("GetCallerIdentity", awssim.Fate{})
			s.upon("GetCallerIdentity", awssim.Fate{FailBefore: awssim.InvalidClientTokenID})
			s.look()
			s.want(s.sent["GetCallerIdentity"] == 4, "one good answer, a refusal, and two more good ones: %d", s.sent["GetCallerIdentity"])
			s.goesOn()
		})
	})
	t.Run("an interval apart", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.until(10*time.Minute - time.Second)
			s.wait(time.Second)
			var at []time.Time
			heard := awssim.Fate{After: func() { at = append(at, s.now()) }}
			s.always("GetCallerIdentity", heard)
			s.look()
			s.want(len(at) == 2 && at[1].Sub(at[0]) >= s.limits.VerifyInterval, "two answers: %v", at)
			s.goesOn()
		})
	})
	t.Run("its time-out ends the run", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			probes := 0
			began := s.now().Add(10 * time.Minute)
			_, k1 := s.unverified(awssim.Fate{FailBefore: awssim.InvalidClientTokenID, After: func() {
				if probes++; probes > 200 {
					s.proc.kill() // or it would never end
				}
			}})
			took := s.now().Sub(began)
			s.want(took >= 30*time.Second && took <= s.limits.VerifyTimeout+5*time.Second && probes < 100, "%d probes in %s", probes, took)
			s.calm()
			s.until(14 * time.Minute)
			s.want(s.currentKey() == k1, "the next run promotes K1: %s", s.last.Reason)
			s.goesOn()
		})
	})
}

// TestRuleHopeless: a key that AWS refuses is given up after ten minutes, and at once when its secret is wrong or it answers for
// somebody else; never because STS is away.
func TestRuleHopeless(t *testing.T) {
	t.Run("refused for minutes", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			_, k1 := s.unverified(awssim.Fate{FailBefore: awssim.InvalidClientTokenID})
			s.until(18 * time.Minute)
			s.want(s.keyWorks(k1), "K1 may still come up")
			s.calm()
			s.until(20 * time.Minute)
			s.want(s.currentKey() == k1, "and is promoted: %s", s.last.Reason)
			s.goesOn()
		})
	})
	t.Run("refused for ten minutes", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.unverified(awssim.Fate{FailBefore: awssim.InvalidClientTokenID})
			s.until(29 * time.Minute)
			s.want(!s.exists(k1) && s.keyWorks(k0), "K1 is given up, and gone: %s", s.last.Reason)
			s.goesOn()
		})
	})
	t.Run("STS is away", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			_, k1 := s.unverified(awssim.Fate{FailBefore: awssim.ServiceFailure})
			s.until(50 * time.Minute)
			s.want(s.keyWorks(k1), "nobody said that K1 does not work: %s", s.last.Reason)
			s.calm()
			s.until(s.now().Sub(s.origin) + time.Hour)
			s.goesOn()
		})
	})
	t.Run("the secret is wrong", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.unverified(awssim.Fate{FailBefore: "SignatureDoesNotMatch"})
			s.want(errors.Is(s.last.Err, rotation.ErrWrongSecret) && s.sent["GetCallerIdentity"] == 1, "it is asked once: %d, %v",
				s.sent["GetCallerIdentity"], s.last.Err)
			s.until(12 * time.Minute)
			s.want(!s.keyWorks(k1) && s.keyWorks(k0), "K1 is given up at once: %s", s.last.Reason)
			s.goesOn()
		})
	})
	for name, kind := range map[string]error{"it answers for somebody else": rotation.ErrWrongUser, "its version holds another key": nil} {
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				s.diesAfter("PutSecretValue")
				s.until(10*time.Minute + 3*time.Second)
				k1 := s.newest()
				s.boot()
				lie := &liar{Cloud: s.session(s.proc), about: k1, kind: kind}
				task := reconcile.Task{User: s.user, UserID: s.userID, Schedule: s.schedule, Cloud: lie}
				res := s.proc.rec.Run(s.proc.ctx, task)
				for ; res.Reason == rotation.ReasonLeased || res.Reason == rotation.ReasonSettling; res = s.proc.rec.Run(s.proc.ctx, task) {
					s.wait(res.Recheck.Sub(s.now()) + time.Second)
				}
				s.want(res.Reason == rotation.ReasonPendingHopeless && !s.keyWorks(k1) && lie.asked <= 1, "K1 is given up: %s, %v, asked %d times",
					res.Reason, res.Err, lie.asked)
				s.wait(2 * time.Minute)
				s.goesOn()
			})
		})
	}
}

// liar is a cloud in which a key answers for another user, or the version of a key holds another one.
type liar struct {
	reconcile.Cloud
	about string
	kind  error
	asked int
}

func (l *liar) GetCallerIdentity(ctx context.Context, region, keyID string, secret rotation.Sensitive) error {
	l.asked++
	if l.kind != nil && l.asked < 50 {
		return &rotation.CallError{Service: "sts", Operation: "GetCallerIdentity", Target: keyID, Kind: l.kind, Definite: true}
	}
	return l.Cloud.GetCallerIdentity(ctx, region, keyID, secret)
}

func (l *liar) ReadKey(ctx context.Context, version string) (rotation.NewKey, error) {
	k, err := l.Cloud.ReadKey(ctx, version)
	if l.kind == nil && version == rotation.VersionID(l.about) {
		k.ID = "AKIAANOTHERKEY000000"
	}
	return k, err
}
