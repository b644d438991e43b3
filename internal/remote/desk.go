package remote

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Pages: how many are asked for at once, and how long a query with names may be.
const (
	usersPage = 1000
	planPage  = 100
	eventsMax = 10_000
	queryMax  = 6 << 10 // servers and proxies take 8 KiB at least
)

// named puts names into queries that are short enough and have so many at most; no names: one query without any.
func named(names []string, most int) ([]url.Values, error) {
	if len(names) == 0 {
		return []url.Values{{}}, nil
	}
	var out []url.Values
	length := queryMax
	for _, name := range names {
		if strings.Contains(name, ":") { // the API would take it for an account's
			return nil, &fleet.UnknownUserError{Name: name}
		}
		path := api.PathName(name)
		length += len("&user=") + len(url.QueryEscape(path))
		if length > queryMax || len(out[len(out)-1]["user"]) == most {
			out, length = append(out, url.Values{}), 0
		}
		out[len(out)-1].Add("user", path)
	}
	return out, nil
}

// States is Desk's.
func (c *Client) States(ctx context.Context, names ...string) (out []fleet.State, err error) {
	queries, err := named(names, 100)
	if err != nil {
		return nil, err
	}
	given := map[rotation.User]bool{}
	for _, q := range queries {
		q.Set("limit", strconv.Itoa(usersPage))
		for {
			var page api.Users
			if err := c.send(ctx, request{method: http.MethodGet, path: []string{"users"}, query: q, into: &page}); err != nil {
				return nil, err
			}
			for _, u := range page.Users {
				if s := u.State(); !given[s.User] {
					given[s.User] = true
					out = append(out, s)
				}
			}
			if page.Next == "" {
				break
			}
			q.Set("cursor", page.Next)
		}
	}
	return inOrder(out, names), nil
}

// inOrder gives states as they were asked for.
func inOrder(all []fleet.State, names []string) []fleet.State {
	if len(names) == 0 {
		return all
	}
	var out []fleet.State
	given := map[rotation.User]bool{}
	for _, name := range names {
		for _, s := range all {
			if (s.User.Name == name || s.User.String() == name) && !given[s.User] {
				out, given[s.User] = append(out, s), true
				break
			}
		}
	}
	return out
}

// Plan is Desk's.
func (c *Client) Plan(ctx context.Context, steps int, names ...string) (out []fleet.Ahead, err error) {
	queries, err := named(names, planPage)
	if err != nil {
		return nil, err
	}
	for _, q := range queries {
		q.Set("steps", strconv.Itoa(steps))
		q.Set("limit", strconv.Itoa(planPage))
		for {
			var page api.Plan
			if err := c.send(ctx, request{method: http.MethodGet, path: []string{"plan"}, query: q, into: &page}); err != nil {
				return nil, err
			}
			for _, a := range page.Users {
				out = append(out, a.Ahead())
			}
			if page.Next == "" {
				break
			}
			q.Set("cursor", page.Next)
		}
	}
	return out, nil
}

// Watch is Desk's.
func (c *Client) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	q := url.Values{}
	if v.Match != "" {
		q.Set("match", v.Match)
	}
	if v.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(v.Limit, 100_000)))
	}
	if v.Events > 0 {
		q.Set("events", strconv.Itoa(min(v.Events, 1000)))
	}
	if v.Anyway {
		q.Set("anyway", "true")
	}
	var out api.Fleet
	err := c.send(ctx, request{method: http.MethodGet, path: []string{"fleet"}, query: q, into: &out})
	return out.Snapshot(), err
}

