package top

import (
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// life is what a timeline shows of one user: from the current key's creation to its replacement, and what becomes of the key before it.
type life struct {
	current, previous rotation.ClassifiedKey // without an id: there is none
	due               time.Time              // the current key is replaced; zero: not known
	off, gone         time.Time              // the previous key is deactivated and deleted; zero: not known, or there is none
}

// lifeOf puts together what the schedule says and what the next step is known to be.
func lifeOf(s fleet.State) life {
	l := life{due: s.Due}
	for _, k := range s.Keys {
		switch {
		case k.Class == rotation.ClassCurrent || k.ID == s.CurrentKeyID:
			l.current = k
		case l.previous.ID == "" || k.Class == rotation.ClassPrevious:
			l.previous = k
		}
	}
	if l.due.IsZero() && s.NextAction == rotation.CreateKey && l.current.ID != "" {
		l.due = s.NextAt
	}
	if l.previous.ID == "" || l.current.ID == "" {
		return l
	}
	if s.Grace > 0 && l.previous.Class == rotation.ClassPrevious {
		l.off = l.current.Created.Add(s.Grace)
	}
	if s.NextAction == rotation.DeactivateKey {
		l.off = s.NextAt
	}
	if s.Retention > 0 && !l.off.IsZero() {
		l.gone = l.off.Add(s.Retention)
	}
	if s.NextAction == rotation.DeleteKey {
		l.gone = s.NextAt
	}
	return l
}

// timeline draws a life in so many cells: a heavy line for the time that has passed, a light one for what lies ahead, a mark for now,
// for the deactivation and for the deletion of the previous key, and an end where the current key is replaced. All of it is told by
// shape.
func (f *Frame) timeline(l life, width int) string {
	g := f.glyphs()
	if l.current.ID == "" || width < 3 {
		return dim.Render(pad("no key", width))
	}
	age := max(0, f.Now.Sub(l.current.Created))
	if l.due.IsZero() || !l.due.After(l.current.Created) {
		return dim.Render(pad(span(age)+" old", width))
	}
	line := width - 1 // the last cell is the end
	whole := l.due.Sub(l.current.Created)
	cell := func(t time.Time) int {
		return int(float64(line) * float64(t.Sub(l.current.Created)) / float64(whole))
	}
	now := min(max(0, cell(f.Now)), line-1)
	off, gone := -1, -1
	if !l.off.IsZero() {
		off = max(0, cell(l.off))
	}
	if !l.gone.IsZero() {
		if gone = max(0, cell(l.gone)); gone == off {
			gone++
		}
	}
	// What is still ahead is not hidden by now, nor what is over.
	aside := func(at int, when time.Time) int {
		switch {
		case at != now:
			return at
		case when.After(f.Now):
			return at + 1
		}
		return at - 1
	}
	off = aside(off, l.off)
	if gone = aside(gone, l.gone); gone == off && gone >= 0 {
		gone++
	}
	var b strings.Builder
	for i := range line {
		switch i {
		case now:
			b.WriteString(bold.Render(g.now))
		case off:
			b.WriteString(warm.Render(g.off))
		case gone:
			b.WriteString(warm.Render(g.gone))
		default:
			if i < now {
				b.WriteString(accent.Render(g.elapsed))
			} else {
				b.WriteString(dim.Render(g.ahead))
			}
		}
	}
	return b.String() + dim.Render(g.end)
}

// legend says what the marks mean.
func (f *Frame) legend() string {
	g := f.glyphs()
	return dim.Render(g.now+" now  ") + warm.Render(g.off) + dim.Render(" old key off  ") + warm.Render(g.gone) +
		dim.Render(" old key gone  "+g.end+" new key")
}

// gauge is a bar of how much of something is used.
func (f *Frame) gauge(share float64, width int) string {
	g := f.glyphs()
	share = min(1, max(0, share))
	style := accent
	if share >= 0.9 {
		style = warm
	}
	if f.ASCII {
		n := int(share*float64(width) + 0.5)
		return style.Render(strings.Repeat(g.full, n)) + dim.Render(strings.Repeat(g.empty, width-n))
	}
	parts := []rune("▏▎▍▌▋▊▉█")
	n := int(share * float64(width*len(parts)))
	if share > 0 {
		n = max(n, 1)
	}
	full, rest := n/len(parts), n%len(parts)
	bar := strings.Repeat(g.full, full)
	if rest > 0 {
		bar += string(parts[rest-1])
		full++
	}
	return style.Render(bar) + dim.Render(strings.Repeat(g.empty, width-full))
}
