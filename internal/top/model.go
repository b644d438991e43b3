package top

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Options say what the view is of, and what stands around it.
type Options struct {
	// Desk is asked and acted through. Needed. Its calls may take as long as they want.
	Desk fleet.Desk
	// Why is recorded as the reason of every act: who sits here.
	Why   string
	Words Words
	// Every is the time between two readings. Zero: a second. A desk that is slow to answer is asked less often.
	Every time.Duration

	// Match is the filter to begin with: part of a user's name. Empty: everybody.
	Match string

	// For a program that shows its own fleet this way; all may be left out.
	Title  string
	Facts  string                           // behind the title
	Stats  func(width, height int) []string // lines above the keys
	Below  func(int) []string               // stands below the events, for a width; the first line is a heading
	More   func() []Event                   // what happened besides, in any order
	Notes  func() map[string]string         // by user's name, in place of why it stands as it does
	ByName bool                             // the order to begin with
	Alone  bool                             // this program looks after the users itself
	Done   <-chan struct{}                  // the view ends when it is closed

	In  io.Reader
	Out io.Writer
	Env []string // TERM, NO_COLOR, LANG and their like
}

// Times.
const (
	usualEvery   = time.Second
	readAtMost   = 15 * time.Second // a reading
	lookAtMost   = 45 * time.Second // a question about one user, which AWS answers
	actPatience  = 3 * time.Minute  // until an act is possible
	actAtMost    = actPatience + 2*time.Minute
	messageStays = 20 * time.Second
	freshFor     = 2 * time.Second // a new key stands out
	eventsRead   = 200
	eventsKept   = 300
	moreUsers    = 200 // are asked for than the screen has shown
)

// model is the view's state. It is touched by Update alone, and all it waits for comes as a message.
type model struct {
	o     Options
	ctx   context.Context
	frame Frame

	reading   bool
	readAt    time.Time     // when the last reading that succeeded came
	triedAt   time.Time     // when the last one ended
	pace      time.Duration // between readings, grown with how long they take
	ahead     time.Duration // of AWS's clock before this machine's
	follow    rotation.User // the selected user, once somebody moved; zero: the first row
	known     map[rotation.User]fleet.State
	fresh     map[rotation.User]time.Time
	noticed   []Event // changes that no happening tells of
	typed     string  // the filter being typed
	messageAt time.Time
	doing     map[string]string // by user: what is under way
	asked     int               // tells the answers of an older question or page from the one that is open
}

type (
	tickMsg struct{}
	snapMsg struct {
		snap fleet.Snapshot
		err  error
		took time.Duration
		view fleet.View
	}
	aheadMsg struct {
		asked   int
		ahead   *fleet.Ahead
		history []Event
		err     error
	}
	foreseenMsg struct {
		asked int
		f     fleet.Foresight
		err   error
	}
	doneMsg struct {
		ask fleet.Ask
		ans fleet.Answer
		err error
	}
)

func newModel(ctx context.Context, o Options) *model {
	if o.Every <= 0 {
		o.Every = usualEvery
	}
	return &model{o: o, ctx: ctx, pace: o.Every, known: map[rotation.User]fleet.State{}, fresh: map[rotation.User]time.Time{},
		doing: map[string]string{}, readAt: time.Now(), frame: Frame{Width: 80, Height: 24, Title: o.Title, Facts: o.Facts, Words: o.Words,
			ByName: o.ByName, Filter: o.Match, Alone: o.Alone, ASCII: onlyASCII(o.Env), Fresh: map[rotation.User]bool{}}}
}

// Init begins to read.
func (m *model) Init() tea.Cmd { return tea.Batch(m.read(), m.tick()) }

// tick comes a few times between two readings: countdowns go on.
func (m *model) tick() tea.Cmd {
	return tea.Tick(min(max(m.o.Every/4, 100*time.Millisecond), 500*time.Millisecond), func(time.Time) tea.Msg { return tickMsg{} })
}

// read asks the desk, once at a time.
func (m *model) read() tea.Cmd {
	if m.reading {
		return nil
	}
	m.reading = true
	view := fleet.View{Match: m.filter(), Limit: max(moreUsers, m.frame.Selected+moreUsers), Events: eventsRead, Anyway: true}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, readAtMost)
		defer cancel()
		began := time.Now()
		snap, err := m.o.Desk.Watch(ctx, view)
		if err != nil && ctx.Err() != nil && m.ctx.Err() == nil {
			err = fmt.Errorf("no answer within %s", readAtMost)
		}
		return snapMsg{snap, err, time.Since(began), view}
	}
}

func (m *model) filter() string {
	if m.frame.Editing {
		return m.typed
	}
	return m.frame.Filter
}

// Update takes in a message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.frame.Width, m.frame.Height = max(1, msg.Width), max(1, msg.Height)
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	case tickMsg:
		cmd = m.tick()
		if time.Since(m.triedAt) >= m.pace {
			cmd = tea.Batch(cmd, m.read())
		}
	case snapMsg:
		cmd = m.took(msg)
	case aheadMsg:
		m.looked(msg)
	case foreseenMsg:
		if msg.asked == m.asked && m.frame.Page == pageQuestion {
			if m.frame.Question.Foreseen = &msg.f; msg.err != nil {
				m.frame.Question.Foreseen, m.frame.Question.Trouble = nil, msg.err.Error()
			}
		}
	case doneMsg:
		cmd = m.ended(msg)
	}
	m.refresh()
	return m, cmd
}

