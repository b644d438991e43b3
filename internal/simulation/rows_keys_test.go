package simulation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// TestRowTwoKeysAlready: the user has two keys already: neither is ever touched to make room, the key in the way is named, and
// adopting one, or deleting it, is a person's explicit act after which rotation begins.
func TestRowTwoKeysAlready(t *testing.T) {
	t.Run("both from before", func(t *testing.T) {
		row(t, options{keys: 2}, func(w *world) {
			used, unused := w.sim.Keys(username)[0].ID, w.sim.Keys(username)[1].ID
			busy := true
			w.inUse(used, "s3", "eu-west-1", func() bool { return busy })
			w.live()
			w.every(time.Minute, func() { w.mustBeActive(used, "the key in use") })
			for range 26 {
				w.play(time.Now().Add(time.Hour))
				w.mustBeActive(unused, "the key that nobody has given us to retire")
			}
			if w.last.Reason != rotation.BlockedTwoLegacy || w.last.KeyID != used && w.last.KeyID != unused {
				w.fail("two keys from before: the user is %s, naming %q", w.last.Reason, w.last.KeyID)
			}
			// The simulator would object to a key that goes without a successor, which is what this adoption asks for.
			w.sim.AllowRevoke(unused)
			w.ask(rotation.Request{Kind: rotation.RequestAdopt, KeyID: unused})
			w.play(time.Now().Add(30 * time.Minute))
			if _, there := w.key(unused); there || w.currentKey() == "" || !w.currentWorks() {
				w.fail("half an hour after %s was adopted the user is %s, without a new key", unused, w.last.Reason)
			}
			w.play(time.Now().Add(6 * time.Hour))
			if w.last.Reason != rotation.ReasonWaitingLegacy || w.last.KeyID != used {
				w.fail("the other key is in use, and the user is %s, naming %q", w.last.Reason, w.last.KeyID)
			}
			busy = false
			w.agenda = nil // nobody uses it any more, and now it may go
			w.live()
			w.play(time.Now().Add(4 * time.Hour))
			if _, there := w.key(used); there {
				w.fail("the legacy key is out of use for four hours and still there, reason %s", w.last.Reason)
			}
			w.notStuck(w.schedule.RotateEvery)
		})
	})
	t.Run("somebody made one", func(t *testing.T) {
		row(t, options{}, func(w *world) {
			first := w.settled()
			foreign, _, err := w.sim.People().CreateAccessKey(username)
			if err != nil {
				w.fail("%v", err)
			}
			w.every(time.Minute, func() {
				w.mustBeActive(first, "the current key")
				w.mustBeActive(foreign, "the key that somebody made")
			})
			w.untilMinute(180)
			if w.last.Reason != rotation.BlockedForeignKey || w.last.KeyID != foreign {
				w.fail("the slot is taken by %s, and the user is %s, naming %q", foreign, w.last.Reason, w.last.KeyID)
			}
			w.agenda = nil
			w.removeKey(foreign)
			w.live()
			w.play(time.Now().Add(time.Hour))
			w.notStuck(w.schedule.RotateEvery)
		})
	})
}

