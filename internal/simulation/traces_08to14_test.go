package simulation

import (
	"errors"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// A person deactivates the current key, and nothing repaired it until it was due. Now a new key is made at the next look.
func TestTrace08CurrentIsDead(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0 := s.first()
		s.until(5 * time.Minute)
		s.sets(k0, "Inactive")
		s.look()
		s.want(s.currentWorks() && s.currentKey() != k0, "a new key is current after the next look: %s is", s.currentKey())
		s.goesOn()
	})
}

// The machine's clock steps forward, and the old key was deactivated early; or it is ahead, and an intent was later than its own
// key, which so was foreign. Now the time is AWS's, by the Date of its answers.
func TestTrace09ClockSteps(t *testing.T) {
	t.Run("forward by an hour", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, _ := s.rotated()
			s.note("the machine's clock steps forward by an hour")
			s.wait(time.Hour)
			s.skew -= time.Hour
			s.look()
			s.until(11*time.Minute + 50*time.Second)
			s.want(s.keyWorks(k0), "K0 has its whole grace")
			s.goesOn()
		})
	})
	t.Run("ahead by ten minutes", func(t *testing.T) {
		playTrace(t, options{skew: -10 * time.Minute}, func(s *scene) {
			s.first()
			s.diesAfter("CreateAccessKey")
			s.until(10*time.Minute + time.Second)
			k1 := s.newest()
			s.until(30 * time.Minute)
			s.want(!s.exists(k1), "the orphan is recognised, and gone")
			s.goesOn()
		})
	})
}

// The schedule becomes short while a consumer holds an Expiration from the long one, later than the deactivation that the short
// one asks for. Now the promised grace is on record, and K0 lives that long.
func TestTrace10ScheduleFromLongToShort(t *testing.T) {
	playTrace(t, options{schedule: minutes(60, 90, 110)}, func(s *scene) {
		k0 := s.first()
		s.until(20 * time.Minute)
		promised := s.promises[k0]
		s.want(promised.After(s.now().Add(25*time.Minute)), "a consumer holds K0 until %s", promised)
		s.setSchedule(usual())
		s.look()
		s.want(s.currentKey() != k0, "K0 is due by the short schedule")
		s.until(promised.Sub(s.origin))
		s.want(s.keyWorks(k0), "K0 works as long as was promised")
		s.until(80 * time.Minute)
		s.want(!s.exists(k0), "K0 is retired afterwards")
		s.goesOn()
	})
}

// A person puts values by hand, and the labels move away from keys in use: they were foreign, or deleted. Now the list of all
// versions says that they are ours.
func TestTrace11ValuesPutByHand(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0, k1 := s.rotated()
		s.otherFields()
		s.look()
		s.want(s.class(k0) == rotation.ClassPrevious && s.class(k1) == rotation.ClassCurrent, "K0 is previous: %s, and K1 current: %s",
			s.class(k0), s.class(k1))
		s.until(20 * time.Minute)
		s.want(!s.exists(k0), "K0 is retired")
		s.goesOn()
	})
}

// The process dies between intent and create, and a person makes a key in that window: it was taken for our own orphan, and
// deleted. Now the journal objects; without it, a use by anybody does, or that the key is older than the intent.
func TestTrace12PersonCreatesInTheWindow(t *testing.T) {
	reported := func(s *scene, k9 string) {
		s.want(s.keyWorks(k9), "the person's key is not touched")
		s.want(s.last.Reason == rotation.BlockedForeignKey && s.last.KeyID == k9, "it is reported: %s %s", s.last.Reason, s.last.KeyID)
		s.deletes(k9)
		s.look()
		s.goesOn()
	}
	t.Run("the journal objects", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.diesAfter("TagResource")
			s.until(10*time.Minute + 3*time.Second)
			s.want(s.proc.dead.Load(), "the process died after its intent")
			k9 := s.creates()
			s.until(40 * time.Minute)
			reported(s, k9)
		})
	})
	t.Run("the journal is lost, and the key is used", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.diesAfter("TagResource")
			s.until(10*time.Minute + 3*time.Second)
			k9 := s.creates()
			_ = s.sim.People().UseKey(k9, "s3", "us-east-1")
			s.loseDatabase()
			s.until(40 * time.Minute)
			reported(s, k9)
		})
	})
	t.Run("just before the intent, hidden by a stale list", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := s.first()
			s.until(5 * time.Minute)
			s.deletes(k0)
			s.wait(30 * time.Second)
			k9 := s.creates()
			s.wait(3 * time.Second)
			s.upon("ListAccessKeys", awssim.Fate{Stale: 4 * time.Second})
			s.diesAfter("CreateAccessKey")
			s.look()
			k1 := s.newest()
			s.want(k1 != k9 && s.proc.dead.Load(), "the process died after it made K1")
			s.until(50 * time.Minute)
			s.want(!s.exists(k1), "only K1 can be the intent's, and is gone")
			reported(s, k9)
		})
	})
}

// A person's key stands when an intent is written, so it is in the intent's list, and was taken for legacy, or for what the intent
// made. Now legacy keys are those of the first day, and the intent's list says which keys it did not make.
func TestTrace13ForeignInALaterIntent(t *testing.T) {
	t.Run("is not legacy", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := s.first()
			s.until(5 * time.Minute)
			k9 := s.creates()
			s.deletes(k0)
			s.look()
			s.want(s.currentWorks(), "a new key is made beside K9")
			s.until(4 * time.Hour)
			s.want(s.keyWorks(k9) && s.class(k9) == rotation.ClassForeign, "K9 is a person's, and is not touched: %s", s.class(k9))
			s.want(s.last.Reason == rotation.BlockedForeignKey && s.last.KeyID == k9, "it is reported: %s", s.last.Reason)
			s.deletes(k9)
			s.look()
			s.goesOn()
		})
	})
	t.Run("is not what the intent made", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := s.first()
			s.until(5 * time.Minute)
			s.deletes(k0)
			k9 := s.creates()
			s.diesBefore("CreateAccessKey")
			s.look()
			s.loseDatabase()
			s.until(40 * time.Minute)
			s.want(s.keyWorks(k9), "K9 is a person's, and is not touched")
			s.deletes(k9)
			s.look()
			s.goesOn()
		})
	})
}

// Onboarding died after the create, and a stale answer says that there is no secret: the new one's list of legacy keys named our
// own orphan. Now the secret that exists is left as it is, and the orphan is removed.
func TestTrace14StaleSecretAbsent(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.diesAfter("CreateAccessKey")
		s.look()
		orphan := s.newest()
		s.loseDatabase()
		s.wait(2 * time.Second)
		s.upon("DescribeSecret", awssim.Fate{Stale: 4 * time.Second})
		res := s.look()
		s.want(errors.Is(res.Err, rotation.ErrSecretExists), "the stale answer is found out: %v", res.Err)
		s.want(len(s.state().Legacy) == 0, "no key is legacy")
		s.until(20 * time.Minute)
		s.want(!s.exists(orphan), "the orphan is gone")
		s.goesOn()
	})
}
