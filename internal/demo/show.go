package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/top"
)

// Options say how the show goes.
type Options struct {
	// Speed divides every duration, in keyturn and in the simulated AWS; between 1 and MostSpeed. Zero: MostSpeed.
	Speed float64
	// Once ends the show by itself after three full cycles of every normal user: keys made, replaced, deactivated, deleted.
	Once bool
	// Live draws the screen anew several times a second; it needs a terminal for Out. Otherwise each event is a line.
	Live bool
	// Quiet writes nothing to Out at all. Only without Live.
	Quiet bool
	// Database is the file for keyturn's journal; it must not exist. Empty: one in a temporary folder, removed at the end.
	Database string
	// Serving is called once the simulated AWS and keyturn's API serve and users have their first keys; for that all of them are there from
	// the beginning. Nil: nobody is told, and users come one after the other.
	Serving func(Access) error

	// Words are the sentences that the command line has for reasons and for what an act will do.
	Words top.Words

	In  io.Reader // for Live
	Out io.Writer
	// Env is the environment, for Live: TERM, NO_COLOR and their like. Nothing else reads it.
	Env []string
}

// MostSpeed is the highest speed: AWS's times have whole seconds, and beyond it a grace would have less than two of them.
const MostSpeed = 60

// cyclesOnce is what --once plays, and onceAtMost how long that may take at speed 60; slower ones have more time.
const (
	cyclesOnce = 3
	onceAtMost = 43500 * time.Millisecond
)

// Summary is what was played, as the simulator counted it.
type Summary struct {
	Users         int `json:"users"`
	Rotations     int `json:"rotations"`     // promotions of a key over another
	Deactivations int `json:"deactivations"` // calls of UpdateAccessKey
	Deletions     int `json:"deletions"`     // calls of DeleteAccessKey
	// Violations counts the safety rules that keyturn broke.
	Violations int   `json:"invariant_violations"`
	Calls      int64 `json:"consumer_calls"`
	Failures   int64 `json:"consumer_failures"`
	// AWSCalls counts all calls by operation, the consumers' included.
	AWSCalls map[string]int64 `json:"aws_calls"`
	Elapsed  float64          `json:"elapsed_seconds"`

	// Cycles is how many full cycles every normal user has seen.
	Cycles int `json:"-"`
	// Broken are the violations in words.
	Broken []string `json:"-"`
}

// Err says what did not go as promised, nil when all did.
func (s Summary) Err() error {
	switch {
	case s.Violations > 0:
		return fmt.Errorf("keyturn broke %d safety rules, the first being: %s", s.Violations, s.Broken[0])
	case s.Failures > 0:
		return fmt.Errorf("%d of %d consumer calls failed; run the demo without --json to see which", s.Failures, s.Calls)
	}
	return nil
}

// ErrOptions: these options cannot be played.
var ErrOptions = errors.New("the demo cannot be played like this")

// Run plays the show until its end, or until the context ends or the viewer quits, which is no error.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Speed == 0 {
		o.Speed = MostSpeed
	}
	if !(o.Speed >= 1 && o.Speed <= MostSpeed) {
		return Summary{}, fmt.Errorf("%w: the speed must be between 1 and %d, not %g", ErrOptions, MostSpeed, o.Speed)
	}
	started := time.Now()
	st, err := open(ctx, o)
	if err != nil {
		return Summary{}, err
	}
	defer st.end()
	st.serving = o.Serving
	late := started.Add(time.Duration(float64(onceAtMost) * MostSpeed / o.Speed))
	over := func() bool { return o.Once && (st.board.cycles() >= cyclesOnce || time.Now().After(late)) }

	// When the curtain falls keyturn finishes the pass it is at, and only then consumers go home: until the last moment a call
	// that fails is a failure.
	curtain, fall := context.WithCancel(ctx)
	defer fall()
	lights, out := context.WithCancel(context.WithoutCancel(ctx))
	defer out()
	var playErr error
	played := make(chan struct{})
	go func() {
		defer close(played)
		playErr = st.play(lights, curtain, over)
	}()
	var viewErr error
	switch {
	case o.Live:
		viewErr = st.live(ctx, o, played)
	case o.Quiet:
		select {
		case <-played:
		case <-ctx.Done():
		}
	default:
		viewErr = st.lines(ctx, o, played)
	}
	fall()
	<-played
	out()
	st.audience.Leave()
	sum := st.summary(started)
	if err := errors.Join(playErr, viewErr); err != nil {
		return sum, err
	}
	if o.Once && ctx.Err() == nil && !o.Live && sum.Cycles < cyclesOnce {
		return sum, fmt.Errorf("this machine was too slow: %d of %d cycles were over after %.0f s; try a lower --speed", sum.Cycles,
			cyclesOnce, sum.Elapsed)
	}
	return sum, nil
}

// lines writes what happens, until the show is over.
func (st *stage) lines(ctx context.Context, o Options, played <-chan struct{}) error {
	fmt.Fprintln(o.Out, st.introduction())
	out := &oneAtATime{to: o.Out}
	st.board.listen(func(e top.Event) { fmt.Fprintln(out, e) })
	defer st.board.listen(nil)
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-played:
			end()
		case <-ctx.Done():
		}
	}()
	return top.Lines(ctx, top.LineOptions{Desk: st.office, Words: o.Words, Out: out})
}

// oneAtATime is for lines of several writers.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneAtATime) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func (st *stage) summary(started time.Time) Summary {
	t := st.world.totals()
	broken := st.world.sim.Violations()
	return Summary{
		Users: len(cast), Rotations: t.rotations, Deactivations: t.deactivations, Deletions: t.deletions,
		Violations: len(broken), Broken: broken, Cycles: st.board.cycles(),
		Calls: st.audience.calls.Load(), Failures: st.audience.failures.Load(),
		AWSCalls: st.world.sim.Counts(), Elapsed: float64(time.Since(started).Milliseconds()) / 1000,
	}
}

// Text is the summary for people.
func (s Summary) Text() string {
	text := fmt.Sprintf("%d users in %s: %d rotations, %d keys deactivated, %d deleted.\n"+
		"%s consumer calls, %d failed. %d safety rules broken.\n",
		s.Users, clock(time.Duration(s.Elapsed*float64(time.Second))), s.Rotations, s.Deactivations, s.Deletions,
		grouped(s.Calls), s.Failures, s.Violations)
	for _, v := range s.Broken {
		text += "  " + v + "\n"
	}
	return text
}
