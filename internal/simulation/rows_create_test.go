package simulation

import (
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestRowKilledRightAfterCreate: the process is killed right after CreateAccessKey: the next one recognises its own orphan, removes
// it and rotates again, and the working key is never touched.
func TestRowKilledRightAfterCreate(t *testing.T) {
	for name, c := range map[string]struct {
		operation, kind string
		lost            bool
	}{
		"before it hears of the key":    {"CreateAccessKey", killAfter, false},
		"before it stores the key":      {"PutSecretValue", killBefore, false},
		"and the database is lost too":  {"CreateAccessKey", killAfter, true},
		"while it says that it is done": {"PutSecretValue", killBefore, true},
	} {
		t.Run(name, func(t *testing.T) {
			row(t, options{stale: staleness, propagation: 5 * time.Second}, func(w *world) {
				first := w.settled()
				hits := w.strikeKind(c.operation, 1, c.kind)
				w.onRun = func(reconcile.Result) {
					if w.proc.dead.Load() && c.lost {
						w.journal = w.fresh()
					}
				}
				w.every(time.Second, func() {
					w.mustBeActive(w.currentKey(), "the working key")
					if len(w.sim.Keys(username)) > 2 {
						w.fail("there are more than two keys")
					}
				})
				w.untilMinute(11)
				left := w.others(first)
				if *hits != 1 || len(left) != 1 {
					w.fail("the crash was to leave one orphan; it was met %d times and left %v", *hits, left)
					return
				}
				w.untilMinute(16)
				if w.currentKey() != first {
					w.fail("the orphan %v became current: its secret is lost", left)
				}
				w.untilMinute(35)
				if _, there := w.key(left[0]); there {
					w.fail("the orphan %s is still there, reason %s", left[0], w.last.Reason)
				}
				w.notStuck(w.schedule.RotateEvery)
			})
		})
	}
}

// TestRowReplyOfCreateLost: the answer to CreateAccessKey is lost and the key exists: the call is never sent twice for one intent;
// keyturn observes, removes the orphan and rotates again.
func TestRowReplyOfCreateLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		fate   awssim.Fate
		orphan bool
	}{
		{"reply lost", awssim.Fate{DropReply: true}, true},
		{"error after the effect", awssim.Fate{FailAfter: awssim.ServiceFailure}, true},
		{"given up, and lands late", awssim.Fate{Delay: 11 * time.Second, LandLate: true}, true},
		{"connection broken before the effect", awssim.Fate{DropBefore: true}, false},
		{"error before the effect", awssim.Fate{FailBefore: awssim.ServiceFailure}, false},
		{"throttled", awssim.Fate{Throttle: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			row(t, options{stale: staleness}, func(w *world) {
				requests := map[string]int{}
				w.fault = func(w *world, call *awssim.Call) awssim.Fate {
					if call.Operation == "CreateAccessKey" {
						s, _ := w.secret()
						st, _, err := rotation.ParseState(s.Tags)
						if err != nil || !st.Intent.Open {
							w.fail("CreateAccessKey is sent without an open intent on the secret: %v", err)
						}
						if requests[st.Intent.ID]++; requests[st.Intent.ID] > 1 {
							w.fail("CreateAccessKey is sent %d times for the intent %s", requests[st.Intent.ID], st.Intent.ID)
						}
					}
					return awssim.Fate{}
				}
				first := w.settled()
				hits := w.strike("CreateAccessKey", 1, func() awssim.Fate { return c.fate })
				w.every(time.Second, func() { w.mustBeActive(w.currentKey(), "the working key") })
				w.untilMinute(11)
				left := w.others(first)
				if *hits != 1 || (len(left) == 1) != c.orphan || len(left) > 1 {
					w.fail("the call met its fate %d times and left %v", *hits, left)
				}
				w.untilMinute(36)
				for _, id := range left {
					if _, there := w.key(id); there {
						w.fail("the orphan %s is still there, reason %s", id, w.last.Reason)
					}
				}
				if len(requests) < 3 {
					w.fail("only %d intents were seen", len(requests))
				}
				w.notStuck(w.schedule.RotateEvery)
			})
		})
	}
}

// TestRowStoreFailsAfterCreate: the new key cannot be stored: id and secret never disagree in what consumers read, the old key
// stays current until the new one is verified, and no key stays behind.
func TestRowStoreFailsAfterCreate(t *testing.T) {
	quota := func(*world) awssim.Fate { return awssim.Fate{FailBefore: "LimitExceededException"} }
	for _, c := range []struct {
		name  string
		times int // 0: for twenty minutes
		fate  func(*world) awssim.Fate
	}{
		{"no attempt takes effect", 3, func(w *world) awssim.Fate { return w.fate(failed) }},
		{"every attempt takes effect and fails", 3, func(w *world) awssim.Fate { return w.fate(tookEffect) }},
		{"every reply is lost", 3, func(w *world) awssim.Fate { return w.fate(lostReply) }},
		{"the first attempt lands late", 1, func(*world) awssim.Fate { return awssim.Fate{Delay: 11 * time.Second, LandLate: true} }},
		{"throttled", 3, func(w *world) awssim.Fate { return w.fate(throttled) }},
		{"denied", 0, func(*world) awssim.Fate { return awssim.Fate{FailBefore: awssim.AccessDenied} }},
		{"the quota of versions", 0, quota},
	} {
		t.Run(c.name, func(t *testing.T) {
			row(t, options{stale: staleness, propagation: 3 * time.Second}, func(w *world) {
				w.fault = func(w *world, call *awssim.Call) awssim.Fate {
					check := func() {
						if !w.paired() {
							w.fail("after %s: what consumers read does not hold a key of the user with its own secret", call.Operation)
						}
					}
					return awssim.Fate{After: check}
				}
				first := w.settled()
				calm := w.fault
				hits := w.strike("PutSecretValue", c.times, func() awssim.Fate { return c.fate(w) })
				w.every(time.Second, func() {
					if now := w.currentKey(); now == "" || !w.keyWorks(now) || !w.paired() {
						w.fail("what consumers read does not work: %q", now)
					}
				})
				w.untilMinute(10.5)
				if *hits == 0 {
					w.fail("nothing was stored by now")
				}
				if c.times == 0 {
					w.untilMinute(30)
					w.mustBeActive(first, "the only key that is stored")
					if w.last.Err == nil && !slices.Contains([]rotation.Reason{rotation.ReasonOrphan, rotation.ReasonQuarantine,
						rotation.ReasonUndecided, rotation.ReasonWaitingIntent, rotation.ReasonSettling}, w.last.Reason) {
						w.fail("nobody would know that storing fails: %s", w.last.Reason)
					}
					w.fault = calm
				}
				w.untilMinute(60)
				w.notStuck(w.schedule.RotateEvery)
				for _, k := range w.last.Keys {
					if k.Class != rotation.ClassCurrent && k.Class != rotation.ClassPrevious {
						w.fail("the key %s stayed behind as %s", k.ID, k.Class)
					}
				}
			})
		})
	}
}
