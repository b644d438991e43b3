package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

const (
	account    = "123456789012"
	username   = "ci-deploy"
	secretName = "keyturn/ci-deploy/key"
	staleness  = 5 * time.Second
)

// world is one simulated account with one user under care, one keyturn process after another, consumers, and people. Everything
// happens in one goroutine, in the order of an agenda, so that a seed replays.
type world struct {
	seed     uint64
	rng      *rand.Rand
	sim      *awssim.World
	user     rotation.User
	userID   string
	schedule rotation.Schedule
	limits   rotation.Limits
	regions  []string
	skew     time.Duration // what AWS's clock is ahead of this machine's

	journal reconcile.Journal
	fresh   func() reconcile.Journal // a new, empty database
	proc    *process
	procs   int

	agenda []event
	start  time.Time

	request rotation.Request // an operator's wish, until it is carried out
	leave   bool
	legacy  []string // keys that stood before keyturn's care
	// existing: the secret stood before keyturn, and others keep fields in it.
	existing bool
	// freeze stands until its end, or until it is taken away; begun tells whether it stood when the pass began.
	freeze  rotation.Freeze
	begun   bool
	refused rotation.Reason // with which the last wish ended
	// carriedFrom is the key that was current when the last wish was taken up.
	carriedFrom string
	notYet      time.Time // people acted: a look before this one could be stale

	fault  func(*world, *awssim.Call) awssim.Fate
	phase  string
	last   reconcile.Result
	onRun  func(reconcile.Result)
	broken []string // what must not have happened
	trace  []string // the last lines of what happened, for a failure

	revoked  map[string]bool
	promises map[string]time.Time // key id → until when a consumer may use it
	excused  bool                 // a person broke the current key, and no pass has mended it yet
	promoted int
	// disturbedCount counts the promotions since whose predecessor something was done to the user or its calls.
	disturbedCount int
	hit            bool
	people, ending bool
	acts           int
	current        string
}

type event struct {
	at   time.Time
	do   func()
	look bool // a look at the user; there is one on the agenda at any time
}

// options make worlds differ.
type options struct {
	schedule    rotation.Schedule
	propagation time.Duration
	stale       time.Duration
	regions     []string
	skew        time.Duration // of AWS's clock against this machine's
	keys        int           // access keys that the user has before keyturn's care
	existing    string        // the value of a secret that stands before; "": none
	journal     func() reconcile.Journal
	pages       int
}

func minutes(rotate, deactivate, del float64) rotation.Schedule {
	m := float64(time.Minute)
	return rotation.Schedule{RotateEvery: time.Duration(rotate * m), DeactivateAfter: time.Duration(deactivate * m),
		DeleteAfter: time.Duration(del * m), JitterShare: 0.01}
}

// usual is the mission's schedule.
func usual() rotation.Schedule { return minutes(10, 12, 15) }

func newWorld(seed uint64, o options) *world {
	if o.schedule.RotateEvery == 0 {
		o.schedule = usual()
	}
	if len(o.regions) == 0 {
		o.regions = []string{"us-east-1"}
	}
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 0x6b657974)), user: rotation.User{Account: account, Name: username},
		existing: o.existing != "", skew: o.skew, schedule: o.schedule, limits: rotation.DefaultLimits(), regions: o.regions, start: time.Now(),
		revoked: map[string]bool{}, promises: map[string]time.Time{},
	}
	w.limits.LegacyQuiet = 2 * time.Hour
	w.fresh = o.journal
	if w.fresh == nil {
		w.fresh = func() reconcile.Journal { return newMemory() }
	}
	w.journal = w.fresh()
	w.sim = awssim.New(awssim.Config{Account: account, Regions: o.regions, Seed: seed, Propagation: o.propagation,
		Staleness: o.stale, Clock: w.now, PageSize: o.pages, Rates: awssim.Rates{Unlimited: true}, OnCall: w.onCall,
		Violation: func(s string) { w.fail("%s", s) }})
	people := w.sim.People()
	_ = people.CreateUser(username, "/service/", map[string]string{"keyturn:managed": "true"})
	w.userID = w.sim.Users()[w.index()].ID
	var legacy []string
	for range o.keys {
		id, _, _ := people.CreateAccessKey(username)
		legacy = append(legacy, id)
	}
	if w.existing {
		_ = people.CreateSecret(secretName, o.existing, nil)
	}
	w.care(legacy)
	w.boot()
	return w
}

