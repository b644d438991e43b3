package demo

import (
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// The columns' widths on a screen of 80.
const (
	nameWidth   = 14
	barWidth    = 5
	ageWidth    = 5
	statusWidth = 8
	nextWidth   = 15
	stateWidth  = 14
)

// freshFor is how long a new key stands out.
const freshFor = 1500 * time.Millisecond

// widths are the columns on this screen: what is left over goes to the bar, the gaps and the story.
func (f frame) widths() (gap string, name, bar int, story bool) {
	switch {
	case f.width >= wide:
		return "  ", nameWidth + 2, 16, true
	case f.width >= 116:
		return "   ", nameWidth + 2, 16, false
	case f.width >= 100:
		return "  ", nameWidth + 1, 10, false
	}
	return " ", nameWidth, barWidth, false
}

// table draws the cast, one line each, below a line of headings.
func (f frame) table() []string {
	gap, name, bar, story := f.widths()
	head := " " + strings.Join([]string{pad("USER", name), pad("KEY", shortID), pad("AGE", bar+1+ageWidth),
		pad("PREVIOUS KEY", shortID+1+statusWidth), pad("NEXT", nextWidth-1), pad("STATE", stateWidth)}, gap)
	if story {
		head += gap + "     WHO"
	}
	out := []string{bold.Render(head)}
	for _, r := range f.rows {
		out = append(out, f.line(r, gap, name, bar, story))
	}
	return out
}

func (f frame) line(r row, gap string, name, bar int, story bool) string {
	if !r.on {
		return " " + dim.Render(pad(r.name, name)+gap+"·")
	}
	cells := []string{pad(r.name, name)}
	key := pad(short(r.current.ID), shortID)
	age := strings.Repeat(" ", bar+1+ageWidth)
	switch {
	case r.current.ID == "":
		key = dim.Render(pad("none", shortID))
	default:
		if f.now.Sub(r.fresh) < freshFor {
			key = good.Bold(true).Reverse(true).Render(key)
		} else {
			key = good.Render(key)
		}
		old := max(0, f.now.Sub(r.current.Created))
		age = gauge(float64(old)/float64(r.every), bar) + " " + flushRight(span(old), ageWidth)
	}
	previous := strings.Repeat(" ", shortID+1+statusWidth)
	if r.previous.ID != "" {
		status := pad(string(r.previous.Status), statusWidth)
		if r.previous.Status == rotation.Active {
			status = warm.Render(status)
		} else {
			status = dim.Render(status)
		}
		previous = short(r.previous.ID) + " " + status
	}
	line := " " + strings.Join(append(cells, key, age, previous), gap) + gap
	line += f.outlook(r, gap)
	if story {
		line = pad(line, 1+name+shortID+bar+1+ageWidth+shortID+1+statusWidth+nextWidth-1+stateWidth+6*len(gap)+5) + dim.Render(r.story)
	}
	return line
}

// outlook is what comes next, and the state: together where one of them has nothing to say.
func (f frame) outlook(r row, gap string) string {
	state := string(r.reason)
	switch {
	case r.trouble != "":
		return bad.Render("! the last run failed")
	case r.reason.Blocked():
		return bad.Render("! " + state)
	case r.next == rotation.NoAction:
		return dim.Render(state)
	}
	in := max(0, r.nextAt.Sub(f.now))
	text := pad(verbs[r.next]+" "+span(in+999*time.Millisecond), nextWidth-1)
	if in < 2*time.Second {
		text = bold.Render(text)
	}
	switch r.reason {
	case rotation.ReasonGrace, rotation.ReasonWaitingLegacy, rotation.ReasonWaitingSlot, rotation.ReasonHeld:
		state = warm.Render(state)
	default:
		state = dim.Render(state)
	}
	return text + gap + state
}

// verbs name the next step as people do.
var verbs = map[rotation.ActionKind]string{
	rotation.Onboard:         "take over",
	rotation.OnboardExisting: "take over",
	rotation.CreateKey:       "rotate",
	rotation.PutFirst:        "store",
	rotation.Promote:         "promote",
	rotation.DeactivateKey:   "deactivate",
	rotation.ReactivateKey:   "reactivate",
	rotation.DeleteKey:       "delete",
}

// gauge is a bar of the key's life, in eighths of a cell.
func gauge(share float64, width int) string {
	const eighths = "▏▎▍▌▋▊▉█"
	parts := []rune(eighths)
	n := int(min(1, max(0, share)) * float64(width*len(parts)))
	full, rest := n/len(parts), n%len(parts)
	bar := strings.Repeat("█", full)
	if rest > 0 {
		bar += string(parts[rest-1])
		full++
	}
	return accent.Render(bar) + dim.Render(strings.Repeat("·", width-full))
}

// flushRight aligns to the right end of a column, where numbers belong.
func flushRight(s string, width int) string {
	if len(s) >= width {
		return s
	}
	return strings.Repeat(" ", width-len(s)) + s
}
