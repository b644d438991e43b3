package store

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

func access(caller string, u rotation.User, at time.Duration) Access {
	return Access{At: after(at), Caller: caller, User: u, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Route: "GET /v1/credentials/{user}",
		From: netip.MustParseAddr("192.0.2.7")}
}

func gave(t *testing.T, s *Store, all ...Access) {
	t.Helper()
	for _, a := range all {
		ok(t, s.RecordAccess(t.Context(), a))
	}
}

// reads gives what a search finds, without the numbers.
func reads(t *testing.T, s *Store, q AccessQuery) (out []Access) {
	t.Helper()
	for _, l := range must(s.Accesses(t.Context(), q))(t) {
		out = append(out, l.Access)
	}
	return out
}

func accessesRoundTrip(t *testing.T, db testDB) {
	s := db.open(t)
	same(t, len(reads(t, s, AccessQuery{})), 0)
	all := []Access{
		access("key-1", alice, 0),
		access("key-2", bob, time.Second),
		{At: after(2 * time.Second), User: eve}, // nothing else is known
		{At: after(3 * time.Second), Caller: "arn:aws:iam::111122223333:role/odd é\x00", User: alice, AccessKeyID: "ODDACCESSKEYID999", Route: "r",
			From: netip.MustParseAddr("2001:db8::1")},
	}
	gave(t, s, all...)
	all[3].Caller = "arn:aws:iam::111122223333:role/odd é\uFFFD"
	slices.Reverse(all)
	got := reads(t, s, AccessQuery{})
	if fmt.Sprint(got) != fmt.Sprint(all) {
		t.Fatalf("got  %v\nwant %v", got, all)
	}
	for _, bad := range []Access{{User: alice}, {At: t0}} {
		if err := s.RecordAccess(t.Context(), bad); err == nil {
			t.Errorf("%+v was recorded", bad)
		}
	}
	// A secret in the place of the id gets neither into the records nor into the error.
	for _, id := range []string{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE/", "akiaiosfodnn7example", "AKIA",
		strings.Repeat("A", 129)} {
		bad := access("key-1", alice, 0)
		bad.AccessKeyID = id
		if err := s.RecordAccess(t.Context(), bad); err == nil || strings.Contains(err.Error(), id) {
			t.Errorf("%q as an id: %v", id, err)
		}
	}
	same(t, len(reads(t, s, AccessQuery{})), len(all))
}

func accessesSearched(t *testing.T, db testDB) {
	s := db.open(t)
	for i := range 10 {
		for _, u := range []rotation.User{alice, bob, eve} {
			gave(t, s, access(fmt.Sprint("key-", i%2), u, time.Duration(i)*time.Minute))
		}
	}
	count := func(q AccessQuery, want int) {
		t.Helper()
		q.Limit = 1000
		found := reads(t, s, q)
		if len(found) != want {
			t.Errorf("%+v: found %d, want %d", q, len(found), want)
		}
		for _, a := range found {
			if q.User.Account != "" && a.User != q.User || q.User.Name != "" && a.User.Name != q.User.Name || q.Caller != "" && a.Caller != q.Caller ||
				a.At.Before(q.Since) || !q.Until.IsZero() && !a.At.Before(q.Until) {
				t.Errorf("%+v: found %+v", q, a)
			}
		}
	}
	count(AccessQuery{}, 30)
	count(AccessQuery{User: alice}, 10)
	count(AccessQuery{User: rotation.User{Name: "alice"}}, 20)
	count(AccessQuery{User: rotation.User{Account: "111122223333", Name: "nobody"}}, 0)
	count(AccessQuery{Caller: "key-1"}, 15)
	count(AccessQuery{Caller: "key"}, 0)
	count(AccessQuery{Caller: "key-1", User: bob}, 5)
	count(AccessQuery{Since: after(7 * time.Minute)}, 9)
	count(AccessQuery{Until: after(7 * time.Minute)}, 21)
	count(AccessQuery{Since: after(2 * time.Minute), Until: after(3 * time.Minute), User: eve}, 1)
	// Page by page it is the same.
	var paged []Access
	for q := (AccessQuery{Limit: 7}); ; {
		page := must(s.Accesses(t.Context(), q))(t)
		for _, l := range page {
			paged = append(paged, l.Access)
		}
		if len(page) < 7 {
			break
		}
		q.Before = page[6].Seq
	}
	if fmt.Sprint(paged) != fmt.Sprint(reads(t, s, AccessQuery{Limit: 1000})) {
		t.Error("pages do not give the whole")
	}
}

