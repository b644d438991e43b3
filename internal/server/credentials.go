package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

func registerCredentials(s *Server) {
	raw[UserPath, struct{ Body api.Credential }](s, "get-credentials", s.strictly(s.getCredentials))
	handle(s, "create-credentials", s.createCredentials)
	raw[exportIn, struct{ Body api.Export }](s, "export-credentials", s.strictly(s.export))
	for _, other := range []string{"text/csv", "text/plain"} {
		s.api.OpenAPI().Paths["/v1/credentials"].Get.Responses["200"].Content[other] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	raw[UserPath, struct{ Body containerAnswer }](s, "container-credentials", s.container)
	registerVault(s)
}

// handOut gives the credential of the user that a path names, once it is on record that the call's key gets it. A crash after that leaves a
// record of a credential that may not have arrived.
func (s *Server) handOut(ctx context.Context, c *call, name string) (fleet.Credential, error) {
	u, err := s.user(c, name)
	if err != nil {
		return fleet.Credential{}, err
	}
	return s.give(ctx, c, u)
}

// give is handOut for a user that the call's key may have.
func (s *Server) give(ctx context.Context, c *call, u rotation.User) (fleet.Credential, error) {
	if s.Credentials == nil || s.Record == nil {
		return fleet.Credential{}, fmt.Errorf("%w: this server gives out no credentials", kinds.ErrOff)
	}
	got, err := s.Credentials(ctx, u)
	if err != nil {
		return fleet.Credential{}, refusal(err)
	}
	err = s.Record(ctx, store.Access{At: s.Now(), Caller: c.caller.ID, User: u, AccessKeyID: got.AccessKeyID, Route: c.route.Pattern(), From: c.from})
	if err != nil {
		return fleet.Credential{}, fmt.Errorf("%w: %w", kinds.ErrNoRecord, err)
	}
	return got, nil
}

// refusal tells a user that is blocked until a person acts, 409, from one that has no key for the moment, 503.
func refusal(err error) error {
	var w *fleet.WithheldError
	if errors.As(err, &w) && w.Reason.Blocked() {
		return &kinds.BlockedError{User: w.User, Reason: w.Reason, Detail: w.Error()}
	}
	return err
}

// getCredentials answers from memory, as a rule.
func (s *Server) getCredentials(w http.ResponseWriter, r *http.Request, c *call) {
	got, err := s.handOut(r.Context(), c, r.PathValue("user"))
	if err != nil {
		s.fail(w, r, c, err)
		return
	}
	writeJSON(w, appendCredential(make([]byte, 0, 320), got))
}

var jsonType = []string{"application/json"}

// writeJSON sends a whole answer. Whoever asked may be gone.
func writeJSON(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = jsonType, []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body)
}

// appendCredential is api.Credential as JSON, without reflection.
func appendCredential(b []byte, c fleet.Credential) []byte {
	b = appendString(append(b, `{"account":`...), c.User.Account)
	b = appendString(append(b, `,"user":`...), c.User.Name)
	b = appendString(append(b, `,"access_key_id":`...), c.AccessKeyID)
	b = appendString(append(b, `,"secret_access_key":`...), c.SecretAccessKey.Reveal())
	b = append(b, `,"expiration":"`...)
	b = c.Expiration.UTC().AppendFormat(b, time.RFC3339)
	return append(b, `"}`...)
}

// appendString is a string as JSON. What people put into a secret by hand may be anything.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			quoted, _ := json.Marshal(s) // a string always has a form
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

type createIn struct {
	UserPath
	Wait int `query:"wait" minimum:"0" maximum:"300" default:"0" doc:"How many seconds to wait for the new credentials; if they are not there by then, the answer is 202 and Location names the rotation to watch."`
	Since
	Body *api.Why
}

type createOut struct {
	Status   int
	Location string `header:"Location" doc:"Of the rotation."`
	Body     either[api.Created, api.Rotation]
}

// createCredentials begins a rotation as POST rotate does, and answers with what it made. A key that may not read credentials gets the
// rotation alone, and so does one for which they cannot be read or put on record now.
func (s *Server) createCredentials(ctx context.Context, in *createIn) (*createOut, error) {
	c := callOf(ctx)
	u, err := s.user(c, in.User)
	if err != nil {
		return nil, err
	}
	wait := time.Duration(in.Wait) * time.Second
	until := time.Now().Add(wait)
	t, err := s.begin(ctx, u, fleet.Ask{User: u.String(), Patience: createPatience, Since: in.Since.Since,
		Request: rotation.Request{Kind: rotation.RequestRotate, Why: c.signed(whyOf(in.Body))}})
	if err != nil {
		return nil, err
	}
	c.lasts(wait + readWithin)
	out, err := s.outcome(ctx, t, wait)
	if err != nil {
		return nil, err
	}
	answer := &createOut{Status: http.StatusAccepted, Location: out.Location, Body: either[api.Created, api.Rotation]{out}}
	if out.State == api.Running {
		return answer, nil
	}
	if !c.caller.May(apikey.ReadCredentials, u) {
		answer.Status = http.StatusOK
		return answer, nil
	}
	got, err := s.made(ctx, c, u, out.KeyID, until)
	if errors.Is(err, apikey.ErrUnknown) || errors.Is(err, kinds.ErrForbidden) {
		return nil, err
	}
	if err != nil { // an error would have whoever asked ask for another rotation
		s.Log.Warn("new credentials were made and cannot be given out", "user", u.String(), "error", err)
		out.Detail += ", and cannot be given out yet: " + s.problem(ctx, err).Detail
		answer.Body = either[api.Created, api.Rotation]{out}
		return answer, nil
	}
	if got.AccessKeyID == out.KeyID {
		answer.Status, answer.Body = http.StatusOK, either[api.Created, api.Rotation]{api.Created{Credential: api.CredentialOf(got), Rotation: out}}
	}
	return answer, nil
}

const (
	// createPatience is for how long new credentials are tried for when it is not possible at once, as with POST rotate.
	createPatience = 180 * time.Second
	// readWithin is how long the reading of new credentials may take after a wait that was long enough to make them.
	readWithin = 10 * time.Second
)

// made gives the credential of a key that was just made: AWS may answer as before for some seconds. Another one, if it still does at the
// end of the wait; that is not on record, as it is not sent. Minutes have passed since the caller was let in, so it is asked for again.
func (s *Server) made(ctx context.Context, c *call, u rotation.User, keyID string, until time.Time) (fleet.Credential, error) {
	for {
		got, err := s.Credentials(ctx, u)
		if err != nil {
			return got, refusal(err)
		}
		if got.AccessKeyID == keyID {
			switch err := s.still(ctx, c); {
			case err != nil:
				return fleet.Credential{}, err
			case !c.caller.May(apikey.ReadCredentials, u):
				return fleet.Credential{}, fmt.Errorf("%w: it needs the scope %s, which it lacks by now", kinds.ErrForbidden, apikey.ReadCredentials)
			}
			return s.give(ctx, c, u)
		}
		if !time.Now().Before(until) {
			return got, nil
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
}
