package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Frame is everything that one picture shows.
type Frame struct {
	Width, Height int
	Now           time.Time       // AWS's
	Snap          *fleet.Snapshot // nil: nothing has been read yet
	Trouble       string          // why the last reading failed; empty: it did not
	Silent        time.Duration   // for how long nothing could be read, then
	ASCII         bool            // the terminal has no other characters

	Selected, First int // rows: the selected one, and the first that is shown
	Fresh           map[rotation.User]bool
	Filter          string
	Editing         bool // the filter is being typed
	ByName          bool // the order
	Events          []Event
	Message         string // what came of the last act, or what is under way
	Alarming        bool   // the message is bad news
	Page            page
	Detail          Detail // for pageUser
	Question        Question

	Title string            // behind the program's name
	Facts string            // behind the title
	Stats []string          // lines of others, above the keys
	Below []string          // stands below the events, its first line is a heading; where there is no room, in their place with BelowOpen
	Notes map[string]string // by user's name, in place of why
	// BelowOpen shows Below in place of the events.
	BelowOpen bool
	// Alone: this view is part of another program, which itself looks after the users; so nobody misses a daemon.
	Alone bool
	Words Words

	several bool // accounts
	longest int  // name
}

// page is what fills the middle.
type page int

const (
	pageUsers page = iota
	pageUser
	pageHelp
	pageQuestion
)

// tall is the height from which Below stands below the events instead of in their place.
const tall = 36

// parts are the lines around the table, and how the room between them is shared.
type parts struct {
	head, foot   []string
	rows, events int // lines: of the table without its heading, of events with theirs
	below        []string
	apart        bool // a blank line stands between the table and the events
}

// layout shares the screen out.
func (f *Frame) layout() parts {
	p := parts{head: f.head(), foot: f.foot()}
	room := f.Height - len(p.head) - len(p.foot) - 1 // the table's heading
	if f.Height >= tall && len(f.Below) > 0 {
		p.below = append([]string{"", " " + bold.Render(f.Below[0])}, f.Below[1:]...)
		room -= len(p.below)
	}
	if f.Height > 24 && room > 12 {
		p.head, room = append(p.head, ""), room-1
		p.apart = true
	}
	users := max(1, len(f.users()))
	switch {
	case room < 8:
		p.rows = room
	case users <= room-5:
		p.rows, p.events = users, room-users
	default:
		p.events = min(max(3, room/3), 16)
		p.rows = min(users, room-p.events)
		p.events = room - p.rows
	}
	p.rows = max(1, p.rows)
	return p
}

// Rows is how many users the table shows at once.
func (f *Frame) Rows() int {
	f.measure()
	return f.layout().rows
}

func (f *Frame) measure() {
	f.several, f.longest = f.severalAccounts(), 0
	for _, s := range f.users() {
		f.longest = max(f.longest, lipgloss.Width(f.name(s)))
	}
}

// Render draws the frame, exactly as many lines as it is high and none wider than it is wide.
func (f *Frame) Render() string {
	f.measure()
	var lines []string
	p := f.layout()
	if f.Page != pageUsers && f.Height < 20 { // what fills the middle needs the room
		p.head, p.foot = p.head[:1], p.foot[len(p.foot)-1:]
	}
	middle := f.Height - len(p.head) - len(p.foot)
	lines = append(lines, p.head...)
	switch f.Page {
	case pageUser:
		lines = append(lines, fill(f.detail(middle), middle)...)
	case pageHelp:
		lines = append(lines, fill(f.help(), middle)...)
	case pageQuestion:
		lines = append(lines, fill(f.question(middle), middle)...)
	default:
		lines = append(lines, fill(f.table(p.rows), p.rows+1)...)
		switch {
		case f.BelowOpen && p.below == nil && len(f.Below) > 0:
			lines = append(lines, fill(append([]string{" " + bold.Render(f.Below[0])}, f.Below[1:]...), p.events)...)
		case p.events > 0 && p.apart:
			lines = append(append(lines, ""), f.events(p.events-1)...)
		case p.events > 0:
			lines = append(lines, f.events(p.events)...)
		}
		lines = append(lines, p.below...)
	}
	lines = append(lines, p.foot...)
	if len(lines) > f.Height {
		keep := min(len(p.foot), f.Height)
		lines = append(lines[:f.Height-keep], p.foot[len(p.foot)-keep:]...)
	}
	for i, l := range lines {
		lines[i] = cut(l, f.Width)
	}
	picture := strings.Join(fill(lines, f.Height), "\n")
	if f.ASCII {
		picture = plainer.Replace(picture)
	}
	return picture
}

// plainer replaces what texts have of other characters.
var plainer = strings.NewReplacer("…", ".", "“", "\"", "”", "\"", "’", "'", "×", "x", "–", "-", "·", ".")

