package demo

import (
	"slices"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/top"
)

// totals are counted from the results of keyturn's own runs.
type totals struct{ rotations, deactivations, deletions int }

// board keeps what the desk does not tell: what others than keyturn did, and how often each user's keys went through their life.
type board struct {
	started time.Time

	mu      sync.Mutex
	print   func(top.Event) // nil: nobody listens
	said    []top.Event
	perUser map[string]totals
	foreign map[string]string // by user: the key that somebody made by hand, as long as it is in the way
}

// saidKept bounds the list of events that the screen can show.
const saidKept = 60

func newBoard() *board {
	return &board{started: time.Now(), perUser: map[string]totals{}, foreign: map[string]string{}}
}

// say adds an event.
func (b *board) say(user, text string, bad bool) {
	e := top.Event{At: time.Now(), User: user, Text: text, Bad: bad}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, e)
	b.said = slices.Delete(b.said, 0, max(0, len(b.said)-saidKept))
	if b.print != nil {
		b.print(e)
	}
}

// listen has every event told as it happens, one at a time; nil: no more.
func (b *board) listen(print func(top.Event)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.print = print
}

// events are what was said.
func (b *board) events() []top.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

// result takes in what a run did.
func (b *board) result(res reconcile.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	user := res.User.Name
	t := b.perUser[user]
	for _, a := range res.Actions {
		switch a.Kind {
		case rotation.Promote:
			t.rotations++
		case rotation.DeactivateKey:
			t.deactivations++
		case rotation.DeleteKey:
			t.deletions++
		}
	}
	b.perUser[user] = t
	if delete(b.foreign, user); res.Reason == rotation.BlockedForeignKey {
		b.foreign[user] = res.KeyID
	}
}

// inTheWay gives a user that is blocked by a key that somebody made by hand, and the key.
func (b *board) inTheWay() (user, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range cast {
		if key := b.foreign[p.name]; key != "" {
			return p.name, key
		}
	}
	return "", ""
}

// cycles is how many full lives of keys the slowest of the normal users has seen: made, replaced, deactivated, deleted.
func (b *board) cycles() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	least := -1
	for _, p := range cast {
		if !p.normal() {
			continue
		}
		t := b.perUser[p.name]
		if n := min(t.rotations, t.deactivations, t.deletions); least < 0 || n < least {
			least = n
		}
	}
	return max(0, least)
}
