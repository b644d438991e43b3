package top

import (
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// columns are the widths of the table; a column of 0 is left out.
type columns struct {
	gap                                             string
	name, key, age, bar, previous, next, state, why int
	previousID                                      bool
}

const (
	leadWidth   = 3 // selection, mark, blank
	statusWidth = 8 // Inactive
	nextWidth   = 16
	stateWidth  = 14
	ageWidth    = 5
	longestName = 30 // beyond it a name is cut, unless there is nothing else to do with the room
)

// columns are chosen by the width: what has to be seen first, what is nice to have later.
func (f *Frame) columns() columns {
	c := columns{gap: " ", name: 12, bar: 8, next: nextWidth - 3}
	if f.Width >= 58 {
		c.next, c.previous = nextWidth, statusWidth
	}
	if f.Width >= 78 {
		c.key, c.state = shortID, stateWidth
	}
	if f.Width >= 110 {
		c.gap, c.age, c.previousID, c.previous = "  ", ageWidth, true, shortID+1+statusWidth
	}
	if f.Width >= 140 {
		c.why = 24
	}
	spare := f.Width - c.total()
	give := func(to *int, most int) {
		n := min(max(0, most-*to), max(0, spare))
		*to += n
		spare -= n
	}
	longest := max(f.longest, lipgloss.Width("USER"))
	give(&c.name, min(longest, 14))
	give(&c.bar, 14)
	if c.why > 0 {
		give(&c.why, 34)
	}
	give(&c.name, min(longest, longestName))
	give(&c.bar, 24)
	if c.why > 0 {
		give(&c.why, 80)
	}
	give(&c.bar, 60)
	give(&c.name, longest)
	c.bar += spare
	return c
}

func (c columns) total() int {
	n := leadWidth
	for i, w := range []int{c.name, c.key, c.age, c.bar, c.previous, c.next, c.state, c.why} {
		if w > 0 {
			n += w
			if i > 0 {
				n += len(c.gap)
			}
		}
	}
	return n
}

// users are the rows, in the order in which they are shown.
func (f *Frame) users() []fleet.State {
	if f.Snap == nil {
		return nil
	}
	return f.Snap.Users
}

// table draws a heading and n rows.
func (f *Frame) table(n int) []string {
	c := f.columns()
	head := strings.Repeat(" ", leadWidth) + pad("USER", c.name)
	add := func(title string, width int) {
		if width > 0 {
			head += c.gap + pad(title, width)
		}
	}
	add("KEY", c.key)
	add("  AGE", c.age)
	bar := "KEY'S LIFE"
	if c.bar < len(bar) {
		bar = "LIFE"
	}
	if legend := lipgloss.Width(f.legend()); c.bar >= legend+len(bar)+2 {
		add(bar+"  "+f.legend(), c.bar)
	} else {
		add(bar, c.bar)
	}
	add("OLD KEY", c.previous)
	add("NEXT", c.next)
	add("STATE", c.state)
	add("WHY", c.why)
	out := []string{bold.Render(strings.TrimRight(head, " "))}
	users := f.users()
	for i := f.First; i < len(users) && len(out) <= n; i++ {
		out = append(out, f.row(users[i], i == f.Selected, c))
	}
	if len(users) == 0 {
		out = append(out, "   "+dim.Render(f.nobody()))
	}
	return out
}

// nobody says why there are no rows.
func (f *Frame) nobody() string {
	switch {
	case f.Snap == nil && f.Trouble == "":
		return "asking" + f.glyphs().dots
	case f.Snap == nil:
		return "nothing is known yet"
	case f.Filter != "":
		return "no user's name has “" + f.Filter + "” in it: / and Enter to see everybody"
	case f.Snap.Partial != "":
		return "the database knows nobody yet"
	}
	return "no user is under care: `keyturn config check --live` says whom the configuration selects"
}

func (f *Frame) row(s fleet.State, selected bool, c columns) string {
	l := lifeOf(s)
	style := styleOf(s)
	lead := " "
	name := pad(cutMiddle(f.name(s), c.name), c.name)
	if selected {
		lead, name = bold.Render(f.glyphs().selected), bold.Reverse(true).Render(name)
	} else if s.Standing == fleet.Failed || s.Standing == fleet.Blocked {
		name = style.Render(name)
	}
	out := lead + style.Render(f.mark(s)) + " " + name
	add := func(text string, width int) {
		if width > 0 {
			out += c.gap + pad(text, width)
		}
	}
	key := good.Render(short(l.current.ID))
	switch {
	case l.current.ID == "" && unread(s):
		key = dim.Render("?")
	case l.current.ID == "":
		key = dim.Render("none")
	case f.Fresh[s.User]:
		key = good.Bold(true).Reverse(true).Render(short(l.current.ID))
	case l.current.Status == rotation.Inactive:
		key = bad.Render(short(l.current.ID))
	}
	add(key, c.key)
	age := ""
	if l.current.ID != "" {
		age = span(max(0, f.Now.Sub(l.current.Created)))
	}
	add(flushRight(age, c.age), c.age)
	bar := dim.Render("not known")
	if l.current.ID != "" || !unread(s) {
		bar = f.timeline(l, c.bar)
	}
	add(bar, c.bar)
	add(previousText(l.previous, c.previousID), c.previous)
	next, state := f.outlook(s)
	if next == "" && c.state > 0 { // no step lies ahead: the state has the room of both
		add(state, c.next+len(c.gap)+c.state)
	} else if next == "" {
		add(state, c.next)
	} else {
		add(next, c.next)
		add(state, c.state)
	}
	if c.why > 0 {
		add(f.why(s), c.why)
	}
	return out
}

// unread: the last run could not read the user's keys, or had to wait before it looked, or none has looked yet.
func unread(s fleet.State) bool {
	return len(s.Keys) == 0 && (s.LastError != "" || s.At.IsZero() || waits(s))
}

// waits: AWS was changed a moment ago, or another run was at work; what was known before that still counts.
func waits(s fleet.State) bool {
	return s.Reason == rotation.ReasonSettling || s.Reason == rotation.ReasonLeased
}

// mark tells by shape what needs attention.
func (f *Frame) mark(s fleet.State) string {
	marks := f.glyphs().marks
	switch {
	case s.Late > 0 && s.Standing != fleet.Failed && s.Standing != fleet.Blocked && s.Standing != fleet.Held:
		return marks[markLate]
	case s.Standing == fleet.Fine:
		return " "
	}
	return marks[string(s.Standing)]
}

func previousText(k rotation.ClassifiedKey, id bool) string {
	if k.ID == "" {
		return ""
	}
	text := dim.Render(string(k.Status))
	if k.Status == rotation.Active {
		text = warm.Render(string(k.Status))
	}
	if id {
		text = short(k.ID) + " " + text
	}
	return text
}

// outlook is what comes next and the state; without a next step the first is empty.
func (f *Frame) outlook(s fleet.State) (next, state string) {
	word := string(s.Reason)
	if s.Standing == fleet.Fine {
		word = string(s.Phase())
	}
	switch {
	case s.Standing == fleet.Failed:
		text := "the last run failed"
		if s.Failures > 1 {
			text = "failed " + grouped(s.Failures) + " times"
		}
		return "", bad.Render(text)
	case s.Standing == fleet.Blocked:
		return "", bad.Render(word)
	case s.At.IsZero():
		return "", warm.Render("not looked at yet")
	case s.Late > 0:
		return warm.Render(verb(s.NextAction) + " overdue"), warm.Render(span(s.Late) + " late")
	case s.NextAction == rotation.NoAction || s.Reason == rotation.ReasonPaused || s.Reason == rotation.ReasonRollbackDone:
		return "", styleOf(s).Render(word)
	}
	in := s.NextAt.Sub(f.Now)
	when := "now"
	if in > 0 {
		when = span(in + 999_999_999)
	}
	next = verb(s.NextAction) + " " + when
	if f.Width >= 58 {
		next = pad(verb(s.NextAction), nextWidth-1-ageWidth) + " " + flushRight(when, ageWidth)
	}
	if in < 2e9 {
		next = bold.Render(next)
	}
	style := dim
	if s.Standing != fleet.Fine || word == string(rotation.ReasonGrace) {
		style = warm
	}
	return next, style.Render(word)
}

// verbs name the next step as people do.
var verbs = map[rotation.ActionKind]string{
	rotation.NoAction:        "look",
	rotation.Onboard:         "take over",
	rotation.OnboardExisting: "take over",
	rotation.CreateKey:       "rotate",
	rotation.PutFirst:        "store",
	rotation.Promote:         "promote",
	rotation.DeactivateKey:   "deactivate",
	rotation.ReactivateKey:   "reactivate",
	rotation.DeleteKey:       "delete",
}

func verb(k rotation.ActionKind) string {
	if v, ok := verbs[k]; ok {
		return v
	}
	return string(k)
}

// why is one line on why a user stands as it does.
func (f *Frame) why(s fleet.State) string {
	if s.Standing == fleet.Failed || s.Standing == fleet.Blocked {
		return bad.Render(f.noteOr(s))
	}
	return dim.Render(f.noteOr(s))
}

// sentence is the whole of it.
func (f *Frame) sentence(s fleet.State) string {
	if s.LastError != "" {
		return clean(s.LastError)
	}
	if s.At.IsZero() && s.Reason == "" {
		return "no run has looked at this user yet"
	}
	reason := s.Reason
	if s.Standing == fleet.Fine {
		reason = s.Phase()
	}
	return f.Words.reason(reason)
}

// name is a user without the account, unless there are several.
func (f *Frame) name(s fleet.State) string {
	if f.several {
		return clean(s.User.String())
	}
	return clean(s.User.Name)
}

func (f *Frame) severalAccounts() bool {
	users := f.users()
	for _, s := range users {
		if s.User.Account != users[0].User.Account {
			return true
		}
	}
	return false
}
