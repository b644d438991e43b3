package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/rotation"
)

// frame is everything that one picture shows.
type frame struct {
	width, height int
	now           time.Time
	started       time.Time
	speed         float64
	schedule      rotation.Schedule

	rows   []row
	events []event // newest first

	awsRate, callRate float64
	consumers         int64
	calls, failures   int64
	violations        int

	guide []string // what to type in a second terminal
	hint  string   // the same in one line
	open  bool     // the guide is shown in place of the events
}

// The styles. Nothing is told by colour alone, and the colours are the terminal's own sixteen.
var (
	bold   = lipgloss.NewStyle().Bold(true)
	dim    = lipgloss.NewStyle().Faint(true)
	accent = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
	good   = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	warm   = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("1")).Bold(true)
	title  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("6"))
)

// Below wide columns there is room for what has to be seen; at wide there is the story too.
const wide = 150

// leastHeight is the height at which everything has just enough room.
const leastHeight = 24

// tallGuide is the height from which the guide stands below the events instead of in their place.
const tallGuide = 36

// render draws a frame of exactly its height.
func render(f frame) string {
	lines := []string{f.head(), ""}
	lines = append(lines, f.table()...)
	lines = append(lines, "")
	foot := []string{f.stats(), f.keys()}
	if f.height > leastHeight {
		foot = append([]string{""}, foot...)
	}
	room := f.height - len(lines) - len(foot)
	switch {
	case f.height >= tallGuide:
		guide := append([]string{" " + bold.Render("IN A SECOND TERMINAL")}, f.guideLines()...)
		lines = append(lines, f.eventLines(room-len(guide)-1)...)
		lines = append(lines, "")
		lines = append(lines, guide...)
	case f.open:
		lines = append(lines, fill(f.guideLines(), room)...)
	default:
		lines = append(lines, f.eventLines(room)...)
	}
	lines = append(lines, foot...)
	if len(lines) > f.height {
		lines = append(lines[:max(0, f.height-len(foot))], foot...)
	}
	for i, l := range lines {
		lines[i] = lipgloss.NewStyle().MaxWidth(f.width).Render(l)
	}
	return strings.Join(lines, "\n")
}

// fill makes lines exactly n long.
func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines[:max(0, n)]
}

func (f frame) head() string {
	s := f.schedule
	left := " " + title.Render("keyturn") + bold.Render(" demo") + dim.Render("  rotate ") + span(s.RotateEvery) +
		dim.Render("  deactivate ") + span(s.DeactivateAfter) + dim.Render("  delete ") + span(s.DeleteAfter)
	right := clock(f.now.Sub(f.started)) + " "
	if f.speed != 1 {
		right = dim.Render(strconv.FormatFloat(f.speed, 'g', -1, 64)+"× AWS’s pace  ") + right
	}
	return apart(left, right, f.width)
}

func (f frame) stats() string {
	left := " " + dim.Render("keyturn ") + fmt.Sprintf("%.0f", f.awsRate) + dim.Render(" AWS calls/s") +
		dim.Render("   "+strconv.FormatInt(f.consumers, 10)+" consumers ") + fmt.Sprintf("%.0f", f.callRate) + dim.Render(" calls/s, ") +
		grouped(f.calls) + dim.Render(" in all, ")
	failed := fmt.Sprintf("%d failed", f.failures)
	if f.failures > 0 {
		left += bad.Render(failed)
	} else {
		left += good.Render(failed)
	}
	if f.violations > 0 {
		return " " + bad.Render(fmt.Sprintf("! %d safety rules broken, %d of %s calls failed", f.violations, f.failures, grouped(f.calls)))
	}
	return apart(left, good.Render("no safety rule broken "), f.width)
}

func (f frame) keys() string {
	right := "q quit "
	if f.height < tallGuide {
		right = "a AWS commands  q quit "
		if f.open {
			right = "a events  q quit "
		}
	}
	return apart(" "+dim.Render("second terminal: ")+f.hint, dim.Render(right), f.width)
}

func (f frame) guideLines() []string {
	var out []string
	for _, l := range f.guide {
		out = append(out, " "+dim.Render("$ ")+l)
	}
	return out
}

func (f frame) eventLines(n int) []string {
	out := []string{" " + bold.Render("EVENTS")}
	name := nameWidth
	if f.width >= wide {
		name += 4
	}
	for _, e := range f.events {
		text := e.text
		mark := " "
		if e.bad {
			mark, text = bad.Render("!"), bad.Render(text)
		}
		out = append(out, fmt.Sprintf(" %s %s %s %s", dim.Render(clock(e.at.Sub(f.started))), mark, pad(e.user, name), text))
	}
	return fill(out, n)
}

// apart puts two texts at the two ends of a line; the right one goes when there is no room.
func apart(left, right string, width int) string {
	gap := width - lipgloss.Width(left) - lipgloss.Width(right)
	if gap < 1 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// pad fills a text with blanks up to a width, and cuts it there.
func pad(s string, width int) string {
	n := lipgloss.Width(s)
	if n > width {
		return lipgloss.NewStyle().MaxWidth(width).Render(s)
	}
	return s + strings.Repeat(" ", width-n)
}

// clock writes a time span as a clock does: 0:07, 12:03, 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// span writes a duration in a column: 7s, 1:30, 2:00:00.
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
