package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// runs gives the runs of lines, in their order.
func runs(lines []Line) (out []string) {
	for _, l := range lines {
		out = append(out, l.Run)
	}
	return out
}

func recentNewest(t *testing.T, db testDB) {
	s := db.open(t)
	same(t, len(must(s.Recent(t.Context(), RecentQuery{}))(t)), 0)
	for _, after := range []int64{0, -1, 7} {
		same(t, must(s.Page(t.Context(), PageQuery{After: after}))(t), Page{Next: -1})
	}
	for _, u := range []rotation.User{alice, bob, eve} {
		ok(t, s.SetRecheck(t.Context(), u, t0))
	}
	one := begin(t, s, alice, "1", rotation.Verify)
	two := begin(t, s, bob, "2", rotation.Verify)
	begin(t, s, eve, "died", rotation.CreateKey)
	three := begin(t, s, alice, "3", rotation.Verify)
	end(t, s, two, rotation.Done, "")
	end(t, s, one, rotation.Done, "") // begun first, ended second
	end(t, s, three, rotation.Failed, "")
	begin(t, s, bob, "under way", rotation.Verify)

	recent := func(q RecentQuery) []string {
		t.Helper()
		return runs(must(s.Recent(t.Context(), q))(t))
	}
	same(t, recent(RecentQuery{}), []string{"2", "1", "died", "3", "under way"})
	same(t, recent(RecentQuery{Limit: 2}), []string{"3", "under way"})
	same(t, recent(RecentQuery{Users: []rotation.User{bob}}), []string{"2", "under way"})
	same(t, recent(RecentQuery{Users: []rotation.User{{Name: "alice"}}}), []string{"1", "died", "3"}) // of both accounts
	same(t, recent(RecentQuery{Users: []rotation.User{alice, bob}, Limit: 3}), []string{"1", "3", "under way"})
	page := must(s.Page(t.Context(), PageQuery{Users: []rotation.User{alice, bob}, Limit: 3}))(t)
	same(t, runs(page.Lines), []string{"1", "3", "under way"})
	same(t, page.Next, must(s.Newest(t.Context()))(t))
	same(t, len(recent(RecentQuery{Users: []rotation.User{{Name: "nobody"}}})), 0)
}

func recentFollowed(t *testing.T, db testDB) {
	s := db.open(t)
	same(t, must(s.Newest(t.Context()))(t), int64(0))
	users := []rotation.User{alice, bob, eve}
	var all, alices []string
	late := begin(t, s, alice, "late", rotation.Verify) // is under way while everything else happens
	for i := range 200 {
		run := fmt.Sprint(i)
		end(t, s, begin(t, s, users[i%3], run, rotation.Verify), rotation.Done, "")
		begin(t, s, users[i%3], "died", rotation.Verify) // never ends, is never followed
		if all = append(all, run); i%3 == 0 {
			alices = append(alices, run)
		}
	}
	follow := func(q RecentQuery) (out []string, last int64) {
		t.Helper()
		for q.After = 1; ; { // begins after the first one
			lines := must(s.Recent(t.Context(), q))(t)
			if len(lines) == 0 {
				return out, q.After
			}
			out, q.After = append(out, runs(lines)...), lines[len(lines)-1].Seq
		}
	}
	got, last := follow(RecentQuery{Limit: 7})
	same(t, got, all[1:])
	same(t, must(s.Newest(t.Context()))(t), last)
	got, _ = follow(RecentQuery{Limit: 7, Users: []rotation.User{alice}})
	same(t, got, alices[1:])

	// Read in pages, it is the same.
	for _, q := range []PageQuery{{Users: []rotation.User{alice}}, {Of: func(u rotation.User) bool { return u == alice }}} {
		q.Limit = 7
		got, _ = paged(t, s, q)
		same(t, got, alices)
	}
	got, _ = paged(t, s, PageQuery{})
	same(t, got, all)

	// What had been under way ends at last, and is not missed.
	end(t, s, late, rotation.Done, "")
	same(t, runs(must(s.Recent(t.Context(), RecentQuery{After: last}))(t)), []string{"late"})

	// Likewise of one user, if its run stood still while the next ones went on.
	last = must(s.Newest(t.Context()))(t)
	late = begin(t, s, alice, "later", rotation.Verify)
	for range 3 {
		end(t, s, begin(t, s, alice, "next", rotation.Verify), rotation.Done, "")
	}
	end(t, s, late, rotation.Done, "")
	same(t, runs(must(s.Recent(t.Context(), RecentQuery{After: last + 3, Users: []rotation.User{alice}}))(t)), []string{"later"})
	// Whoever comes from a database with more in it gets the newest lines.
	same(t, runs(must(s.Recent(t.Context(), RecentQuery{After: 1 << 40, Limit: 2}))(t)), []string{"next", "later"})
}