// took takes in a reading.
func (m *model) took(msg snapMsg) tea.Cmd {
	m.reading = false
	now := time.Now()
	m.triedAt = now
	m.pace = max(m.o.Every, 9*msg.took) // a tenth of the desk's time at most
	if msg.err != nil {
		m.pace = max(m.pace, usualEvery)
		m.frame.Trouble = msg.err.Error()
		m.frame.Silent = now.Sub(m.readAt)
		return nil
	}
	if msg.view.Match != m.filter() {
		return m.read() // somebody typed on
	}
	m.readAt, m.frame.Trouble = now, ""
	m.notice(msg.snap, now)
	// AWS's time comes in whole seconds, rounded down: the furthest ahead that was seen is the nearest to the truth.
	if ahead := msg.snap.At.Sub(now); ahead > m.ahead || ahead < m.ahead-2*time.Second {
		m.ahead = ahead
	}
	m.frame.Snap = &msg.snap
	m.order()
	if m.frame.Page == pageUser {
		return m.follows()
	}
	return nil
}

// follows brings the page of one user up to date, and reads what comes next again when a run has changed that.
func (m *model) follows() tea.Cmd {
	d := &m.frame.Detail
	i := slices.IndexFunc(m.frame.Snap.Users, func(s fleet.State) bool { return s.User == d.User })
	d.Gone = i < 0
	if d.Gone {
		return nil
	}
	was := d.State
	if d.State = m.frame.Snap.Users[i]; !was.At.Equal(d.State.At) {
		return m.look()
	}
	return nil
}

// notice remembers what changed since the last reading.
func (m *model) notice(snap fleet.Snapshot, now time.Time) {
	for i, s := range snap.Users {
		was, seen := m.known[s.User]
		if len(s.Keys) == 0 && waits(s) && seen {
			s.Keys, s.CurrentKeyID, s.Due = was.Keys, was.CurrentKeyID, was.Due
			snap.Users[i] = s
		}
		m.known[s.User] = s
		if !seen {
			was = fleet.State{Standing: fleet.Fine, CurrentKeyID: s.CurrentKeyID}
			if m.frame.Snap != nil {
				seen = true
			}
		}
		if seen && s.CurrentKeyID != "" && was.CurrentKeyID != s.CurrentKeyID {
			m.fresh[s.User] = now
		}
		if text, alarming := changed(was, s, m.o.Words); text != "" && seen {
			at := s.At
			if at.IsZero() {
				at = snap.At
			}
			m.noticed = append(m.noticed, Event{at, s.User.Name, text, alarming})
		}
	}
	m.noticed = m.noticed[max(0, len(m.noticed)-eventsKept):]
}

// order sorts the rows, and keeps the selected user selected.
func (m *model) order() {
	f := &m.frame
	if f.Snap == nil {
		return
	}
	if f.ByName {
		slices.SortFunc(f.Snap.Users, func(a, b fleet.State) int { return strings.Compare(a.User.String(), b.User.String()) })
	}
	if m.follow != (rotation.User{}) {
		if i := slices.IndexFunc(f.Snap.Users, func(s fleet.State) bool { return s.User == m.follow }); i >= 0 {
			f.Selected = i
		}
	}
	f.Selected = min(max(0, f.Selected), max(0, len(f.Snap.Users)-1))
}

// refresh brings up to date what depends on the time and the size.
func (m *model) refresh() {
	f, now := &m.frame, time.Now()
	f.Now = now.Add(m.ahead)
	if f.Trouble != "" {
		f.Silent = now.Sub(m.readAt)
	}
	clear(f.Fresh)
	for u, at := range m.fresh {
		if now.Sub(at) < freshFor {
			f.Fresh[u] = true
		} else {
			delete(m.fresh, u)
		}
	}
	if f.Message != "" && len(m.doing) == 0 && now.Sub(m.messageAt) > messageStays {
		f.Message = ""
	}
	if m.o.Stats != nil {
		f.Stats = m.o.Stats(f.Width, f.Height)
	}
	if m.o.Below != nil {
		f.Below = m.o.Below(f.Width)
	}
	if m.o.Notes != nil {
		f.Notes = m.o.Notes()
	}
	f.Events = m.events()
	if f.Editing {
		f.Filter = m.typed
	}
	rows := f.Rows()
	f.First = min(max(f.First, f.Selected-rows+1), f.Selected, max(0, len(f.users())-rows))
	f.First = max(0, f.First)
}

// events puts together what happened, newest first.
func (m *model) events() []Event {
	var out []Event
	if m.frame.Snap != nil {
		for _, h := range m.frame.Snap.Events {
			if e, worth := Told(h); worth {
				out = append(out, e)
			}
		}
	}
	out = append(out, m.noticed...)
	if m.o.More != nil {
		out = append(out, m.o.More()...)
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Event) int { return b.At.Compare(a.At) })
	return out[:min(len(out), eventsKept)]
}

// View draws.
func (m *model) View() tea.View {
	v := tea.NewView(m.frame.Render())
	v.AltScreen = true
	v.WindowTitle = "keyturn " + m.frame.Title
	return v
}

// onlyASCII reports whether the locale says so; one that says nothing does not.
func onlyASCII(env []string) bool {
	set := map[string]string{}
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		set[k] = v
	}
	for _, k := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(set[k]); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return false
}

// Run shows the view until somebody quits or the context ends.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what is still being asked
	p := tea.NewProgram(newModel(ctx, o), tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Env),
		tea.WithoutSignalHandler())
	if o.Done != nil {
		go func() {
			select {
			case <-o.Done:
				p.Quit()
			case <-ctx.Done():
			}
		}()
	}
	if _, err := p.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("drawing the screen: %w", err)
	}
	return nil
}
