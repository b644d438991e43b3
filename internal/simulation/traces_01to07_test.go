package simulation

import (
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// AWSPENDING stays on K1 after its promotion, and a person edits the secret in the console, back to K0: K1 looks pending and too
// old, and was dropped while in use. Now it is previous, and has its whole grace.
func TestTrace01PendingLeftOnCurrent(t *testing.T) {
	inUse := func(s *scene, k1 string) {
		edited := s.now().Sub(s.origin)
		s.look()
		s.until(edited + s.schedule.Grace())
		s.want(s.keyWorks(k1), "K1 was in use when the secret was edited, and must have its whole grace")
		s.goesOn()
	}
	t.Run("edited twice, the intent closed", func(t *testing.T) {
		playTrace(t, options{schedule: minutes(20, 30, 35)}, func(s *scene) {
			k0, k1 := s.rotated()
			s.edits(s.valueOf(k0))
			s.edits(s.valueOf(k0) + " ")
			inUse(s, k1)
		})
	})
	t.Run("moved back and edited, the intent closed", func(t *testing.T) {
		playTrace(t, options{schedule: minutes(20, 30, 35)}, func(s *scene) {
			k0, k1 := s.rotated()
			s.moves(k0)
			s.edits(s.valueOf(k0))
			inUse(s, k1)
		})
	})
	t.Run("edited once, the promotion not recorded", func(t *testing.T) {
		playTrace(t, options{schedule: minutes(20, 30, 35)}, func(s *scene) {
			k0 := s.first()
			s.diesAfter("UpdateSecretVersionStage")
			s.until(20*time.Minute + 4*time.Second)
			k1 := s.currentKey()
			s.edits(s.valueOf(k0))
			inUse(s, k1)
		})
	})
	t.Run("edited twice, the promotion not recorded", func(t *testing.T) {
		playTrace(t, options{schedule: minutes(20, 30, 35)}, func(s *scene) {
			k0 := s.first()
			s.diesAfter("UpdateSecretVersionStage")
			s.until(20*time.Minute + 4*time.Second)
			k1 := s.currentKey()
			s.edits(s.valueOf(k0))
			s.edits(s.valueOf(k0) + " ")
			inUse(s, k1)
		})
	})
}

// K1 was promoted, and the process died; the operator rolls back to K0. K1 carries AWSPENDING and AWSPREVIOUS, looks pending, and
// was promoted again at the next run. Now it is previous, and retired.
func TestTrace02RolledBackKeyLooksPending(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0 := s.first()
		s.diesAfter("UpdateSecretVersionStage")
		s.until(10*time.Minute + 4*time.Second)
		k1 := s.currentKey()
		s.request = rotation.Request{Kind: rotation.RequestRollback}
		s.until(16 * time.Minute)
		s.look()
		s.want(s.currentKey() == k0 && s.last.Reason == rotation.ReasonRollbackDone, "rolled back to K0: %s, %s", s.currentKey(),
			s.last.Reason)
		s.asks(rotation.RequestResume, "")
		for at := 17 * time.Minute; at < 30*time.Minute && s.exists(k1); at += 10 * time.Second {
			s.until(at)
			s.want(s.currentKey() != k1, "K1 was rolled back from, and came back by itself")
		}
		s.want(!s.exists(k1), "K1 is retired")
		s.goesOn()
	})
}

// The first key was verified, and the process died before it was stored: our own STS probe counts as a use, and the orphan was
// taken for foreign for ever. Now a use by STS alone is our own.
func TestTrace03OwnProbeCountsAsUse(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.diesBefore("PutSecretValue")
		s.look()
		orphan := s.sim.Keys(username)[0]
		s.want(orphan.LastUsedService == "sts", "the probe counts as a use: %q", orphan.LastUsedService)
		s.until(15 * time.Minute)
		s.want(!s.exists(orphan.ID), "the orphan is gone")
		s.goesOn()
	})
}

// "Stored" was read as any labelled version, though its key is gone, or closed by the promotion of another key: every intent
// looked closed, and its orphan was foreign for ever. Now only the promotion of the key that it made closes an intent.
func TestTrace04IntentLooksClosed(t *testing.T) {
	t.Run("by the version of a key that is gone", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := s.first()
			s.until(5 * time.Minute)
			s.deletes(k0)
			s.diesAfter("CreateAccessKey")
			s.look()
			k1 := s.newest()
			s.until(16 * time.Minute)
			s.want(!s.exists(k1), "the orphan is gone")
			s.goesOn()
		})
	})
	t.Run("by the promotion of another key", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := s.first()
			s.edits(s.valueOf(k0) + " ")
			s.look()
			s.diesAfter("CreateAccessKey")
			s.until(10*time.Minute + time.Second)
			k1 := s.newest()
			s.want(k1 != k0 && s.proc.dead.Load(), "the process died after it made K1")
			s.note("person moves AWSCURRENT back")
			_ = s.sim.People().MoveStage(secretName, rotation.StageCurrent, rotation.VersionID(k0))
			s.until(30 * time.Minute)
			s.want(!s.exists(k1), "the orphan is gone")
			s.goesOn()
		})
	})
}

