package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func registerUsers(s *Server) {
	handle(s, "list-users", s.listUsers)
	handle(s, "get-user", s.getUser)
	handle(s, "fleet", s.showFleet)
}

// UserPath is a user in a path.
type UserPath struct {
	User string `path:"user" minLength:"1" maxLength:"128" doc:"NAME or ACCOUNT:NAME." example:"ci-deploy"`
}

type listUsersIn struct {
	User   []string `query:"user,explode" maxItems:"200" doc:"Only these users, NAME or ACCOUNT:NAME; may be given again."`
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Users of one page."`
	Cursor string   `query:"cursor" maxLength:"200" pattern:"^([^:]*:.+)?$" doc:"The next of the page before."`
}

type usersOut struct{ Body api.Users }

// listUsers answers from the database, so that it can when AWS cannot.
func (s *Server) listUsers(ctx context.Context, in *listUsersIn) (*usersOut, error) {
	c := callOf(ctx)
	found, err := s.states(ctx, deskNames(in.User))
	if err != nil {
		return nil, err
	}
	out := &usersOut{}
	found, out.Body.Next = page(found, in.Cursor, in.Limit, func(st fleet.State) rotation.User { return st.User })
	out.Body.Users = make([]api.User, 0, len(found))
	for _, st := range found {
		out.Body.Users = append(out.Body.Users, api.UserOf(c.state(st)))
	}
	return out, nil
}

func deskNames(paths []string) (out []string) {
	for _, p := range paths {
		out = append(out, api.DeskName(p))
	}
	return out
}

// page gives what comes after a cursor, by account and name, and the cursor of what comes after that.
func page[T any](all []T, cursor string, limit int, user func(T) rotation.User) (_ []T, next string) {
	byUser := func(a, b rotation.User) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(all, func(a, b T) int { return byUser(user(a), user(b)) })
	if account, name, is := strings.Cut(cursor, ":"); is {
		last := rotation.User{Account: account, Name: name}
		all = all[len(all)-count(all, func(t T) bool { return byUser(user(t), last) > 0 }):]
	}
	if len(all) > limit {
		all = all[:limit]
		next = api.Path(user(all[limit-1]))
	}
	return all, next
}

func count[T any](all []T, is func(T) bool) (n int) {
	for _, t := range all {
		if is(t) {
			n++
		}
	}
	return n
}

type getUserIn struct {
	UserPath
	Steps  Given `query:"steps" minimum:"0" maximum:"100" doc:"Steps to forecast, 6 unless it is said; 0: none, and AWS is not asked."`
	Events Given `query:"events" minimum:"0" maximum:"200" doc:"Events of the timeline, 20 unless it is said."`
}

type userOut struct{ Body api.UserDetail }

// getUser tells what the database knows, and beside it what AWS says; that AWS cannot be read is no reason to tell nothing.
func (s *Server) getUser(ctx context.Context, in *getUserIn) (*userOut, error) {
	c := callOf(ctx)
	u, err := s.user(c, in.User)
	if err != nil {
		return nil, err
	}
	st := fleet.State{User: u, Standing: fleet.Waiting} // for its first look
	if found, err := s.Desk.States(ctx, u.String()); err == nil {
		st = found[0]
	} else if unknown := (*fleet.UnknownUserError)(nil); !errors.As(err, &unknown) {
		return nil, err
	}
	out := &userOut{Body: api.UserDetail{User: api.UserOf(c.state(st)), Stages: api.StagesOf(st.Keys), Timeline: []api.Event{},
		Forecast: []api.Step{}}}
	if events := in.Events.or(20); events > 0 && !st.At.IsZero() {
		happened, err := s.Desk.Events(ctx, fleet.EventQuery{Users: []string{u.String()}, Limit: events})
		if err != nil {
			return nil, err
		}
		for _, h := range happened {
			out.Body.Timeline = append(out.Body.Timeline, api.EventOf(c.happening(h)))
		}
	}
	if steps := in.Steps.or(6); steps > 0 {
		switch ahead, err := s.Desk.Plan(ctx, steps, u.String()); {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			out.Body.ForecastError = c.plain(err.Error())
		case len(ahead) == 1:
			out.Body.ForecastError = c.plain(ahead[0].Error)
			out.Body.Forecast = api.StepsOf(ahead[0].Steps)
		}
	}
	return out, nil
}

type fleetIn struct {
	Match  string `query:"match" maxLength:"128" doc:"Only users with this in account or name."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100000" default:"200" doc:"Users."`
	Events int    `query:"events" minimum:"1" maximum:"1000" default:"20" doc:"Newest events."`
	Anyway bool   `query:"anyway" doc:"When it is not known who is under care, or not soon, show those that the database knows."`
}

type fleetOut struct{ Body api.Fleet }

// showFleet is Desk's Watch. A key that is limited to some users has its own counts: those of all would tell of the others.
func (s *Server) showFleet(ctx context.Context, in *fleetIn) (*fleetOut, error) {
	c := callOf(ctx)
	v := fleet.View{Match: in.Match, Limit: in.Limit, Events: in.Events, Anyway: in.Anyway}
	all := everybody(c.caller)
	if !all {
		v.Match, v.Limit = "", 1<<30
	}
	snap, err := s.Desk.Watch(ctx, v)
	if err != nil {
		return nil, err
	}
	if !all {
		snap.Narrow(c.sees, in.Match, in.Limit)
		if snap.Events, _, err = s.newest(ctx, nil, in.Events); err != nil {
			return nil, err
		}
	}
	for i := range snap.Users {
		snap.Users[i] = c.state(snap.Users[i])
	}
	for i := range snap.Events {
		snap.Events[i] = c.happening(snap.Events[i])
	}
	snap.Partial = c.plain(snap.Partial)
	return &fleetOut{api.FleetOf(snap)}, nil
}
