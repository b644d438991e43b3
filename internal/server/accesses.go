package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

func registerAccesses(s *Server) { handle(s, "accesses", s.listAccesses) }

type accessesIn struct {
	User   string `query:"user" maxLength:"128" doc:"Only of this user, NAME or ACCOUNT:NAME."`
	Caller string `query:"caller" maxLength:"256" doc:"Only by this id of an API key, or AWS identity."`
	Since  string `query:"since" format:"date-time" doc:"Only at this time or later."`
	Until  string `query:"until" format:"date-time" doc:"Only earlier than this."`
	Before string `query:"before" pattern:"^[0-9]{1,19}$" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"Reads of one page."`
}

type accessesOut struct{ Body api.Accesses }

// listAccesses shows the reads of those users that the key may see. That there are no others, and no such user, is the same answer.
func (s *Server) listAccesses(ctx context.Context, in *accessesIn) (*accessesOut, error) {
	c, out := callOf(ctx), &accessesOut{Body: api.Accesses{Accesses: []api.Access{}}}
	if s.Accesses == nil {
		return out, nil
	}
	q := store.AccessQuery{Caller: in.Caller, Limit: in.Limit}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"since", in.Since, &q.Since}, {"until", in.Until, &q.Until}} {
		if t.text == "" {
			continue
		}
		var err error
		if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
			return nil, fmt.Errorf("%w: %s is a time such as 2026-11-23T06:30:00Z", kinds.ErrInvalidRequest, t.name)
		}
	}
	q.Before, _ = strconv.ParseInt(in.Before, 10, 64) // too large is before everything that will ever be
	if account, name, full := strings.Cut(api.DeskName(in.User), "/"); full {
		q.User = rotation.User{Account: account, Name: name}
	} else {
		q.User.Name = account
	}
	if !everybody(c.caller) {
		q.Of = c.sees
	}
	within, cancel := context.WithTimeout(ctx, historyWithin)
	defer cancel()
	found, err := s.Accesses(within, q)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: many search the records at the same time, or for too long a time: give since and until, or try again later",
			kinds.ErrTooFast)
	}
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		out.Body.Accesses = append(out.Body.Accesses, api.AccessOf(a))
	}
	if n := len(found); n == in.Limit {
		out.Body.Next = out.Body.Accesses[n-1].Seq
	}
	return out, nil
}
