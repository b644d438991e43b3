package simulation

import (
	"context"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// slowJournal stalls the process once, while it records that a key is about to be made, or that the intent was written.
type slowJournal struct {
	reconcile.Journal
	begin, end bool
	last       rotation.ActionKind
	stall      func()
}

func (j *slowJournal) Begin(ctx context.Context, e rotation.Event) (int64, error) {
	j.last = e.Action
	if j.begin && e.Action == rotation.CreateKey {
		j.begin = false
		j.stall()
	}
	return j.Journal.Begin(ctx, e)
}

func (j *slowJournal) End(ctx context.Context, id int64, at time.Time, o rotation.Outcome, key, detail string) error {
	if j.end && j.last == rotation.WriteIntent {
		j.end = false
		j.stall()
	}
	return j.Journal.End(ctx, id, at, o, key, detail)
}

// The process stalls after the intent and makes the key minutes later, when nobody expects it any more. Now no call is sent
// after the run's deadline; and a key that appears after the window is a person's.
func TestTrace15StalledProcessCreatesLate(t *testing.T) {
	for name, j := range map[string]slowJournal{
		"while the intent is recorded": {end: true}, "while the create is recorded": {begin: true},
	} {
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				stalled := false
				j.Journal, j.stall = s.proc.rec.Journal, func() {
					s.note("the process stalls for five minutes")
					stalled = true
					s.wait(5 * time.Minute)
				}
				s.proc.rec.Journal = &j
				created, begun := s.sent["CreateAccessKey"], s.begun(rotation.CreateKey)
				tooLate := j.end
				s.until(10*time.Minute - time.Second)
				s.wait(time.Second)
				s.look()
				s.want(stalled && s.now().Sub(s.origin) >= 15*time.Minute, "the process stalled")
				s.want(s.sent["CreateAccessKey"] == created, "the call is not sent any more")
				s.want(s.begun(rotation.CreateKey) == begun || !tooLate, "and not even begun, when the time was over before")
				s.goesOn()
			})
		})
	}
	t.Run("a person's key after the window", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.diesAfter("TagResource")
			s.until(10*time.Minute + 3*time.Second)
			s.loseDatabase()
			s.until(12 * time.Minute)
			k9 := s.creates()
			s.until(40 * time.Minute)
			s.want(s.keyWorks(k9), "K9 is a person's, and is not touched")
			s.deletes(k9)
			s.look()
			s.goesOn()
		})
	})
}

// A person reactivates K0 and later deactivates it again: the old time of its deactivation was used, and it was deleted too early.
// Now that time is cleared when K0 is seen Active, or before it is deactivated again, and whoever reactivated it has the grace.
func TestTrace16ReactivatedAndDeactivatedAgain(t *testing.T) {
	reactivated := func(s *scene) (k0 string) {
		k0, _ = s.rotated()
		s.until(13*time.Minute + 30*time.Second)
		s.want(!s.keyWorks(k0) && s.exists(k0), "K0 is Inactive, in its retention")
		s.sets(k0, "Active")
		s.look()
		return k0
	}
	t.Run("by the person", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := reactivated(s)
			s.until(14*time.Minute + 45*time.Second)
			s.want(s.keyWorks(k0), "K0 has a grace since it was reactivated")
			s.sets(k0, "Inactive")
			s.look()
			s.until(17*time.Minute + 40*time.Second)
			s.want(s.exists(k0), "K0 has its whole retention since it was deactivated again")
			s.goesOn()
		})
	})
	t.Run("by keyturn, after the grace", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0 := reactivated(s)
			s.until(15*time.Minute + 25*time.Second)
			s.want(s.keyWorks(k0), "K0 has its whole grace since it was reactivated")
			s.goesOn()
		})
	})
	t.Run("by keyturn, as K0 was revoked, and the process dies", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			k0, _ := s.rotated()
			s.asks(rotation.RequestRevoke, k0)
			s.until(13 * time.Minute)
			s.sets(k0, "Active")
			s.diesAfter("UpdateAccessKey")
			s.look()
			s.want(!s.keyWorks(k0) && s.proc.dead.Load(), "K0 is Inactive again, and the process died")
			s.loseDatabase()
			s.until(15*time.Minute + 55*time.Second)
			s.want(s.exists(k0), "K0 has its whole retention since it was deactivated again")
			s.goesOn()
		})
	})
}

