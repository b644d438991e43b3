package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/store"
)

func registerKeys(s *Server) {
	handle(s, "whoami", s.whoami)
	handle(s, "list-api-keys", s.listKeys)
	handle(s, "create-api-key", s.createKey)
	handle(s, "rotate-api-key", s.rotateKey)
	handle(s, "revoke-api-key", s.revokeKey)
}

type whoamiOut struct {
	Body struct {
		ID      string         `json:"id"`
		Name    string         `json:"name"`
		Scopes  []apikey.Scope `json:"scopes" nullable:"false"`
		Users   []string       `json:"users" nullable:"false" doc:"globs over name, or account:name"`
		Expires *time.Time     `json:"expires,omitempty"`
	}
}

func (s *Server) whoami(ctx context.Context, _ *struct{}) (*whoamiOut, error) {
	c, out := caller(ctx), &whoamiOut{}
	out.Body.ID, out.Body.Name, out.Body.Scopes, out.Body.Users = c.ID, c.Name, c.Scopes, c.Users
	if out.Body.Users == nil {
		out.Body.Users = []string{}
	}
	if !c.Expires.IsZero() {
		at := c.Expires.UTC()
		out.Body.Expires = &at
	}
	return out, nil
}

type keysOut struct{ Body api.Keys }

// listKeys lists those that the caller may manage.
func (s *Server) listKeys(ctx context.Context, _ *struct{}) (*keysOut, error) {
	all, err := s.Keys.List(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]store.KeyUse{}
	if s.KeysUsed != nil {
		if used, err = s.KeysUsed(ctx); err != nil {
			return nil, err
		}
	}
	out := &keysOut{Body: api.Keys{Keys: make([]api.Key, 0, len(all))}}
	for _, k := range all {
		if caller(ctx).MayManage(k) {
			out.Body.Keys = append(out.Body.Keys, api.KeyOf(k, used[k.ID].At))
		}
	}
	return out, nil
}

type newKeyOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         api.NewKey
}

// by is who asks, as a key that it makes bears it.
func (c *call) by() string {
	if id, aws := strings.CutPrefix(c.caller.ID, "aws:"); aws {
		return fmt.Sprintf("%s (%s)", c.caller.Name, id)
	}
	return fmt.Sprintf("API key %s (%s)", c.caller.Name, c.caller.ID)
}

func (s *Server) createKey(ctx context.Context, in *struct{ Body api.KeySpec }) (*newKeyOut, error) {
	c := callOf(ctx)
	spec, err := in.Body.Spec(c.by())
	if err == nil {
		spec, err = s.granted(c, spec)
	}
	if err != nil {
		return nil, err
	}
	k, text, err := s.Keys.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	s.Log.Info("an API key was created", "id", k.ID, "by", c.by())
	return &newKeyOut{"no-store", api.NewKey{Key: api.KeyOf(k, time.Time{}), Text: text.Reveal()}}, nil
}

// KeyPath is an API key in a path.
type KeyPath struct {
	ID string `path:"id" pattern:"^[0-9A-Za-z]{1,32}$" doc:"Of the API key." example:"4fT9kQ2mZx"`
}

// granted is a spec that the caller may have a key of. A consumer is the user of one account then, not all that have this name; the error
// names it as it was asked for, or it would tell whether there is such a user.
func (s *Server) granted(c *call, asked apikey.Spec) (apikey.Spec, error) {
	if u, unknown := s.Find(asked.Consumer); asked.Consumer != "" && unknown == nil {
		exact := asked
		if exact.Consumer = api.Path(u); c.caller.MayGrant(exact) == nil {
			return exact, nil
		}
	}
	return asked, c.caller.MayGrant(asked)
}

// managed is a key that the caller may manage. Others do not exist, as far as it is told.
func (s *Server) managed(ctx context.Context, id string) (apikey.Key, error) {
	k, err := s.Keys.Get(ctx, id)
	if err == nil && !caller(ctx).MayManage(k) {
		err = apikey.NoKey(id)
	}
	return k, err
}

const overlapUsual = 24 * time.Hour

// rotateKey gives away no more than a key of the same kind would be: the caller has to have all of it.
func (s *Server) rotateKey(ctx context.Context, in *struct {
	KeyPath
	Body *api.KeyRotate
}) (*newKeyOut, error) {
	c, overlap := callOf(ctx), overlapUsual
	if in.Body != nil && in.Body.Overlap != nil {
		overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	old, err := s.managed(ctx, in.ID)
	if err == nil {
		err = c.caller.MayGrant(old.Spec())
	}
	if err != nil {
		return nil, err
	}
	k, text, err := s.Keys.Rotate(ctx, in.ID, c.by(), overlap)
	if err != nil && k.ID == "" {
		return nil, err
	}
	s.Log.Info("an API key was rotated", "id", k.ID, "follows", in.ID, "by", c.by())
	out := &newKeyOut{"no-store", api.NewKey{Key: api.KeyOf(k, time.Time{}), Text: text.Reveal()}}
	if err != nil {
		out.Body.Warning = err.Error()
	}
	return out, nil
}

func (s *Server) revokeKey(ctx context.Context, in *KeyPath) (*struct{}, error) {
	_, err := s.managed(ctx, in.ID)
	if err == nil {
		err = s.Keys.Revoke(ctx, in.ID)
	}
	if err == nil { // the key itself does not tell who ended it
		s.Log.Info("an API key was revoked", "id", in.ID, "by", callOf(ctx).by())
	}
	return nil, err
}
