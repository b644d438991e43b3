package server

import (
	"net/http"

	"github.com/keyturn/keyturn/internal/apikey"
)

// Route is one operation of the API: what the middleware checks, what OpenAPI says, and what the tests hold every handler to.
type Route struct {
	ID      string // operationId
	Method  string
	Path    string // as http.ServeMux has it
	Tag     string // under which the documentation shows it
	Summary string
	More    string // what else its caller should know, in Markdown; "": nothing
	// Who may ask: everybody, everybody with a key, or who has the scope.
	Open  bool
	Scope apikey.Scope
	// OpenOnLoopback: on a loopback address without TLS this machine's own programs need no key.
	OpenOnLoopback bool
	// Token is where else the key may be, beside X-API-Key and Authorization: Bearer.
	Token Token
	// Secrets are the fields of the answer, at any depth, that a replay by Idempotency-Key leaves out.
	Secrets []string
	// Success is the status of an answer that is no error; zero: 200, or 204 without a body. Accepts: it may be 202 as well.
	Success int
	Accepts bool
	// Produces is the media type of an answer that is no JSON made by huma; "": application/json.
	Produces string
	// Errors are statuses beside those that every route can answer with.
	Errors []int
	// MaxBody bounds the body; zero: 64 KiB.
	MaxBody int64
}

// Token is a place for an API key that a protocol of others prescribes.
type Token int

// The places.
const (
	TokenUsual     Token = iota
	TokenContainer       // the whole Authorization header, as SDKs send AWS_CONTAINER_AUTHORIZATION_TOKEN
	TokenVault           // X-Vault-Token
)

// Pattern is the route as http.ServeMux knows it.
func (r *Route) Pattern() string { return r.Method + " " + r.Path }

// Tags of the documentation.
const (
	tagCredentials = "Credentials"
	tagUsers       = "Users"
	tagEvents      = "Events"
	tagKeys        = "API keys"
	tagServer      = "Server"
)

// operateMore is what every request about one user does.
const operateMore = "With `dry_run` nothing is done, and the answer says what would be. 202: it is begun, and goes on by itself after " +
	"`Retry-After`. 409: a person has to act first, or it is not possible " +
	"yet; `recheck` says when it may be."

