package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyturn/keyturn/internal/rotation"
)

// testDB is one empty database. Each call of open gives a further Store on it; every Store has testSettle.
type testDB struct {
	open   func(t *testing.T) *Store
	shared bool // whether several Stores can be open on it
}

const testSettle = time.Minute

var (
	t0    = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	alice = rotation.User{Account: "111122223333", Name: "alice"}
	bob   = rotation.User{Account: "111122223333", Name: "bob"}
	eve   = rotation.User{Account: "999988887777", Name: "alice"} // the same name in another account
)

func after(d time.Duration) time.Time { return t0.Add(d) }

// Conformance is what every database has to pass.
func Conformance(t *testing.T, fresh func(t *testing.T) testDB) {
	for _, c := range []struct {
		name   string
		shared bool
		run    func(t *testing.T, db testDB)
	}{
		{"lease is held, ends and is taken", false, leaseCycle},
		{"lease prolonged by its holder only", false, leaseProlonged},
		{"quiet after a change is that change", false, quietChanged},
		{"quiet after a dead run is its working time", false, quietDead},
		{"quiet after a first run without a change covers runs from before", false, quietFirst},
		{"quiet never goes back", false, quietNeverBack},
		{"a stalled run loses its lease and keeps nobody's", false, leaseLost},
		{"a lease never ends early by rounding", false, leaseRounding},
		{"of many that acquire at once one wins", true, acquireRace},
		{"events keep what they are given", false, eventsRoundTrip},
		{"history is paged, newest first", false, eventsPaged},
		{"outcomes are read on from the last one", false, outcomesInOrder},
		{"an outcome is recorded once", false, outcomeOnce},
		{"witness", false, witness},
		{"standings keep what they are given", false, standingsRoundTrip},
		{"standings are complete beyond one page", false, standingsPages},
		{"due", false, due},
		{"a look asked for during a run survives it", false, askedDuringRun},
		{"text that a database refuses is stored all the same", false, oddText},
		{"settings are kept by name", false, settings},
		{"recent history is in the order of ends, with what never ended", false, recentNewest},
		{"recent history is followed", false, recentFollowed},
		{"old history is removed, and what may be needed is kept", false, pruned},
		{"the newest outcome is kept", false, prunedLate},
		{"accesses keep what they are given", false, accessesRoundTrip},
		{"accesses are searched by user, caller and time", false, accessesSearched},
		{"accesses that come together are each on record", false, accessesTogether},
		{"accesses survive a clock that steps back", false, accessesClockBack},
		{"old accesses are removed", false, accessesPruned},
		{"last uses of API keys are kept by the minute", false, keyUses},
		{"a request is new once, and answered from then on", false, requests},
		{"of many equal requests at once one is new", false, requestsRace},
		{"rotations are counted, as far as they are known", false, rotationsCounted},
		{"a cancelled call leaves the store usable", false, cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := fresh(t)
			if c.shared && !db.shared {
				return // a database that only one Store can open has no such case
			}
			c.run(t, db)
		})
	}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(rotation.User{})); d != "" {
		t.Fatalf("-want +got:\n%s", d)
	}
}

func acquire(t *testing.T, s *Store, u rotation.User, holder string, now, until time.Duration) rotation.Lease {
	t.Helper()
	return must(s.Acquire(t.Context(), u, holder, after(now), after(until)))(t)
}

func leaseCycle(t *testing.T, db testDB) {
	s := db.open(t)
	if l := acquire(t, s, alice, "r1", 0, 3*time.Minute); !l.Taken || !l.Quiet.IsZero() {
		t.Fatalf("first lease of an unknown user: %+v", l)
	}
	same(t, acquire(t, s, alice, "r2", 3*time.Minute-time.Second, 6*time.Minute), rotation.Lease{Until: after(3 * time.Minute)})
	if l := acquire(t, s, bob, "r2", 0, 3*time.Minute); !l.Taken {
		t.Fatal("another user's lease was in the way")
	}
	if l := acquire(t, s, eve, "r3", 0, 3*time.Minute); !l.Taken {
		t.Fatal("a user of the same name in another account was in the way")
	}
	// Given back as of a later moment: nobody may take it before, not even who held it.
	ok(t, s.Finish(t.Context(), alice, "r1", rotation.Standing{At: after(time.Minute), FreeAt: after(2 * time.Minute)}))
	for _, holder := range []string{"r1", "r2"} {
		same(t, acquire(t, s, alice, holder, 90*time.Second, 6*time.Minute), rotation.Lease{Until: after(2 * time.Minute)})
	}
	if l := acquire(t, s, alice, "r2", 2*time.Minute, 5*time.Minute); !l.Taken {
		t.Fatalf("a lease that is over was not taken: %+v", l)
	}
	if _, err := s.Acquire(t.Context(), alice, "", t0, after(time.Minute)); err == nil {
		t.Fatal("a lease without a holder was given")
	}
}

func leaseProlonged(t *testing.T, db testDB) {
	s := db.open(t)
	acquire(t, s, alice, "r1", 0, 2*time.Minute)
	if l := acquire(t, s, alice, "r1", time.Minute, 4*time.Minute); !l.Taken {
		t.Fatal("the holder could not prolong its lease")
	}
	same(t, acquire(t, s, alice, "r2", 3*time.Minute, 9*time.Minute), rotation.Lease{Until: after(4 * time.Minute)})
	// It dies: what counts is the prolonged lease.
	same(t, acquire(t, s, alice, "r2", 5*time.Minute, 9*time.Minute), rotation.Lease{Taken: true, Quiet: after(3 * time.Minute)})
}

