package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

func registerRotate(s *Server) {
	handle(s, "rotate", s.postRotate)
	handle(s, "get-rotation", s.getRotation)
}

type rotateIn struct {
	UserPath
	DryRun   bool  `query:"dry_run" doc:"Do nothing, and answer with what it would do."`
	Wait     int   `query:"wait" minimum:"0" maximum:"300" default:"0" doc:"How many seconds to wait for the result; if it is not there by then, the answer is 202 and Location names the rotation to watch."`
	Patience Given `query:"patience" minimum:"0" maximum:"600" doc:"For how many seconds, 180 unless it is said, to try again when it is not possible at once; 0: one try. Nobody has to wait meanwhile."`
	Since
	Body *api.Why
}

// Since is a parameter of what rotates.
type Since struct {
	Since int64 `query:"since" minimum:"-1" doc:"What an earlier request for the same, that was not carried out, answered as since: a new key that was promoted after that is this rotation. 0: one from now on."`
}

type rotateOut struct {
	Status   int
	Location string `header:"Location" doc:"Of the rotation."`
	Body     either[api.Rotation, api.Foresight]
}

// postRotate begins a rotation, and waits for it if it is asked to.
func (s *Server) postRotate(ctx context.Context, in *rotateIn) (*rotateOut, error) {
	c := callOf(ctx)
	u, err := s.userNow(ctx, in.User)
	if err != nil {
		return nil, err
	}
	a := fleet.Ask{User: u.String(), Since: in.Since.Since, Patience: time.Duration(in.Patience.or(180)) * time.Second,
		Request: rotation.Request{Kind: rotation.RequestRotate, Why: c.signed(whyOf(in.Body))}}
	wait := time.Duration(in.Wait) * time.Second
	if in.DryRun {
		c.lasts(longestRun)
		f, err := s.Desk.Foresee(ctx, a)
		if err != nil {
			return nil, err
		}
		return &rotateOut{Status: 200, Body: either[api.Rotation, api.Foresight]{api.ForesightOf(f)}}, nil
	}
	t, err := s.begin(ctx, u, a)
	if err != nil {
		return nil, err
	}
	c.lasts(wait)
	out, err := s.outcome(ctx, t, wait)
	if err != nil {
		return nil, err
	}
	status := 200
	if out.State == api.Running {
		status = 202
	}
	return &rotateOut{Status: status, Location: out.Location, Body: either[api.Rotation, api.Foresight]{out}}, nil
}

// begin begins a rotation, unless one of the user is under way: then it is that one. The quota counts those of the schedule as well.
func (s *Server) begin(ctx context.Context, u rotation.User, a fleet.Ask) (*turn, error) {
	if t := s.turns.running(u); t != nil {
		return t, nil
	}
	quota, err := s.quota(ctx, u)
	if err != nil {
		return nil, err
	}
	if quota.Limit > 0 && quota.Left <= 0 {
		p := s.problem(ctx, fmt.Errorf("%w: %s had %d rotations within 24 hours, those of its schedule included; the next one is possible %s",
			kinds.ErrRotationQuota, u, quota.Limit, inWords(quota.Next, quota.At)))
		at := quota.Next.UTC()
		p.Recheck = &at
		retryAfter(p, quota.Next.Sub(quota.At))
		return nil, p
	}
	since, err := s.last(ctx, []string{u.String()})
	if unknown := isUnknown(err); err != nil && !unknown { // one that no run has looked at has no history
		return nil, err
	}
	if a.Since != 0 && a.Since < since {
		since = a.Since
	}
	return s.turns.begin(u, max(0, since), func() (fleet.Answer, error) {
		return s.Desk.Do(context.WithoutCancel(ctx), a) // goes on when whoever asked has gone
	}), nil
}

func (s *Server) quota(ctx context.Context, u rotation.User) (fleet.Quota, error) {
	if s.Quota == nil {
		return fleet.Quota{}, nil
	}
	return s.Quota(ctx, u)
}

// outcome waits for a rotation's end, and gives how it stands then. What was refused, is not possible yet or failed is an error. Whoever
// asked may be gone meanwhile: who sends the same again is told how it stood.
func (s *Server) outcome(ctx context.Context, t *turn, wait time.Duration) (api.Rotation, error) {
	c := callOf(ctx)
	c.acted = true
	t.wait(ctx, s.open, wait)
	out, err := s.standing(context.WithoutCancel(ctx), t)
	if t.ended() {
		c.acted = t.changed()
	}
	switch {
	case err != nil:
		return out, err
	case out.State == api.Running, out.State == api.Done:
		return out, nil
	}
	ans, err := t.result()
	if err != nil {
		return out, err
	}
	ans.Recheck = api.RotateAgain(ans)
	return out, s.notDone(ctx, ans, out.Detail)
}

