package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/control"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/top"
)

func newTop(o *options) *cobra.Command {
	var lines, once bool
	var match string
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the fleet live, and act on it",
		Long: "Shows who needs attention, the life of each user's keys, what comes next, what happened, and how fast AWS is being asked. Keys " +
			"pause, resume, rotate and roll back: each says first what it will do, and asks.\n\nIt works through the daemon if one runs; " +
			"otherwise it shows what the database knows, and acts under the same leases as every run. In a pipe, on a dumb terminal, or with " +
			"--lines, it writes who needs attention and then each event as a line; that ends with Ctrl-C, when its reader goes away, or when " +
			"its standard input is a pipe that ends.",
		Example: "keyturn top\nkeyturn top --lines | grep trouble\nkeyturn top --once --json | jq .summary",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.json && !once {
				return usagef("`keyturn top --json` needs --once: the result is one JSON object")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP) // the terminal is closed
			defer stop()
			d, err := openTop(ctx, o)
			if err != nil {
				return err
			}
			defer d.close()
			in, out := cmd.InOrStdin(), cmd.OutOrStdout()
			switch {
			case o.json:
				snap, err := d.Watch(ctx, fleet.View{Match: match, Limit: math.MaxInt, Events: 100, Anyway: true})
				if err != nil {
					return err
				}
				return o.out.value(topLineOf(snap))
			case !lines && !once && onTerminal(in) && onTerminal(out) && os.Getenv("TERM") != "dumb":
				return top.Run(ctx, top.Options{Desk: d, Match: match, Why: operator("keyturn top"), Words: topWords, In: in, Out: out, Env: os.Environ()})
			}
			return top.Lines(ctx, top.LineOptions{Desk: d, Words: topWords, Match: match, Once: once, End: untilEOF(in), Out: out, Warn: o.out.warn})
		},
	}
	cmd.Flags().BoolVar(&lines, "lines", false, "lines instead of a screen, as in a pipe")
	cmd.Flags().BoolVar(&once, "once", false, "print one picture as lines, and end")
	cmd.Flags().StringVar(&match, "match", "", "only users with this in their name")
	jsonFlag(cmd, o, "with --once: one JSON object: at, started, notice, summary, users, events, rates")
	return cmd
}

// topWords are the sentences of the other commands.
var topWords = top.Words{
	Reason: func(r rotation.Reason) string { return sentence(r, "", "") },
	Foretell: func(f fleet.Foresight, r rotation.Request) (out []string) {
		var rows [][]string
		for _, m := range moments(f) {
			row := []string{"now", clockTime(m.at, true), ""}
			if m.at.After(f.At) {
				row[0] = in(m.at, f.At)
			}
			rows = append(rows, row)
		}
		widest := 0
		for _, times := range columns(rows) {
			widest = max(widest, lipgloss.Width(times))
			out = append(out, times)
		}
		for i, m := range moments(f) {
			out[i] = pad(out[i], widest) + "  \t" + m.what // what is folded is set in to here
		}
		if f.Settling > 0 {
			out = append(out, "", yellow.Render("AWS was changed a moment ago: this may show how it was before."))
		}
		if texts := consumers(f, r); len(texts) > 0 {
			out = append(append(out, ""), texts...)
		}
		for i := range out {
			out[i] = harmless(out[i])
		}
		return out
	},
	Refused: why,
}

// untilEOF is closed when standard input, if it is a pipe, ends: whoever started this has gone.
func untilEOF(in io.Reader) <-chan struct{} {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, f) // however it ends, nobody is there any more
		close(ended)
	}()
	return ended
}

// topDesk is the desk of a view that stays open: a daemon that starts later takes the place of this process's own desk.
type topDesk struct {
	*desk
	path, database string
	elsewhere      bool // the desk is a server's that the environment names, and no other one is looked for

	mu     sync.Mutex
	daemon *control.Client // nil: none yet
	looked time.Time
}

// daemonEvery is how often a view without a daemon looks for one.
const daemonEvery = 5 * time.Second