// Many at once are committed together, and each is found.
func accessesTogether(t *testing.T, db testDB) {
	s := db.open(t)
	var all sync.WaitGroup
	const clients, each = 40, 25
	for c := range clients {
		all.Go(func() {
			for i := range each {
				a := access(fmt.Sprint("key-", c), rotation.User{Account: alice.Account, Name: fmt.Sprint("user-", i)}, time.Duration(i)*time.Second)
				if err := s.RecordAccess(context.Background(), a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	var last int64 = 1<<63 - 1
	for _, l := range must(s.Accesses(t.Context(), AccessQuery{Limit: 10_000}))(t) {
		if l.Seq >= last {
			t.Fatalf("%d stands after %d", l.Seq, last)
		}
		last = l.Seq
		seen[l.Caller+" "+l.User.Name]++
	}
	if len(seen) != clients*each {
		t.Errorf("%d of %d are on record", len(seen), clients*each)
	}
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s is on record %d times", what, n)
		}
	}
}

// The clock steps back: nothing is lost, and the order is that of the records.
func accessesClockBack(t *testing.T, db testDB) {
	s := db.open(t)
	gave(t, s, access("key", alice, time.Hour), access("key", bob, 0), access("key", alice, time.Minute))
	var users []rotation.User
	for _, a := range reads(t, s, AccessQuery{}) {
		users = append(users, a.User)
	}
	same(t, users, []rotation.User{alice, bob, alice})
	same(t, len(reads(t, s, AccessQuery{Since: after(time.Second), Until: after(time.Hour)})), 1)
}

func accessesPruned(t *testing.T, db testDB) {
	s := db.open(t)
	same(t, must(s.PruneAccesses(t.Context(), after(time.Hour), 10))(t), false) // there is none
	for i := range 25 {
		gave(t, s, access("key", alice, time.Duration(i)*time.Minute))
	}
	rounds := 0
	for more := true; more; rounds++ {
		more = must(s.PruneAccesses(t.Context(), after(12*time.Minute), 5))(t)
	}
	same(t, rounds, 3)
	left := reads(t, s, AccessQuery{})
	same(t, len(left), 13)
	same(t, left[12].At, after(12*time.Minute))
}

func keyUses(t *testing.T, db testDB) {
	s := db.open(t)
	from, other := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1")
	s.NoteKeyUse("key-1", t0, from)
	s.NoteKeyUse("key-1", after(time.Second), other) // within the minute: not worth a write
	s.NoteKeyUse("key-2", after(time.Second), netip.Addr{})
	s.uses.wait()
	equal(t, must(s.KeyUses(t.Context()))(t), map[string]KeyUse{"key-1": {t0, from}, "key-2": {At: after(time.Second)}})
	s.NoteKeyUse("key-1", after(time.Minute), other)
	s.uses.wait()
	s.NoteKeyUse("key-1", after(-time.Hour), from) // a clock that steps back takes nothing back
	s.uses.wait()
	equal(t, must(s.KeyUses(t.Context()))(t)["key-1"], KeyUse{after(time.Minute), other})
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

func begun(t *testing.T, s *Store, r Request, at time.Duration) PastRequest {
	t.Helper()
	return must(s.BeginRequest(t.Context(), r, after(at)))(t)
}

func requests(t *testing.T, db testDB) {
	s := db.open(t)
	r := Request{Caller: "key-1", Key: "a", Route: "POST /v1/users/alice/rotate", Hash: [32]byte{1}}
	body, route, caller := r, r, r
	body.Hash[0], route.Route, caller.Caller = 2, "POST /v1/users/bob/rotate", "key-2"
	same(t, begun(t, s, r, 0).State, RequestNew)
	same(t, begun(t, s, r, time.Second), PastRequest{State: RequestInFlight, Began: t0})
	same(t, begun(t, s, body, time.Second), PastRequest{State: RequestOther, Began: t0})
	same(t, begun(t, s, route, time.Second), PastRequest{State: RequestOther, Began: t0})
	same(t, begun(t, s, caller, time.Second).State, RequestNew)

	reply := Reply{Status: 202, Header: map[string]string{"Location": "/v1/x"}, Body: []byte(`{"run":"abc"}`)}
	ok(t, s.EndRequest(t.Context(), r, reply))
	ok(t, s.EndRequest(t.Context(), r, Reply{Status: 500})) // the first answer stands
	ok(t, s.DropRequest(t.Context(), r))
	same(t, begun(t, s, r, ReplayFor-time.Second), PastRequest{State: RequestAnswered, Began: t0, Reply: reply})
	same(t, begun(t, s, body, ReplayFor-time.Second), PastRequest{State: RequestOther, Began: t0})
	same(t, begun(t, s, r, ReplayFor+time.Second).State, RequestNew)

	// What had no effect may be sent again; what nobody ended is lost.
	ok(t, s.DropRequest(t.Context(), caller))
	same(t, begun(t, s, caller, time.Minute).State, RequestNew)
	same(t, begun(t, s, caller, time.Minute+RequestEnds+time.Second).State, RequestLost)

	for _, bad := range []Request{{Key: "a"}, {Caller: "a"}} {
		if _, err := s.BeginRequest(t.Context(), bad, t0); err == nil {
			t.Errorf("%+v was recorded", bad)
		}
	}
	if err := s.EndRequest(t.Context(), r, Reply{Status: 200, Body: make([]byte, MostReply+1)}); err == nil {
		t.Error("a huge answer was kept")
	}
}

func requestsRace(t *testing.T, db testDB) {
	s := db.open(t)
	var mu sync.Mutex
	states := map[RequestState]int{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			p, err := s.BeginRequest(context.Background(), Request{Caller: "key", Key: "k"}, t0)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			states[p.State]++
		})
	}
	all.Wait()
	same(t, states, map[RequestState]int{RequestNew: 1, RequestInFlight: 19})
}

func rotationsCounted(t *testing.T, db testDB) {
	s := db.open(t)
	asked := after(-time.Hour)
	unknown := must(s.Rotations(t.Context(), alice, asked))(t)
	same(t, unknown, Rotations{})
	same(t, unknown.Partial(asked), true)
	acquire(t, s, alice, "r", 0, 3*time.Minute)
	for i, outcome := range []rotation.Outcome{rotation.Done, rotation.Failed, rotation.Unknown, ""} {
		e := rotation.Event{At: after(time.Duration(i) * time.Minute), User: alice, Run: "r", Action: rotation.CreateKey}
		id := must(s.Begin(t.Context(), e))(t)
		if outcome != "" {
			end(t, s, id, outcome, "")
		}
	}
	begin(t, s, alice, "r", rotation.Verify)
	begin(t, s, bob, "r", rotation.CreateKey)
	got := must(s.Rotations(t.Context(), alice, asked))(t)
	same(t, got, Rotations{Made: 3, Since: after(2 * time.Minute), Oldest: t0}) // known since the first lease
	same(t, got.Partial(asked), true)
	later := must(s.Rotations(t.Context(), alice, after(2*time.Minute)))(t)
	same(t, later, Rotations{Made: 2, Since: after(2 * time.Minute), Oldest: after(2 * time.Minute)})
	same(t, later.Partial(after(2*time.Minute)), false)
}
