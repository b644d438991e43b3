package top

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/keyturn/keyturn/internal/fleet"
)

// The styles. Nothing is told by colour alone, and the colours are the terminal's own sixteen.
var (
	bold    = lipgloss.NewStyle().Bold(true)
	dim     = lipgloss.NewStyle().Faint(true)
	accent  = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	good    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	warm    = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad     = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	heading = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan)
)

// glyphs are the characters that draw.
type glyphs struct {
	elapsed, ahead, now, off, gone, end string // of a timeline
	full, empty                         string // of a gauge
	selected, dots, rule                string
	marks                               map[string]string
}

const (
	markLate = "late"
	markFine = string(fleet.Fine)
)

var unicodeGlyphs = glyphs{
	elapsed: "━", ahead: "─", now: "●", off: "▼", gone: "✕", end: "┤", full: "█", empty: "·", selected: "▸", dots: "…", rule: "─",
	marks: map[string]string{string(fleet.Failed): "✗", string(fleet.Blocked): "!", string(fleet.Held): "‖", markLate: "»",
		string(fleet.Waiting): "~", markFine: "✓"},
}

// asciiGlyphs are for terminals whose locale has no more than that.
var asciiGlyphs = glyphs{
	elapsed: "=", ahead: "-", now: "O", off: "v", gone: "x", end: "|", full: "#", empty: ".", selected: ">", dots: ".", rule: "-",
	marks: map[string]string{string(fleet.Failed): "X", string(fleet.Blocked): "!", string(fleet.Held): "=", markLate: "+",
		string(fleet.Waiting): "~", markFine: " "},
}

func (f *Frame) glyphs() *glyphs {
	if f.ASCII {
		return &asciiGlyphs
	}
	return &unicodeGlyphs
}

// styleOf is the colour of a user that needs attention, plain for the others.
func styleOf(s fleet.State) lipgloss.Style {
	switch {
	case s.Standing == fleet.Failed, s.Standing == fleet.Blocked:
		return bad
	case s.Standing == fleet.Held, s.Late > 0, s.Standing == fleet.Waiting:
		return warm
	}
	return lipgloss.NewStyle()
}

// clean makes a text of somebody else's one line without control characters: a terminal obeys them.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens a text at its end.
func cut(s string, width int) string {
	if lipgloss.Width(s) <= width {
		return s
	}
	return ansi.Truncate(s, max(0, width), "…")
}

// cutMiddle shortens a name, whose beginning and end both tell it from others.
func cutMiddle(s string, width int) string {
	n := lipgloss.Width(s)
	if n <= width || width < 6 {
		return cut(s, width)
	}
	left := (width - 1) / 2
	return ansi.Truncate(s, left, "") + "…" + ansi.TruncateLeft(s, n-(width-1-left), "")
}

// pad fills a text with blanks up to a width, and cuts it there.
func pad(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", max(0, width-lipgloss.Width(s)))
}

// flushRight aligns to the right end of a column, where numbers belong.
func flushRight(s string, width int) string {
	return strings.Repeat(" ", max(0, width-lipgloss.Width(s))) + s
}

// apart puts two texts at the two ends of a line; the right one goes when there is no room.
func apart(left, right string, width int) string {
	gap := width - lipgloss.Width(left) - lipgloss.Width(right)
	if gap < 1 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// folded breaks a text between words into lines, the first with a prefix and the others set in below it.
func folded(prefix, text string, width int) []string {
	in := lipgloss.Width(prefix)
	if width-in < 8 {
		return []string{cut(prefix+text, width)}
	}
	lines := strings.Split(ansi.Wrap(text, width-in, ""), "\n")
	for i := range lines {
		if i == 0 {
			lines[i] = prefix + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", in) + lines[i]
		}
	}
	return lines
}

// fill makes lines exactly n long.
func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines[:max(0, n)]
}

// span writes a duration in at most five characters: 7s, 12:03, 5h12m, 47h, 89d.
func span(d time.Duration) string {
	s := int64(d / time.Second)
	two := func(n int64) string { return flushZero(strconv.FormatInt(n, 10)) }
	switch {
	case s < 60:
		return strconv.FormatInt(max(0, s), 10) + "s"
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + ":" + two(s%60)
	case s < 10*3600:
		return strconv.FormatInt(s/3600, 10) + "h" + two(s/60%60) + "m"
	case s < 48*3600:
		return strconv.FormatInt(s/3600, 10) + "h"
	}
	return strconv.FormatInt(s/86400, 10) + "d"
}

func flushZero(s string) string {
	if len(s) < 2 {
		return "0" + s
	}
	return s
}

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shortID is how much of a key id is shown: its end, as its beginning is the same for all.
const shortID = 6

func short(keyID string) string {
	keyID = clean(keyID)
	if len(keyID) > shortID {
		return keyID[len(keyID)-shortID:]
	}
	return keyID
}
