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

// The tests TestRule… hold a run to one rule each, through the SDK and the simulator: rules whose breach no situation of TestRow…
// and no trace shows by itself.

// changes is how many changing calls were sent so far.
func (s *scene) changes() (n int) {
	for op, sent := range s.sent {
		if _, ok := changing[op]; ok {
			n += sent
		}
	}
	return n
}

// begun is how often an action was put on record.
func (s *scene) begun(kind rotation.ActionKind) (n int) {
	for _, e := range s.journal.(*memory).events {
		if e.Action == kind {
			n++
		}
	}
	return n
}

// blind is a journal that cannot be read, or cannot give a lease.
type blind struct {
	reconcile.Journal
	witness, lease bool
}

var errBlind = errors.New("the database is locked")

func (b *blind) Witness(ctx context.Context, u rotation.User, intent string) (rotation.Witness, error) {
	if b.witness {
		return rotation.Witness{}, errBlind
	}
	return b.Journal.Witness(ctx, u, intent)
}

func (b *blind) Acquire(ctx context.Context, u rotation.User, holder string, now, until time.Time) (rotation.Lease, error) {
	if b.lease {
		return rotation.Lease{}, errBlind
	}
	return b.Journal.Acquire(ctx, u, holder, now, until)
}

// TestRuleUnknownIsUnknown: a read that fails, in whatever way, ends the run: nothing is changed on the strength of it, the read
// that failed is named, and once it answers everything goes on.
func TestRuleUnknownIsUnknown(t *testing.T) {
	due := func(s *scene) {
		s.first()
		s.until(10*time.Minute - time.Second)
	}
	edited := func(s *scene) { // the labels are on versions of a person's
		k0, _ := s.rotated()
		s.edits(s.valueOf(k0))
		s.edits(s.valueOf(k0) + " ")
	}
	for _, c := range []struct {
		op      string
		prepare func(*scene)
	}{{"ListAccessKeys", due}, {"DescribeSecret", due}, {"ListSecretVersionIds", edited}, {"GetSecretValue", edited}} {
		for _, kind := range []string{failed, throttled, timedOut, lostReply, "denied"} {
			t.Run(c.op+" "+kind, func(t *testing.T) {
				playTrace(t, options{}, func(s *scene) {
					c.prepare(s)
					fate := s.world.fate(kind)
					if kind == "denied" {
						fate = awssim.Fate{FailBefore: awssim.AccessDenied}
					}
					s.always(c.op, fate)
					before := s.changes()
					s.wait(2 * time.Second)
					for range 5 {
						res := s.look()
						s.want(res.Reason == rotation.ReasonUnknown && res.Err != nil && strings.Contains(res.Err.Error(), c.op),
							"the read that failed is named: %s, %v", res.Reason, res.Err)
						s.wait(time.Minute)
					}
					s.want(s.changes() == before, "%d changes were made on what was not read", s.changes()-before)
					s.goesOn()
				})
			})
		}
	}
	t.Run("the journal", func(t *testing.T) {
		playTrace(t, options{}, func(s *scene) {
			s.first()
			s.diesAfter("CreateAccessKey")
			s.until(10*time.Minute + time.Second)
			orphan := s.newest()
			s.until(12 * time.Minute)
			s.boot()
			s.proc.rec.Journal = &blind{Journal: s.proc.rec.Journal, witness: true}
			for range 5 {
				s.wait(time.Minute)
				res := s.look()
				s.want(errors.Is(res.Err, errBlind), "the journal cannot be read: %s, %v", res.Reason, res.Err)
			}
			s.want(s.keyWorks(orphan), "whose key it is was not read, and it is not touched")
			s.boot()
			s.goesOn()
		})
	})
}

// TestRuleNoLeaseNoRun: when the lease cannot be asked for, AWS is not even looked at.
func TestRuleNoLeaseNoRun(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		s.first()
		s.until(10*time.Minute - time.Second)
		s.proc.rec.Journal = &blind{Journal: s.proc.rec.Journal, lease: true}
		calls := len(s.sent)
		s.sent = map[string]int{}
		s.wait(2 * time.Second)
		res := s.look()
		s.want(errors.Is(res.Err, errBlind) && len(s.sent) == 0, "no lease: %s, %v, calls %v of %d", res.Reason, res.Err, s.sent, calls)
		s.boot()
		s.goesOn()
	})
}

