package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

func begin(t *testing.T, s *Store, u rotation.User, run string, a rotation.ActionKind) int64 {
	t.Helper()
	return must(s.Begin(t.Context(), rotation.Event{At: t0, User: u, Run: run, Action: a, Reason: rotation.ReasonDue}))(t)
}

func end(t *testing.T, s *Store, id int64, o rotation.Outcome, keyID string) {
	t.Helper()
	ok(t, s.End(t.Context(), id, after(time.Second), o, keyID, ""))
}

func eventsRoundTrip(t *testing.T, db testDB) {
	s := db.open(t)
	e := rotation.Event{At: t0, User: alice, Run: "run1", Action: rotation.DeactivateKey, Reason: rotation.ReasonGraceOver,
		KeyID: "AKIAOLD", VersionID: "v-1", Detail: "in use by s3 in eu-west-1"}
	id := must(s.Begin(t.Context(), e))(t)
	same(t, must(s.Events(t.Context(), Query{}))(t), []Line{{ID: id, Event: e}})
	ok(t, s.End(t.Context(), id, after(time.Second), rotation.Failed, "", "access denied"))
	want := Line{ID: id, Event: e, Seq: 1, Outcome: rotation.Failed, Ended: after(time.Second), Result: "access denied"}
	same(t, must(s.Events(t.Context(), Query{}))(t), []Line{want})

	// The id of a key that the action made is known when it ends.
	made := begin(t, s, alice, "run2", rotation.CreateKey)
	end(t, s, made, rotation.Done, "AKIANEW")
	if got := must(s.Events(t.Context(), Query{Limit: 1}))(t); got[0].KeyID != "AKIANEW" {
		t.Fatalf("the made key's id is %q", got[0].KeyID)
	}
}

