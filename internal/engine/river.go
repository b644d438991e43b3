package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"modernc.org/sqlite"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Config says how fast wake-ups travel.
type Config struct {
	// Workers is how many users may be woken at once, those whose runs wait included; the fleet bounds how many calls are made at
	// once. Zero: 2,048.
	Workers int
	// Every is the time between two looks into the queue, and so the longest that a wake-up waits in it. Zero: 50 ms.
	Every time.Duration
	// Log hears what goes wrong in the queue. Nil: discard.
	Log *slog.Logger
}

// River is a fleet.Engine over a queue in memory.
type River struct {
	db     *sql.DB
	client *river.Client[*sql.Tx]
	worker *worker
	log    *slog.Logger
}

// kept is for how long a finished wake-up stays in the queue. River itself looks for such ones every 30 seconds, in which a large fleet
// finishes thousands, all in memory: they are removed every sweepEvery as well.
const (
	kept       = time.Second
	sweepEvery = 2 * time.Second
)

// sweepSQL removes what is finished; River's own call would read it all first.
const sweepSQL = `DELETE FROM river_job WHERE state IN ('completed', 'discarded', 'cancelled')`

// queue is the name of the only one.
const queue = "wake"

// wake is a job's content.
type wake struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

// Kind names the job.
func (wake) Kind() string { return "wake" }

// unfinished are the states in which a second wake-up of the same user would be one too many.
var unfinished = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled}

type worker struct {
	river.WorkerDefaults[wake]
	work atomic.Pointer[func(rotation.User)]
}

// Work is what River calls. It never fails: whether the user has to be looked at again is the fleet's to say.
func (w *worker) Work(_ context.Context, job *river.Job[wake]) error {
	(*w.work.Load())(rotation.User{Account: job.Args.Account, Name: job.Args.Name})
	return nil
}

// Open makes an empty queue.
func Open(ctx context.Context, c Config) (_ *River, err error) {
	if c.Workers <= 0 {
		c.Workers = 2048
	}
	if c.Every <= 0 {
		c.Every = 50 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	connector, err := sqlite.NewConnector("file::memory:")
	if err != nil {
		return nil, fmt.Errorf("making the queue of wake-ups: %w", err)
	}
	r := &River{db: sql.OpenDB(connector), worker: &worker{}, log: c.Log}
	defer func() {
		if err != nil {
			_ = r.db.Close() // the first error says more
			err = fmt.Errorf("making the queue of wake-ups: %w", err)
		}
	}()
	r.db.SetMaxOpenConns(1) // each connection would have a database of its own
	log := slog.New(quiet{c.Log.Handler()})
	driver := riversqlite.New(r.db)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, r.worker)
	r.client, err = river.NewClient(driver, &river.Config{
		Queues:        map[string]river.QueueConfig{queue: {MaxWorkers: c.Workers}},
		FetchCooldown: c.Every, FetchPollInterval: c.Every,
		PollOnly:   true, // River's listener on SQLite polls as often, and writes a row for each wake-up
		JobTimeout: -1,   // a run has its own deadline
		// A wake-up that failed or was cut off is not tried again: the index sends another one.
		MaxAttempts: 1, CompletedJobRetentionPeriod: kept, CancelledJobRetentionPeriod: kept, DiscardedJobRetentionPeriod: kept,
		Workers: workers, Logger: log,
	})
	return r, err
}

// Run is part of fleet.Engine.
func (r *River) Run(ctx context.Context, work func(rotation.User)) error {
	r.worker.work.Store(&work)
	if err := r.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the queue of wake-ups: %w", err)
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	if err := r.client.Stop(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stopping the queue of wake-ups: %w", err)
	}
	return nil
}

// sweep removes finished wake-ups until the context ends. One that could not be removed stays for River.
func (r *River) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.client.Stopped():
			return errors.New("the queue of wake-ups stopped by itself; restart keyturn")
		case <-tick.C:
			if _, err := r.db.ExecContext(ctx, sweepSQL); err != nil && ctx.Err() == nil {
				r.log.Warn("removing finished wake-ups", "error", err)
			}
		}
	}
}

// Wake is part of fleet.Engine.
func (r *River) Wake(ctx context.Context, users []rotation.User) error {
	jobs := make([]river.InsertManyParams, len(users))
	for i, u := range users {
		jobs[i] = river.InsertManyParams{Args: wake{u.Account, u.Name}, InsertOpts: &river.InsertOpts{
			Queue: queue, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished},
		}}
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := r.client.InsertManyFast(ctx, jobs); err != nil {
		return fmt.Errorf("waking %d users: %w", len(users), err)
	}
	return nil
}

// Close gives the memory back, after Run has returned.
func (r *River) Close() error { return r.db.Close() }

// quiet lets warnings and errors through: River tells of every cleaning.
type quiet struct{ slog.Handler }

// Enabled is part of slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

// WithAttrs is part of slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup is part of slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
