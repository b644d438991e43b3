package remote

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Keys are all API keys, and the time of the answer.
func (c *Client) Keys(ctx context.Context) ([]api.Key, time.Time, error) {
	var out api.Keys
	err := c.send(ctx, request{method: http.MethodGet, path: []string{"api-keys"}, into: &out})
	return out.Keys, time.Now(), err
}

// CreateKey makes an API key; by whom, the server knows.
func (c *Client) CreateKey(ctx context.Context, s apikey.Spec) (api.Key, rotation.Sensitive, error) {
	spec := api.KeySpec{Name: s.Name, Users: s.Users, Consumer: s.Consumer, ExpiresIn: int64(s.Lives / time.Second)}
	for _, scope := range s.Scopes {
		spec.Scopes = append(spec.Scopes, string(scope))
	}
	for _, n := range s.Networks {
		spec.Networks = append(spec.Networks, netip.Prefix.String(n))
	}
	return c.newKey(ctx, []string{"api-keys"}, spec)
}

// RotateKey makes an API key like another one, which goes on for the overlap. When it gives both a key and an error, the new key stands,
// and the other one goes on for longer than was asked.
func (c *Client) RotateKey(ctx context.Context, id string, overlap time.Duration) (api.Key, rotation.Sensitive, error) {
	seconds := int64(overlap / time.Second)
	return c.newKey(ctx, []string{"api-keys", id, "rotate"}, api.KeyRotate{Overlap: &seconds})
}

func (c *Client) newKey(ctx context.Context, path []string, body any) (api.Key, rotation.Sensitive, error) {
	var out api.NewKey
	err := c.send(ctx, request{method: http.MethodPost, path: path, body: body, into: &out})
	if err != nil {
		return api.Key{}, rotation.Sensitive{}, err
	}
	if out.Warning != "" {
		err = &remoteError{text: out.Warning}
	}
	return out.Key, rotation.NewSensitive(out.Text), err
}

// RevokeKey ends an API key.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.send(ctx, request{method: http.MethodDelete, path: []string{"api-keys", id}})
}
