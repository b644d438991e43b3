package top

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// deskOf is a desk that says what a test wants, and remembers what it was asked to do.
type deskOf struct {
	mu      sync.Mutex
	snap    fleet.Snapshot
	down    error
	refused string
	stuck   bool // Watch gives no answer
	done    []fleet.Ask
	asked   []fleet.Ask
	views   []fleet.View
	ended   []fleet.Happening
}

func (d *deskOf) States(context.Context, ...string) ([]fleet.State, error) { return nil, nil }

func (d *deskOf) Plan(_ context.Context, _ int, names ...string) ([]fleet.Ahead, error) {
	return []fleet.Ahead{{User: rotation.User{Name: names[0]}, Reason: rotation.ReasonIdle}}, d.down
}

func (d *deskOf) Foresee(_ context.Context, a fleet.Ask) (fleet.Foresight, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, a)
	return fleet.Foresight{Refused: d.refused, Now: []rotation.Action{{Kind: rotation.RecordPaused}}}, d.down
}

func (d *deskOf) Do(_ context.Context, a fleet.Ask) (fleet.Answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, a)
	return fleet.Answer{Done: true}, d.down
}

func (d *deskOf) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	for until := time.Now().Add(q.Wait); ; {
		d.mu.Lock()
		var out []fleet.Happening
		for _, h := range d.ended {
			if h.Seq > q.After {
				out = append(out, h)
			}
		}
		down := d.down
		d.mu.Unlock()
		if len(out) > 0 || down != nil || !time.Now().Before(until) {
			return out, down
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (d *deskOf) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	d.mu.Lock()
	d.views = append(d.views, v)
	snap, down, stuck := d.snap, d.down, d.stuck
	d.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return fleet.Snapshot{}, ctx.Err()
	}
	snap.Users, snap.Matched = nil, 0
	for _, s := range d.snap.Users {
		if strings.Contains(s.User.String(), v.Match) {
			snap.Users, snap.Matched = append(snap.Users, s), snap.Matched+1
		}
	}
	snap.Users = snap.Users[:min(len(snap.Users), v.Limit)]
	return snap, down
}

// set changes what the desk says.
func (d *deskOf) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// player sits before a view: what it shows is drawn without a terminal, and its commands run as the program would run them.
type player struct {
	t    *testing.T
	m    *model
	came chan tea.Msg
}

func sit(t *testing.T, d *deskOf, o Options) *player {
	o.Desk = d
	if d.snap.At.IsZero() {
		d.snap = *sample()
		d.snap.At = time.Now()
	}
	p := &player{t: t, m: newModel(t.Context(), o), came: make(chan tea.Msg, 1000)}
	p.run(p.m.Init())
	p.wait(time.Second)
	return p
}

func (p *player) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		if batch, is := msg.(tea.BatchMsg); is {
			for _, c := range batch {
				p.run(c)
			}
			return
		}
		p.came <- msg
	}()
}

// wait lets so much time pass.
func (p *player) wait(d time.Duration) {
	for end := time.After(d); ; {
		select {
		case msg := <-p.came:
			_, cmd := p.m.Update(msg)
			p.run(cmd)
		case <-end:
			return
		}
	}
}

// types presses keys, one after the other, with a moment between.
func (p *player) types(keys ...string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		if code, special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "end": tea.KeyEnd,
			"backspace": tea.KeyBackspace}[k]; special {
			msg = tea.KeyPressMsg{Code: code}
		}
		_, cmd := p.m.Update(msg)
		p.run(cmd)
		p.wait(50 * time.Millisecond)
	}
}

func (p *player) screen() string { return ansi.Strip(p.m.View().Content) }

func (p *player) sees(want ...string) {
	p.t.Helper()
	text := p.screen()
	for _, w := range want {
		if !strings.Contains(text, w) {
			p.t.Errorf("the screen does not say %q:\n%s", w, text)
		}
	}
}

func (p *player) seesNot(unwanted ...string) {
	p.t.Helper()
	for _, w := range unwanted {
		if text := p.screen(); strings.Contains(text, w) {
			p.t.Errorf("the screen says %q:\n%s", w, text)
		}
	}
}

func watching(t *testing.T, play func(t *testing.T, d *deskOf, p *player)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		d := &deskOf{}
		p := sit(t, d, Options{Why: "alice"})
		p.m.ctx = ctx
		play(t, d, p)
		end()
		time.Sleep(time.Minute) // what is under way ends
	})
}