// prune removes what is older than a time in batches, and gives how many events that were.
func prune(t *testing.T, s *Store, before time.Time, most int) (n int) {
	t.Helper()
	for range 10_000 {
		removed, more, err := s.Prune(t.Context(), before, most)
		ok(t, err)
		if removed > most {
			t.Fatalf("%d were removed in one batch of %d", removed, most)
		}
		n += removed
		if !more {
			return n
		}
	}
	t.Fatal("it never comes to its end")
	return 0
}

func pruned(t *testing.T, db testDB) {
	s := db.open(t)
	at := func(day int, u rotation.User, run string, a rotation.ActionKind, o rotation.Outcome) int64 {
		t.Helper()
		now := t0.AddDate(0, 0, day)
		id := must(s.Begin(t.Context(), rotation.Event{At: now, User: u, Run: run, Action: a}))(t)
		if o != "" {
			ok(t, s.End(t.Context(), id, now, o, "", ""))
		}
		return id
	}
	for day := range 30 {
		run := fmt.Sprint("alice", day)
		at(day, alice, run, rotation.WriteIntent, rotation.Done)
		at(day, alice, run, rotation.CreateKey, rotation.Done)
		at(day, alice, run, rotation.Promote, rotation.Done)
		at(day, bob, fmt.Sprint("bob", day), rotation.Verify, rotation.Failed)
		// Eve's intent is old and open: her run died in its create call, and later ones could not write another.
		switch {
		case day == 3:
			at(day, eve, "eve", rotation.WriteIntent, rotation.Done)
			at(day, eve, "eve", rotation.CreateKey, "")
		case day > 3:
			at(day, eve, fmt.Sprint("eve", day), rotation.WriteIntent, rotation.Failed)
		}
	}
	before := must(s.Witness(t.Context(), eve, "eve"))(t)

	same(t, prune(t, s, t0, 5), 0)
	removed := prune(t, s, t0.AddDate(0, 0, 20), 5)
	same(t, removed, 20*4)
	same(t, prune(t, s, t0.AddDate(0, 0, 20), 5), 0) // again: nothing is left
	same(t, must(s.Witness(t.Context(), eve, "eve"))(t), before)
	first := must(s.Recent(t.Context(), RecentQuery{Users: []rotation.User{alice}, Limit: 1000}))(t)[0]
	same(t, first.Run, "alice20")

	// When everything is too old, the last of each stays, and no id comes twice.
	last := at(30, bob, "last", rotation.Verify, rotation.Done)
	seq := must(s.Newest(t.Context()))(t)
	prune(t, s, t0.AddDate(1, 0, 0), 1000)
	same(t, runs(must(s.Recent(t.Context(), RecentQuery{Users: []rotation.User{alice, bob}}))(t)), []string{"alice29", "alice29", "alice29", "last"})
	same(t, must(s.Witness(t.Context(), alice, "alice29"))(t).Intent, "alice29")
	if id := at(31, bob, "next", rotation.Verify, rotation.Done); id <= last {
		t.Errorf("event %d after %d", id, last)
	}
	if now := must(s.Newest(t.Context()))(t); now <= seq {
		t.Errorf("outcome %d after %d", now, seq)
	}
	prune(t, s, t0.AddDate(2, 0, 0), 1) // one by one is as well
}

// The newest outcome stays even when it is of an old event that ended late, as its number would come twice.
func prunedLate(t *testing.T, db testDB) {
	s := db.open(t)
	stalled := begin(t, s, alice, "stalled", rotation.Verify)
	begin(t, s, alice, "died", rotation.Verify)
	end(t, s, begin(t, s, bob, "bob", rotation.Verify), rotation.Done, "")
	end(t, s, stalled, rotation.Unknown, "")
	seq := must(s.Newest(t.Context()))(t)
	prune(t, s, t0.AddDate(1, 0, 0), 10)
	same(t, must(s.Newest(t.Context()))(t), seq)
}