// Events is Desk's. A long wait is many short ones, so that a server which is gone is noticed. A page without an event that says to go on
// elsewhere is not the end: the server looks through so much of what others did at a time.
func (c *Client) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	if q.Limit > eventsMax {
		return nil, setup("%s gives %d events at most, and %d were asked for", c.where(), eventsMax, q.Limit)
	}
	queries, err := named(q.Users, math.MaxInt)
	if err == nil && len(queries) > 1 {
		err = setup("that are too many users to ask %s for their events: name fewer, or none for all", c.where())
	}
	if err != nil {
		return nil, err
	}
	values := queries[0]
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.After != 0 {
		values.Set("after", strconv.FormatInt(max(0, q.After), 10))
	}
	after := max(0, q.After)
	for until := time.Now().Add(q.Wait); ; {
		if wait := min(time.Until(until), longPoll); wait > 0 && q.After != 0 {
			values.Set("wait", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
		var page api.Events
		if err := c.send(ctx, request{method: http.MethodGet, path: []string{"events"}, query: values, into: &page}); err != nil {
			return nil, err
		}
		if len(page.Events) > 0 || q.After == 0 || page.Next <= after && !time.Now().Before(until) {
			out := make([]fleet.Happening, 0, len(page.Events))
			for _, e := range page.Events {
				out = append(out, e.Happening())
			}
			return out, nil
		}
		if page.Next > 0 {
			after = page.Next
			values.Set("after", strconv.FormatInt(page.Next, 10))
		}
	}
}

// path is where a request about a user goes.
func path(a fleet.Ask) ([]string, error) {
	if strings.Contains(a.User, ":") {
		return nil, &fleet.UnknownUserError{Name: a.User}
	}
	return []string{"users", api.PathName(a.User), string(a.Request.Kind)}, nil
}

// Foresee is Desk's.
func (c *Client) Foresee(ctx context.Context, a fleet.Ask) (fleet.Foresight, error) {
	where, err := path(a)
	if err != nil {
		return fleet.Foresight{}, err
	}
	var out api.Foresight
	err = c.send(ctx, request{method: http.MethodPost, path: where, query: url.Values{"dry_run": {"true"}}, body: api.Body(a.Request), into: &out})
	return out.Foresight(), err
}

// Do is Desk's. When the server goes away meanwhile, what was asked may have been begun, and the error says so.
func (c *Client) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	switch {
	case a.Patience > 0:
		return fleet.Patiently(ctx, c, a, nil)
	case a.User == "" && a.Request.Kind == rotation.RequestResume:
		var out api.Lifted
		err := c.send(ctx, request{method: http.MethodPost, path: []string{"fleet", "resume"}, into: &out})
		return fleet.Answer{Done: err == nil, Reason: rotation.ReasonResumed, Detail: out.Lifted, At: time.Now()}, err
	}
	where, err := path(a)
	if err != nil {
		return fleet.Answer{}, err
	}
	if a.Request.Kind == rotation.RequestRotate {
		return c.rotate(ctx, a, where)
	}
	var out api.Answer
	err = c.send(ctx, request{method: http.MethodPost, path: where, body: api.Body(a.Request), into: &out, also: answered(&out)})
	return out.Answer(), err
}

// answered takes what came of a request that was not carried out: that is no error.
func answered(out *api.Answer) func(*problem) bool {
	return func(p *problem) bool {
		if p.Answer != nil {
			*out = *p.Answer
		}
		return p.Answer != nil
	}
}

// rotate begins a rotation with one try, and watches it until it has ended. It may be one that somebody else asked for, who has more
// patience: that goes on at the server without us.
func (c *Client) rotate(ctx context.Context, a fleet.Ask, where []string) (fleet.Answer, error) {
	var r api.Rotation
	var ans api.Answer
	refused := answered(&ans)
	q := url.Values{"patience": {"0"}, "wait": {strconv.Itoa(int(longPoll / time.Second))}}
	if a.Since != 0 {
		q.Set("since", strconv.FormatInt(a.Since, 10))
	}
	err := c.send(ctx, request{method: http.MethodPost, path: where, query: q, body: api.Body(a.Request), into: &r, also: refused})
	for err == nil && r.State == api.Running && (a.Until.IsZero() || time.Until(a.Until) > -longPoll) { // a run that has begun takes a while
		err = c.send(ctx, request{method: http.MethodGet, path: []string{"users", where[1], "rotations", r.ID}, query: url.Values{"wait": q["wait"]}, into: &r})
	}
	switch {
	case err != nil:
		return fleet.Answer{}, err
	case r.Answer != nil:
		return r.Answer.Answer(), nil
	case r.State == api.Running:
		return fleet.Answer{User: rotation.User{Account: r.Account, Name: r.User}, Reason: rotation.ReasonLeased, At: time.Now(),
			Refused: r.Detail + ", and goes on without this command; GET " + r.Location + " tells how it ends"}, nil
	case r.ID != "":
		return fleet.Answer{}, fmt.Errorf("%s/%s: %s", r.Account, r.User, r.Detail) // it was restarted, or could not even begin
	}
	return ans.Answer(), nil
}
