package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

func registerOperate(s *Server) {
	handle(s, "rollback", func(ctx context.Context, in *struct {
		OperateIn
		Body *api.Rollback
	}) (*operateOut, error) {
		b := given(in.Body)
		return s.operate(ctx, in.OperateIn, rotation.Request{Kind: rotation.RequestRollback, KeyID: b.KeyID, Why: b.Why})
	})
	handle(s, "revoke", func(ctx context.Context, in *struct {
		OperateIn
		Body api.Revoke
	}) (*operateOut, error) {
		return s.operate(ctx, in.OperateIn, rotation.Request{Kind: rotation.RequestRevoke, KeyID: in.Body.KeyID, Why: in.Body.Why})
	})
	handle(s, "adopt", func(ctx context.Context, in *struct {
		OperateIn
		Body *api.Adopt
	}) (*operateOut, error) {
		b := given(in.Body)
		return s.operate(ctx, in.OperateIn, rotation.Request{Kind: rotation.RequestAdopt, KeyID: b.Retire, Why: b.Why})
	})
	handle(s, "pause", func(ctx context.Context, in *struct {
		OperateIn
		Body api.WhyNeeded
	}) (*operateOut, error) {
		return s.operate(ctx, in.OperateIn, rotation.Request{Kind: rotation.RequestPause, Why: in.Body.Why})
	})
	handle(s, "resume", func(ctx context.Context, in *struct {
		OperateIn
		Body *api.Why
	}) (*operateOut, error) {
		return s.operate(ctx, in.OperateIn, rotation.Request{Kind: rotation.RequestResume, Why: whyOf(in.Body)})
	})
	handle(s, "resume-stopped", s.lift)
}

// given is a body that may be left out.
func given[T any](body *T) (b T) {
	if body != nil {
		b = *body
	}
	return b
}

func whyOf(w *api.Why) string { return given(w).Why }

// OperateIn is what every request about one user has.
type OperateIn struct {
	UserPath
	DryRun bool `query:"dry_run" doc:"Do nothing, and answer with what it would do."`
	Wait   int  `query:"wait" minimum:"0" maximum:"300" default:"0" doc:"How many seconds to wait until it is possible; 0: one try."`
}

// either is the body of an answer that has one of two forms.
type either[A, B any] struct{ value any }

// MarshalJSON gives the form that it is.
func (e either[A, B]) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	err := jsonFormat.Marshal(&b, e.value)
	return []byte(b.String()), err
}

// Schema is part of huma.SchemaProvider.
func (either[A, B]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[A](), true, ""), r.Schema(reflect.TypeFor[B](), true, "")}}
}

type operateOut struct {
	Status     int
	Location   string `header:"Location" doc:"Of what tells how it stands, when it goes on."`
	RetryAfter string `header:"Retry-After" doc:"After how many seconds it goes on."`
	Body       either[api.Answer, api.Foresight]
}

// operate carries out a request, or foresees it.
func (s *Server) operate(ctx context.Context, in OperateIn, r rotation.Request) (*operateOut, error) {
	c := callOf(ctx)
	u, err := s.userNow(ctx, in.User)
	if err != nil {
		return nil, err
	}
	a := fleet.Ask{User: u.String(), Request: r, Patience: time.Duration(in.Wait) * time.Second}
	a.Request.Why = c.signed(r.Why)
	c.lasts(a.Patience + longestRun)
	if in.DryRun {
		f, err := s.Desk.Foresee(ctx, a)
		if err != nil {
			return nil, err
		}
		return &operateOut{Status: http.StatusOK, Body: either[api.Answer, api.Foresight]{api.ForesightOf(f)}}, nil
	}
	ans, err := s.Desk.Do(ctx, a)
	c.acted = len(ans.Actions) > 0
	if err != nil {
		return nil, err
	}
	out := &operateOut{Status: http.StatusOK, Body: either[api.Answer, api.Foresight]{api.AnswerOf(c.answer(ans))}}
	if begun := len(ans.Actions) > 0 && ans.Refused == "" && ans.Err == nil; begun && !ans.Done { // it is recorded in AWS, and the next run goes on with it
		out.Status, out.Location, out.RetryAfter = http.StatusAccepted, "/v1/users/"+escape(api.Path(u)), wholeSeconds(ans.Recheck.Sub(ans.At))
	} else if !ans.Done {
		return nil, s.notDone(ctx, ans, api.NotDone(c.answer(ans), inWords))
	}
	return out, nil
}

// longestRun is how long one try may take: behind a run of this process, and its own.
const longestRun = 5 * time.Minute

// signed is why something is asked for, as the history keeps it: the name of the key that proved itself, and the reason given.
func (c *call) signed(why string) string {
	return strings.TrimSuffix(c.caller.Name+": "+strings.Join(strings.Fields(why), " "), ": ")
}

// notDone is the problem of what was not carried out: blocked until a person acts, not possible yet, or failed.
func (s *Server) notDone(ctx context.Context, ans fleet.Answer, why string) error {
	c := callOf(ctx)
	var err error = &kinds.BlockedError{User: ans.User, Reason: ans.Reason, KeyID: ans.KeyID, Detail: why, Recheck: ans.Recheck}
	if ans.Refused != "" || ans.Reason.Blocked() {
		err.(*kinds.BlockedError).Recheck = time.Time{} //nolint:errorlint // made above
	}
	if ans.Err != nil {
		err = ans.Err
	}
	p := s.problem(ctx, err)
	told := api.AnswerOf(c.answer(ans))
	p.Answer = &told
	if ans.Refused == "" && ans.Recheck.After(ans.At) && !ans.At.IsZero() {
		at := ans.Recheck.UTC()
		p.Recheck = &at
		retryAfter(p, ans.Recheck.Sub(ans.At))
	}
	return p
}

// retryAfter says when to ask again, in whole seconds.
func retryAfter(p *Problem, d time.Duration) {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set("Retry-After", wholeSeconds(d))
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }

// inWords is a moment for people and programs.
func inWords(t, now time.Time) string {
	return fmt.Sprintf("in %s (%s)", rotation.Duration(max(0, t.Sub(now)).Round(time.Second)), t.UTC().Format(time.RFC3339))
}

type liftOut struct{ Body api.Lifted }

// lift lets everybody's scheduled changes go on. Only a key for every user may.
func (s *Server) lift(ctx context.Context, _ *struct{}) (*liftOut, error) {
	if err := callOf(ctx).everyoneNeeded(); err != nil {
		return nil, err
	}
	ans, err := s.Desk.Do(ctx, fleet.Ask{Request: rotation.Request{Kind: rotation.RequestResume}})
	if err != nil {
		return nil, err
	}
	return &liftOut{api.Lifted{Lifted: ans.Detail}}, nil
}
