package control

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// About is who answers on a socket.
type About struct {
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`  // by this machine's clock
	Database string    `json:"database"` // absolute path
	Config   string    `json:"config"`   // of the configuration file, likewise
}

// The methods, each with what goes in and what comes out.
const (
	methodAbout   = "about"
	methodStates  = "states"
	methodPlan    = "plan"
	methodForesee = "foresee"
	methodDo      = "do"
	methodEvents  = "events"
	methodWatch   = "watch"
)

// prefix is of every method's path. It changes when a daemon and a command of before cannot work together any more.
const prefix = "/v1/"

type none struct{}

type statesIn struct {
	Names []string `json:"names"`
}

type planIn struct {
	Steps int      `json:"steps"`
	Names []string `json:"names"`
}

// answer is what the server sends: one of the two.
type answer[T any] struct {
	Result T      `json:"result"`
	Error  *fault `json:"error,omitempty"`
}

// Bounds of what is sent. A request may name ten thousand users; an answer may hold as many, with what lies ahead of each.
const (
	maxRequest = 2 << 20
	maxAnswer  = 64 << 20
)

// Times. A call itself is not bounded: it ends with its Desk, or when the caller goes away.
const (
	headTime  = 5 * time.Second  // for the head of a request
	bodyTime  = 10 * time.Second // for its body
	sendTime  = 30 * time.Second // for an answer to be taken
	idleTime  = 2 * time.Minute  // of a connection between two requests
	aboutTime = 5 * time.Second  // for a daemon to say who it is
	// longPoll is the longest that one request waits for something to happen. The client asks again for the rest, so that a daemon
	// which is gone is noticed.
	longPoll = 25 * time.Second
)

// bounded is a query that waits no longer than one request may.
func bounded(q fleet.EventQuery) fleet.EventQuery {
	q.Wait = min(max(q.Wait, 0), longPoll)
	return q
}