// Routes are all operations. Whoever adds one registers its handler under the same ID.
var Routes = []Route{
	{ID: "get-credentials", Method: http.MethodGet, Path: "/v1/credentials/{user}", Tag: tagCredentials, Scope: apikey.ReadCredentials,
		Summary: "Read the current credentials of a user", Errors: []int{404, 409, 502},
		More: "From memory, as a rule. They work until `expiration`, also when keyturn or AWS cannot be reached by then: ask again ahead of it. " +
			"503 with the code `withheld`: there are none yet, or for the moment."},
	{ID: "create-credentials", Method: http.MethodPost, Path: "/v1/credentials/{user}", Tag: tagCredentials, Scope: apikey.Rotate,
		Accepts: true, Summary: "Create new credentials of a user now", Errors: []int{404, 502}, Secrets: []string{"secret_access_key"},
		More: "A rotation, as with `rotate`: the old credentials go on for their grace. The new ones are in the answer when they are there in " +
			"time and the key may read them (`credentials:read`); the answer to a repeated Idempotency-Key leaves the secret out."},
	{ID: "export-credentials", Method: http.MethodGet, Path: "/v1/credentials", Tag: tagCredentials, Scope: apikey.ExportCredentials,
		Summary: "Export the current credentials of all users that the key may export",
		More: "Off (403, `switched-off`) unless `api.export` is true. The answer is streamed. In CSV a field that a spreadsheet would take for a " +
			"formula has `'` before it."},
	{ID: "container-credentials", Method: http.MethodGet, Path: "/v1/container/{user}", Tag: tagCredentials, Scope: apikey.ReadCredentials,
		Token: TokenContainer, Summary: "Read credentials as AWS SDKs do from AWS_CONTAINER_CREDENTIALS_FULL_URI", Errors: []int{404, 409, 502},
		More: "`AWS_CONTAINER_AUTHORIZATION_TOKEN`, or the file that `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` names, holds the API key."},
	{ID: "vault-credentials", Method: http.MethodGet, Path: "/v1/aws/static-creds/{user}", Tag: tagCredentials, Scope: apikey.ReadCredentials,
		Token: TokenVault, Summary: "Read credentials as from HashiCorp Vault", Errors: []int{404, 409, 502},
		More: "As from an AWS secrets engine with static roles that is mounted at `aws`. The token is the API key. `lease_duration` is half of the " +
			"grace at most, so that whoever reads again by then never holds a dead key."},
	{ID: "vault-mount", Method: http.MethodGet, Path: "/v1/sys/internal/ui/mounts/aws/static-creds/{user}", Tag: tagCredentials,
		Token: TokenVault, Summary: "Tell clients of HashiCorp Vault that aws is no key-value store",
		More: "consul-template and Vault Agent ask this before they read. The answer is the same whether the user is there or not."},
	{ID: "vault-token", Method: http.MethodGet, Path: "/v1/auth/token/lookup-self", Tag: tagCredentials,
		Token: TokenVault, Summary: "Tell clients of HashiCorp Vault about the API key of this request",
		More: "External Secrets finds a store ready by this answer."},

	{ID: "list-users", Method: http.MethodGet, Path: "/v1/users", Tag: tagUsers, Scope: apikey.ReadEvents,
		Summary: "List users and how they stand", Errors: []int{404},
		More: "How they stood when they were last looked at, from the database: AWS is not asked. Users that the key may not see are not there."},
	{ID: "get-user", Method: http.MethodGet, Path: "/v1/users/{user}", Tag: tagUsers, Scope: apikey.ReadEvents,
		Summary: "Show a user: its keys, stages, timeline and forecast", Errors: []int{404, 502}},
	{ID: "rotate", Method: http.MethodPost, Path: "/v1/users/{user}/rotate", Tag: tagUsers, Scope: apikey.Rotate, Accepts: true,
		Summary: "Rotate a user's key now", Errors: []int{404, 502},
		More: "The old key goes on for its grace. The rotation goes on when nobody waits; one that is under way already is given instead of " +
			"a second one. 409: a person has to act first, or it was not possible in time; `recheck` says when it may be. 429 with the code " +
			"`rotation-quota`: the user had as many rotations within 24 hours as Secrets Manager keeps versions for."},
	{ID: "get-rotation", Method: http.MethodGet, Path: "/v1/users/{user}/rotations/{id}", Tag: tagUsers, Scope: apikey.Rotate,
		Summary: "Show how a rotation stands", Errors: []int{404, 502}},
	{ID: "rollback", Method: http.MethodPost, Path: "/v1/users/{user}/rollback", Tag: tagUsers, Scope: apikey.Operate, Accepts: true,
		Summary: "Go back to an earlier key", Errors: []int{404, 502}, More: "The user stays paused after that, until it is resumed. " + operateMore},
	{ID: "revoke", Method: http.MethodPost, Path: "/v1/users/{user}/revoke", Tag: tagUsers, Scope: apikey.Operate, Accepts: true,
		Summary: "Revoke a leaked key", Errors: []int{404, 502}, More: "It is deactivated without any grace, after a successor is made if there is room. " + operateMore},
	{ID: "adopt", Method: http.MethodPost, Path: "/v1/users/{user}/adopt", Tag: tagUsers, Scope: apikey.Operate, Accepts: true,
		Summary: "Adopt a user or a key", Errors: []int{404, 502}, More: operateMore},
	{ID: "pause", Method: http.MethodPost, Path: "/v1/users/{user}/pause", Tag: tagUsers, Scope: apikey.Operate, Accepts: true,
		Summary: "Pause a user", Errors: []int{404, 502}, More: "Its keys stay as they are until it is resumed. " + operateMore},
	{ID: "resume", Method: http.MethodPost, Path: "/v1/users/{user}/resume", Tag: tagUsers, Scope: apikey.Operate, Accepts: true,
		Summary: "Resume a user", Errors: []int{404, 502}, More: operateMore},
	{ID: "plan", Method: http.MethodGet, Path: "/v1/plan", Tag: tagUsers, Scope: apikey.ReadEvents,
		Summary: "Show what lies ahead of users", Errors: []int{404, 502}},
	{ID: "fleet", Method: http.MethodGet, Path: "/v1/fleet", Tag: tagUsers, Scope: apikey.ReadEvents,
		Summary: "Show the fleet: counts, who needs attention, what happened, and what holds changes back", Errors: []int{502}},
	{ID: "resume-stopped", Method: http.MethodPost, Path: "/v1/fleet/resume", Tag: tagUsers, Scope: apikey.Operate,
		Summary: "Let scheduled changes go on that have stopped for everybody", Errors: []int{502},
		More: "After too many failures, or while canary users go first. The key has to be for every user."},

	{ID: "events", Method: http.MethodGet, Path: "/v1/events", Tag: tagEvents, Scope: apikey.ReadEvents,
		Summary: "Read history, or follow it as server-sent events", Errors: []int{404},
		More: "With `Accept: text/event-stream` it is a stream, which goes on after `Last-Event-ID`."},

	{ID: "accesses", Method: http.MethodGet, Path: "/v1/accesses", Tag: tagEvents, Scope: apikey.ReadEvents,
		Summary: "Show who read which credential, when, from where and how",
		More:    "The newest first. A read is on record before the credential is sent; one that bears the newest time may not have arrived."},

	{ID: "list-api-keys", Method: http.MethodGet, Path: "/v1/api-keys", Tag: tagKeys, Scope: apikey.Admin,
		Summary: "List API keys", Errors: []int{502}},
	{ID: "create-api-key", Method: http.MethodPost, Path: "/v1/api-keys", Tag: tagKeys, Scope: apikey.Admin, Success: http.StatusCreated,
		Summary: "Create an API key; its text is shown this once", Errors: []int{502}, Secrets: []string{"key"},
		More: "A key gives away only scopes and users that it has itself."},
	{ID: "rotate-api-key", Method: http.MethodPost, Path: "/v1/api-keys/{id}/rotate", Tag: tagKeys, Scope: apikey.Admin, Success: http.StatusCreated,
		Summary: "Replace an API key by a new one, with overlap", Errors: []int{404, 502}, Secrets: []string{"key"}},
	{ID: "revoke-api-key", Method: http.MethodDelete, Path: "/v1/api-keys/{id}", Tag: tagKeys, Scope: apikey.Admin,
		Summary: "Revoke an API key", Errors: []int{404, 409, 502}, More: "Every server refuses it within 10 s."},
	{ID: "whoami", Method: http.MethodGet, Path: "/v1/whoami", Tag: tagKeys,
		Summary: "Show what the key of this request is and may do"},

	{ID: "healthz", Method: http.MethodGet, Path: "/healthz", Tag: tagServer, Open: true, Produces: "text/plain",
		Summary: "Tell whether the process should be replaced", More: "503 if it should; that AWS cannot be reached is no reason."},
	{ID: "readyz", Method: http.MethodGet, Path: "/readyz", Tag: tagServer, Open: true, Produces: "text/plain",
		Summary: "Tell whether the users are looked after", More: "503 while they are not, with the reason: starting, standing by, stopping. Programs of the same machine are told more."},
	{ID: "metrics", Method: http.MethodGet, Path: "/metrics", Tag: tagServer, Scope: apikey.ReadMetrics, OpenOnLoopback: true, Produces: "text/plain",
		Summary: "Read metrics in Prometheus' format", More: "On a loopback address without TLS programs of the same machine need no key; who comes through a proxy does."},
	{ID: "openapi", Method: http.MethodGet, Path: "/openapi.json", Tag: tagServer, Open: true, Produces: "application/json",
		Summary: "Read this description, OpenAPI 3.1"},
	{ID: "docs", Method: http.MethodGet, Path: "/docs", Tag: tagServer, Open: true, Produces: "text/html",
		Summary: "Read this description as a page"},
}
