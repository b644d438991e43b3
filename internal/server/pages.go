package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// registerPages serves what is not under /v1: for monitoring, and the description of the API.
func registerPages(s *Server) {
	check := func(id, good string, ask func() error) {
		raw[struct{}, struct{}](s, id, func(w http.ResponseWriter, r *http.Request, c *call) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			if ask != nil {
				if err := ask(); err != nil {
					why := err.Error()
					if !local(r, c.from) { // what follows may name hosts, files, and in AWS's words operations, roles and accounts
						why, _, _ = strings.Cut(why, ": ")
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					fmt.Fprintf(w, "not %s: %s\n", good, why)
					return
				}
			}
			fmt.Fprintln(w, good)
		})
		path := s.api.OpenAPI().Paths["/"+id]
		path.Get.Responses["503"] = &huma.Response{Description: "not " + good + ", and why",
			Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	}
	check("healthz", "alive", s.Alive)
	check("readyz", "ready", s.Ready)
	raw[struct{}, struct{}](s, "metrics", func(w http.ResponseWriter, r *http.Request, _ *call) {
		if s.Metrics == nil {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			return
		}
		s.Metrics.ServeHTTP(w, r)
	})
	openAPI := sync.OnceValues(func() ([]byte, error) { return s.api.OpenAPI().MarshalJSON() })
	raw[struct{}, struct{}](s, "openapi", func(w http.ResponseWriter, r *http.Request, c *call) {
		text, err := openAPI()
		if err != nil {
			s.fail(w, r, c, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // whoever asked may be gone
	})
	page := sync.OnceValues(func() ([]byte, error) { return docsPage(s.api.OpenAPI()) })
	raw[struct{}, struct{}](s, "docs", func(w http.ResponseWriter, r *http.Request, c *call) {
		text, err := page()
		if err != nil {
			s.fail(w, r, c, err)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", docsPolicy)
		_, _ = w.Write(text) // whoever asked may be gone
	})
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "keyturn: /docs, /openapi.json, /healthz, /readyz, /metrics")
	})
}
