package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// turn is a rotation that was asked for in this process. Its id holds the Seq of the user's newest event from before, so that after a
// restart the journal tells what came of it.
type turn struct {
	user rotation.User
	id   string
	done chan struct{} // closed at its end

	at     time.Time // of its end; what follows is set by then
	answer fleet.Answer
	err    error
}

func (t *turn) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// wait waits for the end, until the context or the server ends.
func (t *turn) wait(ctx, open context.Context, most time.Duration) {
	if most <= 0 {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.done:
	case <-timer.C:
	case <-ctx.Done():
	case <-open.Done():
	}
}

// result is what came of a turn that has ended.
func (t *turn) result() (fleet.Answer, error) { return t.answer, t.err }

// changed reports whether a turn that has ended made a key or promoted one. What else a run finds to do on its way was due anyway.
func (t *turn) changed() bool {
	return t.answer.Done || slices.ContainsFunc(t.answer.Actions, func(a rotation.Action) bool {
		return a.Kind == rotation.CreateKey || a.Kind == rotation.PutFirst || a.Kind == rotation.Promote
	})
}

// Turns that ended stay known for so long, and so many of them at most.
const (
	turnsKept = time.Hour
	turnsMost = 2000
)

// turns are the rotations of this process.
type turns struct {
	mu    sync.Mutex
	byID  map[string]*turn
	runs  map[rotation.User]*turn
	order []*turn // as they ended
}

// running gives the user's rotation that is under way; nil: none is.
func (ts *turns) running(u rotation.User) *turn {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.runs[u]
}

// find gives a rotation of the user; nil: this process knows of none.
func (ts *turns) find(u rotation.User, id string) *turn {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t := ts.byID[id]; t != nil && t.user == u {
		return t
	}
	return nil
}

// begin begins a rotation of the user, unless one is under way: then that is given.
func (ts *turns) begin(u rotation.User, since int64, do func() (fleet.Answer, error)) *turn {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t := ts.runs[u]; t != nil {
		return t
	}
	if ts.byID == nil {
		ts.byID, ts.runs = map[string]*turn{}, map[rotation.User]*turn{}
	}
	t := &turn{user: u, id: fmt.Sprintf("r%d-%s", since, strings.ToLower(rand.Text()[:6])), done: make(chan struct{})}
	ts.byID[t.id], ts.runs[u] = t, t
	go func() {
		answer, err := do()
		ts.mu.Lock()
		defer ts.mu.Unlock()
		t.at, t.answer, t.err = time.Now(), answer, err
		delete(ts.runs, u)
		ts.order = append(ts.order, t)
		for len(ts.order) > turnsMost || t.at.Sub(ts.order[0].at) > turnsKept {
			delete(ts.byID, ts.order[0].id)
			ts.order = ts.order[1:]
		}
		close(t.done)
	}()
	return t
}

// seqOf is the Seq in an id.
func seqOf(id string) int64 {
	text, _, _ := strings.Cut(strings.TrimPrefix(id, "r"), "-")
	n, _ := strconv.ParseInt(text, 10, 64) // the route takes numbers only
	return n
}

func isUnknown(err error) bool {
	var unknown *fleet.UnknownUserError
	return errors.As(err, &unknown)
}