type getRotationIn struct {
	UserPath
	ID   string `path:"id" pattern:"^r[0-9]{1,18}-[a-z0-9]{6}$" maxLength:"32" doc:"Of the rotation." example:"r17-4f9k2m"`
	Wait int    `query:"wait" minimum:"0" maximum:"300" default:"0" doc:"How many seconds to wait for its end."`
}

type rotationOut struct{ Body api.Rotation }

// getRotation tells how a rotation stands: from memory, and after a restart from what the journal tells of the time since it was asked for.
func (s *Server) getRotation(ctx context.Context, in *getRotationIn) (*rotationOut, error) {
	u, err := s.user(callOf(ctx), in.User)
	if err != nil {
		return nil, err
	}
	var out api.Rotation
	if t := s.turns.find(u, in.ID); t != nil {
		wait := time.Duration(in.Wait) * time.Second
		callOf(ctx).lasts(wait)
		t.wait(ctx, s.open, wait)
		out, err = s.standing(ctx, t)
	}
	if err == nil && out.State != api.Running && out.State != api.Done { // unknown here, or another one made the key since
		var told api.Rotation
		if told, err = s.recall(ctx, u, in.ID); out.State == "" || told.State == api.Done {
			out = told
		}
	}
	if err != nil {
		return nil, err
	}
	return &rotationOut{out}, nil
}

// standing tells how a rotation of this process stands.
func (s *Server) standing(ctx context.Context, t *turn) (api.Rotation, error) {
	c := callOf(ctx)
	quota, err := s.quota(ctx, t.user)
	out := rotationOf(t.user, t.id, quota)
	if err != nil || !t.ended() {
		out.State, out.Detail = api.Running, "the rotation is under way, or waits for its turn"
		return out, err
	}
	ans, failed := t.result()
	if failed != nil {
		out.State, out.Detail = api.Failed, c.plain(failed.Error())
		return out, nil
	}
	told := api.AnswerOf(c.answer(ans))
	out.Answer = &told
	switch {
	case ans.Done:
		out.State, out.Detail, out.KeyID = api.Done, "a new key was made, verified and promoted", ans.KeyID
		for _, k := range ans.Keys {
			if k.Class == rotation.ClassCurrent {
				out.KeyID = k.ID
			}
		}
		return out, nil
	case ans.Refused != "" || ans.Reason.Blocked():
		out.State = api.Refused
	case ans.Error != "":
		out.State = api.Failed
	default:
		out.State = api.Waiting
	}
	out.Detail = api.NotRotated(c.answer(ans), inWords)
	return out, nil
}

// recall tells how a rotation stands that this process knows nothing of: it was restarted, or that was long ago.
func (s *Server) recall(ctx context.Context, u rotation.User, id string) (api.Rotation, error) {
	quota, err := s.quota(ctx, u)
	out := rotationOf(u, id, quota)
	if err != nil {
		return out, err
	}
	after := seqOf(id)
	if after == 0 {
		after = -1
	}
	happened, err := s.Desk.Events(ctx, fleet.EventQuery{Users: []string{u.String()}, After: after, Limit: historyPage})
	if err != nil && !isUnknown(err) {
		return out, err
	}
	out.State, out.Detail = api.Lapsed, "keyturn was restarted before anything was begun; ask again"
	for _, h := range happened {
		switch {
		case h.Action == rotation.WriteIntent && h.Outcome != rotation.Failed && out.State == api.Lapsed:
			out.State, out.Detail = api.Interrupted, "a rotation was begun and keyturn was restarted on the way; the next run goes on from there"
		case h.Renewed():
			out.State, out.Detail, out.KeyID = api.Done, "a new key was made, verified and promoted", h.KeyID
		}
	}
	return out, nil
}

func rotationOf(u rotation.User, id string, q fleet.Quota) api.Rotation {
	return api.Rotation{ID: id, Account: u.Account, User: u.Name, Location: "/v1/users/" + escape(api.Path(u)) + "/rotations/" + id,
		Quota: api.QuotaOf(q)}
}

// escape makes a segment of a path; a user's name may have + and @, which may stay.
func escape(segment string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "?", "%3F", "#", "%23").Replace(segment)
}