func quietChanged(t *testing.T, db testDB) {
	s := db.open(t)
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	ok(t, s.Finish(t.Context(), alice, "r1", rotation.Standing{At: after(20 * time.Second), Changed: after(10 * time.Second),
		FreeAt: after(70 * time.Second)}))
	same(t, acquire(t, s, alice, "r2", 2*time.Minute, 5*time.Minute), rotation.Lease{Taken: true, Quiet: after(10 * time.Second)})
}

func quietDead(t *testing.T, db testDB) {
	s := db.open(t)
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	same(t, acquire(t, s, alice, "r2", 4*time.Minute, 8*time.Minute), rotation.Lease{Taken: true, Quiet: after(2 * time.Minute)})
	// The next run ends well without a change: the dead one's time stands.
	ok(t, s.Finish(t.Context(), alice, "r2", rotation.Standing{At: after(5 * time.Minute)}))
	same(t, acquire(t, s, alice, "r3", time.Hour, 2*time.Hour), rotation.Lease{Taken: true, Quiet: after(2 * time.Minute)})
}

func quietFirst(t *testing.T, db testDB) {
	s := db.open(t)
	ok(t, s.SetRecheck(t.Context(), alice, t0)) // known by name only: that says nothing of older runs
	if l := acquire(t, s, alice, "r1", 0, 3*time.Minute); !l.Quiet.IsZero() {
		t.Fatalf("quiet %s for a user whose past is unknown", l.Quiet)
	}
	if l := acquire(t, s, alice, "r1", time.Minute, 4*time.Minute); !l.Quiet.IsZero() {
		t.Fatalf("quiet %s after prolonging", l.Quiet)
	}
	ok(t, s.Finish(t.Context(), alice, "r1", rotation.Standing{At: after(10 * time.Second)}))
	same(t, acquire(t, s, alice, "r2", time.Hour, 2*time.Hour), rotation.Lease{Taken: true, Quiet: after(2 * time.Minute)})
}

func quietNeverBack(t *testing.T, db testDB) {
	s := db.open(t)
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	acquire(t, s, alice, "r2", 10*time.Minute, 13*time.Minute) // r1 died: quiet since minute 2
	ok(t, s.Finish(t.Context(), alice, "r2", rotation.Standing{At: after(11 * time.Minute), Changed: after(time.Minute)}))
	same(t, acquire(t, s, alice, "r3", time.Hour, 2*time.Hour), rotation.Lease{Taken: true, Quiet: after(2 * time.Minute)})
}

func leaseLost(t *testing.T, db testDB) {
	s := db.open(t)
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	acquire(t, s, alice, "r2", 3*time.Minute, 6*time.Minute)
	err := s.Finish(t.Context(), alice, "r1", rotation.Standing{At: after(4 * time.Minute), Changed: after(4 * time.Minute),
		Reason: rotation.ReasonDue})
	if !errors.Is(err, rotation.ErrLeaseLost) {
		t.Fatalf("a run without a lease ended with %v", err)
	}
	same(t, acquire(t, s, alice, "r3", 5*time.Minute, 9*time.Minute), rotation.Lease{Until: after(6 * time.Minute)})
	ok(t, s.Finish(t.Context(), alice, "r2", rotation.Standing{At: after(5 * time.Minute)}))
	same(t, acquire(t, s, alice, "r3", 7*time.Minute, 9*time.Minute), rotation.Lease{Taken: true, Quiet: after(4 * time.Minute)})
	if st, _, _ := s.Standing(t.Context(), alice); st.Reason != "" {
		t.Fatalf("the stalled run's findings replaced the later run's: %q", st.Reason)
	}
	if err := s.Finish(t.Context(), bob, "r1", rotation.Standing{}); !errors.Is(err, rotation.ErrLeaseLost) {
		t.Fatalf("a run of an unknown user ended with %v", err)
	}
}

func leaseRounding(t *testing.T, db testDB) {
	s := db.open(t)
	end := time.Minute + 300*time.Nanosecond
	acquire(t, s, alice, "r1", 0, end)
	if l := acquire(t, s, alice, "r2", end-time.Nanosecond, 2*time.Minute); l.Taken {
		t.Fatal("taken a nanosecond before its end")
	}
	if l := acquire(t, s, alice, "r2", end+time.Microsecond, 2*time.Minute); !l.Taken {
		t.Fatal("not taken when over")
	}
}

func acquireRace(t *testing.T, db testDB) {
	stores := []*Store{db.open(t), db.open(t), db.open(t)}
	const users, runs = 25, 12
	var mu sync.Mutex
	won := map[string]int{}
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			for u := range users {
				user := rotation.User{Account: alice.Account, Name: fmt.Sprintf("user-%d", u)}
				l, err := stores[i%len(stores)].Acquire(context.Background(), user, fmt.Sprintf("r%d", i), t0, after(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if l.Taken {
					mu.Lock()
					won[user.Name]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for u := range users {
		if n := won[fmt.Sprintf("user-%d", u)]; n != 1 {
			t.Errorf("user-%d was taken by %d runs at once", u, n)
		}
	}
}