// TestActsAsk: nothing is done before somebody has read what it will do and said y; what came of it stands in a line.
func TestActsAsk(t *testing.T) {
	for _, c := range []struct {
		key, row, question string
		kind               rotation.RequestKind
	}{
		{"p", "ci-deploy", "Pause ci-deploy? y/N", rotation.RequestPause},
		{"p", "invoice-bot", "Resume invoice-bot? y/N", rotation.RequestResume},
		{"r", "ci-deploy", "Rotate ci-deploy now? y/N", rotation.RequestRotate},
		{"b", "ci-deploy", "Take ci-deploy back to the key before? y/N", rotation.RequestRollback},
	} {
		watching(t, func(t *testing.T, d *deskOf, p *player) {
			at := slices.IndexFunc(p.m.frame.Snap.Users, func(s fleet.State) bool { return s.User.Name == c.row })
			p.types(slices.Repeat([]string{"j"}, at)...)
			for _, no := range []string{"n", "enter", "esc", "q"} {
				p.types(c.key)
				p.sees(c.question, "record-paused")
				p.types(no)
				p.seesNot("y/N")
			}
			if len(d.done) > 0 {
				t.Fatalf("without a y was done %+v", d.done)
			}
			p.types(c.key, "y")
			p.sees(strings.TrimSuffix(c.question, "? y/N") + ": done")
			want := fleet.Ask{User: "123456789012/" + c.row, Request: rotation.Request{Kind: c.kind, Why: "alice"}, Patience: actPatience}
			if len(d.done) != 1 || d.done[0] != want {
				t.Errorf("done was %+v, not %+v", d.done, want)
			}
		})
	}
}

// TestActsRefused: y does nothing when it cannot be done, or when nobody knows what it would do.
func TestActsRefused(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() { d.refused = "the user is blocked" })
		p.types("r")
		p.sees("It cannot be done: the user is blocked")
		p.types("y")
		d.set(func() { d.refused, d.down = "", errors.New("the daemon went away") })
		p.types("r")
		p.sees("is not done: the daemon went away")
		p.types("y")
		if len(d.done) > 0 {
			t.Errorf("done was %+v", d.done)
		}
	})
}

// TestSelectionStaysWithItsUser: rows move, and the selected user with them; an act is about whom the screen showed.
func TestSelectionStaysWithItsUser(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		p.types("j", "j", "down", "k")
		p.sees("▸! partner-sftp")
		d.set(func() {
			d.snap.Users = slices.Clone(d.snap.Users)
			slices.Reverse(d.snap.Users)
		})
		p.wait(2 * time.Second)
		p.sees("▸! partner-sftp")
		p.types("r")
		p.sees("Rotate partner-sftp now?")
	})
}

// TestDaemonGoesAway: the screen says so and for how long, keeps what it knew, goes on trying, and recovers.
func TestDaemonGoesAway(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() { d.down = errors.New("no daemon runs") })
		p.wait(42 * time.Second)
		p.sees("No answer for 42s: no daemon runs; trying again.", "ci-deploy")
		d.set(func() { d.down, d.snap.At = nil, time.Now() })
		p.wait(2 * time.Second)
		p.seesNot("No answer")
	})
}

// TestNothingBlocks: while the desk says nothing at all, keys work and the time goes on.
func TestNothingBlocks(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() { d.stuck = true })
		before := p.screen()
		p.wait(10 * time.Second)
		p.types("j")
		p.sees("▸✗ geo-lookup")
		if p.screen() == before {
			t.Error("the screen stood still")
		}
		p.wait(10 * time.Second)
		p.sees("No answer for", "within 15s")
		if n := len(d.views); n > 8 {
			t.Errorf("a desk that says nothing was asked %d times", n)
		}
	})
}

// TestCountdown: between two readings the time is counted here.
func TestCountdown(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() {
			s := someone("ci-deploy", 45*day)
			s.NextAt = time.Now().Add(30 * time.Second)
			d.snap.Users = []fleet.State{s}
			d.snap.At = time.Now().Truncate(time.Second)
		})
		p.wait(1100 * time.Millisecond)
		p.sees("rotate       29s")
		d.set(func() { d.stuck = true })
		p.wait(9 * time.Second)
		p.sees("rotate       20s")
	})
}

