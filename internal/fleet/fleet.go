package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Config is what a fleet is made of. See [Wire] for the usual one.
type Config struct {
	// Candidates lists the users that are selected, and those that are not, with the reason. Needed.
	Candidates func(ctx context.Context) (Candidates, error)
	// Cloud gives AWS as one user's run sees it; an error is that user's alone. Needed.
	Cloud func(Member) (reconcile.Cloud, error)
	// Journal records runs. Needed.
	Journal reconcile.Journal
	// Standings hands over what the last run of every known user found, one after the other. Needed.
	Standings func(ctx context.Context, each func(rotation.User, rotation.Standing)) error
	// Now is AWS's time; it is asked only after Candidates, whose answers tell it. Needed.
	Now func() time.Time
	// Calls counts the AWS requests sent so far by everyone, retries included. Nil: summaries count none.
	Calls func() int64
	// Rates tells how fast AWS's quotas are being used. Nil: it is not known.
	Rates func() []Rate

	// Rules say what keeps scheduled changes from beginning; Memory carries that over a restart. The zero values hold nothing back.
	Rules  Rules
	Memory Memory
	// Policy is the one of a fleet before this one, in the same process, which goes on with these Rules after the next discovery. Nil: a new one.
	Policy *Policy
	// Notices hears when scheduled changes stop for everybody, and when they go on. Nil: Log does.
	Notices *slog.Logger

	// Heard is told what runs see of their users' keys, as in reconcile.Reconciler. Nil: nobody is.
	Heard func(u rotation.User, version string, usable []string)

	Limits  rotation.Limits // needed
	Regions []string        // where keys are verified; needed
	// ExistingAllowed: secrets that stood before keyturn may be taken into use.
	ExistingAllowed bool
	Concurrency     int          // users in work at once; zero: 32
	Holder          string       // names this process in leases; empty: host name, process id and a random word
	Log             *slog.Logger // nil: discard
}

// Member is one user under care.
type Member struct {
	User     rotation.User
	UserID   string // IAM's unique id
	Path     string
	Tags     map[string]string
	Schedule rotation.Schedule
	// Calendar says when its scheduled changes may not begin, by windows and freezes. Nil: they always may.
	Calendar func(at time.Time) rotation.Freeze
	Canary   bool // goes first after an upgrade or a change of its schedule
	// LeaveCare: not selected any more; its previous key is retired, then it is let go.
	LeaveCare bool
	// Known: a run has looked at it before, and Standing says what it found.
	Known    bool
	Standing rotation.Standing
}

// Refused is a user that is not looked after, and why.
type Refused struct {
	User rotation.User
	Why  string
	// Broken: it is meant to be under care, and its own settings prevent that: it neither leaves care nor is looked after.
	Broken bool
}

// Candidates are all users of the account, sorted out.
type Candidates struct {
	Selected []Member // Known and Standing are filled in by the fleet
	// Unselected are the others that exist: looked after only while they leave care.
	Unselected []Member
	Refused    []Refused // why, as far as a person may wonder
	Idle       []string  // sentences about parts of the configuration that match nobody
	// Nobody says that nobody is selected, and why; nil when somebody is.
	Nobody error
}

// Fleet runs passes. It may be used by many goroutines.
type Fleet struct {
	cfg    Config
	recon  *reconcile.Reconciler
	slots  *slots
	policy *Policy
}

// Policy is what keeps scheduled changes from beginning.
func (f *Fleet) Policy() *Policy { return f.policy }

const defaultConcurrency = 32

// New checks a configuration and makes a fleet of it. It does no I/O.
func New(c Config) (*Fleet, error) {
	if c.Candidates == nil || c.Cloud == nil || c.Journal == nil || c.Standings == nil || c.Now == nil || len(c.Regions) == 0 {
		return nil, errors.New("fleet: Candidates, Cloud, Journal, Standings, Now and Regions are needed")
	}
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Holder == "" {
		c.Holder = Holder()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Calls == nil {
		c.Calls = func() int64 { return 0 }
	}
	c.Rules.Settle, c.Rules.MaxRecheck = c.Limits.Settle, c.Limits.MaxRecheck
	f := &Fleet{cfg: c, slots: newSlots(c.Concurrency), policy: c.Policy}
	if f.policy == nil {
		f.policy = NewPolicy(c.Memory, cmp.Or(c.Notices, c.Log))
	}
	f.recon = &reconcile.Reconciler{
		Journal: c.Journal, Limits: c.Limits, Regions: c.Regions, Holder: c.Holder, Now: c.Now, Wait: f.slots.wait, Log: c.Log,
		Heard: c.Heard, NewRun: func() string { return word(12) },
	}
	return f, nil
}

// Holder names this process, uniquely over all processes and restarts.
func Holder() string {
	host, _ := os.Hostname() // an unknown host is still told apart by the random word
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), word(6))
}

// word is n random characters of A–Z and 2–7, in lower case.
func word(n int) string { return strings.ToLower(rand.Text()[:n]) }