// now is AWS's true time.
func (w *world) now() time.Time { return time.Now().Add(w.skew) }

// care tells the simulator what the schedule promises now, so that it can check every call.
func (w *world) care(legacy []string) {
	w.legacy = append(w.legacy, legacy...)
	w.sim.Care(username, awssim.Care{SecretName: secretName, Grace: w.schedule.Grace(), Retention: w.schedule.Retention(),
		Quarantine: w.limits.Quarantine, VerifyRegions: w.regions, VerifySuccesses: w.limits.VerifySuccesses, Legacy: w.legacy})
}

func (w *world) fail(format string, args ...any) {
	w.broken = append(w.broken, time.Since(w.start).String()+" "+fmt.Sprintf(format, args...))
	w.note("BROKEN "+format, args...)
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%12s ", time.Since(w.start))+fmt.Sprintf(format, args...))
	if len(w.trace) > 400 {
		w.trace = slices.Clone(w.trace[200:])
	}
}

// process is one life of keyturn: SDK clients, a lease holder's name, and death.
type process struct {
	w      *world
	name   string
	dead   atomic.Bool
	ctx    context.Context
	cancel context.CancelFunc
	cloud  *awscloud.Account
	rec    *reconcile.Reconciler
	runs   int
}

var errDead = errors.New("the process is dead")

// boot starts a process, as after a crash or at first.
func (w *world) boot() {
	w.procs++
	w.proc = w.newProcess(fmt.Sprint("p", w.procs), w.journal)
}

func (w *world) newProcess(name string, j reconcile.Journal) *process {
	p := &process{w: w, name: name}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	id, secret := w.sim.RotatorKey()
	p.cloud = p.newCloud(id, secret)
	p.rec = &reconcile.Reconciler{
		Journal: &mortal{j, p}, Limits: w.limits, Regions: w.regions, Holder: name, Log: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return p.cloud.Now() },
		NewRun: func() string { p.runs++; return fmt.Sprintf("%sr%d", name, p.runs) },
		Wait: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	if _, err := p.cloud.Identity(p.ctx); err != nil {
		w.note("%s: %v", name, err)
	}
	return p
}

// kill ends the process at this very point: nothing it does from now on reaches AWS or the database.
func (p *process) kill() {
	p.dead.Store(true)
	p.cancel()
}

// mortal is the journal as a process sees it: after death nothing is written any more.
type mortal struct {
	reconcile.Journal
	p *process
}

func (m *mortal) Begin(ctx context.Context, e rotation.Event) (int64, error) {
	if m.p.dead.Load() {
		return 0, errDead
	}
	m.p.w.note("%s begin %s %s (%s)", m.p.name, e.Action, e.KeyID, e.Reason)
	m.p.w.checkFrozen(e)
	return m.Journal.Begin(ctx, e)
}

func (m *mortal) End(ctx context.Context, id int64, at time.Time, o rotation.Outcome, key, detail string) error {
	if m.p.dead.Load() {
		return errDead
	}
	if o != rotation.Done {
		m.p.w.note("%s end %s: %s", m.p.name, o, detail)
	}
	return m.Journal.End(ctx, id, at, o, key, detail)
}

func (m *mortal) Acquire(ctx context.Context, u rotation.User, h string, now, until time.Time) (rotation.Lease, error) {
	if m.p.dead.Load() {
		return rotation.Lease{}, errDead
	}
	return m.Journal.Acquire(ctx, u, h, now, until)
}

func (m *mortal) Finish(ctx context.Context, u rotation.User, h string, s rotation.Standing) error {
	if m.p.dead.Load() {
		return errDead
	}
	return m.Journal.Finish(ctx, u, h, s)
}
