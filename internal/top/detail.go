package top

import (
	"fmt"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Detail is what is read of one user when it is looked at closely.
type Detail struct {
	User    rotation.User
	Gone    bool         // it is not among those that are shown any more, and State is from before
	State   fleet.State  // as last seen
	Ahead   *fleet.Ahead // by a fresh reading of AWS; nil: not read yet
	Trouble string       // why it was not; empty: it was, or is under way
	History []Event      // newest first
}

// detail draws one user: its keys, why it stands as it does, what comes next, what happened.
func (f *Frame) detail(room int) []string {
	s, l := f.Detail.State, lifeOf(f.Detail.State)
	style := styleOf(s)
	state := string(s.Reason)
	if s.Standing == fleet.Fine {
		state = string(s.Phase())
	}
	mark := f.mark(s)
	if s.Standing == fleet.Fine && s.Late == 0 {
		mark, style = f.glyphs().marks[markFine], good
	}
	out := []string{"", " " + style.Render(mark) + " " + bold.Render(clean(s.User.String())) + "  " + style.Render(string(s.Standing))}
	if state != string(s.Standing) {
		out[1] += dim.Render("  " + state)
	}
	if f.Detail.Gone {
		out[1] += warm.Render("  not among the users any more")
	}
	why := f.sentence(s)
	if s.Failures > 1 {
		why = fmt.Sprintf("%d runs failed in a row: %s", s.Failures, why)
	}
	if s.LastError != "" {
		out = append(out, shout("  ", why, bad, f.Width, max(1, room/4))...)
	} else {
		out = append(out, shout("  ", why, dim, f.Width, max(1, room/4))...)
	}
	seen := "no run has looked at it yet"
	if !s.At.IsZero() {
		seen = "looked at " + span(f.Now.Sub(s.At)) + " ago"
		if in := s.Recheck.Sub(f.Now); in > 0 {
			seen += ", again in " + span(in)
		} else if s.Late > 0 {
			seen += ", overdue for " + span(s.Late)
		}
	}
	out = append(out, "   "+dim.Render(seen), "")
	if l.current.ID != "" {
		out = append(out, "   "+f.timeline(l, min(f.Width-6, 100)))
		if lipgloss.Width(f.legend())+3 <= f.Width {
			out = append(out, "   "+f.legend())
		}
		out = append(out, "")
	}
	out = append(out, f.keyTable(s)...)
	out = append(out, "")
	out = append(out, f.aheadLines()...)
	if left := room - len(out) - 2; left > 0 {
		out = append(out, "", "   "+bold.Render("WHAT HAPPENED"))
		for _, e := range f.Detail.History {
			mark, text := " ", clean(e.Text)
			if e.Bad {
				mark, text = bad.Render("!"), bad.Render(text)
			}
			out = append(out, fmt.Sprintf("   %s %s %s", dim.Render(f.clock(e.At)), mark, text))
		}
		if len(f.Detail.History) == 0 {
			out = append(out, "   "+dim.Render("nothing that is kept"))
		}
	}
	return out
}

func (f *Frame) keyTable(s fleet.State) []string {
	switch {
	case unread(s):
		return []string{"   " + bold.Render("KEYS"), "   " + dim.Render("not known")}
	case len(s.Keys) == 0:
		return []string{"   " + bold.Render("KEYS"), "   " + dim.Render("none was seen")}
	}
	row := func(id, class, status, age string) string {
		return "   " + pad(id, min(22, max(shortID, f.Width-34))) + " " + pad(class, 9) + pad(status, 9) + flushRight(age, 5)
	}
	out := []string{bold.Render(row("KEYS", "", "", "  AGE"))}
	for _, k := range s.Keys {
		line := row(clean(k.ID), string(k.Class), string(k.Status), span(f.Now.Sub(k.Created)))
		switch {
		case k.Class == rotation.ClassCurrent && k.Status == rotation.Active:
			line = good.Render(line)
		case k.Class == rotation.ClassCurrent:
			line = bad.Render(line)
		case k.Status == rotation.Active:
			line = warm.Render(line)
		default:
			line = dim.Render(line)
		}
		out = append(out, line)
	}
	return out
}

// aheadLines are the next steps, by the plan that will take them.
func (f *Frame) aheadLines() []string {
	out := []string{"   " + bold.Render("WHAT COMES NEXT")}
	a := f.Detail.Ahead
	switch {
	case f.Detail.Trouble != "":
		return append(out, shout("  ", clean(f.Detail.Trouble), bad, f.Width, 3)...)
	case a == nil:
		return append(out, "   "+dim.Render("reading AWS"+f.glyphs().dots))
	case a.Error != "":
		return append(out, shout("  ", clean(a.Error), bad, f.Width, 3)...)
	case len(a.Steps) == 0:
		text := f.Words.reason(a.Reason)
		if a.Detail != "" {
			text += " (" + clean(a.Detail) + ")"
		}
		return append(out, shout("  ", "nothing: "+text, dim, f.Width, 3)...)
	}
	for i, st := range a.Steps {
		if i > 0 && st.Action == rotation.Promote && a.Steps[i-1].Action == rotation.CreateKey {
			continue // one and the same rotation
		}
		when := "now"
		if in := st.At.Sub(f.Now); in > 0 {
			when = span(in + time.Second - 1)
		}
		what := verb(st.Action)
		if st.KeyID != "" {
			what += " " + short(st.KeyID)
		} else if st.Action == rotation.CreateKey {
			what += ": a new key"
		}
		line := "   " + flushRight(when, 6) + "  " + pad(what, 22)
		if because := because[st.Reason]; because != "" {
			line += " " + dim.Render(because)
		}
		out = append(out, line)
	}
	return out
}