func eventsPaged(t *testing.T, db testDB) {
	s := db.open(t)
	var want []int64 // alice's, newest first
	for i := range 25 {
		id := begin(t, s, alice, fmt.Sprintf("run%d", i), rotation.Verify)
		want = append([]int64{id}, want...)
		begin(t, s, bob, fmt.Sprintf("bob%d", i), rotation.Verify)
		begin(t, s, eve, fmt.Sprintf("eve%d", i), rotation.Verify)
	}
	var got []int64
	for q := (Query{User: alice, Limit: 10}); ; {
		page := must(s.Events(t.Context(), q))(t)
		for _, l := range page {
			got = append(got, l.ID)
		}
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	same(t, got, want)
	if n := len(must(s.Events(t.Context(), Query{Limit: 1000}))(t)); n != 75 {
		t.Fatalf("%d events of all users, want 75", n)
	}
}

func outcomesInOrder(t *testing.T, db testDB) {
	s := db.open(t)
	first, second, third := begin(t, s, alice, "a", rotation.Verify), begin(t, s, bob, "b", rotation.Verify),
		begin(t, s, eve, "c", rotation.Verify)
	end(t, s, second, rotation.Done, "")
	lines := must(s.Ended(t.Context(), 0, 1))(t)
	if len(lines) != 1 || lines[0].ID != second {
		t.Fatalf("first ended: %+v", lines)
	}
	end(t, s, third, rotation.Unknown, "")
	end(t, s, first, rotation.Failed, "") // begun first, ended last: must not be missed by who reads on
	var ids []int64
	for _, l := range must(s.Ended(t.Context(), lines[0].Seq, 0))(t) {
		ids = append(ids, l.ID)
	}
	same(t, ids, []int64{third, first})
}

func outcomeOnce(t *testing.T, db testDB) {
	s := db.open(t)
	id := begin(t, s, alice, "a", rotation.CreateKey)
	end(t, s, id, rotation.Unknown, "")
	if err := s.End(t.Context(), id, t0, rotation.Done, "AKIA", ""); err == nil {
		t.Fatal("history was rewritten")
	}
	if err := s.End(t.Context(), id+7, t0, rotation.Done, "", ""); err == nil {
		t.Fatal("an event that was never begun has ended")
	}
	if err := s.End(t.Context(), id, t0, "perhaps", "", ""); err == nil {
		t.Fatal("an outcome that does not exist was recorded")
	}
	if got := must(s.Events(t.Context(), Query{}))(t); got[0].Outcome != rotation.Unknown {
		t.Fatalf("the outcome is %q", got[0].Outcome)
	}
}

func witness(t *testing.T, db testDB) {
	for name, c := range map[string]struct {
		record func(t *testing.T, s *Store)
		want   rotation.Witness
	}{
		"nothing known of the run": {func(*testing.T, *Store) {}, rotation.Witness{}},
		"another run's create call": {func(t *testing.T, s *Store) {
			begin(t, s, alice, "other", rotation.WriteIntent)
			end(t, s, begin(t, s, alice, "other", rotation.CreateKey), rotation.Done, "AKIA")
		}, rotation.Witness{}},
		"another user's run": {func(t *testing.T, s *Store) { begin(t, s, bob, "run", rotation.WriteIntent) }, rotation.Witness{}},
		"the run is known, its intent is not": {func(t *testing.T, s *Store) { begin(t, s, alice, "run", rotation.Verify) },
			rotation.Witness{}},
		"died between intent and create": {func(t *testing.T, s *Store) { begin(t, s, alice, "run", rotation.WriteIntent) },
			rotation.Witness{Intent: "run", NotMade: true}},
		"create failed for certain": {func(t *testing.T, s *Store) {
			end(t, s, begin(t, s, alice, "run", rotation.WriteIntent), rotation.Done, "")
			end(t, s, begin(t, s, alice, "run", rotation.CreateKey), rotation.Failed, "")
		}, rotation.Witness{Intent: "run", NotMade: true}},
		"died in create": {func(t *testing.T, s *Store) {
			begin(t, s, alice, "run", rotation.WriteIntent)
			begin(t, s, alice, "run", rotation.CreateKey)
		}, rotation.Witness{Intent: "run"}},
		"the answer of create was lost": {func(t *testing.T, s *Store) {
			begin(t, s, alice, "run", rotation.WriteIntent)
			end(t, s, begin(t, s, alice, "run", rotation.CreateKey), rotation.Unknown, "")
		}, rotation.Witness{Intent: "run"}},
		"created": {func(t *testing.T, s *Store) {
			begin(t, s, alice, "run", rotation.WriteIntent)
			end(t, s, begin(t, s, alice, "run", rotation.CreateKey), rotation.Done, "AKIANEW")
		}, rotation.Witness{Intent: "run", CreatedID: "AKIANEW"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := db.open(t)
			c.record(t, s)
			same(t, must(s.Witness(t.Context(), alice, "run"))(t), c.want)
			clearHistory(t, s)
		})
	}
}

// clearHistory empties the journal between cases that share a database.
func clearHistory(t *testing.T, s *Store) {
	t.Helper()
	for _, table := range []string{"outcomes", "events"} {
		_ = must(s.exec(t.Context(), "DELETE FROM "+table))(t)
	}
}

func standingsRoundTrip(t *testing.T, db testDB) {
	s := db.open(t)
	if _, found, err := s.Standing(t.Context(), alice); found || err != nil {
		t.Fatalf("an unknown user is found: %v %v", found, err)
	}
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	if st, found, err := s.Standing(t.Context(), alice); !found || err != nil || !st.At.IsZero() {
		t.Fatalf("a user whose first run has not ended: %+v %v %v", st, found, err)
	}
	want := rotation.Standing{
		At: after(30 * time.Second), Recheck: after(time.Hour), FreeAt: after(80 * time.Second), Changed: after(20 * time.Second),
		Reason: rotation.ReasonGrace, NextAction: rotation.DeactivateKey, NextAt: after(2 * time.Minute), CurrentKeyID: "AKIANEW",
		Keys: []rotation.ClassifiedKey{
			{Key: rotation.Key{ID: "AKIANEW", Status: rotation.Active, Created: t0}, Class: rotation.ClassCurrent},
			{Key: rotation.Key{ID: "AKIAOLD", Status: rotation.Inactive, Created: after(-time.Hour)}, Class: rotation.ClassPrevious},
		},
		LastError: "TagResource of x was denied", Failures: 3,
	}
	ok(t, s.Finish(t.Context(), alice, "r1", want))
	got, found, err := s.Standing(t.Context(), alice)
	ok(t, err)
	same(t, found, true)
	same(t, got, want)

	// A run that changed nothing keeps the time of the last change; keys that were not read are not the same as none.
	acquire(t, s, alice, "r2", time.Hour, 2*time.Hour)
	ok(t, s.Finish(t.Context(), alice, "r2", rotation.Standing{At: after(time.Hour), Keys: []rotation.ClassifiedKey{}}))
	got, _, err = s.Standing(t.Context(), alice)
	ok(t, err)
	same(t, got, rotation.Standing{At: after(time.Hour), Changed: want.Changed, Keys: []rotation.ClassifiedKey{}})
}

func standingsPages(t *testing.T, db testDB) {
	s := db.open(t)
	const n = 1203
	for i := range n {
		ok(t, s.SetRecheck(t.Context(), rotation.User{Account: fmt.Sprint(100000000000 + i%3), Name: fmt.Sprintf("u%04d", i)}, t0))
	}
	seen, last := map[rotation.User]bool{}, ""
	for e, err := range s.Standings(t.Context()) {
		ok(t, err)
		if seen[e.User] || e.User.String() <= last {
			t.Fatalf("%s came after %s", e.User, last)
		}
		seen[e.User], last = true, e.User.String()
		if _, _, err := s.Standing(t.Context(), e.User); err != nil { // the loop may use the store
			t.Fatal(err)
		}
	}
	same(t, len(seen), n)
}

func due(t *testing.T, db testDB) {
	s := db.open(t)
	finish := func(u rotation.User, recheck time.Time) {
		acquire(t, s, u, "r", 0, time.Minute)
		ok(t, s.Finish(t.Context(), u, "r", rotation.Standing{At: t0, Recheck: recheck}))
	}
	carol, dave := rotation.User{Account: alice.Account, Name: "carol"}, rotation.User{Account: alice.Account, Name: "dave"}
	finish(alice, after(10*time.Minute))
	finish(bob, after(5*time.Minute))
	finish(carol, after(time.Hour))
	finish(eve, after(time.Minute)) // another account's
	names := func(now time.Duration) (out []string) {
		for _, u := range must(s.Due(t.Context(), alice.Account, after(now)))(t) {
			out = append(out, u.Name)
		}
		return out
	}
	same(t, names(5*time.Minute-time.Second), []string(nil))
	same(t, names(10*time.Minute), []string{"bob", "alice"})
	ok(t, s.SetRecheck(t.Context(), carol, after(6*time.Minute)))
	same(t, names(10*time.Minute), []string{"bob", "carol", "alice"})
	ok(t, s.SetRecheck(t.Context(), carol, after(2*time.Hour))) // asking never makes it later
	same(t, names(10*time.Minute), []string{"bob", "carol", "alice"})
	ok(t, s.SetRecheck(t.Context(), dave, after(time.Minute))) // never seen before
	acquire(t, s, rotation.User{Account: alice.Account, Name: "dead"}, "r", 0, time.Minute)
	same(t, names(10*time.Minute), []string{"dead", "dave", "bob", "carol", "alice"})
}

func askedDuringRun(t *testing.T, db testDB) {
	s := db.open(t)
	recheck := func() time.Time {
		st, _, err := s.Standing(t.Context(), alice)
		ok(t, err)
		return st.Recheck
	}
	acquire(t, s, alice, "r1", 0, 3*time.Minute)
	ok(t, s.SetRecheck(t.Context(), alice, after(time.Minute)))
	acquire(t, s, alice, "r1", 30*time.Second, 3*time.Minute) // prolonged: still the same run
	ok(t, s.Finish(t.Context(), alice, "r1", rotation.Standing{At: after(time.Minute), Recheck: after(time.Hour)}))
	same(t, recheck(), after(time.Minute))

	acquire(t, s, alice, "r2", 2*time.Minute, 5*time.Minute) // this run is the look that was asked for
	ok(t, s.Finish(t.Context(), alice, "r2", rotation.Standing{At: after(3 * time.Minute), Recheck: after(time.Hour)}))
	same(t, recheck(), after(time.Hour))
}

func oddText(t *testing.T, db testDB) {
	s := db.open(t)
	odd := "line\none \x00 \xff 'quote' \"double\" $1 ?1 — é 🔑"
	id := must(s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "r", Action: rotation.Verify, Detail: odd}))(t)
	ok(t, s.End(t.Context(), id, t0, rotation.Failed, "", odd))
	got := must(s.Events(t.Context(), Query{}))(t)[0]
	want := "line\none \uFFFD \uFFFD 'quote' \"double\" $1 ?1 — é 🔑"
	same(t, []string{got.Detail, got.Result}, []string{want, want})
}

func cancelled(t *testing.T, db testDB) {
	s := db.open(t)
	begin(t, s, alice, "r", rotation.Verify)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Begin(ctx, rotation.Event{At: t0, User: alice, Run: "r2", Action: rotation.Verify}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled call ended with %v", err)
	}
	begin(t, s, alice, "r3", rotation.Verify)
	same(t, len(must(s.Events(t.Context(), Query{}))(t)), 2)
}
