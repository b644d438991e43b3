package fleet

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/store"
)

// KeeperConfig is what a Keeper is made of.
type KeeperConfig struct {
	// Settings are those to begin with, as config.Load gives them. Needed.
	Settings *config.Config
	// Store is the database at Settings.Database. Needed.
	Store *store.Store
	// Engine carries wake-ups. Nil: a [Plain] one.
	Engine Engine
	// Load makes the adapter of settings. Nil: awscloud.Load.
	Load func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error)
	// Adjust may change what a fleet is made of, each time one is made. Nil: nothing.
	Adjust func(*Config)
	// StopWithin is how long runs under way may take once Run's context has ended. Zero: 30 s.
	StopWithin time.Duration
	// MostAtWork bounds the users between the first and the last call of their runs, those that wait included: each costs memory.
	// Zero: 500.
	MostAtWork int
	// Ours is asked before a run begins; when it says no, none does, and the user is woken again a little later. Nil: it always does.
	Ours func() bool
	// OnResult is told of every run, one at a time, and should be quick. Nil: nobody.
	OnResult func(Looked)
	// OnSweep is told how each discovery ended, one at a time. Nil: nobody.
	OnSweep func(Sweep)
	// Holder names this process in leases; empty: as in Config.
	Holder string
	Log    *slog.Logger // nil: discard
}

// Looked is one user's run.
type Looked struct {
	Result reconcile.Result
	Member Member
	// Due is when the run was to begin, on AWS's clock; zero for one that an operator asked for, which the Keeper was told of.
	Due  time.Time
	Late time.Duration // by which it began later
	Took time.Duration
}

// Sweep is how a discovery ended.
type Sweep struct {
	Selection Selection // without standings; empty when it failed
	// Added, Removed and Moved count users: new under care, not looked after any more, and with another schedule or leaving care.
	Added, Removed, Moved int
	Err                   error // the last selection stands
}

// Keeper looks after a fleet for as long as the process lives: it knows who is under care, looks at each user when its time has come,
// and takes up new settings on its way. It may be used by many goroutines.
//
// Whoever is due is woken through the Engine. The index of due times stands in memory; the recheck times in the database are what it
// is made from, so a crash at any point costs nothing but a late look.
type Keeper struct {
	cfg    KeeperConfig
	slots  *slots
	spread *spread       // told of the index under mu
	kick   chan struct{} // the index has changed

	stopping chan struct{} // closed when Run's context has ended
	softly   time.Time     // no step begins after it; set before stopping is closed
	stepping context.Context
	calling  context.Context
	guests   sync.WaitGroup // grows under mu, and not any more once stopping is closed

	names atomic.Pointer[directory] // of those under care; nil before the first discovery

	sweeping chan struct{} // holds one while a discovery or a reload is under way: there is one at a time

	mu       sync.Mutex
	settings *settings
	index    *index
	sel      Selection // Members are in the index
	order    []*place  // by name
	round    int       // of discoveries
	sweeps   sweeps
	late     lateness
	beat     time.Time // when the loop last came round, on the local clock
	calls    []*place  // failing users to call forward, the longest waiting last
	called   time.Time // when the list was made
	probes   int       // that are left of this minute's

	telling sync.Mutex // OnResult and OnSweep are told one at a time
}

// sweeps is what is known of discoveries.
type sweeps struct {
	last     time.Time // the last one that succeeded; AWS's time
	err      error     // of the last one, nil when it succeeded
	failures int       // in a row
	next     time.Time // on the local clock
}

// settings are one configuration in force.
type settings struct {
	cfg     *config.Config
	account *awscloud.Account
	fleet   *Fleet
}

const (
	defaultStop   = 30 * time.Second
	defaultAtWork = 500
	// patience is how long a wake-up may have no effect before it is sent again.
	patience = 2 * time.Second
	// breath is the shortest time between the end of a user's run and its next one.
	breath = 500 * time.Millisecond
	// glance is how often the loop looks at the clock when nothing is due: AWS's may have gone faster.
	glance = 30 * time.Second
)

