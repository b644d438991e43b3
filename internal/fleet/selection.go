package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Selection is who is looked after now.
type Selection struct {
	Members []Member  // those that leave care included; by name
	Refused []Refused // by name
	Idle    []string  // sentences about parts of the configuration that match nobody
	Known   int       // how many users the account has
}

// Discover asks AWS who is there and selects. A user that a run has looked after and that is not selected any more is among the
// members with LeaveCare, until its previous key is retired.
func (f *Fleet) Discover(ctx context.Context) (Selection, error) {
	c, err := f.cfg.Candidates(ctx)
	if err != nil {
		return Selection{}, err
	}
	standings, err := f.cfg.Standings(ctx)
	if err != nil {
		return Selection{}, err
	}
	broken := map[rotation.User]bool{}
	for _, r := range c.Refused {
		broken[r.User] = r.Broken
	}
	sel := Selection{Refused: c.Refused, Idle: c.Idle, Known: len(c.Selected) + len(c.Unselected)}
	for _, m := range c.Selected {
		m.Standing, m.Known = standings[m.User]
		sel.Members = append(sel.Members, m)
	}
	for _, m := range c.Unselected {
		m.Standing, m.Known = standings[m.User]
		if m.Known && !broken[m.User] && m.Standing.Reason != rotation.ReasonLeft {
			m.LeaveCare = true
			sel.Members = append(sel.Members, m)
		}
	}
	slices.SortFunc(sel.Members, func(a, b Member) int { return cmp.Compare(a.User.String(), b.User.String()) })
	slices.SortFunc(sel.Refused, func(a, b Refused) int { return cmp.Compare(a.User.String(), b.User.String()) })
	return sel, nil
}

// Due reports whether the member is to be looked at: never seen, its recheck has come, or it changed sides since (its stored
// recheck was for another plan).
func (m Member) Due(now time.Time) bool {
	left := m.Standing.Reason == rotation.ReasonLeft
	return !m.Known || left && !m.LeaveCare || !m.Standing.Recheck.After(now)
}

// UnknownUserError: a name that is not under care.
type UnknownUserError struct {
	Name    string
	Why     string // why the user is not selected, when it exists
	Nearest string // a selected name that is much like it; empty: none is
}

// Error is one sentence.
func (e *UnknownUserError) Error() string {
	switch {
	case e.Why != "":
		return fmt.Sprintf("the user %q is not under care: %s", e.Name, e.Why)
	case e.Nearest != "":
		return fmt.Sprintf("no user %q is selected by the configuration; did you mean %q?", e.Name, e.Nearest)
	}
	return fmt.Sprintf("no user %q is selected by the configuration; see `keyturn plan` for those that are", e.Name)
}

// Find gives the members of these names, each "name" or "account/name"; without names all of them.
func (s Selection) Find(names ...string) ([]Member, error) {
	if len(names) == 0 {
		return s.Members, nil
	}
	var out []Member
	for _, name := range names {
		at := slices.IndexFunc(s.Members, func(m Member) bool { return m.User.Name == name || m.User.String() == name })
		if at < 0 {
			return nil, s.unknown(name)
		}
		if !slices.ContainsFunc(out, func(m Member) bool { return m.User == s.Members[at].User }) {
			out = append(out, s.Members[at])
		}
	}
	return out, nil
}

func (s Selection) unknown(name string) error {
	e := &UnknownUserError{Name: name}
	for _, r := range s.Refused {
		if r.User.Name == name || r.User.String() == name {
			e.Why = r.Why
			return e
		}
	}
	_, bare, found := strings.Cut(name, "/")
	if !found {
		bare = name
	}
	least := len(bare)/3 + 1
	for _, m := range s.Members {
		if d := distance(strings.ToLower(bare), strings.ToLower(m.User.Name)); d <= least {
			e.Nearest, least = m.User.Name, d-1
		}
	}
	return e
}

// distance is the number of letters to add, leave out or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			change := left
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, up+1, row[j]+1)
			left = up
		}
	}
	return row[len(b)]
}
