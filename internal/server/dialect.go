package server

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// containerProblem is a problem as AWS SDKs show it, vaultProblem as Vault's clients do.
type containerProblem struct {
	Code    string `json:"code" doc:"The code of the problem."`
	Message string `json:"message" doc:"What happened, and what to do."`
}

type vaultProblem struct {
	Errors []string `json:"errors" nullable:"false" doc:"What happened, and what to do."`
}

// dialect gives a problem in the words of the protocol that a route speaks, and its status: Vault's clients know no 401.
func (t Token) dialect(p *Problem) (status int, body any) {
	switch t {
	case TokenContainer:
		return p.Status, containerProblem{p.Code, p.Detail}
	case TokenVault:
		if p.Status == http.StatusUnauthorized {
			return http.StatusForbidden, vaultProblem{[]string{"permission denied: " + p.Detail}}
		}
		return p.Status, vaultProblem{[]string{p.Detail}}
	}
	return p.Status, p
}

// speaks has OpenAPI tell of the problems of a route in the words that it uses.
func (s *Server) speaks(rt *Route) {
	var form reflect.Type
	switch rt.Token {
	case TokenContainer:
		form = reflect.TypeFor[containerProblem]()
	case TokenVault:
		form = reflect.TypeFor[vaultProblem]()
	default:
		return
	}
	schema := s.api.OpenAPI().Components.Schemas.Schema(form, true, "")
	for status, r := range s.api.OpenAPI().Paths[rt.Path].Get.Responses {
		if status >= "400" {
			r.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
		}
	}
	if rt.Token == TokenVault {
		delete(s.api.OpenAPI().Paths[rt.Path].Get.Responses, "401")
	}
}
