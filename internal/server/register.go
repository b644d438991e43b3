package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/kinds"
)

// handle registers the handler of a route: In has the parameters and the body, Out the headers and the body, as huma's documentation says.
// Its errors may be of any kind; they get their status from the table in package kinds.
func handle[In, Out any](s *Server, id string, do func(context.Context, *In) (*Out, error)) {
	rt := s.route(id)
	op := s.operation(rt)
	huma.Register(s.api, op, func(ctx context.Context, in *In) (*Out, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	s.learnParameters(rt)
	if rt.Accepts {
		all := s.api.OpenAPI().Paths[rt.Path].Post.Responses
		accepted := *all["200"]
		accepted.Description = "Begun. Location names the resource to watch."
		all["202"] = &accepted
	}
}

// raw registers a handler that reads and writes by itself, for speed or for a protocol of others. In and Out are only for OpenAPI; Out's
// body is JSON, unless the route produces something else.
func raw[In, Out any](s *Server, id string, do func(http.ResponseWriter, *http.Request, *call)) {
	rt := s.route(id)
	op := s.operation(rt)
	if rt.Produces != "" {
		op.DefaultStatus = http.StatusOK
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{rt.Produces: {Schema: rt.schema()}}}}
	}
	huma.Register(describer{s.api}, op, func(context.Context, *In) (*Out, error) { return nil, nil })
	s.speaks(rt)
	s.learnParameters(rt)
	s.mux.HandleFunc(rt.Pattern(), s.guard(rt, do))
}

// strictly is a raw handler that refuses parameters which its route does not have, as huma's do. Protocols of others take what clients add.
func (s *Server) strictly(do func(http.ResponseWriter, *http.Request, *call)) func(http.ResponseWriter, *http.Request, *call) {
	return func(w http.ResponseWriter, r *http.Request, c *call) {
		if r.URL.RawQuery != "" {
			if err := misfit(r.URL.RawQuery, s.parameters[c.route.ID]); err != nil {
				s.fail(w, r, c, err)
				return
			}
		}
		do(w, r, c)
	}
}

// learnParameters takes the parameters of a route's query from its description.
func (s *Server) learnParameters(rt *Route) {
	for _, p := range s.described(rt).Parameters {
		if p.In == "query" {
			list := p.Schema.Type == huma.TypeArray
			plain := list || p.Schema.Type == huma.TypeString && p.Schema.Format == "" &&
				regexp.MustCompile(p.Schema.Pattern).MatchString("") // without a pattern, too
			s.parameters[rt.ID] = append(s.parameters[rt.ID], parameter{p.Name, plain, list})
		}
	}
}

// described is what OpenAPI says of a route.
func (s *Server) described(rt *Route) *huma.Operation {
	item := s.api.OpenAPI().Paths[rt.Path]
	switch rt.Method {
	case http.MethodPost:
		return item.Post
	case http.MethodDelete:
		return item.Delete
	}
	return item.Get
}

// misfit refuses a query with a parameter that the route does not have, or with two of one: whoever misspells dry_run wants nothing done, nor
// does whoever says it in two ways.
func misfit(query string, parameters []parameter) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: its query is not well formed", kinds.ErrBadRequest)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := slices.IndexFunc(parameters, func(p parameter) bool { return p.name == name })
		switch {
		case at < 0 && len(parameters) == 0:
			return fmt.Errorf("%w: there is no parameter %q, and no other either", kinds.ErrInvalidRequest, name)
		case at < 0:
			var names []string
			for _, p := range parameters {
				names = append(names, p.name)
			}
			return fmt.Errorf("%w: there is no parameter %q; the parameters are %s", kinds.ErrInvalidRequest, name, strings.Join(names, ", "))
		case !parameters[at].plain && slices.Contains(values[name], ""):
			return fmt.Errorf("%w: the parameter %s has no value", kinds.ErrInvalidRequest, name)
		case !parameters[at].list && len(values[name]) > 1:
			return fmt.Errorf("%w: the parameter %s is given more than once", kinds.ErrInvalidRequest, name)
		}
	}
	return nil
}

// parameter is one of a query. A plain one is a text, which may be empty; huma takes other empty ones for absent. A list may be given more
// than once.
type parameter struct {
	name  string
	plain bool
	list  bool
}

