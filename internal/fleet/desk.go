package fleet

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Desk is everything that an operator can do. The command line, the live view and an API only translate it. *Office carries it out in this
// process, under the same leases as every run; package control carries it to a daemon's socket and back.
type Desk interface {
	// States gives how users stood when they were last looked at, by account and name; no names: all. No AWS call is made.
	States(ctx context.Context, names ...string) ([]State, error)
	// Plan gives what lies ahead of users, so many steps each, by the plan that will take them; no names: all. Reads AWS.
	Plan(ctx context.Context, steps int, names ...string) ([]Ahead, error)
	// Foresee says what an Ask would do now. Reads AWS and changes nothing.
	Foresee(ctx context.Context, a Ask) (Foresight, error)
	// Do carries out an Ask, waiting up to its patience until that is possible.
	Do(ctx context.Context, a Ask) (Answer, error)
	// Events gives history, oldest first: what was about to be done and how it ended.
	Events(ctx context.Context, q EventQuery) ([]Happening, error)
	// Watch gives what a live view shows now.
	Watch(ctx context.Context, v View) (Snapshot, error)
}

// State is how one user stood when it was last looked at. Times are AWS's, as of then.
type State struct {
	User         rotation.User
	CurrentKeyID string
	Keys         []rotation.ClassifiedKey
	Standing     Standing // in one word
	Reason       rotation.Reason
	LastError    string // of the last run; empty: it did not fail
	Failures     int    // runs that failed in a row
	At           time.Time
	NextAction   rotation.ActionKind
	NextAt       time.Time
	Recheck      time.Time // when it is looked at again
	// Of the user's schedule, as far as the selection tells it; zero: it does not. Due is when the current key is to be replaced.
	Due       time.Time
	Grace     time.Duration
	Retention time.Duration
	// Late is for how long the look has been overdue, of users that a Watch gives; zero: it is not.
	Late time.Duration
}

// Phase is where a user's keys stand after the last run, whatever that run did: the reason of a rotation is history by then.
func (s State) Phase() rotation.Reason {
	if s.CurrentKeyID == "" {
		return s.Reason
	}
	for _, k := range s.Keys {
		switch {
		case k.Class != rotation.ClassPrevious:
		case k.Status == rotation.Active:
			return rotation.ReasonGrace
		default:
			return rotation.ReasonRetention
		}
	}
	return rotation.ReasonIdle
}

// Ahead is what lies ahead of one user.
type Ahead struct {
	User    rotation.User
	Steps   []rotation.Forecasted // none: nothing can be done, and Reason says why
	Keys    []rotation.Key        // that exist now: a step's key that is not among them is still to be made
	Reason  rotation.Reason
	KeyID   string // that the reason is about
	Detail  string
	Recheck time.Time
	At      time.Time // AWS's time of the reading; zero: it could not be read
	Error   string    // why this user could not be read; empty: it was
}

// Ask is one request of an operator about one user.
type Ask struct {
	// User is NAME or ACCOUNT/NAME. Empty, with a resume: lift what holds scheduled changes of everybody back, a stop after too many
	// failures and the wait for canary users; the Answer's Detail says what that was, empty if there was nothing.
	User     string
	Request  rotation.Request
	Patience time.Duration // how long to wait until it can be carried out; zero: one try
	// Until is when whoever asks gives up, by this machine's clock: a try that joins what somebody else asked for with more patience waits
	// no longer than that. Patiently sets it. Zero: never.
	Until time.Time
	// Since, of a rotation, is the Answer's Since of an earlier try: a new key that was promoted after that is what was asked for. Patiently
	// passes it on. Zero: what is promoted from now on counts.
	Since int64
}

// Foresight is what an Ask would do.
type Foresight struct {
	User    rotation.User
	Refused string            // why it cannot be carried out, however long one waits; empty: it can
	Stands  bool              // what is asked for is so already: nothing would be done
	Reason  rotation.Reason   // of the first step
	KeyID   string            // that the reason is about
	Detail  string            // of the reason
	Now     []rotation.Action // taken first; none: it has to wait for what Reason says
	Begins  time.Time         // when Now is taken: At, or later if AWS was changed a moment ago
	// Then is what lies ahead after that, as forecast; a rollback's own later steps are among it.
	Then []rotation.Forecasted
	Keys []rotation.ClassifiedKey // which key is which now
	At   time.Time                // AWS's time of the reading
	// Settling: AWS was changed a moment ago, and what was read may be from before; a reading is sure once so much time has passed.
	Settling time.Duration
}

// Answer is what came of an Ask.
type Answer struct {
	User    rotation.User
	Done    bool // it was carried out, or nothing was left to do
	Reason  rotation.Reason
	KeyID   string
	Detail  string
	Actions []rotation.Action // taken, in order, with the ids of keys that were made
	Keys    []rotation.ClassifiedKey
	Refused string    // why it is of no use to ask again; empty: it is done, or may be later
	Recheck time.Time // when to ask again, if it is not done
	At      time.Time // AWS's time of the answer
	Error   string    // of the last run; empty: it did not fail
	Then    []rotation.Forecasted
	// Since, of a rotation that is not done, is for the Ask of the next try; zero: there is nothing to pass on.
	Since int64
	// Err is what Error words, in the process that made the Answer; nil elsewhere.
	Err error `json:"-"`
}

// EventQuery selects history.
type EventQuery struct {
	Users []string // NAME or ACCOUNT/NAME; none: every user
	After int64    // only happenings with a greater Seq; 0: the newest ones; negative: from the beginning; Limit at most
	Limit int      // 0: 100
	// Wait: when there is none after After, wait so long for one; for --follow.
	Wait time.Duration
}

// Happening is one line of history: an action that ended, or that was begun and never said how it ended.
type Happening struct {
	Seq     int64 // grows with the order in which actions ended; 0: no outcome was recorded
	At      time.Time
	User    rotation.User
	Run     string
	Action  rotation.ActionKind
	Reason  rotation.Reason
	KeyID   string
	Outcome rotation.Outcome // "" when none was recorded
	Detail  string
}

// View says what a live view wants to see.
type View struct {
	Match  string // part of a user's name; empty: everybody
	Limit  int    // users; 0: 200
	Events int    // newest happenings; 0: 20
	// Anyway: when it is not known who is under care, or not soon, those that the database knows are shown.
	Anyway bool
}

// Snapshot is what a live view shows: the users that need attention first.
type Snapshot struct {
	At      time.Time // AWS's time
	Started time.Time // of the daemon, on AWS's clock; zero: there is none
	Version string
	Users   []State
	Matched int     // users that match the view; Users may hold fewer
	Overdue int     // of all users under care: the look is late, and nothing else is known to be wrong
	Summary Summary // of all users under care
	Events  []Happening
	Rates   []Rate
	// Notice is what an operator must know before all else: a freeze, a stop after too many failures; empty: nothing.
	Notice string
	// Partial says why it is not known who is under care, for View.Anyway: Users are those that the database knows. Empty: it is known.
	Partial string
}

// Rate is how fast one quota of AWS's is being used.
type Rate struct {
	Name      string  // iam, sts, secret_writes, secret_tags, secret_reads
	PerSecond float64 // requests sent, over the last seconds
	Pace      float64 // keyturn's own bound; 0: none
	Quota     float64 // AWS's; 0: not published
}