// openTop opens the view's desk. Without credentials for AWS there is still what the database knows.
func openTop(ctx context.Context, o *options) (*topDesk, error) {
	if d, err := dialRemote(); d != nil || err != nil {
		return &topDesk{desk: d, elsewhere: true}, err
	}
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, err
	}
	d, err := openDesk(ctx, o, readDatabase)
	var usage *usageError
	if errors.As(err, &usage) {
		o.out.warn(err.Error() + "; this is what the database knows")
		d, err = openBooks(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	t := &topDesk{desk: d, path: cfg.SocketPath(), database: cfg.DatabasePath()}
	if path, err := filepath.Abs(t.database); err == nil {
		t.database = path
	}
	t.daemon, _ = d.Desk.(*control.Client)
	return t, nil
}

// Watch is part of fleet.Desk.
func (t *topDesk) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	return t.now(ctx).Watch(ctx, v)
}

// Foresee is part of fleet.Desk.
func (t *topDesk) Foresee(ctx context.Context, a fleet.Ask) (fleet.Foresight, error) {
	return t.now(ctx).Foresee(ctx, a)
}

// Do is part of fleet.Desk.
func (t *topDesk) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	return t.now(ctx).Do(ctx, a)
}

// now gives the desk to act through.
func (t *topDesk) now(ctx context.Context) fleet.Desk {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.daemon == nil && !t.elsewhere && time.Since(t.looked) >= daemonEvery {
		t.looked = time.Now()
		if c, err := control.Dial(ctx, t.path); err == nil && c.About().Database == t.database {
			t.daemon = c
		} else if err == nil {
			c.Close() // it looks after another one
		}
	}
	if t.daemon != nil {
		return t.daemon
	}
	return t.desk.Desk
}

// topLine is a snapshot in JSON.
type topLine struct {
	At      *string       `json:"at"`
	Started *string       `json:"started"` // of the daemon; null: none runs
	Version string        `json:"version"`
	Notice  string        `json:"notice"`
	Partial string        `json:"partial"` // why it is not known who is under care; empty: it is
	Matched int           `json:"matched"`
	Summary topTotals     `json:"summary"`
	Users   []topUser     `json:"users"`
	Events  []eventRecord `json:"events"`
	Rates   []topRate     `json:"rates"`
}

// topTotals counts the users under care.
type topTotals struct {
	Users    int   `json:"users"`
	Failed   int   `json:"failed"`
	Blocked  int   `json:"blocked"`
	Held     int   `json:"held"`
	Waiting  int   `json:"waiting"`
	Overdue  int   `json:"overdue"`   // among those that wait or are fine
	AWSCalls int64 `json:"aws_calls"` // since the daemon began
}

type topUser struct {
	statusLine
	Standing    fleet.Standing `json:"standing"`
	Failures    int            `json:"failures"`
	LookedAt    *string        `json:"looked_at"`
	Recheck     *string        `json:"recheck"`
	Due         *string        `json:"due"`
	LateSeconds float64        `json:"late_seconds"`
}

type topRate struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	Pace      float64 `json:"pace"`  // keyturn's own bound; 0: none
	Quota     float64 `json:"quota"` // AWS's; 0: not published
}

func topLineOf(s fleet.Snapshot) topLine {
	u := s.Summary
	out := topLine{At: stamp(s.At), Started: stamp(s.Started), Version: s.Version, Notice: s.Notice, Partial: s.Partial, Matched: s.Matched,
		Summary: topTotals{u.Users, u.Failed, u.Blocked, u.Held, u.Waiting, s.Overdue, u.AWSCalls}, Users: []topUser{}, Events: []eventRecord{}, Rates: []topRate{}}
	for _, u := range s.Users {
		out.Users = append(out.Users, topUser{statusLineOf(u), u.Standing, u.Failures, stamp(u.At), stamp(u.Recheck), stamp(u.Due), u.Late.Seconds()})
	}
	for _, h := range s.Events {
		out.Events = append(out.Events, eventRecordOf(h))
	}
	for _, r := range s.Rates {
		out.Rates = append(out.Rates, topRate(r))
	}
	return out
}
