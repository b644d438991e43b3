package simulation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// slow is a journal that takes so long once, while it records that an action is about to be made.
type slow struct {
	reconcile.Journal
	kind  rotation.ActionKind
	stall func()
}

func (j *slow) Begin(ctx context.Context, e rotation.Event) (int64, error) {
	if e.Action == j.kind && j.stall != nil {
		stall := j.stall
		j.stall = nil
		stall()
	}
	return j.Journal.Begin(ctx, e)
}

// stalls makes the database slow at the next such action.
func (s *scene) stalls(kind rotation.ActionKind, d time.Duration) {
	s.proc.rec.Journal = &slow{s.proc.rec.Journal, kind, func() {
		s.note("the database takes %s", d)
		s.wait(d)
	}}
}

// TestRuleDeadline: no step begins later than the run's deadline after its first list call, and none is even put on record;
// what was sent before is over, retries and all, one HTTP time-out later.
func TestRuleDeadline(t *testing.T) {
	t.Run("counts from the first call", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.until(10*time.Minute - time.Second)
			s.wait(time.Second)
			s.upon("ListAccessKeys", awssim.Fate{Delay: 9 * time.Second})
			s.upon("DescribeSecret", awssim.Fate{Delay: 9 * time.Second})
			s.stalls(rotation.WriteIntent, 73*time.Second)
			before := s.changes()
			res := s.look()
			s.want(res.Err != nil && s.changes() == before, "nothing is sent 91 s after the first call: %v", res.Err)
			s.goesOn()
		})
	})
	t.Run("before a step", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.until(10*time.Minute - time.Second)
			s.wait(time.Second)
			s.upon("ListAccessKeys", awssim.Fate{Delay: 9 * time.Second})
			s.upon("DescribeSecret", awssim.Fate{Delay: 9 * time.Second})
			s.stalls(rotation.WriteIntent, 70*time.Second)
			s.upon("TagResource", awssim.Fate{Delay: 5 * time.Second})
			created := s.begun(rotation.CreateKey)
			res := s.look()
			s.want(s.begun(rotation.CreateKey) == created, "the create is not put on record")
			s.want(res.Err != nil && strings.Contains(res.Err.Error(), "deadline passed before its last step"), "it says so: %v", res.Err)
			s.goesOn()
		})
	})
	t.Run("of calls that time out", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.rotated()
			s.until(12*time.Minute - time.Second)
			s.wait(10 * time.Second)
			s.stalls(rotation.DeactivateKey, 85*time.Second)
			s.always("UpdateAccessKey", awssim.Fate{Delay: 11 * time.Second})
			began := s.now()
			res := s.look()
			s.want(res.Err != nil && s.now().Sub(began) <= s.limits.RunDeadline+s.limits.HTTPTimeout, "the run took %s: %v",
				s.now().Sub(began), res.Err)
			s.goesOn()
		})
	})
}

// TestRuleStopped: when the process is told to stop, nothing new is begun.
func TestRuleStopped(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.first()
		s.until(10*time.Minute - time.Second)
		s.wait(time.Second)
		s.proc.rec.Journal = &slowJournal{Journal: s.proc.rec.Journal, end: true, stall: s.proc.cancel}
		created := s.begun(rotation.CreateKey)
		res := s.look()
		s.want(errors.Is(res.Err, context.Canceled) && s.begun(rotation.CreateKey) == created, "nothing is begun: %v", res.Err)
		s.boot()
		s.goesOn()
	})
}

// TestRuleRevokeIsDoneInItsRun: the leaked key is deactivated in the very run, whether its successor can be made or not, and a
// successor that could not be made is told of.
func TestRuleRevokeIsDoneInItsRun(t *testing.T) {
	for name, disturb := range map[string]func(*scene){
		"the successor cannot be made":     func(s *scene) { s.always("CreateAccessKey", awssim.Fate{FailBefore: awssim.ServiceFailure}) },
		"the successor cannot be stored":   func(s *scene) { s.always("PutSecretValue", awssim.Fate{FailBefore: awssim.AccessDenied}) },
		"the successor cannot be verified": func(s *scene) { s.always("GetCallerIdentity", awssim.Fate{FailBefore: awssim.InvalidClientTokenID}) },
		"and the database is slow": func(s *scene) {
			s.stalls(rotation.WriteIntent, 40*time.Second)
			s.upon("UpdateAccessKey", awssim.Fate{Delay: 9 * time.Second})
			s.always("GetCallerIdentity", awssim.Fate{FailBefore: awssim.InvalidClientTokenID})
		},
	} {
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				k0 := s.first()
				s.until(5 * time.Minute)
				disturb(s)
				res := s.asks(rotation.RequestRevoke, k0)
				s.want(!s.keyWorks(k0) && len(s.state().Inactive) == 1, "the leaked key is Inactive, and that is on record: %v", res.Err)
				s.want(res.Err != nil && strings.Contains(res.Err.Error(), "its successor is not made"), "it says so: %v", res.Err)
				s.goesOn()
			})
		})
	}
}

// TestRuleOtherFieldsStay: going back to an earlier version is refused, at whichever step, when fields of others changed since;
// and when that cannot be told, nothing is done.
func TestRuleOtherFieldsStay(t *testing.T) {
	stays := func(s *scene, k1 string) {
		s.want(s.currentKey() == k1 && s.currentWorks(), "K1 stays current: %s is", s.currentKey())
		s.calm()
		s.asks(rotation.RequestResume, "")
		s.goesOn()
		sec, _ := s.secret()
		s.want(hasField(sec.value(sec.stage(rotation.StageCurrent)), "DatabaseHost"), "the person's field is kept")
	}
	t.Run("at once", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.rotated()
			s.otherFields()
			before := s.changes()
			s.asks(rotation.RequestRollback, k0)
			s.want(s.last.Reason == rotation.BlockedRollback && s.changes() == before, "refused: %s, %v", s.last.Reason, s.last.Err)
			stays(s, k1)
		})
	})
	t.Run("edited since it was asked for", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.rotated()
			s.asks(rotation.RequestRollback, k0)
			s.want(s.last.Reason == rotation.ReasonRollback, "it is under way: %s, %v", s.last.Reason, s.last.Err)
			s.otherFields()
			s.until(15 * time.Minute)
			s.look()
			s.want(s.last.Reason == rotation.BlockedRollback, "refused: %s, %v", s.last.Reason, s.last.Err)
			stays(s, k1)
		})
	})
	t.Run("the values cannot be read", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.rotated()
			s.otherFields()
			s.look()
			s.until(12*time.Minute + 20*time.Second)
			s.upon("GetSecretValue", awssim.Fate{}) // whose key is current is read, and the rest is not
			s.always("GetSecretValue", awssim.Fate{FailBefore: awssim.AccessDenied})
			before := s.changes()
			res := s.asks(rotation.RequestRollback, k0)
			s.want(res.Err != nil && strings.Contains(res.Err.Error(), "GetSecretValue") && s.changes() == before, "unknown: %s, %v",
				res.Reason, res.Err)
			s.request = rotation.Request{}
			stays(s, k1)
		})
	})
}