// head is who speaks, what everybody must know, and the totals.
func (f *Frame) head() []string {
	title := f.Title
	if title == "" {
		title = "top"
	}
	left := " " + heading.Render("keyturn") + bold.Render(" "+title)
	if f.Facts != "" {
		left += "  " + f.Facts
	}
	right := ""
	if f.Snap != nil {
		right = f.Now.UTC().Format("15:04:05") + dim.Render(" UTC ")
		switch {
		case f.Alone:
		case f.Snap.Started.IsZero():
			right = warm.Render("no daemon") + dim.Render(": what the database knows  ") + right
		default:
			right = dim.Render("daemon up ") + span(f.Now.Sub(f.Snap.Started)) + "  " + right
		}
	}
	if f.Width < 60 && f.Snap != nil && f.Snap.Started.IsZero() && !f.Alone {
		right = warm.Render("no daemon ")
	}
	out := []string{apart(left, right, f.Width)}
	most := max(1, f.Height/4)
	if f.Trouble != "" {
		text := fmt.Sprintf("No answer for %s: %s; trying again.", span(f.Silent), strings.TrimSuffix(clean(f.Trouble), "."))
		if f.Snap != nil {
			text += " What is shown is from then."
		}
		out = append(out, shout("! ", text, bad, f.Width, most)...)
	}
	if f.Snap == nil {
		return out
	}
	if f.Snap.Notice != "" {
		out = append(out, shout("! ", clean(f.Snap.Notice), bad, f.Width, f.Height/3)...)
	}
	if f.Snap.Partial != "" {
		out = append(out, shout("! ", "These are the users that the database knows: "+clean(f.Snap.Partial), warm, f.Width, most)...)
	}
	return append(out, f.totals())
}

// shout is a text in full, on as many lines as it needs, within reason.
func shout(mark, text string, style lipgloss.Style, width, most int) []string {
	lines := folded(" "+mark, text, width-1)
	if len(lines) > most {
		lines = lines[:max(1, most)]
		lines[len(lines)-1] = cut(lines[len(lines)-1]+" …", width-1)
	}
	for i := range lines {
		lines[i] = style.Render(lines[i])
	}
	return lines
}

// totals counts everybody under care.
func (f *Frame) totals() string {
	s, g := f.Snap.Summary, f.glyphs()
	fine := s.Users - s.Failed - s.Blocked - s.Held - s.Waiting
	out := " " + bold.Render(grouped(s.Users)) + dim.Render(" users")
	if s.Users == 1 {
		out = " " + bold.Render("1") + dim.Render(" user")
	}
	counts := []struct {
		n          int
		mark, word string
		style      lipgloss.Style
	}{
		{s.Failed, g.marks[string(fleet.Failed)], "failed", bad}, {s.Blocked, g.marks[string(fleet.Blocked)], "blocked", bad},
		{s.Held, g.marks[string(fleet.Held)], "held", warm}, {f.Snap.Overdue, g.marks[markLate], "overdue", warm},
		{s.Waiting, g.marks[string(fleet.Waiting)], "waiting", warm}, {fine, strings.TrimSpace(g.marks[markFine]), "fine", good},
	}
	line := func(gap string, all bool) string {
		text := out
		for _, c := range counts {
			word := strings.TrimSpace(c.mark + " " + grouped(c.n) + " " + c.word)
			switch {
			case c.n > 0:
				text += gap + c.style.Render(word)
			case all:
				text += gap + dim.Render(word)
			}
		}
		return text
	}
	shown := ""
	switch n := f.Snap.Matched; {
	case f.Filter != "":
		shown = fmt.Sprintf("  “%s”: %s ", cut(f.Filter, 16), grouped(n))
	case n > f.Height-10 && len(f.users()) > 0: // they do not all fit
		shown = fmt.Sprintf("  %s of %s ", grouped(f.Selected+1), grouped(n))
	}
	room := f.Width - lipgloss.Width(shown)
	text := line("   ", true)
	if lipgloss.Width(text) > room {
		text = line("  ", false)
	}
	if lipgloss.Width(text) > room { // the marks say it
		for _, c := range counts {
			text = strings.ReplaceAll(text, " "+c.word, "")
		}
	}
	return apart(text, dim.Render(shown), f.Width)
}

// foot is the message, the gauges, and the keys.
func (f *Frame) foot() []string {
	var out []string
	switch {
	case f.Editing:
		out = append(out, " "+bold.Render("filter: ")+f.Filter+bold.Reverse(true).Render(" ")+dim.Render("  part of a name; Enter to keep it, Esc to see everybody"))
	case f.Message != "" && f.Alarming:
		out = append(out, shout("", f.Message, bad, f.Width, 3)...)
	case f.Message != "":
		out = append(out, shout("", f.Message, bold, f.Width, 2)...)
	case f.Page == pageUsers && f.Height >= 15 && f.Selected < len(f.users()):
		s := f.users()[f.Selected]
		if s.Standing != fleet.Fine {
			out = append(out, " "+styleOf(s).Render(cut(clean(s.User.Name)+": "+f.noteOr(s), f.Width-2)))
		}
	}
	if f.Height > 12 {
		if line := f.rates(); line != "" {
			if f.Height >= tall {
				out = append(out, "")
			}
			out = append(out, line)
		}
	}
	out = append(out, f.Stats...)
	return append(out, f.keys())
}

