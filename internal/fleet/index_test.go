package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

var epoch = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func seconds(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

func known(name string) Member {
	m := member(name)
	m.Known = true
	return m
}

func names(users []user) (out []string) {
	for _, u := range users {
		out = append(out, u.Name)
	}
	return out
}

func wantNames(t *testing.T, got []user, want ...string) {
	t.Helper()
	if !slices.Equal(names(got), want) {
		t.Errorf("woken: %v, want %v", names(got), want)
	}
}

// The longest waiting first, those never seen and the others by turns; nobody before its time.
func TestIndexOrder(t *testing.T) {
	x := newIndex()
	for i := range 3 {
		x.add(member(fmt.Sprint("new-", i)), seconds(50), seconds(50+i))
	}
	for i, due := range []int{40, 10, 30, 20, 200} {
		x.add(known(fmt.Sprint("known-", i)), seconds(due), seconds(due))
	}
	wantNames(t, x.next(seconds(9), epoch, 10, patience))
	wantNames(t, x.next(seconds(100), epoch, 4, patience), "new-0", "known-1", "new-1", "known-3")
	wantNames(t, x.next(seconds(100), epoch, 4, patience)) // no room
	if p := x.begin(member("known-0").User, seconds(39)); p != nil {
		t.Error("a user began before its time")
	}
	for _, name := range []string{"new-0", "known-1"} {
		p := x.begin(member(name).User, seconds(100))
		if p == nil || x.begin(member(name).User, seconds(100)) != nil {
			t.Fatalf("%s began %v, or twice", name, p)
		}
		x.end(p, seconds(300))
	}
	wantNames(t, x.next(seconds(100), epoch, 4, patience), "new-2", "known-2")
	wantNames(t, x.next(seconds(100), epoch, 9, patience), "known-0")
	if at := x.soonest(); !at.Equal(seconds(200)) {
		t.Errorf("the next one is due %s", at)
	}
	if n, longest := x.due(seconds(100)); n != 5 || longest != 80*time.Second {
		t.Errorf("%d are due, the longest for %s", n, longest)
	}
}

// A wake-up without effect is sent again, and does not take more room.
func TestIndexWakesAgain(t *testing.T) {
	x := newIndex()
	x.add(known("a"), seconds(0), seconds(0))
	wantNames(t, x.next(seconds(0), epoch, 1, patience), "a")
	wantNames(t, x.next(seconds(1), epoch.Add(patience-1), 1, patience))
	wantNames(t, x.next(seconds(2), epoch.Add(patience), 1, patience), "a")
	wantNames(t, x.next(seconds(2), epoch.Add(patience+1), 1, patience))
	x.end(x.begin(member("a").User, seconds(3)), seconds(60))
	wantNames(t, x.next(seconds(3), epoch.Add(9*patience), 1, patience))
}

// A look that is asked for while a run is under way comes after it; one that is asked for earlier is not put off.
func TestIndexAskedMeanwhile(t *testing.T) {
	x := newIndex()
	x.add(known("a"), seconds(0), seconds(0))
	x.next(seconds(0), epoch, 1, patience)
	p := x.begin(member("a").User, seconds(0))
	x.plan(p, seconds(10))
	x.plan(p, seconds(20))
	x.end(p, seconds(600))
	if !p.due.Equal(seconds(10)) {
		t.Errorf("asked for in 10 seconds, planned at %s", p.due)
	}
	x.next(seconds(10), epoch, 1, patience)
	p = x.begin(member("a").User, seconds(10))
	x.end(p, seconds(700))
	if !p.due.Equal(seconds(700)) {
		t.Errorf("the wish from before counts again: %s", p.due)
	}
}

// Whoever fails has waited since it failed first, whatever its back-off.
func TestIndexWaitsSince(t *testing.T) {
	x := newIndex()
	x.add(known("a"), seconds(0), seconds(0))
	p := x.users[member("a").User]
	for i, due := range []int{60, 180, 420} {
		x.next(p.due, epoch, 1, patience)
		x.begin(p.member.User, p.due)
		p.member.Standing = rotation.Standing{Failures: i + 1, LastError: "away"}
		x.end(p, seconds(due))
		if !p.since.Equal(seconds(0)) {
			t.Errorf("after %d failures it waits since %s", i+1, p.since)
		}
	}
	x.next(p.due, epoch, 1, patience)
	x.begin(p.member.User, p.due)
	p.member.Standing = rotation.Standing{}
	x.end(p, seconds(1000))
	if !p.since.Equal(seconds(1000)) {
		t.Errorf("after a success it waits since %s", p.since)
	}
}

// A user that leaves while at work is forgotten when its run ends, and may be back by then.
func TestIndexDrop(t *testing.T) {
	x := newIndex()
	x.add(known("a"), seconds(0), seconds(0))
	x.add(known("b"), seconds(0), seconds(0))
	x.next(seconds(0), epoch, 5, patience)
	p := x.begin(member("a").User, seconds(0))
	x.drop(p)
	x.drop(x.users[member("b").User])
	x.add(known("a"), seconds(5), seconds(5))
	x.end(p, seconds(10))
	if n, _ := x.due(seconds(0)); n != 0 || x.working != 0 || len(x.users) != 1 || x.later.Len() != 1 {
		t.Errorf("%d due, %d at work, %d users, %d waiting", n, x.working, len(x.users), x.later.Len())
	}
	wantNames(t, x.next(seconds(10), epoch, 5, patience), "a")
}

// The number of users that fail is kept whatever happens to them.
func TestIndexCountsFailing(t *testing.T) {
	x := newIndex()
	m := known("a")
	m.Standing.LastError = "away"
	x.add(m, seconds(0), seconds(0))
	x.add(known("b"), seconds(0), seconds(0))
	if x.failing != 1 {
		t.Errorf("%d fail", x.failing)
	}
	x.drop(x.users[m.User])
	if x.failing != 0 {
		t.Errorf("%d fail", x.failing)
	}
}
