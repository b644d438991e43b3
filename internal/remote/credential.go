package remote

import (
	"context"
	"net/http"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Credential gives a user's current credential; name is NAME or ACCOUNT/NAME. The server puts it on record.
func (c *Client) Credential(ctx context.Context, name string) (fleet.Credential, error) {
	var out api.Credential
	err := c.send(ctx, request{method: http.MethodGet, path: []string{"credentials", api.PathName(name)}, into: &out})
	if err != nil {
		return fleet.Credential{}, err
	}
	return fleet.Credential{User: rotation.User{Account: out.Account, Name: out.User}, AccessKeyID: out.AccessKeyID,
		SecretAccessKey: rotation.NewSensitive(out.SecretAccessKey), Expiration: out.Expiration}, nil
}
