package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/daemon"
	"github.com/keyturn/keyturn/internal/engine"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/store"
)

// serveOptions are the flags of `keyturn serve`.
type serveOptions struct {
	listen    string
	readyFile string
	format    string
	speed     float64
}

func newServe(o *options) *cobra.Command {
	s := serveOptions{format: "text", speed: 1}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Look after the users for as long as it runs",
		Long: "Does what `keyturn run` does, for every user at its time, until it is stopped. Changes of the configuration file take effect " +
			"while it runs. A second one on the same database stands by, and takes over when the first one ends.\n\nIt serves the REST " +
			"API at /v1, with /docs, /healthz, /readyz and /metrics beside it, and takes orders from its own user on a Unix socket, which the " +
			"other commands use by themselves. SIGTERM ends it within 30 seconds without cutting an action in half; SIGHUP reads the file at once.",
		Example: "keyturn serve\nkeyturn serve --config /etc/keyturn/keyturn.yaml --log-format json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.format != "text" && s.format != "json" {
				return usagef("--log-format is text or json, not %q", s.format)
			}
			return serve(cmd.Context(), o, s)
		},
	}
	cmd.Flags().StringVar(&s.listen, "listen", "", "address of the REST API and the pages; port 0 picks a free one (default as in the configuration)")
	cmd.Flags().StringVar(&s.readyFile, "ready-file", "", "write process id, address and socket there, as JSON, once it is up")
	speedFlag(cmd, &s.speed)
	cmd.Flags().StringVar(&s.format, "log-format", s.format, "how lines are logged to stderr: text for people, json for programs")
	return cmd
}

func serve(ctx context.Context, o *options, s serveOptions) error {
	cfg, text, err := config.Read(o.config)
	if err == nil {
		cfg, err = faster(ctx, cfg, s.speed)
	}
	if err != nil {
		return err
	}
	if s.listen != "" {
		if err := cfg.CheckListen(s.listen); err != nil {
			return usagef("--listen %v", err)
		}
	}
	if s.readyFile != "" {
		if err := writable(s.readyFile); err != nil {
			return err
		}
		defer forgetOwn(s.readyFile)
	}
	log := newDiary(o, s.format)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	defer log.endAtOnce()()
	db, err := store.Open(ctx, store.Options{Path: cfg.DatabasePath(), Settle: cfg.Settle.D(), OnMoved: func(path string) {
		log.Warn("the database was deleted, moved away or replaced, and is opened or made anew: " + path)
	}})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // every event is written already
	log.Info("keyturn "+versionText()+" starts, for the users of "+o.config, "database", cfg.DatabasePath(), "socket", cfg.SocketPath())
	memory := &thrift{}
	memory.users(0)
	steps, pages := slog.New(asDebug{log.Handler()}), ""
	err = daemon.Run(ctx, daemon.Config{
		File: o.config, Text: text, Settings: cfg, Speed: s.speed, Store: db, Listen: s.listen, Version: versionText(), Log: log.Logger, Steps: steps,
		Engine: func(ctx context.Context) (daemon.Engine, error) {
			return engine.Open(ctx, engine.Config{Log: steps})
		},
		Notify:   daemon.NewNotifier(os.Getenv),
		Hangup:   hangup,
		OnResult: log.result,
		OnSweep: func(sw fleet.Sweep) {
			memory.users(len(sw.Selection.Members))
			log.sweep(sw)
		},
		OnRead: memory.reads,
		Up: func(p daemon.Place) error {
			if p.Listen != "" && p.Listen != pages {
				pages = p.Listen
				log.Info("REST API: " + p.APIURL + "/v1, /docs; pages: /healthz, /readyz, /metrics")
			}
			if s.readyFile == "" {
				return nil
			}
			return writeWhole(s.readyFile, p)
		},
	})
	if daemon.Usage(err) {
		return usagef("%v", err)
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// writable refuses a ready file that cannot be made, before anything is begun, and removes one that a killed process left.
func writable(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return usagef("the ready file %s cannot be written: %v", path, err)
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return forget(path)
}

// thrift bounds the memory: what the runtime may use before it collects garbage more eagerly, so that 10,000 users fit into 96 MiB together
// with SQLite and the program itself. Once credentials are read through the API they are kept in memory, and thousands of requests a second
// need room as well: under the bound of before, collecting would take all the time that answering needs. While it collects, answers come
// later, so it does that a third as often then: bench measures the latest answer of a hundred. GOMEMLIMIT and GOGC count for more.
type thrift struct {
	mu      sync.Mutex
	known   int
	serving bool
}

func (t *thrift) users(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = n
	t.apply()
}

// reads is told once credentials are read.
func (t *thrift) reads() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving = true
	t.apply()
}

func (t *thrift) apply() {
	const base, perUser, enough, traffic, perCredential = 50 << 20, 4 << 10, 10_000, 192 << 20, 2 << 10
	limit, grow := base+int64(max(0, t.known-enough))*perUser, 200
	if t.serving {
		limit += traffic + int64(t.known)*perCredential
		grow = 600
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(grow)
	}
}

// meant is how long after the first signal a second one is a person's who wants no more waiting: before, it is the same one, sent to the
// process and to its group, as timeout(1) and terminals do.
const meant = time.Second

// endAtOnce has a second SIGTERM or SIGINT end the process where it stands. That is safe: a crash at any point is.
func (d *diary) endAtOnce() (undo func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				switch {
				case first.IsZero():
					first = time.Now()
				case time.Since(first) >= meant:
					d.Warn(fmt.Sprintf("ended at once by a second signal (%s); what was under way is looked at again at the next start", sig))
					os.Exit(exitUnexpected)
				}
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
