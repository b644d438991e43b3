package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/top"
)

// The styles of what the demo adds to the view. Nothing is told by colour alone.
var (
	dim  = lipgloss.NewStyle().Faint(true)
	good = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad  = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
)

// liveEvery is the time between two pictures of the desk: at this speed a second is a minute.
const liveEvery = 250 * time.Millisecond

// tallScreen is the height from which the guide for a second terminal stands on the screen.
const tallScreen = 36

// live shows the view of `keyturn top` until the viewer quits or the show is over.
func (st *stage) live(ctx context.Context, o Options, played <-chan struct{}) error {
	fmt.Fprintln(o.Out, st.introduction())
	var calls rate
	return top.Run(ctx, top.Options{
		Desk: st.office, Why: "the viewer of the demo", Words: o.Words, Every: liveEvery, Title: "demo", Facts: st.facts(o.Speed),
		Stats: func(width, height int) []string {
			calls.add(st.audience.calls.Load())
			return st.stats(calls.perSecond(), width, height)
		},
		Below: func(width int) []string { return append([]string{"IN A SECOND TERMINAL"}, st.guideLines(width)...) },
		More:  st.board.events, Notes: stories, ByName: true, Alone: true, Done: played, In: o.In, Out: o.Out, Env: o.Env,
	})
}

// facts are the schedule and the speed.
func (st *stage) facts(speed float64) string {
	s := st.schedule(part{})
	text := dim.Render("rotate ") + span(s.RotateEvery) + dim.Render("  deactivate ") + span(s.DeactivateAfter) + dim.Render("  delete ") +
		span(s.DeleteAfter)
	if speed != 1 {
		text += dim.Render("  " + strconv.FormatFloat(speed, 'g', -1, 64) + "×")
	}
	return text
}

// stats are how the consumers fare, and where a second terminal finds its credentials.
func (st *stage) stats(perSecond float64, width, height int) []string {
	calls, failed, broken := st.audience.calls.Load(), st.audience.failures.Load(), len(st.world.sim.Violations())
	line := " " + dim.Render("consumers ") + fmt.Sprintf("%d", st.audience.seats.Load()) + dim.Render("  calls/s ") +
		fmt.Sprintf("%.0f", perSecond) + dim.Render("  in all ") + grouped(calls) + "  "
	style := good
	if failed > 0 {
		style = bad
	}
	line += style.Render(fmt.Sprintf("%d failed", failed))
	if broken > 0 {
		line = " " + bad.Render(fmt.Sprintf("! %d safety rules broken, %d of %s calls failed", broken, failed, grouped(calls)))
	} else if rest := width - lipgloss.Width(line); rest > 24 {
		line += strings.Repeat(" ", rest-23) + good.Render("no safety rule broken")
	}
	if height >= tallScreen {
		return []string{line}
	}
	return []string{line, " " + dim.Render("second terminal: ") + ". " + st.env + dim.Render("  or  …/app")}
}

func (st *stage) guideLines(width int) (out []string) {
	for _, l := range st.guide(width) {
		line := " " + dim.Render("$ ") + l.command
		if l.says != "" && lipgloss.Width(line)+lipgloss.Width(l.says)+3 <= width {
			line += dim.Render("   # " + l.says)
		}
		out = append(out, line)
	}
	return out
}

// stories are what is to be seen of each user.
func stories() map[string]string {
	out := map[string]string{}
	for _, p := range cast {
		out[p.name] = p.story
	}
	return out
}

// rate turns a counter into a rate over the last seconds.
type rate struct {
	mu   sync.Mutex
	seen []sample
}

type sample struct {
	at    time.Time
	count int64
}

const rateWindow = 3 * time.Second

func (r *rate) add(count int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.seen = append(r.seen, sample{now, count})
	for len(r.seen) > 2 && now.Sub(r.seen[0].at) > rateWindow {
		r.seen = r.seen[1:]
	}
}

func (r *rate) perSecond() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) < 2 {
		return 0
	}
	first, last := r.seen[0], r.seen[len(r.seen)-1]
	return float64(last.count-first.count) / max(last.at.Sub(first.at).Seconds(), 0.001)
}

// clock writes a time span as a clock does: 0:07, 12:03, 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// span writes a duration of the schedule: 7s, 1:30, 2:00:00.
func span(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(int(d/time.Second)) + "s"
	}
	return clock(d)
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shortID is how much of a key id is told: its end, as its beginning is the same for all.
const shortID = 6

func short(keyID string) string { return keyID[max(0, len(keyID)-shortID):] }

// oneLine is an error's text without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
