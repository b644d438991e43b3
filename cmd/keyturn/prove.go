package main

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awsidentity"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/remote"
	"github.com/keyturn/keyturn/internal/rotation"
)

// The variables with which a machine shows its AWS identity instead of an API key.
const (
	identityVariable = "KEYTURN_AWS_IDENTITY"
	serverIDVariable = "KEYTURN_SERVER_ID"
)

// prover gives what proves this machine's AWS identity to a server; nil when the environment does not ask for that. The server's id comes
// from the environment or from the URL that was given, never from the server: another one could have it sign for a third.
func prover(where string) (func(context.Context) (rotation.Sensitive, error), error) {
	text := os.Getenv(identityVariable)
	if text == "" {
		return nil, nil //nolint:nilnil // absence is a value
	}
	switch on, err := strconv.ParseBool(text); {
	case err != nil:
		return nil, usagef("%s=%s: write 1, or unset it", identityVariable, text)
	case !on:
		return nil, nil //nolint:nilnil // absence is a value
	case os.Getenv(remote.KeyVariable) != "":
		return nil, usagef("%s and %s are both set: show an API key or an AWS identity, and unset the other", remote.KeyVariable, identityVariable)
	}
	id := os.Getenv(serverIDVariable)
	if id == "" {
		if u, err := url.Parse(where); err == nil {
			id = u.Hostname()
		}
	}
	signer := sync.OnceValues(func() (*awsidentity.Signer, error) {
		account, err := awscloud.Load(context.Background(), fleet.AWS(config.Default()))
		if err != nil {
			return nil, err
		}
		return account.Signer(id), nil
	})
	return func(ctx context.Context) (rotation.Sensitive, error) {
		s, err := signer()
		if err != nil {
			return rotation.Sensitive{}, err
		}
		return s.Sign(ctx, time.Now())
	}, nil
}
