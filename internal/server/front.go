package server

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/keyturn/keyturn/internal/kinds"
)

// Header values that every answer has; shared, as nobody changes them.
var (
	noSniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	noFrames = []string{"default-src 'none'; frame-ancestors 'none'"}
	noRefer  = []string{"no-referrer"}
)

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := s.settings.Load()
	h := w.Header()
	h["X-Content-Type-Options"], h["Cache-Control"], h["Content-Security-Policy"], h["Referrer-Policy"] = noSniff, noStore, noFrames, noRefer
	if f.strictTransport != nil {
		h["Strict-Transport-Security"] = f.strictTransport
	}
	switch {
	case !f.names(r.Host):
		s.fail(w, r, nil, fmt.Errorf("%w: on a loopback address it must be a loopback one or localhost, or a name among api.hosts",
			kinds.ErrWrongHost))
	case !clean(r.URL.EscapedPath()):
		s.nothing(w, r)
	case f.cors != nil && (r.Method == http.MethodOptions || r.Header.Get("Origin") != ""):
		f.cors(http.HandlerFunc(s.inside)).ServeHTTP(w, r)
	default:
		s.inside(w, r)
	}
}

// inside is what stands behind CORS.
func (s *Server) inside(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		if err := s.settings.Load().origins.Check(r); err != nil {
			s.fail(w, r, nil, fmt.Errorf("%w; name its origin in api.cors_origins if it may", kinds.ErrCrossOrigin))
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

// clean reports whether a path is as http.ServeMux wants it; it would send others elsewhere, which no client of an API expects.
func clean(p string) bool {
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p != ""
	}
	c := path.Clean(p)
	return c == p || c+"/" == p
}

// nothing answers what no route takes.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		other := *r
		other.Method = method
		if _, pattern := s.mux.Handler(&other); pattern != "" && pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 || !clean(r.URL.EscapedPath()) {
		s.fail(w, r, nil, fmt.Errorf("%w: %s; /docs shows those that there are", kinds.ErrNoRoute, r.URL.Path))
		return
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	s.fail(w, r, nil, fmt.Errorf("%w: %s %s; it takes %s", kinds.ErrNoMethod, r.Method, r.URL.Path, list))
}
