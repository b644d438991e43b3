package demo

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
)

// redraw is the time between two pictures.
const redraw = 125 * time.Millisecond

type tick time.Time

// screen is the live view: it looks at the stage a few times a second, and touches nothing.
type screen struct {
	st            *stage
	speed         float64
	width, height int
	open          bool
	env           string // file to source in a second terminal
	rates         rates
}

func nextTick() tea.Cmd { return tea.Tick(redraw, func(t time.Time) tea.Msg { return tick(t) }) }

// Init starts the clock.
func (s *screen) Init() tea.Cmd { return nextTick() }

// Update takes in a key, a new size or a tick.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "ctrl+c", "esc":
			return s, tea.Quit
		case "a":
			s.open = !s.open
		}
	case tick:
		s.rates.look(s.st)
		return s, nextTick()
	}
	return s, nil
}

// View draws.
func (s *screen) View() tea.View {
	rows, events := s.st.board.snapshot()
	view := tea.NewView(render(frame{
		width: s.width, height: s.height, now: time.Now(), started: s.st.board.started, speed: s.speed,
		schedule: s.st.schedule(part{}), rows: rows, events: events,
		awsRate: s.rates.aws.perSecond, callRate: s.rates.calls.perSecond, consumers: s.st.audience.seats.Load(),
		calls: s.st.audience.calls.Load(), failures: s.st.audience.failures.Load(), violations: len(s.st.world.sim.Violations()),
		guide: s.st.guide(s.width), hint: ". " + s.env, open: s.open,
	}))
	view.AltScreen = true
	view.WindowTitle = "keyturn demo"
	return view
}

// live shows the screen until the viewer quits or the show is over.
func (st *stage) live(ctx context.Context, o Options, played <-chan struct{}) error {
	fmt.Fprintln(o.Out, st.introduction())
	p := tea.NewProgram(&screen{st: st, speed: o.Speed, width: 80, height: 24, env: st.env}, tea.WithContext(ctx), tea.WithInput(o.In),
		tea.WithOutput(o.Out), tea.WithEnvironment(o.Env), tea.WithoutSignalHandler())
	go func() {
		<-played
		p.Quit()
	}()
	if _, err := p.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("drawing the screen: %w", err)
	}
	return nil
}

// rates are calls per second, smoothed over a few seconds.
type rates struct{ aws, calls rate }

func (r *rates) look(st *stage) {
	calls, reads := st.audience.calls.Load(), st.audience.reads.Load()
	var all int64
	for _, n := range st.world.sim.Counts() {
		all += n
	}
	r.calls.add(calls)
	r.aws.add(max(0, all-calls-reads))
}

// rate turns a counter into a rate over the last window of looks.
type rate struct {
	perSecond float64
	seen      []sample
}

type sample struct {
	at    time.Time
	count int64
}

const rateWindow = 3 * time.Second

func (r *rate) add(count int64) {
	now := time.Now()
	r.seen = append(r.seen, sample{now, count})
	for len(r.seen) > 2 && now.Sub(r.seen[0].at) > rateWindow {
		r.seen = r.seen[1:]
	}
	first := r.seen[0]
	if span := now.Sub(first.at); span > 0 {
		r.perSecond = float64(count-first.count) / span.Seconds()
	}
}