// TestRuleValueThatCannotBeKept: a person's value that is no JSON object blocks the user, as a new key would have to overwrite it.
func TestRuleValueThatCannotBeKept(t *testing.T) {
	playTrace(t, options{}, func(s *scene) {
		k0 := s.first()
		good := s.valueOf(k0)
		s.disturb()
		s.edits("hunter2")
		before := s.changes()
		s.until(30 * time.Minute)
		s.want(s.last.Reason == rotation.BlockedSecretValue && s.changes() == before, "it blocks: %s, %d changes", s.last.Reason,
			s.changes()-before)
		s.want(!strings.Contains(s.last.Detail, "hunter2"), "the value is not repeated: %s", s.last.Detail)
		s.edits(good)
		s.look()
		s.goesOn()
	})
}

// betweenLooks calls do at the end of the next long wait, the one between a run's two looks.
func (s *scene) betweenLooks(do func()) {
	wait := s.proc.rec.Wait
	s.proc.rec.Wait = func(ctx context.Context, d time.Duration) error {
		if do != nil && d > s.limits.Settle {
			act := do
			do = nil
			defer act()
		}
		return wait(ctx, d)
	}
}

// TestRuleOnlyWhatWasSeenTwice: with a new database, what changed between the two looks is not acted on, and neither is anything
// once somebody else has the lease.
func TestRuleOnlyWhatWasSeenTwice(t *testing.T) {
	for name, change := range map[string]func(s *scene, k0 string){
		"a key changed":   func(s *scene, k0 string) { s.sets(k0, "Inactive") },
		"a tag changed":   func(s *scene, _ string) { _ = s.sim.People().TagSecret(secretName, map[string]string{"team": "ci"}) },
		"a label changed": func(s *scene, k0 string) { s.edits(s.valueOf(k0)) },
		"the lease is somebody else's": func(s *scene, _ string) {
			s.wait(5 * time.Minute) // the machine slept, and the lease is over
			lease, err := s.journal.Acquire(context.Background(), s.user, "other", s.now(), s.now().Add(time.Minute))
			s.want(lease.Taken && err == nil, "another process takes the lease: %v", err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				k0 := s.first()
				s.until(10*time.Minute - time.Second)
				s.loseDatabase()
				s.boot()
				s.wait(2 * time.Second)
				before := s.changes()
				s.betweenLooks(func() { change(s, k0) })
				res := s.look()
				s.want(res.Reason == rotation.ReasonConfirm && len(res.Actions) == 0 && s.changes() == before,
					"nothing is done: %s, %v, %v", res.Reason, res.Actions, res.Err)
				s.goesOn()
			})
		})
	}
}

// TestRuleSettle: after a change, made or failed, nobody else gets the lease until settle is over.
func TestRuleSettle(t *testing.T) {
	for name, f := range map[string]awssim.Fate{
		"made": {}, "failed for certain": {FailBefore: awssim.AccessDenied}, "unknown": {FailAfter: awssim.ServiceFailure},
	} {
		t.Run(name, func(t *testing.T) {
			playTrace(t, options{}, func(s *scene) {
				s.first()
				twin := s.newProcess("twin", s.journal)
				if name != "made" {
					s.always("TagResource", f)
				}
				s.until(10*time.Minute - time.Second)
				s.wait(time.Second)
				s.look()
				changed := s.now()
				s.calm()
				for s.now().Before(changed.Add(s.limits.Settle - 2*time.Second)) {
					res := s.pass(twin)
					s.want(res.Reason == rotation.ReasonLeased && res.Calls == 0, "settle is not over: %s", res.Reason)
					s.wait(5 * time.Second)
				}
				s.wait(10 * time.Second)
				s.want(s.pass(twin).Reason != rotation.ReasonLeased, "settle is over: %s", s.last.Reason)
				twin.cancel()
				s.until(s.now().Sub(s.origin) + 2*time.Minute)
				s.goesOn()
			})
		})
	}
}
