package doctest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// docs:begin go-consumer

// KeyFromSecret reads a user's key from Secrets Manager, and again once it is older than keep.
func KeyFromSecret(secrets *secretsmanager.Client, secretID string, keep time.Duration) aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		asked := time.Now()
		out, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secretID})
		if err != nil {
			return aws.Credentials{}, err
		}
		var key struct{ AccessKeyId, SecretAccessKey string }
		if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &key); err != nil {
			return aws.Credentials{}, errors.New("the secret is not a JSON object") // never quote the value
		}
		return aws.Credentials{AccessKeyID: key.AccessKeyId, SecretAccessKey: key.SecretAccessKey,
			CanExpire: true, Expires: asked.Add(keep)}, nil
	}))
}

// docs:end

// TestGoConsumer: the page's code keeps a key for as long as it says, and not longer.
func TestGoConsumer(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.act(`secret s {"AccessKeyId":"AKIAOLD","SecretAccessKey":"x"}`))
	id, secret := w.sim.RotatorKey()
	client := secretsmanager.New(secretsmanager.Options{BaseEndpoint: &w.endpoint, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
	long, short := KeyFromSecret(client, "s", time.Hour), KeyFromSecret(client, "s", 0)
	read := func(p aws.CredentialsProvider, want string) {
		t.Helper()
		got, err := p.Retrieve(t.Context())
		must(err)
		if got.AccessKeyID != want || got.SecretAccessKey == "" || !got.CanExpire {
			t.Errorf("the key is %q (expires: %v), want %s", got.AccessKeyID, got.CanExpire, want)
		}
	}
	read(long, "AKIAOLD")
	read(short, "AKIAOLD")
	must(w.act(`value s {"AccessKeyId":"AKIANEW","SecretAccessKey":"y"}`))
	read(long, "AKIAOLD")
	read(short, "AKIANEW")
	must(w.act(`value s oops`))
	if _, err := short.Retrieve(t.Context()); err == nil {
		t.Error("a value that is no JSON gave credentials")
	}
}