// The secret as it was just before PutSecretValue, or before the promotion, is read right after it: our own good key looked like
// an orphan. Now nobody is an orphan before nothing of its intent can be under way or hidden any more.
func TestTrace05StaleSecretAfterPutOrPromote(t *testing.T) {
	for _, op := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		t.Run("seen by another rotator after "+op, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				twin := s.newProcess("twin", newMemory())
				s.until(5 * time.Minute)
				s.pass(twin)
				look := func() {
					s.staleSecret(3 * time.Second)
					s.pass(twin)
					k1 := s.newest()
					s.want(s.class(k1) == rotation.ClassUndecided, "K1 looks like an orphan: %s", s.class(k1))
					s.calm()
				}
				put := awssim.Fate{Delay: 4 * time.Second}
				if op == "PutSecretValue" {
					put.After = look
				} else {
					s.upon(op, awssim.Fate{After: look})
				}
				s.upon("PutSecretValue", put)
				s.until(10*time.Minute + 10*time.Second)
				k1 := s.newest()
				s.want(s.keyWorks(k1) && s.currentKey() == k1, "K1 is good, and current: %s is, %s", s.currentKey(), s.class(k1))
				twin.cancel()
				s.goesOn()
			})
		})
		t.Run("after a crash at "+op+", the database lost", func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				if op == "UpdateSecretVersionStage" {
					s.upon("PutSecretValue", awssim.Fate{Delay: 2 * time.Second})
					s.diesAfter(op)
				} else {
					s.upon("PutSecretValue", awssim.Fate{Delay: 2 * time.Second, After: func() { s.proc.kill() }})
				}
				s.until(10*time.Minute + 3*time.Second)
				k1 := s.newest()
				s.want(s.proc.dead.Load(), "the process died")
				s.loseDatabase()
				s.wait(time.Second)
				s.staleSecret(s.now().Sub(s.origin) - 10*time.Minute - time.Second)
				s.look()
				s.want(s.class(k1) == rotation.ClassUndecided, "K1 looks like an orphan: %s", s.class(k1))
				s.until(20 * time.Minute)
				s.want(s.keyWorks(k1), "K1 is good, and lives")
				s.goesOn()
			})
		})
	}
}

// A key list that does not show K1 yet is read while K1's intent is open: a second intent overwrote the first, and K1, whose run
// had died, was foreign for ever. Now an intent is not replaced while it may still make its key, or a list hide it.
func TestTrace06StaleKeyList(t *testing.T) {
	t.Run("seen by another rotator", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			twin := s.newProcess("twin", newMemory())
			s.until(5 * time.Minute)
			s.pass(twin)
			s.upon("CreateAccessKey", awssim.Fate{After: func() {
				s.proc.kill()
				s.upon("ListAccessKeys", awssim.Fate{Stale: time.Second})
				s.pass(twin)
				s.want(s.last.Reason == rotation.ReasonWaitingIntent, "the first intent stands: %s", s.last.Reason)
			}})
			s.until(10*time.Minute + time.Second)
			s.want(s.proc.dead.Load(), "the process died")
			twin.cancel()
			s.goesOn()
		})
	})
	t.Run("after a crash, the database lost", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.diesAfter("CreateAccessKey")
			s.until(10*time.Minute + time.Second)
			k1 := s.newest()
			s.loseDatabase()
			s.wait(time.Second)
			s.upon("ListAccessKeys", awssim.Fate{Stale: 4 * time.Second})
			s.look()
			s.want(s.sent["CreateAccessKey"] == 2, "no key is made beside K1")
			s.until(25 * time.Minute)
			s.want(!s.exists(k1), "the orphan is gone")
			s.goesOn()
		})
	})
}

// A person deactivates or deletes K1, which is current, when K0's grace is over: K0, the last working key, was deactivated. Now
// nothing is retired unless current is Active in that very look, and K0 becomes current again.
func TestTrace07LastWorkingKey(t *testing.T) {
	t.Run("becomes current again", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.rotated()
			s.until(11*time.Minute + 30*time.Second)
			s.sets(k1, "Inactive")
			s.until(13 * time.Minute)
			s.want(s.currentKey() == k0 && s.keyWorks(k0), "K0 is current again: %s is", s.currentKey())
			s.goesOn()
		})
	})
	t.Run("is not retired while its successor is made", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, k1 := s.rotated()
			s.until(11*time.Minute + 50*time.Second)
			s.deletes(k1)
			s.diesBefore("CreateAccessKey")
			s.until(12*time.Minute + 4*time.Second)
			s.want(s.proc.dead.Load(), "the process died before it made K1's successor")
			s.loseDatabase()
			s.until(14 * time.Minute)
			s.want(s.keyWorks(k0), "K0 is the last working key")
			s.goesOn()
		})
	})
}
