package awssim_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/keyturn/keyturn/internal/awssim"
)

// client is one caller: real SDK clients that talk to the world without a socket.
type client struct {
	t   testing.TB
	w   *awssim.World
	cfg aws.Config
	iam *iam.Client
	sts *sts.Client
	sm  *secretsmanager.Client
	ses *sesv2.Client
}

func connect(t testing.TB, w *awssim.World, id, secret, region string) *client {
	cfg := aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String("http://aws.invalid"),
		Credentials:      credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:       &http.Client{Transport: w.Transport()},
		RetryMaxAttempts: 1,
	}
	return &client{
		t: t, w: w, cfg: cfg, iam: iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
		sm: secretsmanager.NewFromConfig(cfg), ses: sesv2.NewFromConfig(cfg),
	}
}

func rotator(t testing.TB, w *awssim.World) *client {
	id, secret := w.RotatorKey()
	return connect(t, w, id, secret, "us-east-1")
}

// must stops the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

// refused checks the error code of a call.
func refused(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("want %s, got %v", code, err)
	}
	if api.ErrorCode() != code {
		t.Fatalf("want %s, got %s: %s", code, api.ErrorCode(), api.ErrorMessage())
	}
}

var bg = context.Background()

func (c *client) createKey(user string) *iamtypes.AccessKey {
	c.t.Helper()
	return must(c.iam.CreateAccessKey(bg, &iam.CreateAccessKeyInput{UserName: &user}))(c.t).AccessKey
}

func (c *client) setStatus(user, id string, s iamtypes.StatusType) error {
	_, err := c.iam.UpdateAccessKey(bg, &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &id, Status: s})
	return err
}

func (c *client) deleteKey(user, id string) error {
	_, err := c.iam.DeleteAccessKey(bg, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
	return err
}

func (c *client) createSecret(name string) {
	c.t.Helper()
	must(c.sm.CreateSecret(bg, &secretsmanager.CreateSecretInput{Name: &name}))(c.t)
}

func token(name string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String() }

func valueOf(k *iamtypes.AccessKey, more map[string]string) string {
	m := map[string]string{"AccessKeyId": *k.AccessKeyId, "SecretAccessKey": *k.SecretAccessKey}
	for n, v := range more {
		m[n] = v
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// put stores a key's value under a version id made from its key id.
func (c *client) put(name string, k *iamtypes.AccessKey, stages ...string) string {
	c.t.Helper()
	return c.putValue(name, token(*k.AccessKeyId), valueOf(k, nil), stages...)
}

func (c *client) putValue(name, version, value string, stages ...string) string {
	c.t.Helper()
	out := must(c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: &version, SecretString: &value, VersionStages: stages,
	}))(c.t)
	return *out.VersionId
}

func (c *client) move(name, stage, to, from string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &name, VersionStage: &stage}
	if to != "" {
		in.MoveToVersionId = &to
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	_, err := c.sm.UpdateSecretVersionStage(bg, in)
	return err
}

// verify calls GetCallerIdentity with a key n times, one second apart, in a Region.
func (c *client) verify(k *iamtypes.AccessKey, region string, n int) {
	c.t.Helper()
	with := connect(c.t, c.w, *k.AccessKeyId, *k.SecretAccessKey, region)
	for range n {
		must(with.sts.GetCallerIdentity(bg, nil))(c.t)
	}
}

func stagesOf(t testing.TB, w *awssim.World, secret, version string) []string {
	t.Helper()
	for _, v := range w.Secret(secret).Versions {
		if v.ID == version {
			return v.Stages
		}
	}
	t.Fatalf("secret %s has no version %s", secret, version)
	return nil
}

func TestOneRotationByTheSDK(t *testing.T) {
	w := awssim.New(awssim.Config{Seed: 1})
	r := rotator(t, w)
	if err := w.People().CreateUser("alice", "/service/", map[string]string{"keyturn:managed": "true"}); err != nil {
		t.Fatal(err)
	}
	me := must(r.sts.GetCallerIdentity(bg, nil))(t)
	if *me.Arn != "arn:aws:iam::123456789012:user/keyturn-rotator" {
		t.Fatal(*me.Arn)
	}
	r.createSecret("s/alice")
	k0 := r.createKey("alice")
	v0 := r.put("s/alice", k0)
	k1 := r.createKey("alice")
	v1 := r.put("s/alice", k1, "AWSPENDING")
	r.verify(k1, "us-east-1", 2)
	if err := r.move("s/alice", "AWSCURRENT", v1, v0); err != nil {
		t.Fatal(err)
	}
	got := must(r.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s/alice")}))(t)
	if *got.SecretString != valueOf(k1, nil) || *got.VersionId != v1 {
		t.Fatalf("AWSCURRENT is %s", *got.VersionId)
	}
	if err := r.setStatus("alice", *k0.AccessKeyId, iamtypes.StatusTypeInactive); err != nil {
		t.Fatal(err)
	}
	if err := r.deleteKey("alice", *k0.AccessKeyId); err != nil {
		t.Fatal(err)
	}
	keys := must(r.iam.ListAccessKeys(bg, &iam.ListAccessKeysInput{UserName: aws.String("alice")}))(t).AccessKeyMetadata
	if len(keys) != 1 || *keys[0].AccessKeyId != *k1.AccessKeyId || keys[0].Status != iamtypes.StatusTypeActive {
		t.Fatalf("keys: %+v", keys)
	}
	d := must(r.sm.DescribeSecret(bg, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s/alice")}))(t)
	if got := d.VersionIdsToStages[v0]; len(got) != 1 || got[0] != "AWSPREVIOUS" {
		t.Fatalf("stages of the first version: %v", got)
	}
	if age := time.Since(*d.CreatedDate); age < 0 || age > time.Minute {
		t.Fatalf("CreatedDate is %v ago", age)
	}
	_, err := r.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("nope")})
	var missing *smtypes.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	if n := w.Counts()["CreateAccessKey"]; n != 2 {
		t.Fatalf("CreateAccessKey counted %d times", n)
	}
}
