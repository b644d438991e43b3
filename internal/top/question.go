package top

import (
	"strings"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Question is an act that is about to be done, once somebody says y.
type Question struct {
	Ask      fleet.Ask
	Title    string           // what is asked for
	Foreseen *fleet.Foresight // nil: still being read
	Trouble  string           // why it could not be; then nothing is asked
}

// asks reports whether y would do something.
func (q Question) asks() bool {
	return q.Foreseen != nil && q.Trouble == "" && q.Foreseen.Refused == "" && !q.Foreseen.Stands
}

// titles are what the acts are called in a question.
var titles = map[rotation.RequestKind]string{
	rotation.RequestPause: "Pause %s", rotation.RequestResume: "Resume %s", rotation.RequestRotate: "Rotate %s now",
	rotation.RequestRollback: "Take %s back to the key before",
}

// question draws what will happen, and asks.
func (f *Frame) question(room int) []string {
	q := f.Question
	out := []string{"", "   " + bold.Render(q.Title)}
	if room < 12 {
		out = out[1:]
	}
	body := func(style func(...string) string, text string) {
		for _, l := range folded("   ", text, f.Width-3) {
			out = append(out, style(l))
		}
	}
	switch {
	case q.Trouble != "":
		out = append(out, "")
		body(bad.Render, "What it would do is not known, so it is not done: "+clean(q.Trouble))
		return out
	case q.Foreseen == nil:
		return append(out, "", "   "+dim.Render("reading AWS, to say what it will do"+f.glyphs().dots))
	case q.Foreseen.Refused != "":
		out = append(out, "")
		body(bad.Render, "It cannot be done: "+clean(q.Foreseen.Refused))
		return out
	case q.Foreseen.Stands:
		return append(out, "", "   It is so already: nothing would be done.")
	}
	out = append(out, "")
	for _, line := range f.Words.foretell(*q.Foreseen, q.Ask.Request) {
		if strings.TrimSpace(line) == "" {
			out = append(out, "")
			continue
		}
		before, text, hangs := strings.Cut(line, "\t")
		if !hangs {
			before, text = "", line
		}
		out = append(out, folded("   "+before, text, f.Width-3)...)
	}
	last := []string{"", "   " + bold.Render(q.Title+"? y/N")}
	if most := max(2, room-len(last)); len(out) > most {
		out = append(out[:most-1], "   "+warm.Render("and more, for which this terminal is too small"))
	}
	return append(out, last...)
}

// help says what the screen means.
func (f *Frame) help() []string {
	g := f.glyphs()
	rows := [][2]string{
		{"↑ ↓  j k", "select a user; g and G, PgUp and PgDn go further"},
		{"Enter", "one user: its keys, what comes next, what happened"},
		{"p  r  b", "pause or resume, rotate, roll back: says first what it will do, and asks"},
		{"/", "only users with this in their name"},
		{"o", "order: what needs attention first, or by name"},
		{"q", "quit; nothing stops because of that"},
		{"", ""},
		{g.now + " " + g.off + " " + g.gone + " " + g.end, "now; the old key is deactivated, is deleted; the new key's time"},
		{f.marksOnly(), "failed, blocked, held, overdue, waiting"},
		{"AWS/s", "requests a second, of what keyturn allows itself"},
	}
	if f.ASCII {
		rows[0][0] = "j k"
	}
	out := []string{"", "   " + bold.Render("KEYS AND MARKS")}
	for _, r := range rows {
		out = append(out, "   "+pad(r[0], 11)+" "+dim.Render(r[1]))
	}
	return out
}

func (f *Frame) marksOnly() string {
	m := f.glyphs().marks
	return strings.Join([]string{m[string(fleet.Failed)], m[string(fleet.Blocked)], m[string(fleet.Held)], m[markLate],
		m[string(fleet.Waiting)]}, " ")
}
