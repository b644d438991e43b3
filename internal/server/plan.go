package server

import (
	"context"
	"math"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func registerPlan(s *Server) { handle(s, "plan", s.plan) }

type planIn struct {
	User   []string `query:"user,explode" maxItems:"200" doc:"Only these users, NAME or ACCOUNT:NAME; may be given again."`
	Steps  int      `query:"steps" minimum:"1" maximum:"100" default:"4" doc:"Steps to forecast for each user."`
	Limit  int      `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Users of one page: each is read from AWS."`
	Cursor string   `query:"cursor" maxLength:"200" pattern:"^([^:]*:.+)?$" doc:"The next of the page before."`
}

type planOut struct{ Body api.Plan }

// plan reads each user of a page from AWS.
func (s *Server) plan(ctx context.Context, in *planIn) (*planOut, error) {
	c := callOf(ctx)
	var users []rotation.User
	for _, name := range in.User {
		u, err := s.userNow(ctx, name)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	if len(in.User) == 0 {
		snap, err := s.Desk.Watch(ctx, fleet.View{Limit: math.MaxInt, Events: 1})
		if err != nil {
			return nil, err
		}
		for _, st := range snap.Users {
			if c.sees(st.User) && st.Reason != fleet.BlockedUserTag {
				users = append(users, st.User)
			}
		}
	}
	out := &planOut{Body: api.Plan{Users: []api.Ahead{}}}
	users, out.Body.Next = page(users, in.Cursor, in.Limit, func(u rotation.User) rotation.User { return u })
	if len(users) == 0 {
		return out, nil
	}
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.String()
	}
	ahead, err := s.Desk.Plan(ctx, in.Steps, names...)
	if err != nil {
		return nil, err
	}
	for _, a := range ahead {
		out.Body.Users = append(out.Body.Users, api.AheadOf(c.ahead(a)))
	}
	return out, nil
}
