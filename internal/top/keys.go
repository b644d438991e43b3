package top

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// key takes in what is typed.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	k := msg.String()
	switch {
	case k == "ctrl+c", k == "ctrl+d" && !m.frame.Editing:
		return tea.Quit
	case k == "ctrl+z":
		return tea.Suspend
	case m.frame.Editing:
		return m.typing(k, msg.Key().Text)
	case m.frame.Page == pageQuestion:
		return m.answered(k)
	case m.frame.Page == pageHelp:
		m.frame.Page = pageUsers
		if k == "q" {
			return tea.Quit
		}
		return nil
	}
	switch k {
	case "q":
		return tea.Quit
	case "esc":
		switch {
		case m.frame.Page == pageUser:
			m.frame.Page = pageUsers
		case m.frame.Filter != "":
			m.frame.Filter = ""
			return m.read()
		}
	case "up", "k":
		return m.move(-1)
	case "down", "j":
		return m.move(1)
	case "pgup", "ctrl+b":
		return m.move(-m.frame.Rows())
	case "pgdown", "ctrl+f", "space":
		return m.move(m.frame.Rows())
	case "home", "g":
		return m.move(-len(m.frame.users()))
	case "end", "G":
		return m.move(len(m.frame.users()))
	case "enter":
		if s, ok := m.selected(); ok && m.frame.Page == pageUsers {
			return m.open(s)
		}
		m.frame.Page = pageUsers
	case "?", "h":
		m.frame.Page = pageHelp
	case "a":
		m.frame.BelowOpen = !m.frame.BelowOpen
	case "o":
		m.frame.ByName = !m.frame.ByName
		m.order()
		return m.read()
	case "/":
		m.frame.Page, m.frame.Editing, m.typed, m.frame.Message = pageUsers, true, m.frame.Filter, ""
	case "p":
		kind := rotation.RequestPause
		if s, ok := m.selected(); ok && paused(s) {
			kind = rotation.RequestResume
		}
		return m.ask(kind)
	case "r":
		return m.ask(rotation.RequestRotate)
	case "b":
		return m.ask(rotation.RequestRollback)
	}
	return nil
}

// paused reports whether a person stopped the user's changes.
func paused(s fleet.State) bool {
	return s.Reason == rotation.ReasonPaused || s.Reason == rotation.ReasonRollback || s.Reason == rotation.ReasonRollbackDone
}

// typing takes in the filter, letter by letter; each shows at once whom it leaves.
func (m *model) typing(k, text string) tea.Cmd {
	switch k {
	case "enter":
		m.frame.Editing, m.frame.Filter = false, m.typed
	case "esc":
		m.frame.Editing, m.frame.Filter, m.typed = false, "", ""
	case "backspace":
		if r := []rune(m.typed); len(r) > 0 {
			m.typed = string(r[:len(r)-1])
		}
	case "ctrl+u":
		m.typed = ""
	default:
		if text = clean(text); text == "" || len(m.typed) >= 64 {
			return nil
		}
		m.typed += text
	}
	m.frame.Selected, m.follow = 0, rotation.User{}
	return m.read()
}

// selected is the user that an act is about.
func (m *model) selected() (fleet.State, bool) {
	if m.frame.Page == pageUser {
		return m.frame.Detail.State, !m.frame.Detail.Gone
	}
	if users := m.frame.users(); m.frame.Selected < len(users) {
		return users[m.frame.Selected], true
	}
	return fleet.State{}, false
}

// move selects another row, whose user stays selected wherever it goes; the first row is nobody's.
func (m *model) move(by int) tea.Cmd {
	users := m.frame.users()
	if len(users) == 0 {
		return nil
	}
	m.frame.Selected = min(max(0, m.frame.Selected+by), len(users)-1)
	m.follow = users[m.frame.Selected].User
	if m.frame.Selected == 0 && m.frame.Page == pageUsers {
		m.follow = rotation.User{}
	}
	if m.frame.Page == pageUser {
		return m.open(users[m.frame.Selected])
	}
	if len(users) < m.frame.Snap.Matched && m.frame.Selected+m.frame.Rows() >= len(users)-moreUsers/2 {
		return m.read()
	}
	return nil
}