// NewKeeper checks the settings and makes a Keeper. It asks AWS nothing.
func NewKeeper(ctx context.Context, c KeeperConfig) (*Keeper, error) {
	if c.Settings == nil || c.Store == nil {
		return nil, errors.New("fleet: Settings and Store are needed")
	}
	if c.Engine == nil {
		c.Engine = NewPlain()
	}
	if c.Load == nil {
		c.Load = awscloud.Load
	}
	if c.StopWithin <= 0 {
		c.StopWithin = defaultStop
	}
	if c.MostAtWork <= 0 {
		c.MostAtWork = defaultAtWork
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: c, slots: newSlots(c.Settings.Concurrency), spread: newSpread(), kick: make(chan struct{}, 1), stopping: make(chan struct{}),
		stepping: context.Background(), calling: context.Background(), index: newIndex(), sweeping: make(chan struct{}, 1)}
	s, err := k.prepare(ctx, c.Settings, nil)
	if err != nil {
		return nil, err
	}
	k.settings = s
	return k, nil
}

// prepare makes a fleet of settings. It changes nothing for the one in force.
func (k *Keeper) prepare(ctx context.Context, cfg *config.Config, before *settings) (*settings, error) {
	s := &settings{cfg: cfg}
	aws := AWS(cfg)
	if before != nil {
		aws.Before = before.account
	}
	var err error
	if s.account, err = k.cfg.Load(ctx, aws); err != nil {
		return nil, err
	}
	c := Wire(s.account, k.cfg.Store, cfg)
	c.Holder, c.Log = k.cfg.Holder, k.cfg.Log
	if before != nil {
		c.Policy = before.fleet.policy
	}
	if k.cfg.Adjust != nil {
		k.cfg.Adjust(&c)
	}
	if s.fleet, err = New(c); err != nil {
		return nil, err
	}
	s.fleet.slots = k.slots
	s.fleet.recon.Wait = func(ctx context.Context, d time.Duration) error { return k.slots.without(ctx, d, k.sleep) }
	s.fleet.recon.Calling = func(context.Context) context.Context { return k.calling }
	return s, nil
}

// Run looks after the fleet until the context ends. Then no run begins any more; those under way go on for a while, and none is
// stopped between the beginning and the end of an action: within KeeperConfig.StopWithin all is over. It is called once.
func (k *Keeper) Run(ctx context.Context) error {
	steps, stopSteps := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSteps()
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	k.mu.Lock()
	k.stepping, k.calling = steps, calls
	k.mu.Unlock()

	var engine sync.WaitGroup
	var failed error
	on, off := context.WithCancel(ctx)
	defer off()
	engine.Go(func() {
		defer off() // an engine that fails ends the Keeper
		failed = k.cfg.Engine.Run(on, func(u user) { k.work(on, steps, u) })
	})
	engine.Go(func() { k.sweepOn(on) })
	engine.Go(func() { k.thawOn(on) })
	k.loop(on)

	// A crash from here on is like any other.
	last := k.current().cfg.HTTPTimeout.D()
	soft := max(k.cfg.StopWithin-last, k.cfg.StopWithin/2)
	k.softly = time.Now().Add(soft)
	k.mu.Lock()
	close(k.stopping)
	k.mu.Unlock()
	defer time.AfterFunc(soft, stopSteps).Stop()
	defer time.AfterFunc(k.cfg.StopWithin, stopCalls).Stop()
	engine.Wait()
	k.guests.Wait()
	return failed
}

// loop wakes whoever is due.
func (k *Keeper) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		users, wait := k.due()
		if len(users) > 0 {
			if err := k.cfg.Engine.Wake(ctx, users); err != nil && ctx.Err() == nil {
				// A wake-up that was not sent is one that was lost: it is sent again.
				k.cfg.Log.Error("waking users", "error", err)
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-k.kick:
		}
	}
}

// due gives the users to wake now, and how long nothing else will be due.
func (k *Keeper) due() ([]user, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, clock := k.settings.account.Now(), time.Now()
	k.beat = clock
	if now.IsZero() {
		return nil, glance // AWS has never answered; the first discovery will tell
	}
	room := min(2*k.settings.cfg.Concurrency, k.cfg.MostAtWork-k.index.working)
	came := k.index.came
	users := k.index.next(now, clock, room, patience)
	waiting, _ := k.index.due(now)
	k.spread.due(clock, k.index.came-came, waiting)
	wait := glance
	if at := k.index.soonest(); !at.IsZero() {
		wait = min(wait, at.Sub(now))
	}
	if len(k.index.waking) > 0 {
		wait = min(wait, patience)
	}
	return users, max(wait, 0)
}

// changed has the loop look at the index again.
func (k *Keeper) changed() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

func (k *Keeper) current() *settings {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settings
}