func (f *Frame) noteOr(s fleet.State) string {
	if note := f.Notes[s.User.Name]; note != "" && s.LastError == "" {
		return clean(note)
	}
	return f.sentence(s)
}

// quotas are what AWS calls the operations that share one, in short.
var quotas = map[string]string{"secret_writes": "put", "secret_tags": "tag", "secret_reads": "read"}

// rates are a gauge for each of AWS's quotas: what is sent a second, of what keyturn allows itself.
func (f *Frame) rates() string {
	if f.Snap == nil || len(f.Snap.Rates) == 0 {
		return ""
	}
	wide, narrow := f.Width >= 110, f.Width < 78
	left := " " + dim.Render("AWS/s")
	if wide {
		left = " " + dim.Render("AWS calls/s")
	}
	parts := []string{left}
	for _, r := range f.Snap.Rates {
		name := clean(r.Name)
		if short := quotas[name]; short != "" {
			name = short
		}
		full := r.Pace
		if full <= 0 {
			full = r.Quota
		}
		text := dim.Render(name+" ") + fmt.Sprintf("%.0f", r.PerSecond)
		if full > 0 && !narrow {
			width := 3
			if wide {
				width = 8
			}
			text = dim.Render(name+" ") + f.gauge(r.PerSecond/full, width) + " " + fmt.Sprintf("%.0f", r.PerSecond)
		}
		if r.Pace > 0 {
			text += dim.Render(fmt.Sprintf("/%.0f", r.Pace))
		}
		if wide && r.Quota > 0 {
			text += dim.Render(fmt.Sprintf(" (AWS %s)", grouped(int(r.Quota))))
		}
		parts = append(parts, text)
	}
	gap := "  "
	if narrow {
		gap = " "
	} else if f.Width >= 150 {
		gap = "   "
	}
	return strings.Join(parts, gap)
}

// keys says what can be typed here, as much as fits, the last word being how to leave.
func (f *Frame) keys() string {
	var all []string
	switch {
	case f.Page == pageQuestion && f.Question.asks():
		all = []string{"y do it", "any other key: leave it"}
	case f.Page == pageQuestion:
		all = []string{"any key: back"}
	case f.Page == pageHelp:
		all = []string{"any key: back"}
	case f.Page == pageUser:
		all = []string{"Esc back", "↑↓ other user", "p pause", "r rotate", "b rollback", "q quit"}
	default:
		all = []string{"↑↓ select", "Enter detail", "p pause", "r rotate", "b rollback", "/ filter", "o order", "? help", "q quit"}
		if len(f.Below) > 0 && f.Height < tall {
			all = slices.Insert(all, 6, "a "+strings.ToLower(clean(f.Below[0])))
		}
	}
	if f.ASCII {
		for i := range all {
			all[i] = strings.ReplaceAll(all[i], "↑↓", "j/k")
		}
	}
	last := all[len(all)-1]
	all = all[:len(all)-1]
	line := func() string { return " " + strings.Join(append(slices.Clone(all), last), "  ") }
	for len(all) > 0 && lipgloss.Width(line()) > f.Width {
		all = all[:len(all)-1]
	}
	return dim.Render(line())
}

// events are the newest ones, below a heading.
func (f *Frame) events(n int) []string {
	head := " " + bold.Render("EVENTS")
	c := f.columns()
	if lipgloss.Width(f.legend())+12 <= f.Width && c.bar < lipgloss.Width(f.legend())+12 {
		head = apart(head, f.legend()+" ", f.Width)
	}
	out := []string{head}
	name := min(max(c.name, 16), max(12, f.Width/5))
	for _, e := range f.Events {
		out = append(out, f.event(e, name))
	}
	if len(f.Events) == 0 && f.Snap != nil {
		out = append(out, "   "+dim.Render("none yet"))
	}
	return fill(out, n)
}

func (f *Frame) event(e Event, name int) string {
	mark, text := " ", clean(e.Text)
	if e.Bad {
		mark, text = bad.Render("!"), bad.Render(text)
	}
	return fmt.Sprintf(" %s %s %s %s", dim.Render(f.clock(e.At)), mark, pad(cutMiddle(e.User, name), name), text)
}

// clock is the time of a day, or the day when that is not today.
func (f *Frame) clock(t time.Time) string {
	t = t.UTC()
	if f.Now.Sub(t) > 20*time.Hour {
		return t.Format("02 Jan ") + " "
	}
	return t.Format("15:04:05")
}
