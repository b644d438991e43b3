package fleet

import (
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
	Nobody  error     // says that the settings select nobody, and why; nil when they select somebody
}

// Discover asks AWS who is there and selects. A user that a run has looked after and that is not selected any more is among the
// members with LeaveCare, until its previous key is retired. That nobody is selected is an error once nobody is left to let go.
func (f *Fleet) Discover(ctx context.Context) (Selection, error) {
	sel, err := f.discover(ctx)
	if err == nil {
		err = f.policy.Learn(ctx, f.cfg.Rules, sel.Members, f.cfg.Now())
	}
	return sel, err
}

// discover is Discover for settings that may still be refused: the policy learns nothing of it.
func (f *Fleet) discover(ctx context.Context) (Selection, error) {
	c, err := f.cfg.Candidates(ctx)
	if err != nil {
		return Selection{}, err
	}
	// Ten thousand users are some megabytes: what is known of them goes where it stays, and is in no map on the way.
	at := make(map[rotation.User]*Member, len(c.Selected)+len(c.Unselected))
	for _, all := range [][]Member{c.Selected, c.Unselected} {
		for i := range all {
			at[all[i].User] = &all[i]
		}
	}
	err = f.cfg.Standings(ctx, func(u rotation.User, s rotation.Standing) {
		if m := at[u]; m != nil {
			m.Standing, m.Known = s, true
		}
	})
	if err != nil {
		return Selection{}, err
	}
	broken := map[rotation.User]bool{}
	for _, r := range c.Refused {
		broken[r.User] = r.Broken
	}
	sel := Selection{Members: c.Selected, Refused: c.Refused, Idle: c.Idle, Known: len(c.Selected) + len(c.Unselected)}
	for _, m := range c.Unselected {
		if m.Known && !broken[m.User] && m.Standing.Reason != rotation.ReasonLeft {
			m.LeaveCare = true
			sel.Members = append(sel.Members, m)
		}
	}
	if c.Nobody != nil { // an error, unless the last ones are still leaving
		if len(sel.Members) == 0 {
			return Selection{}, c.Nobody
		}
		sel.Idle, sel.Nobody = append(slices.Clone(sel.Idle), c.Nobody.Error()), c.Nobody
	}
	slices.SortFunc(sel.Members, func(a, b Member) int { return byAccount(a.User, b.User) })
	slices.SortFunc(sel.Refused, func(a, b Refused) int { return byAccount(a.User, b.User) })
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
	// Unseen: asked of what runs have seen, and no run has looked at it.
	Unseen bool
}

// Error is one sentence.
func (e *UnknownUserError) Error() string {
	switch {
	case e.Unseen && e.Nearest != "":
		return fmt.Sprintf("no run has looked at a user %q yet; did you mean %q?", e.Name, e.Nearest)
	case e.Unseen:
		return fmt.Sprintf("no run has looked at a user %q yet", e.Name)
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
	wanted := make(map[string]int, len(names)) // the member of each name
	for _, name := range names {
		wanted[name] = -1
	}
	for i := len(s.Members) - 1; i >= 0; i-- { // the first of several counts
		for _, name := range []string{s.Members[i].User.Name, s.Members[i].User.String()} {
			if _, asked := wanted[name]; asked {
				wanted[name] = i
			}
		}
	}
	var out []Member
	given := map[int]bool{}
	for _, name := range names {
		at := wanted[name]
		if at < 0 {
			return nil, s.unknown(name)
		}
		if !given[at] {
			out, given[at] = append(out, s.Members[at]), true
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