// TestRowLastUsedThrottled: the last-used lookup is throttled: unknown is not unused, the key in use stays, the run fails loudly
// and tries again, and the key is still held once the lookup answers.
func TestRowLastUsedThrottled(t *testing.T) {
	for _, c := range []struct {
		name string
		o    options
		due  time.Duration // from when on the key would go if it were unused
		held rotation.Reason
	}{
		{"a key from before", options{keys: 1}, 3 * time.Hour, rotation.ReasonWaitingLegacy},
		{"a key that was replaced", options{schedule: minutes(600, 720, 900)}, 12*time.Hour + 15*time.Minute, rotation.ReasonHeld},
	} {
		for _, kind := range []string{throttled, failed, timedOut} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				row(t, c.o, func(w *world) {
					w.live()
					w.untilMinute(1)
					old := w.sim.Keys(username)[0].ID
					busy := true
					w.inUse(old, "dynamodb", "us-west-2", func() bool { return busy })
					w.every(time.Minute, func() {
						if busy {
							w.mustBeActive(old, "the key in use")
						}
					})
					hits := w.strikeKind("GetAccessKeyLastUsed", 0, kind)
					w.play(w.start.Add(c.due + 6*time.Hour))
					var failure *rotation.CallError
					if !errors.As(w.last.Err, &failure) || failure.Operation != "GetAccessKeyLastUsed" || w.last.Reason != rotation.ReasonUnknown {
						w.fail("the lookup fails, and the run says %s, %v", w.last.Reason, w.last.Err)
					}
					if s := w.journal.(*memory).standings()[w.user]; !strings.Contains(s.LastError, "GetAccessKeyLastUsed") || s.Failures == 0 {
						w.fail("the failure is not on record: %q after %d failures", s.LastError, s.Failures)
					}
					if *hits < 6 {
						w.fail("the lookup was tried %d times only", *hits)
					}
					w.fault = nil
					w.play(time.Now().Add(2 * time.Hour))
					if w.last.Reason != c.held || !strings.Contains(w.last.Detail, "dynamodb") {
						w.fail("the lookup answers that the key is in use, and the user is %s %q", w.last.Reason, w.last.Detail)
					}
					busy = false
					w.play(time.Now().Add(5 * time.Hour))
					if w.keyWorks(old) {
						w.fail("nobody uses %s for five hours, and it is still Active: %s", old, w.last.Reason)
					}
				})
			})
		}
	}
}

// TestRowOldKeyStillInUse: the old key is still in use at the end of its grace: it is held, and who used it, where and when is
// told; it goes once unused, and at the latest after max_hold.
func TestRowOldKeyStillInUse(t *testing.T) {
	hold := func(play func(w *world, old string, busy *bool)) func(w *world) {
		return func(w *world) {
			w.live()
			w.untilMinute(1)
			old, busy := w.currentKey(), true
			w.inUse(old, "s3", "eu-central-1", func() bool { return busy })
			w.untilMinute(720)
			if w.currentKey() == old {
				w.fail("the key was not replaced: %s", w.last.Reason)
			}
			w.untilMinute(780)
			w.mustBeActive(old, "the key in use")
			if w.last.Reason != rotation.ReasonHeld || w.last.KeyID != old {
				w.fail("the old key is in use after its grace, and the user is %s, naming %q", w.last.Reason, w.last.KeyID)
			}
			k, _ := w.key(old)
			for _, word := range []string{"s3", "eu-central-1", k.LastUsed.Truncate(time.Second).Format("2006-01-02T15:")} {
				if !strings.Contains(w.last.Detail, word) {
					w.fail("who is held up is told %q, without %q", w.last.Detail, word)
				}
			}
			play(w, old, &busy)
		}
	}
	long := options{schedule: minutes(600, 720, 900)}
	t.Run("until it is unused", func(t *testing.T) {
		row(t, long, hold(func(w *world, old string, busy *bool) {
			*busy = false
			w.untilMinute(780 + 40)
			w.mustBeActive(old, "the key that was in use within the last hour")
			w.untilMinute(780 + 150)
			if w.keyWorks(old) {
				w.fail("nobody uses %s for hours and it is still Active: %s", old, w.last.Reason)
			}
			w.untilMinute(780 + 3*720)
			w.notStuck(w.schedule.RotateEvery)
		}))
	})
	t.Run("until max_hold", func(t *testing.T) {
		row(t, long, hold(func(w *world, old string, _ *bool) {
			over := w.start.Add(12*time.Hour + w.limits.MaxHold) // the grace's end, and max_hold
			w.play(over.Add(-15 * time.Minute))
			w.mustBeActive(old, "the key in use")
			w.play(over.Add(75 * time.Minute))
			if w.keyWorks(old) {
				w.fail("max_hold is over and %s is still Active: %s", old, w.last.Reason)
			}
			w.play(time.Now().Add(3 * w.schedule.RotateEvery))
			w.notStuck(w.schedule.RotateEvery)
		}))
	})
}
