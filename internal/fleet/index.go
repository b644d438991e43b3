package fleet

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// place is one user in the index. Times are AWS's but for woken.
type place struct {
	member Member
	due    time.Time // when it is to be looked at
	since  time.Time // for how long it has waited by then: a user whose runs fail waits since the first of them was due
	stage  stage
	at     int       // position in its queue
	woken  time.Time // when its wake-up was sent, on the local clock
	asked  time.Time // a look was asked for while it is at work; zero: none
	away   bool      // its last run failed because AWS could not be reached or refused to be asked so much
	called time.Time // when it was last called forward, as others had no such trouble
	ended  int       // the round in which its last run ended
	gone   bool      // left the selection while at work
}

type stage uint8

const (
	later   stage = iota // its time has not come
	ready                // its time has come
	waking               // a wake-up was sent
	working              // a run is under way
)

// queue is a heap of places.
type queue struct {
	all  []*place
	less func(a, b *place) bool
}

func (q *queue) Len() int           { return len(q.all) }
func (q *queue) Less(i, j int) bool { return q.less(q.all[i], q.all[j]) }
func (q *queue) Swap(i, j int) {
	q.all[i], q.all[j] = q.all[j], q.all[i]
	q.all[i].at, q.all[j].at = i, j
}
func (q *queue) Push(x any) {
	p := x.(*place)
	p.at = len(q.all)
	q.all = append(q.all, p)
}

func (q *queue) Pop() any {
	last := len(q.all) - 1
	p := q.all[last]
	q.all[last] = nil
	q.all = q.all[:last]
	return p
}

// index knows for every user when it is to be looked at. It has no lock of its own.
type index struct {
	users   map[rotation.User]*place
	later   queue    // by due
	ready   [2]queue // the longest waiting first: those never seen before, and the others
	turn    int      // which of the two comes next: neither keeps the other waiting
	waking  map[*place]bool
	working int
	failing int // users whose last run failed
	came    int // whose time has come, ever
}

func newIndex() *index {
	longest := func(a, b *place) bool {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.member.User.Name, b.member.User.Name)) < 0
	}
	return &index{
		users: map[rotation.User]*place{}, waking: map[*place]bool{},
		later: queue{less: func(a, b *place) bool { return a.due.Before(b.due) }},
		ready: [2]queue{{less: longest}, {less: longest}},
	}
}

// readyQueue is where a place waits once its time has come.
func (x *index) readyQueue(p *place) *queue {
	if p.member.Known {
		return &x.ready[1]
	}
	return &x.ready[0]
}

// take takes a place out of wherever it waits.
func (x *index) take(p *place) {
	switch p.stage {
	case later:
		heap.Remove(&x.later, p.at)
	case ready:
		heap.Remove(x.readyQueue(p), p.at)
	case waking:
		delete(x.waking, p)
	case working:
		x.working--
	}
}

// plan has a user looked at at a time. One that is at work is looked at again when that is over.
func (x *index) plan(p *place, due time.Time) {
	if p.stage == working {
		if p.asked.IsZero() || due.Before(p.asked) {
			p.asked = due
		}
		return
	}
	x.take(p)
	x.wait(p, due)
}

// wait puts a place that is in no queue into the one for later.
func (x *index) wait(p *place, due time.Time) {
	p.due, p.stage = due, later
	if p.member.Standing.Failures == 0 || p.since.IsZero() {
		p.since = due
	}
	heap.Push(&x.later, p)
}

// add takes a new user in.
func (x *index) add(m Member, due, since time.Time) {
	p := &place{member: m, since: since}
	x.users[m.User] = p
	x.count(p, 1)
	x.wait(p, due)
}

// drop forgets a user; a run under way ends as it will.
func (x *index) drop(p *place) {
	delete(x.users, p.member.User)
	x.count(p, -1)
	if p.gone = p.stage == working; !p.gone {
		x.take(p)
	}
}

// count keeps the number of users that fail; it is called before and after a standing changes.
func (x *index) count(p *place, n int) {
	if p.member.Standing.LastError != "" {
		x.failing += n
	}
}

// next gives up to room users to wake, the longest waiting first, and those whose wake-up has had no effect for so long that it may
// be lost.
func (x *index) next(now, clock time.Time, room int, patience time.Duration) (wake []rotation.User) {
	for x.later.Len() > 0 && !x.later.all[0].due.After(now) {
		p := heap.Pop(&x.later).(*place)
		p.stage = ready
		heap.Push(x.readyQueue(p), p)
		x.came++
	}
	for p := range x.waking {
		if clock.Sub(p.woken) >= patience {
			p.woken = clock
			wake = append(wake, p.member.User)
		}
	}
	slices.SortFunc(wake, func(a, b rotation.User) int { return cmp.Compare(a.Name, b.Name) })
	for room -= len(x.waking); room > 0 && x.ready[0].Len()+x.ready[1].Len() > 0; room-- {
		q := &x.ready[x.turn]
		if q.Len() == 0 {
			q = &x.ready[1-x.turn]
		}
		x.turn = 1 - x.turn
		p := heap.Pop(q).(*place)
		p.stage, p.woken = waking, clock
		x.waking[p] = true
		wake = append(wake, p.member.User)
	}
	return wake
}

// begin gives the user that a wake-up is about, if it is due and nobody is at work on it.
func (x *index) begin(u rotation.User, now time.Time) *place {
	p := x.users[u]
	if p == nil || p.stage == working || p.due.After(now) {
		return nil
	}
	x.take(p)
	p.stage = working
	x.working++
	return p
}

// end takes in what a run found and puts the user back.
func (x *index) end(p *place, due time.Time) {
	x.working--
	p.stage = later
	if p.gone {
		return
	}
	if !p.asked.IsZero() && p.asked.Before(due) {
		due = p.asked
	}
	p.asked = time.Time{}
	x.wait(p, due)
}

// due counts the users whose time has come and that are not at work.
func (x *index) due(now time.Time) (n int, longest time.Duration) {
	n = len(x.waking) + x.ready[0].Len() + x.ready[1].Len()
	for p := range x.waking {
		longest = max(longest, now.Sub(p.due))
	}
	for i := range x.ready {
		if x.ready[i].Len() > 0 {
			longest = max(longest, now.Sub(x.ready[i].all[0].due))
		}
	}
	return n, longest
}

// soonest is when the first user that waits for its time is due; zero: nobody waits.
func (x *index) soonest() time.Time {
	if x.later.Len() == 0 {
		return time.Time{}
	}
	return x.later.all[0].due
}
