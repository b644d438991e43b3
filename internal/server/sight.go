package server

import (
	"context"
	"slices"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

// everybody reports whether a caller may see every user that there is or will be.
func everybody(c *apikey.Caller) bool { return slices.Contains(c.Users, "*") }

// sees reports whether the call's key may use the route on a user.
func (c *call) sees(u rotation.User) bool { return c.caller.May(c.route.Scope, u) }

// everyoneNeeded refuses a key that is limited to some users what concerns all of them.
func (c *call) everyoneNeeded() error {
	if everybody(c.caller) {
		return nil
	}
	return &silentReason{kinds.ErrForbidden, "this concerns every user, and the API key is limited to some; use one for the users *"}
}

// silentReason gives an error of a kind its own sentence.
type silentReason struct {
	kind error
	text string
}

func (e *silentReason) Error() string { return e.text }
func (e *silentReason) Unwrap() error { return e.kind }

// states gives how the users stood that the call's key may see, those of some names or all. A user that it may not see and one that is not
// there are the same error, after the same work; the nearest name that it tells is one that the key may see.
func (s *Server) states(ctx context.Context, names []string) ([]fleet.State, error) {
	all, err := s.Desk.States(ctx)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	all = slices.DeleteFunc(all, func(st fleet.State) bool { return !c.sees(st.User) })
	if len(names) == 0 {
		return all, nil
	}
	var visible fleet.Selection
	at := make(map[rotation.User]int, len(all))
	for i, st := range all {
		visible.Members = append(visible.Members, fleet.Member{User: st.User})
		at[st.User] = i
	}
	found, err := visible.Find(names...)
	if err != nil {
		return nil, unseen(err)
	}
	out := make([]fleet.State, 0, len(found))
	for _, m := range found {
		out = append(out, all[at[m.User]])
	}
	return out, nil
}

// unseen says of an unknown user that no run has looked at it.
func unseen(err error) error {
	if unknown, is := err.(*fleet.UnknownUserError); is { //nolint:errorlint // Find makes it
		unknown.Unseen = true
	}
	return err
}

// What AWS says names operations, roles and accounts. It is for keys with the scope admin; others learn that something failed.
const withheld = "AWS or the network failed; a key with the scope admin is told how"

func (c *call) plain(text string) string {
	if text == "" || c.caller.Has(apikey.Admin) {
		return text
	}
	return withheld
}

// state, ahead, happening and answer leave out what the call's key may not read.
func (c *call) state(s fleet.State) fleet.State {
	s.LastError = c.plain(s.LastError)
	return s
}

func (c *call) ahead(a fleet.Ahead) fleet.Ahead {
	a.Error = c.plain(a.Error)
	return a
}

func (c *call) happening(h fleet.Happening) fleet.Happening {
	if h.Outcome == rotation.Failed || h.Outcome == rotation.Unknown {
		h.Detail = c.plain(h.Detail)
	}
	return h
}

func (c *call) answer(a fleet.Answer) fleet.Answer {
	if a.Reason == rotation.ReasonPendingHopeless { // more about it is how AWS refused the key
		a.Detail = c.plain(a.Detail)
	}
	if a.Error != "" && a.Refused == a.Error { // refused by AWS
		a.Refused = c.plain(a.Refused)
	}
	a.Error = c.plain(a.Error)
	return a
}
