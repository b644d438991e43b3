package fleet

import (
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
	// Standings gives what the last run of every known user found. Needed.
	Standings func(ctx context.Context) (map[rotation.User]rotation.Standing, error)
	// Now is AWS's time; it is asked only after Candidates, whose answers tell it. Needed.
	Now func() time.Time
	// Calls counts the AWS requests sent so far by everyone, retries included. Nil: summaries count none.
	Calls func() int64

	Limits  rotation.Limits // needed
	Regions []string        // where keys are verified; needed
	// ExistingAllowed: secrets that stood before keyturn may be taken into use.
	ExistingAllowed bool
	Concurrency     int          // users in work at once; zero: 16
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
}

// Fleet runs passes. It may be used by many goroutines.
type Fleet struct {
	cfg   Config
	recon *reconcile.Reconciler
	slots *slots
}

const defaultConcurrency = 16

// New checks a configuration and makes a fleet of it. It does no I/O.
func New(c Config) (*Fleet, error) {
	if c.Candidates == nil || c.Cloud == nil || c.Journal == nil || c.Standings == nil || c.Now == nil || len(c.Regions) == 0 {
		return nil, errors.New("fleet: Candidates, Cloud, Journal, Standings, Now and Regions are needed")
	}
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Holder == "" {
		host, _ := os.Hostname() // an unknown host is still told apart by the random word
		c.Holder = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), word(6))
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Calls == nil {
		c.Calls = func() int64 { return 0 }
	}
	f := &Fleet{cfg: c, slots: newSlots(c.Concurrency)}
	f.recon = &reconcile.Reconciler{
		Journal: c.Journal, Limits: c.Limits, Regions: c.Regions, Holder: c.Holder, Now: c.Now, Wait: f.slots.wait, Log: c.Log,
		NewRun: func() string { return word(12) },
	}
	return f, nil
}

// word is n random characters of A–Z and 2–7, in lower case.
func word(n int) string { return strings.ToLower(rand.Text()[:n]) }
