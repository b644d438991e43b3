package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Problem is the answer to whatever cannot be done (RFC 9457).
type Problem struct {
	Type    string     `json:"type" format:"uri-reference" doc:"where the code is explained" example:"/docs#too-fast"`
	Title   string     `json:"title" doc:"what the code means"`
	Status  int        `json:"status" doc:"the HTTP status" example:"429"`
	Code    string     `json:"code" doc:"stable, for programs" example:"too-fast"`
	Detail  string     `json:"detail" doc:"what happened this time, and what to do"`
	User    string     `json:"user,omitempty" doc:"whom it is about, as account:name"`
	Reason  string     `json:"reason,omitempty" doc:"why the user is blocked or has to wait"`
	KeyID   string     `json:"key_id,omitempty" doc:"the access key that the reason is about"`
	Recheck *time.Time `json:"recheck,omitempty" doc:"when it may be possible"`
	Errors  []Wrong    `json:"errors,omitempty" doc:"what is wrong with the request, value by value"`

	Answer      *api.Answer      `json:"answer,omitempty" doc:"what came of a request that was not carried out"`
	UnknownUser *api.UnknownUser `json:"unknown_user,omitempty" doc:"more about a user that is not there, if the key may see every user"`

	header http.Header
}

// Wrong is one value of a request that cannot be.
type Wrong struct {
	Location string `json:"location" doc:"where it stands" example:"body.scopes[0]"`
	Message  string `json:"message"`
}

// Error is part of huma.StatusError.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is part of huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders is part of huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is part of huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem makes the answer of an error that is not nil.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	if ctx.Err() != nil && !s.closed() {
		return problemOf(kinds.Of(fleet.ErrStopping)) // whoever asked has gone, and nobody reads it
	}
	return s.problemFor(callOf(ctx), err)
}

func (s *Server) problemFor(c *call, err error) *Problem {
	var made *Problem
	if errors.As(err, &made) {
		return made
	}
	k := kinds.Of(err)
	p := problemOf(k)
	p.Detail = err.Error()
	var blocked *kinds.BlockedError
	if errors.As(err, &blocked) {
		p.User, p.Reason, p.KeyID = name(blocked.User), string(blocked.Reason), blocked.KeyID
		if !blocked.Recheck.IsZero() {
			at := blocked.Recheck.UTC()
			p.Recheck = &at
		}
	}
	var unknown *fleet.UnknownUserError
	if errors.As(err, &unknown) && unknown.Error() == p.Detail {
		p.UnknownUser = &api.UnknownUser{Name: unknown.Name, Why: unknown.Why, Nearest: unknown.Nearest, Unseen: unknown.Unseen}
	}
	var withheld *fleet.WithheldError
	if errors.As(err, &withheld) {
		p.User, p.Reason = name(withheld.User), string(withheld.Reason)
	}
	level := slog.LevelDebug // trouble that lasts would fill the log, and is told elsewhere
	if k.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.Log.Log(context.Background(), level, "a request was not answered", "code", k.Code, "error", err)
	var aws *rotation.CallError
	if (k.Status >= http.StatusInternalServerError && withheld == nil || errors.As(err, &aws)) && (c == nil || c.caller == nil || !c.caller.Has(apikey.Admin)) {
		p.Detail = k.What // who else asks learns neither AWS's words nor ours
	}
	if k.Status == http.StatusServiceUnavailable {
		p.header.Set("Retry-After", "2")
	}
	return p
}

func problemOf(k kinds.Kind) *Problem {
	return &Problem{Type: "/docs#" + k.Code, Title: k.What, Status: k.Status, Code: k.Code, Detail: k.What, header: http.Header{}}
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, _ *http.Request, c *call, err error) {
	p := s.problemFor(c, err)
	for k, v := range p.header {
		w.Header()[k] = v
	}
	status, body, form := p.Status, any(p), p.ContentType("")
	if c != nil && c.route.Token != TokenUsual {
		status, body = c.route.Token.dialect(p)
		form = "application/json"
	}
	w.Header().Set("Content-Type", form)
	w.WriteHeader(status)
	_ = jsonFormat.Marshal(w, body) // whoever asked may be gone
}

// jsonFormat is how bodies are written and read.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(v)
	},
	Unmarshal: json.Unmarshal,
}

// name is a user as the API writes it.
func name(u rotation.User) string {
	if u == (rotation.User{}) {
		return ""
	}
	return u.Account + ":" + u.Name
}

func init() {
	// huma has one place for what it finds wrong with a request itself, and it is global.
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		p := problemOf(ofStatus(status))
		p.Detail = text
		for _, err := range errs {
			var d *huma.ErrorDetail
			switch {
			case errors.As(err, &d):
				p.Errors = append(p.Errors, Wrong{d.Location, d.Message}) // never the value: it may be a secret
			case err != nil:
				p.Errors = append(p.Errors, Wrong{Message: err.Error()})
			}
		}
		return p
	}
}

// ofStatus is the kind of what huma finds wrong with a request.
func ofStatus(status int) kinds.Kind {
	for _, err := range []error{kinds.ErrBadRequest, kinds.ErrInvalidRequest, kinds.ErrTooLarge, kinds.ErrMediaType, kinds.ErrTooSlow} {
		if k := kinds.Of(err); k.Status == status {
			return k
		}
	}
	return kinds.Unexpected
}
