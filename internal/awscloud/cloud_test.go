package awscloud_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

var _ reconcile.Cloud = (*awscloud.Session)(nil)

const account = "123456789012"

var bg = context.Background()

// simulated connects an Account to a simulated AWS without a socket.
func simulated(t testing.TB, w *awssim.World, edit ...func(*awscloud.Config)) *awscloud.Account {
	t.Helper()
	id, secret := w.RotatorKey()
	c := awscloud.Config{
		Regions: []string{"us-east-1"}, IgnoreEnvironment: true, Endpoint: "http://aws.invalid",
		AccessKeyID: id, SecretAccessKey: rotation.NewSensitive(secret),
		HTTPClient: &http.Client{Transport: w.Transport()}, SecretName: "keyturn/{{.User}}/key",
	}
	for _, e := range edit {
		e(&c)
	}
	a, err := awscloud.Load(bg, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// scripted connects an Account to a transport.
func scripted(t testing.TB, f roundTrip, edit ...func(*awscloud.Config)) *awscloud.Account {
	t.Helper()
	c := awscloud.Config{
		Regions: []string{"us-east-1"}, IgnoreEnvironment: true, Endpoint: "http://aws.invalid",
		AccessKeyID: "AKIAOWNOWNOWNOWNOWN0", SecretAccessKey: rotation.NewSensitive("own-secret"),
		HTTPClient: &http.Client{Transport: f}, SecretName: "keyturn/{{.User}}/key",
	}
	for _, e := range edit {
		e(&c)
	}
	a, err := awscloud.Load(bg, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func session(t testing.TB, a *awscloud.Account, user string) *awscloud.Session {
	t.Helper()
	s, err := a.Session(awscloud.Subject{User: rotation.User{Account: account, Name: user}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failed checks what an error means and whether it is certain that nothing happened.
func failed(t testing.TB, err, kind error, definite bool) *rotation.CallError {
	t.Helper()
	var e *rotation.CallError
	if !errors.As(err, &e) {
		t.Fatalf("want a CallError of %v, got %v", kind, err)
	}
	if kind != nil && !errors.Is(err, kind) || kind == nil && e.Kind != nil {
		t.Fatalf("want %v, got %v", kind, err)
	}
	if e.Definite != definite {
		t.Fatalf("want definite %t: %v", definite, err)
	}
	return e
}

// onboarded has a user, its secret and a first key stored and current.
func onboarded(t testing.TB, w *awssim.World, a *awscloud.Account, user string) (*awscloud.Session, rotation.NewKey) {
	t.Helper()
	ok(t, w.People().CreateUser(user, "/", nil))
	s := session(t, a, user)
	ok(t, s.CreateSecret(bg, map[string]string{"keyturn:user": "v1 x"}))
	key := must(s.CreateAccessKey(bg))(t)
	ok(t, s.GetCallerIdentity(bg, "us-east-1", key.ID, key.Secret))
	ok(t, s.PutKey(bg, rotation.VersionID(key.ID), key, "", ""))
	return s, key
}

// rotated makes, verifies, stores and promotes the next key.
func rotated(t testing.TB, s *awscloud.Session, from string, old rotation.NewKey) rotation.NewKey {
	t.Helper()
	key := must(s.CreateAccessKey(bg))(t)
	ok(t, s.GetCallerIdentity(bg, "us-east-1", key.ID, key.Secret))
	ok(t, s.PutKey(bg, rotation.VersionID(key.ID), key, from, old.ID))
	ok(t, s.MoveCurrent(bg, rotation.VersionID(key.ID), from))
	ok(t, s.UpdateAccessKey(bg, old.ID, rotation.Inactive))
	return key
}

func newWorld(c awssim.Config) *awssim.World {
	if c.Seed == 0 {
		c.Seed = 7
	}
	return awssim.New(c)
}

const second = time.Second

func contextFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(bg, d)
}
