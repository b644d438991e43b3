package simulation

import (
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// "Inactive since" was written before a deactivation that landed late, and K0 was deleted before its retention was over. Now it is
// written after the call's answer, or when K0 is seen Inactive.
func TestTrace22DeactivationLandsLate(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0, _ := s.rotated()
		s.always("UpdateAccessKey", awssim.Fate{Delay: 50 * time.Second, LandLate: true})
		s.until(13 * time.Minute)
		s.calm()
		s.want(!s.keyWorks(k0), "the deactivation landed")
		s.until(15*time.Minute + 45*time.Second)
		s.want(s.exists(k0), "K0 has its whole retention")
		s.goesOn()
	})
}

// K0 is revoked, the database is lost, a rollback is asked for: the leaked key was back in service. Now the tags know that it is
// revoked, and the rollback is refused.
func TestTrace23RevokedNeverComesBack(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0, k1 := s.rotated()
		s.asks(rotation.RequestRevoke, k0)
		s.want(!s.keyWorks(k0), "K0 is Inactive")
		s.until(12 * time.Minute)
		s.loseDatabase()
		s.wait(restartAfter)
		s.asks(rotation.RequestRollback, "")
		s.want(s.last.Reason == rotation.BlockedRollback, "the rollback is refused: %s", s.last.Reason)
		s.until(16 * time.Minute)
		s.want(s.currentKey() == k1 && !s.keyWorks(k0), "K1 stays current, and K0 dead")
		s.goesOn()
	})
}

// The rollback takes effect and the process dies; the operator's wish still stands at the next look, which rolled "back" to the
// new previous key. Now the target is on record, and done.
func TestTrace24RollbackThenCrash(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0, k1 := s.rotated()
		wish := rotation.Request{Kind: rotation.RequestRollback}
		s.asks(wish.Kind, "")
		s.diesAfter("UpdateSecretVersionStage")
		s.until(12*time.Minute + 54*time.Second)
		s.want(s.currentKey() == k0 && s.proc.dead.Load(), "the rollback took effect, and the process died")
		for at := 13 * time.Minute; at < 25*time.Minute; at += time.Minute {
			s.request = wish
			s.until(at)
			s.want(s.currentKey() == k0, "K0 stays current: %s is", s.currentKey())
		}
		s.asks(rotation.RequestRollback, "")
		s.want(s.last.Reason == rotation.ReasonRollbackDone && s.keyWorks(k1), "it is done, and nothing is retired: %s", s.last.Reason)
		s.asks(rotation.RequestResume, "")
		s.goesOn()
	})
}

// The schedule is shortened while both keys are in consumers' hands from the long one: K0 was deactivated under them. Now the
// longer of the grace now and the one on record counts, for K0 and then for K1.
func TestTrace25ShortenedDuringTheGrace(t *testing.T) {
	playTrace(t, options{schedule: minutes(60, 90, 110)}, func(s *scene) {
		k0, k1 := s.rotated()
		s.until(62 * time.Minute)
		s.want(s.promises[k0].After(s.now()) && s.promises[k1].After(s.now()), "consumers hold both keys")
		s.setSchedule(usual())
		s.look()
		s.until(89 * time.Minute)
		s.want(s.keyWorks(k0), "K0 has the grace of its time")
		s.until(150 * time.Minute)
		s.want(!s.exists(k0) && !s.exists(k1), "both are retired in the end")
		s.goesOn()
	})
}

// A consumer reads K0 from a stale answer just after the promotion, and was given the full grace from then: longer than K0 lives.
// Now settle, which outlasts every stale answer, is taken off what a consumer is given.
func TestTrace26StaleReadJustAfterPromotion(t *testing.T) {
	playTrace(t, options{stale: 59 * time.Second}, func(s *scene) {
		k0 := s.first()
		s.until(10*time.Minute + 50*time.Second)
		reader := s.newProcess("reader", newMemory())
		s.staleSecret(55 * time.Second)
		seen, _, err := reader.rec.Look(reader.ctx, reconcile.Task{User: s.user, UserID: s.userID, Schedule: s.schedule,
			Cloud: s.session(reader)}, s.now())
		reader.cancel()
		current := seen.Secret.Stage(rotation.StageCurrent)
		s.want(err == nil && current == rotation.VersionID(k0), "the stale answer names K0: %s, %v", current, err)
		until := rotation.Expiration(s.schedule, s.limits, seen, k0)
		s.want(until.After(s.now()), "it is given K0 for a while: until %s", until)
		s.promises[k0] = until
		s.until(13 * time.Minute)
		s.want(!s.keyWorks(k0), "K0 is deactivated in time")
		s.goesOn()
	})
}

// A person strips the state tags of an empty secret: it read as fresh, and our own orphan as legacy. Now the user is blocked, with
// the tags named, whatever the setting for existing secrets says, until they are restored.
func TestTrace27TagsOfEmptySecretStripped(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.diesAfter("CreateAccessKey")
		s.look()
		orphan := s.newest()
		sec, _ := s.secret()
		_ = s.sim.People().UntagSecret(secretName, rotation.StateTags...)
		s.until(4 * time.Minute)
		s.want(s.last.Reason == rotation.BlockedForeignSecret, "blocked: %s", s.last.Reason)
		res := s.proc.rec.Run(s.proc.ctx, reconcile.Task{User: s.user, UserID: s.userID, Schedule: s.schedule,
			Cloud: s.session(s.proc), ExistingAllowed: true})
		s.want(res.Reason == rotation.BlockedStateTag && len(res.Actions) == 0, "blocked, existing secrets allowed or not: %s, %v",
			res.Reason, res.Actions)
		s.want(s.sent["CreateAccessKey"] == 1 && s.keyWorks(orphan), "nothing is made or removed")
		_ = s.sim.People().TagSecret(secretName, sec.Tags)
		s.look()
		s.until(20 * time.Minute)
		s.want(!s.exists(orphan), "the orphan is gone")
		s.goesOn()
	})
}

// The pending key is revoked, and a person reactivates it: it was promoted. Now it is deactivated again at the next look, paused
// or not, and never promoted.
func TestTrace28RevokedPendingReactivated(t *testing.T) {
	for _, paused := range []bool{false, true} {
		name := "rotating"
		if paused {
			name = "paused"
		}
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				s.diesAfter("PutSecretValue")
				s.until(10*time.Minute + 3*time.Second)
				k1 := s.newest()
				s.until(12*time.Minute + 40*time.Second)
				s.wait(time.Second)
				s.asks(rotation.RequestRevoke, k1)
				s.want(!s.keyWorks(k1), "K1 is Inactive")
				if paused {
					s.until(14 * time.Minute)
					s.asks(rotation.RequestPause, "")
				}
				s.until(15*time.Minute + 30*time.Second)
				s.sets(k1, "Active")
				s.look()
				s.want(!s.keyWorks(k1), "K1 is Inactive again after the next look")
				s.until(16 * time.Minute)
				if paused {
					s.asks(rotation.RequestResume, "")
				}
				s.until(30 * time.Minute)
				s.want(!s.exists(k1), "K1 is gone")
				s.goesOn()
			})
		})
	}
}