// open shows one user.
func (m *model) open(s fleet.State) tea.Cmd {
	m.follow = s.User
	m.frame.Page, m.frame.Detail = pageUser, Detail{User: s.User, State: s}
	return m.look()
}

// look reads what lies ahead of the user on the page, and its history.
func (m *model) look() tea.Cmd {
	m.asked++
	asked, name := m.asked, m.frame.Detail.User.String()
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, lookAtMost)
		defer cancel()
		out := aheadMsg{asked: asked}
		if past, err := m.o.Desk.Events(ctx, fleet.EventQuery{Users: []string{name}, Limit: eventsRead}); err == nil { // the page says what is kept
			for _, h := range past {
				if e, worth := Told(h); worth {
					out.history = append(out.history, e)
				}
			}
			slices.Reverse(out.history)
		}
		all, err := m.o.Desk.Plan(ctx, 4, name)
		if out.err = err; len(all) > 0 {
			out.ahead = &all[0]
		}
		return out
	}
}

func (m *model) looked(msg aheadMsg) {
	if msg.asked != m.asked || m.frame.Page != pageUser {
		return
	}
	d := &m.frame.Detail
	d.Ahead, d.History, d.Trouble = msg.ahead, msg.history, ""
	if msg.err != nil {
		d.Trouble = msg.err.Error()
	}
}

// ask begins an act: what it would do is read first.
func (m *model) ask(kind rotation.RequestKind) tea.Cmd {
	s, ok := m.selected()
	if !ok {
		return nil
	}
	name := s.User.String()
	if under := m.doing[name]; under != "" {
		m.say(under+" is still under way", true)
		return nil
	}
	a := fleet.Ask{User: name, Request: rotation.Request{Kind: kind, Why: m.o.Why}}
	m.follow = s.User
	m.frame.Page, m.frame.Question = pageQuestion, Question{Ask: a, Title: fmt.Sprintf(titles[kind], clean(s.User.Name))}
	m.asked++
	asked := m.asked
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, lookAtMost)
		defer cancel()
		f, err := m.o.Desk.Foresee(ctx, a)
		return foreseenMsg{asked, f, err}
	}
}

// answered carries out what was asked about, if that is what was typed.
func (m *model) answered(k string) tea.Cmd {
	q := m.frame.Question
	m.frame.Page = pageUsers
	if m.asked++; k != "y" && k != "Y" || !q.asks() {
		return nil
	}
	a := q.Ask
	a.Patience = actPatience
	m.doing[a.User] = q.Title
	m.say(q.Title+m.frame.glyphs().dots, false)
	return func() tea.Msg {
		// A crash or a quit here: what AWS was told stands, and the next run goes on from there.
		ctx, cancel := context.WithTimeout(m.ctx, actAtMost)
		defer cancel()
		ans, err := m.o.Desk.Do(ctx, a)
		return doneMsg{a, ans, err}
	}
}

// ended says what came of an act.
func (m *model) ended(msg doneMsg) tea.Cmd {
	title := m.doing[msg.ask.User]
	delete(m.doing, msg.ask.User)
	switch {
	case msg.err != nil:
		m.say(title+": "+clean(msg.err.Error()), true)
	case !msg.ans.Done:
		m.say(title+": not done: "+m.o.Words.refused(msg.ans), true)
	case msg.ans.Error != "":
		m.say(title+": done, and then: "+clean(msg.ans.Error), true)
	default:
		m.say(title+": done", false)
	}
	return m.read()
}

func (m *model) say(text string, alarming bool) {
	m.frame.Message, m.frame.Alarming, m.messageAt = text, alarming, time.Now()
}