// schema is that of an answer that huma does not know.
func (r *Route) schema() *huma.Schema {
	if r.Produces == "application/json" {
		return &huma.Schema{Type: huma.TypeObject}
	}
	return &huma.Schema{Type: huma.TypeString}
}

// describer is an API that is only described.
type describer struct{ huma.API }

// Adapter is part of huma.API.
func (describer) Adapter() huma.Adapter { return nowhere{} }

type nowhere struct{}

// Handle is part of huma.Adapter.
func (nowhere) Handle(*huma.Operation, func(huma.Context)) {}

// ServeHTTP is part of huma.Adapter.
func (nowhere) ServeHTTP(http.ResponseWriter, *http.Request) {}

// gate is the mux as huma sees it: each handler goes behind the guard of its route.
type gate struct{ s *Server }

// HandleFunc is part of humago.Mux.
func (g *gate) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	for _, rt := range g.s.routes {
		if rt.Pattern() == pattern {
			g.s.mux.HandleFunc(pattern, g.s.guard(rt, func(w http.ResponseWriter, r *http.Request, c *call) {
				if err := misfit(r.URL.RawQuery, g.s.parameters[rt.ID]); err != nil {
					g.s.fail(w, r, c, err)
					return
				}
				handler(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
			}))
			return
		}
	}
	panic("server: " + pattern + " has no row in Routes")
}

// ServeHTTP is part of humago.Mux.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.s.mux.ServeHTTP(w, r) }

// everyError are statuses that any route with a key can answer with.
var everyError = []int{400, 401, 403, 422, 429, 500, 503}

// operation is what OpenAPI says of a route.
func (s *Server) operation(rt *Route) huma.Operation {
	op := huma.Operation{OperationID: rt.ID, Method: rt.Method, Path: rt.Path, Tags: []string{rt.Tag}, Summary: rt.Summary,
		Description: rt.More, MaxBodyBytes: rt.maxBody() + 1, BodyReadTimeout: -1, DefaultStatus: rt.Success}
	if rt.Open {
		op.Errors = append(op.Errors, 403, 429, 500, 503)
		op.Security = []map[string][]string{}
	} else {
		op.Errors = append(op.Errors, everyError...)
		op.Description = strings.TrimSpace(op.Description + "\n\n" + rt.access())
		op.Security = rt.security()
	}
	if rt.Method == http.MethodPost {
		op.Errors = append(op.Errors, 408, 409, 413, 415)
	}
	op.Errors = append(op.Errors, rt.Errors...)
	return op
}

func (r *Route) maxBody() int64 {
	if r.MaxBody == 0 {
		return 64 << 10
	}
	return r.MaxBody
}

// access says in words who may ask.
func (r *Route) access() string {
	if r.Scope == "" {
		return "Needs an API key; any one will do."
	}
	text := "Needs the scope `" + string(r.Scope) + "`"
	if r.Scope.AboutUsers() {
		text += " for the user"
	}
	return text + "."
}

func (r *Route) security() (out []map[string][]string) {
	scopes := []string{}
	if r.Scope != "" {
		scopes = append(scopes, string(r.Scope))
	}
	schemes := []string{"apiKey", "bearer"}
	switch r.Token {
	case TokenContainer:
		schemes = append(schemes, "container")
	case TokenVault:
		schemes = append(schemes, "vault")
	}
	if r.OpenOnLoopback {
		out = append(out, map[string][]string{})
	}
	for _, scheme := range schemes {
		out = append(out, map[string][]string{scheme: scopes})
	}
	return out
}

// description is OpenAPI's head.
func description(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	if version == "" {
		version = "dev"
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "keyturn", Version: version,
				Description: "Rotated AWS access keys: read them, rotate them, see what happened. Errors are problem+json (RFC 9457) with a stable code."},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"apiKey":    {Type: "apiKey", In: "header", Name: "X-API-Key"},
				"bearer":    {Type: "http", Scheme: "bearer"},
				"container": {Type: "apiKey", In: "header", Name: "Authorization", Description: "the API key alone, as AWS_CONTAINER_AUTHORIZATION_TOKEN is sent"},
				"vault":     {Type: "apiKey", In: "header", Name: "X-Vault-Token"},
			}},
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
	}
}