// "Inactive and retention over: delete" was applied to the current key, whose user had left care. Now the current key is never
// deleted, and is replaced once the user is back.
func TestTrace17InactiveCurrentIsNotDeleted(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0 := s.first()
		s.leave = true
		s.asks(rotation.RequestRevoke, k0)
		s.until(3 * time.Hour)
		s.want(s.exists(k0) && !s.keyWorks(k0), "K0 is revoked, current, and there")
		s.note("the user is selected again")
		s.leave = false
		s.look()
		s.want(s.currentWorks(), "a new key is current")
		s.goesOn()
	})
}

// A person edits the secret while K1 waits for its verification: the promotion overwrote the edit. Now the edit wins: K1 is
// dropped, and the next key builds on it; an edit in the last second loses no field either, as AWSCURRENT moves only from the
// version that K1 builds on.
func TestTrace18EditSincePendingWasBuilt(t *testing.T) {
	keptField := func(s *scene, k1 string) {
		s.until(30 * time.Minute)
		s.want(!s.exists(k1), "K1 was built on the old value, and is dropped")
		s.goesOn()
		sec, _ := s.secret()
		value := sec.value(sec.stage(rotation.StageCurrent))
		s.want(hasField(value, "DatabaseHost"), "the person's field is kept")
	}
	t.Run("between two runs", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.always("GetCallerIdentity", awssim.Fate{FailBefore: awssim.InvalidClientTokenID})
			s.until(11*time.Minute + 5*time.Second)
			k1 := s.newest()
			s.want(s.currentKey() != k1, "K1 is pending")
			s.otherFields()
			s.calm()
			keptField(s, k1)
		})
	})
	t.Run("while it is verified", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.until(9*time.Minute + 55*time.Second)
			s.upon("GetCallerIdentity", awssim.Fate{After: s.otherFields})
			s.until(10*time.Minute + 5*time.Second)
			k1 := s.newest()
			s.want(s.currentKey() != k1, "K1 is not promoted over the edit")
			keptField(s, k1)
		})
	})
}

// The process dies between storing the first key and recording its promotion: the user blocked itself for ever. Now the record
// says that a promotion is under way, and is mended at the next look.
func TestTrace19FirstPromotionNotRecorded(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.diesAfter("PutSecretValue")
		s.look()
		k0 := s.currentKey()
		s.want(k0 != "" && s.state().Promoted.Promoting, "K0 is current, and its promotion not on record")
		s.until(4 * time.Minute)
		st := s.state()
		s.want(!st.Promoted.Promoting && st.Promoted.Version == rotation.VersionID(k0) && !st.Intent.Open,
			"the record is mended: %+v", st.Promoted)
		s.want(s.currentKey() == k0, "K0 stays")
		s.goesOn()
	})
}

// An orphan waits in quarantine when a slot gets free: a new intent replaced the one that proves it ours, and it was foreign for
// ever. Now no key is made before the orphan is gone.
func TestTrace20OrphanInQuarantine(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0 := s.first()
		s.diesAfter("CreateAccessKey")
		s.until(10*time.Minute + time.Second)
		orphan := s.newest()
		s.until(14 * time.Minute)
		s.want(s.exists(orphan) && !s.keyWorks(orphan), "the orphan is in quarantine")
		s.deletes(k0)
		s.look()
		s.until(16 * time.Minute)
		s.want(s.newest() == orphan, "no key is made beside the orphan")
		s.until(22 * time.Minute)
		s.want(!s.exists(orphan) && s.currentWorks(), "the orphan is gone, and a new key is current")
		s.goesOn()
	})
}

// The intent is written at a fraction of a second; its time was rounded up past the CreateDate of its own key, which so was
// foreign. Now it rounds down.
func TestTrace21IntentRoundsDown(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.first()
		s.until(9 * time.Minute)
		s.next = s.origin.Add(10*time.Minute + 600*time.Millisecond)
		s.diesAfter("CreateAccessKey")
		s.until(10*time.Minute + 3*time.Second)
		orphan := s.newest()
		s.want(s.proc.dead.Load(), "the process died after it made K1")
		s.until(25 * time.Minute)
		s.want(!s.exists(orphan), "the orphan is recognised, and gone")
		s.goesOn()
	})
}