// TestKeysWhileSettling: a run that had to wait before it looked does not make keys unknown that were known a moment ago.
func TestKeysWhileSettling(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() { d.snap.Users = []fleet.State{someone("ci-deploy", 45*day)} })
		p.wait(2 * time.Second)
		d.set(func() {
			s := d.snap.Users[0]
			s.Standing, s.Reason, s.Keys, s.CurrentKeyID, s.Due = fleet.Waiting, rotation.ReasonSettling, nil, "", time.Time{}
			d.snap.Users = []fleet.State{s}
		})
		p.wait(2 * time.Second)
		p.sees("~ ci-deploy", "2CI-DE", "settling", "●")
		p.seesNot("no key", "not known")
	})
}

// TestFilter: each letter shows at once whom it leaves; Esc shows everybody again.
func TestFilter(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		p.types("/", "c", "r", "x")
		p.sees("filter: crx", "no user's name has")
		p.types("backspace", "m")
		p.sees("legacy-crm")
		p.types("enter")
		p.sees("“crm”: 1")
		p.seesNot("ci-deploy ", "filter:")
		p.types("esc")
		p.sees("ci-deploy")
	})
}

// TestTenThousand: the view asks for as many users as somebody has come to, not for all.
func TestTenThousand(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() {
			for i := range 10_000 {
				d.snap.Users = append(d.snap.Users, someone(fmt.Sprintf("service-%05d", i), time.Duration(i)*time.Minute))
			}
		})
		p.wait(2 * time.Second)
		if n := len(p.m.frame.Snap.Users); n != moreUsers {
			t.Errorf("%d users were asked for to begin with", n)
		}
		p.types("end")
		p.wait(2 * time.Second)
		p.types("end")
		p.sees("▸  service-00384")
		if last := d.views[len(d.views)-1]; last.Limit < 398 {
			t.Errorf("the last view has a limit of %d", last.Limit)
		}
	})
}

// TestDetail: one user's page is read when it is opened, and again after a run.
func TestDetail(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		p.types("enter")
		p.sees("123456789012/billing-export", "3 runs failed in a row: iam ListAccessKeys is denied", "KEYS", "AKIAQ0000000002BILLI", "WHAT COMES NEXT")
		d.set(func() {
			d.snap.Users = slices.Clone(d.snap.Users)
			d.snap.Users[0] = someone("billing-export", time.Hour)
		})
		p.wait(2 * time.Second)
		p.sees("fine", "grace")
		p.types("esc")
		p.sees("is well again", "ci-deploy")
	})
}

// TestSizes: whatever the terminal is made to be while the view runs, a picture fits it.
func TestSizes(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		for _, page := range []string{"esc", "?", "enter", "p"} {
			p.types("esc", page)
			for w := 1; w < 200; w += 7 {
				for h := 1; h < 60; h += 6 {
					_, _ = p.m.Update(tea.WindowSizeMsg{Width: w, Height: h})
					fits(t, fmt.Sprintf("%s at %dx%d", page, w, h), &p.m.frame, p.m.View().Content)
				}
			}
			p.types("n")
		}
	})
}

// TestHostileTexts: what others wrote cannot steer the terminal, and wide letters break no column.
func TestHostileTexts(t *testing.T) {
	watching(t, func(t *testing.T, d *deskOf, p *player) {
		d.set(func() {
			s := someone("日本語の利用者名がここに長く入ります", 45*day)
			s.Standing, s.LastError = fleet.Failed, "boom\x1b[2J\x1b]0;pwned\x07\r\nsecond \u202eline"
			d.snap.Users = []fleet.State{s}
			d.snap.Notice = "stop\x1b[31m"
		})
		p.wait(2 * time.Second)
		picture := p.m.View().Content
		fits(t, "a hostile text", &p.m.frame, picture)
		for _, bad := range []string{"\x1b[2J", "\x1b]0", "\x07", "\r", "\u202e"} {
			if strings.Contains(picture, bad) {
				t.Errorf("the screen passes %q on", bad)
			}
		}
		p.sees("日本", "boom")
	})
}

func TestOnlyASCII(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{nil, false}, {[]string{"LANG=C.UTF-8"}, false}, {[]string{"LANG=C"}, true}, {[]string{"LANG=en_US.utf8", "LC_ALL=POSIX"}, true},
		{[]string{"LANG=de_DE.ISO-8859-1"}, true}, {[]string{"LC_ALL=", "LANG=ja_JP.UTF-8"}, false},
	} {
		if got := onlyASCII(c.env); got != c.want {
			t.Errorf("%v means only ASCII: %t", c.env, got)
		}
	}
	f := frame(80, 24, sample())
	f.ASCII = true
	for _, r := range ansi.Strip(f.Render()) {
		if r > 126 {
			t.Errorf("a terminal without them is given %q", r)
		}
	}
}
