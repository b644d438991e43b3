package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/keyturn/keyturn/client"
)

// Path is where a user's credentials are, before its name.
const Path = "/v1/container/"

var legal = regexp.MustCompile(`^((\d{12})?:)?[A-Za-z0-9_+=,.@-]{1,64}$`)

// Legal reports whether a text is the name of an IAM user, NAME or ACCOUNT:NAME. A NAME may have the colon as well: . and .. need it, as they
// would be steps in a path.
func Legal(user string) bool { return legal.MatchString(user) }

// Handler answers the programs of this machine.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("alive\n")) })
	mux.HandleFunc("GET "+Path+"{user}", a.container)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "no-such-route", "credentials are at "+Path+"USER")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case !literal(r.Host):
			fail(w, http.StatusForbidden, "wrong-host", "name this machine by its loopback address, such as 127.0.0.1, and not by a name")
		case r.Header.Values("Origin") != nil || r.Header.Get("Sec-Fetch-Site") != "":
			fail(w, http.StatusForbidden, "from-a-browser", "this is for programs, and not for pages in a browser")
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// literal reports whether a Host is a loopback address in digits: a name could be made to lead here from any web page.
func literal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

// container answers in the form of container credentials. Errors have the statuses that SDKs know: 400 for what asking again will not
// mend, 500 for the rest.
func (a *Agent) container(w http.ResponseWriter, r *http.Request) {
	if !a.knows(r.Header.Get("Authorization")) {
		fail(w, http.StatusBadRequest, "wrong-token", "the Authorization is not the agent's token: set AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
		return
	}
	user := r.PathValue("user")
	if !Legal(user) {
		fail(w, http.StatusBadRequest, "bad-user", "this is no name of an IAM user: write NAME or ACCOUNT:NAME")
		return
	}
	got, err := a.credentials(r.Context(), strings.TrimPrefix(user, ":"))
	var answered *client.Error
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			AccessKeyID     string `json:"AccessKeyId"`
			SecretAccessKey string
			Token           string // botocore wants the field; an empty one is none
			Expiration      string
		}{got.AccessKeyID, got.SecretAccessKey, "", got.Expires.UTC().Format(time.RFC3339)})
	case errors.As(err, &answered) && answered.Status < 500 && answered.Status != http.StatusTooManyRequests:
		fail(w, http.StatusBadRequest, answered.Code, err.Error())
	default:
		fail(w, http.StatusInternalServerError, "unavailable", err.Error())
	}
}

// knows compares without telling by its time how much of a token was right.
func (a *Agent) knows(shown string) bool {
	is, want := sha256.Sum256([]byte(strings.TrimPrefix(shown, "Bearer "))), sha256.Sum256([]byte(a.config.Token))
	return subtle.ConstantTimeCompare(is[:], want[:]) == 1
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message})
}
