package endtoend

import (
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

// A moment of a call at which its caller dies.
type moment string

const (
	before moment = "before its effect" // the request is lost with its connection
	late   moment = "before its effect, which comes all the same"
	after  moment = "after its effect, before its answer"
)

var moments = []moment{before, late, after}

// changing are all operations that change something.
var changing = []string{"CreateSecret", "CreateAccessKey", "PutSecretValue", "UpdateSecretVersionStage", "TagResource", "UpdateAccessKey",
	"DeleteAccessKey"}

// hold holds the next call of an operation by keyturn open.
type hold struct {
	operation string
	at        moment
	caught    chan struct{}
	release   chan struct{}
}

// lands is how long after its arrival a call takes effect whose caller is dead by then.
const lands = 300 * time.Millisecond

func (w *world) holdNext(operation string, at moment) *hold {
	h := &hold{operation: operation, at: at, caught: make(chan struct{}), release: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = h
	return h
}

// onCall is the fate of every call.
func (w *world) onCall(c *awssim.Call) awssim.Fate {
	if fate, struck := w.outage(c); struck {
		return fate
	}
	w.mu.Lock()
	h := w.hold
	mine := c.Rotator && h != nil && h.operation == c.Operation
	if mine {
		w.hold = nil
	}
	w.mu.Unlock()
	if !mine {
		return awssim.Fate{}
	}
	open := func() {
		close(h.caught)
		<-h.release
	}
	switch h.at {
	case before:
		return awssim.Fate{Before: open}
	case late:
		close(h.caught)
		return awssim.Fate{Delay: lands, LandLate: true}
	default:
		return awssim.Fate{After: open}
	}
}
