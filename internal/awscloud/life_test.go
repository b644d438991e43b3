package awscloud_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// A key's whole life through the SDK and the simulator: every call does what the reconciler relies on.
func TestKeyLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		a := simulated(t, w, func(c *awscloud.Config) { c.Pace = awscloud.DefaultPace(); c.Tags = map[string]string{"team": "ci"} })
		ok(t, w.People().CreateUser("ci", "/service/", nil))
		s := must(a.Session(awscloud.Subject{User: rotation.User{Account: account, Name: "ci"}, Path: "/service/", Email: "owner@example.com"}))(t)

		if d := must(s.DescribeSecret(bg))(t); d.Exists {
			t.Fatal("a secret that nobody made exists")
		}
		if keys := must(s.ListAccessKeys(bg))(t); keys == nil || len(keys) != 0 {
			t.Fatalf("no keys must be an empty list, got %v", keys)
		}
		ok(t, s.CreateSecret(bg, map[string]string{"keyturn:user": "v1 x"}))
		failed(t, s.CreateSecret(bg, nil), rotation.ErrSecretExists, true)
		first := must(s.CreateAccessKey(bg))(t)
		ok(t, s.GetCallerIdentity(bg, "us-east-1", first.ID, first.Secret))
		v1 := rotation.VersionID(first.ID)
		ok(t, s.PutKey(bg, v1, first, "", ""))
		ok(t, s.PutKey(bg, v1, first, "", "")) // a repeat is a no-op
		second := rotated(t, s, v1, first)
		v2 := rotation.VersionID(second.ID)

		d := must(s.DescribeSecret(bg))(t)
		if d.Stage(rotation.StageCurrent) != v2 || d.Stage(rotation.StagePrevious) != v1 {
			t.Fatalf("stages: %v", d.Versions)
		}
		if d.Tags["keyturn:user"] != "v1 x" || d.Tags["team"] != "ci" || d.ARN == "" {
			t.Fatalf("secret: %+v", d)
		}
		ok(t, s.TagSecret(bg, map[string]string{"keyturn:user": "v1 y", "keyturn:paused": "v1 none"}))
		if d := must(s.DescribeSecret(bg))(t); d.Tags["keyturn:user"] != "v1 y" || d.Tags["keyturn:paused"] != "v1 none" {
			t.Fatalf("tags: %v", d.Tags)
		}
		var value map[string]string
		ok(t, json.Unmarshal([]byte(w.Secret(s.SecretName()).Stage("AWSCURRENT").Value), &value))
		want := map[string]string{
			"AccessKeyId": second.ID, "SecretAccessKey": second.Secret.Reveal(), "UserName": "ci",
			"CreatedDate": second.Created.Format("2006-01-02T15:04:05Z07:00"), "Email": "owner@example.com", "OldAccessKeyId": first.ID,
		}
		if fmt.Sprint(value) != fmt.Sprint(want) {
			t.Fatal("the stored value is not the one that consumers are told of")
		}
		read := must(s.ReadKey(bg, v2))(t)
		if read.ID != second.ID || read.Secret.Reveal() != second.Secret.Reveal() || !read.Created.Equal(second.Created) {
			t.Fatalf("read back %s of %s", read.ID, read.Created)
		}
		failed(t, s.MoveCurrent(bg, v2, v1), rotation.ErrConflict, true)

		for _, k := range must(s.ListAccessKeys(bg))(t) {
			if want := map[string]rotation.KeyStatus{first.ID: rotation.Inactive, second.ID: rotation.Active}[k.ID]; k.Status != want {
				t.Fatalf("%s is %s", k.ID, k.Status)
			}
		}
		ok(t, s.DeleteAccessKey(bg, first.ID))
		ok(t, s.DeleteAccessKey(bg, first.ID)) // gone already is no error
		failed(t, s.UpdateAccessKey(bg, first.ID, rotation.Active), rotation.ErrNoKey, true)
		failed(t, s.GetCallerIdentity(bg, "us-east-1", first.ID, first.Secret), rotation.ErrInvalidKey, true)
		ok(t, s.GetCallerIdentity(bg, "us-east-1", second.ID, second.Secret))
		failed(t, s.GetCallerIdentity(bg, "us-east-1", second.ID, rotation.NewSensitive("wrong")), rotation.ErrWrongSecret, true)
		if got := w.Counts()["CreateAccessKey"]; got != 2 {
			t.Fatalf("%d creates", got)
		}
	})
}

func TestKeyLimitAndMissingUser(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	ok(t, w.People().CreateUser("full", "/", nil))
	for range 2 {
		must2(w.People().CreateAccessKey("full"))(t)
	}
	_, err := session(t, a, "full").CreateAccessKey(bg)
	failed(t, err, rotation.ErrKeyLimit, true)
	for _, call := range []func(*awscloud.Session) error{
		func(s *awscloud.Session) error { _, err := s.ListAccessKeys(bg); return err },
		func(s *awscloud.Session) error { _, err := s.CreateAccessKey(bg); return err },
		func(s *awscloud.Session) error {
			return s.UpdateAccessKey(bg, "AKIAABCDEFGHIJKLMNOP", rotation.Inactive)
		},
	} {
		failed(t, call(session(t, a, "nobody")), rotation.ErrNoUser, true)
	}
}

func must2[A, B any](_ A, _ B, err error) func(testing.TB) {
	return func(t testing.TB) { t.Helper(); ok(t, err) }
}

func TestLastUse(t *testing.T) {
	w := newWorld(awssim.Config{})
	s, key := onboarded(t, w, simulated(t, w), "ci")
	id, _, err := w.People().CreateAccessKey("ci")
	ok(t, err)
	if u := must(s.AccessKeyLastUsed(bg, id))(t); !u.At.IsZero() || u.Service != "" || u.Region != "" {
		t.Fatalf("a key that was never used: %+v", u)
	}
	if u := must(s.AccessKeyLastUsed(bg, key.ID))(t); u.At.IsZero() || u.Service != "sts" || u.Region != "us-east-1" {
		t.Fatalf("a key that was probed: %+v", u)
	}
}

// Small pages: everything is read, not the first page.
func TestEveryPage(t *testing.T) {
	w := newWorld(awssim.Config{PageSize: 2})
	a := simulated(t, w)
	for i := range 7 {
		ok(t, w.People().CreateUser(fmt.Sprintf("u%d", i), "/service/", map[string]string{"n": fmt.Sprint(i)}))
	}
	users := must(a.Users(bg))(t)
	found := 0
	for _, u := range users {
		if u.Path == "/service/" && u.Tags["n"] == u.Name[1:] && u.ID != "" && u.ARN != "" {
			found++
		}
	}
	if found != 7 {
		t.Fatalf("%d of 7 users found: %+v", found, users)
	}
	one := newWorld(awssim.Config{PageSize: 1})
	ok(t, one.People().CreateUser("two", "/", nil))
	for range 2 {
		must2(one.People().CreateAccessKey("two"))(t)
	}
	if keys := must(session(t, simulated(t, one), "two").ListAccessKeys(bg))(t); len(keys) != 2 {
		t.Fatalf("of two keys on two pages: %v", keys)
	}
	s, key := onboarded(t, w, a, "ci")
	ids := []rotation.NewKey{key}
	for range 4 {
		next := rotated(t, s, rotation.VersionID(ids[len(ids)-1].ID), ids[len(ids)-1])
		ok(t, s.DeleteAccessKey(bg, ids[len(ids)-1].ID))
		ids = append(ids, next)
	}
	versions := must(s.ListVersions(bg))(t)
	for _, k := range ids {
		if !versions[rotation.VersionID(k.ID)] {
			t.Fatalf("the version of %s is missing in %v", k.ID, versions)
		}
	}
	if keys := must(s.ListAccessKeys(bg))(t); len(keys) != 1 {
		t.Fatalf("keys: %v", keys)
	}
}

// The key answers, but for somebody else.
func TestWrongUser(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	for _, name := range []string{"ci", "other"} {
		ok(t, w.People().CreateUser(name, "/", nil))
	}
	id, secret, err := w.People().CreateAccessKey("other")
	ok(t, err)
	failed(t, session(t, a, "ci").GetCallerIdentity(bg, "us-east-1", id, rotation.NewSensitive(secret)), rotation.ErrWrongUser, true)
	ok(t, session(t, a, "other").GetCallerIdentity(bg, "us-east-1", id, rotation.NewSensitive(secret)))
	s := must(a.Session(awscloud.Subject{User: rotation.User{Account: account, Name: "other"}, UserID: "AIDAFORMERUSER"}))(t)
	failed(t, s.GetCallerIdentity(bg, "us-east-1", id, rotation.NewSensitive(secret)), rotation.ErrWrongUser, true)
	failed(t, s.GetCallerIdentity(bg, "us-east-1", id, rotation.Sensitive{}), rotation.ErrBadSecret, true)
	for arn, of := range map[string]string{
		"arn:aws:iam::123456789012:user/ci": account, "arn:aws:iam::999999999999:user/ci": "999999999999",
		"arn:aws:sts::123456789012:assumed-role/ops/ci": account,
	} {
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			return reply(r, 200, "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>"+arn+"</Arn><UserId>AIDA0</UserId><Account>"+of+
				"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"), nil
		})
		err := session(t, a, "ci").GetCallerIdentity(bg, "us-east-1", id, rotation.NewSensitive(secret))
		if own := arn == "arn:aws:iam::123456789012:user/ci"; own != (err == nil) || !own && !errors.Is(err, rotation.ErrWrongUser) {
			t.Errorf("a key that answers for %s: %v", arn, err)
		}
	}
}

func TestSecretThatBlocks(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	s, key := onboarded(t, w, a, "ci")
	p := w.People()
	ok(t, p.SetSecretRotation(s.SecretName(), true))
	ok(t, p.SetOwningService(s.SecretName(), "rds"))
	if d := must(s.DescribeSecret(bg))(t); !d.NativeRotation || d.OwningService != "rds" || d.PendingDeletion {
		t.Fatalf("%+v", d)
	}
	p.SetKMSBroken(true)
	_, err := s.ReadKey(bg, rotation.VersionID(key.ID))
	failed(t, err, rotation.ErrKMS, true)
	p.SetKMSBroken(false)
	ok(t, p.DeleteSecret(s.SecretName()))
	if d := must(s.DescribeSecret(bg))(t); !d.Exists || !d.PendingDeletion {
		t.Fatalf("%+v", d)
	}
	_, err = s.ReadKey(bg, rotation.VersionID(key.ID))
	failed(t, err, rotation.ErrPendingDeletion, true)
	failed(t, s.PutKey(bg, "00000000-0000-5000-8000-000000000000", key, rotation.VersionID(key.ID), ""), rotation.ErrPendingDeletion, true)
	failed(t, s.CreateSecret(bg, nil), rotation.ErrPendingDeletion, true)
	p.DisableRegion("us-east-1")
	failed(t, s.GetCallerIdentity(bg, "us-east-1", key.ID, key.Secret), rotation.ErrRegionDisabled, true)
}

func TestVersionIDTaken(t *testing.T) {
	w := newWorld(awssim.Config{})
	s, key := onboarded(t, w, simulated(t, w), "ci")
	other := key
	other.Secret = rotation.NewSensitive("another")
	failed(t, s.PutKey(bg, rotation.VersionID(key.ID), other, "", ""), rotation.ErrVersionTaken, true)
}

func TestIdentityAndDenial(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	if !a.Now().IsZero() {
		t.Fatal("AWS's time is known before AWS said anything")
	}
	who := must(a.Identity(bg))(t)
	if who.Account != account || who.ARN == "" || a.Now().IsZero() || a.Calls() != 1 {
		t.Fatalf("%+v, now %s, %d calls", who, a.Now(), a.Calls())
	}
	rotator := who.ARN[len("arn:aws:iam::"+account+":user/"):]
	ok(t, w.People().CreateUser("ci", "/", nil))
	ok(t, w.People().Deny(rotator, "iam:CreateAccessKey", "secretsmanager:PutSecretValue", "iam:GetAccountAuthorizationDetails"))
	s := session(t, a, "ci")
	_, err := s.CreateAccessKey(bg)
	if e := failed(t, err, rotation.ErrDenied, true); e.Action != "iam:CreateAccessKey" {
		t.Fatalf("action to allow: %q", e.Action)
	}
	err = s.PutKey(bg, rotation.VersionID("AKIA"), rotation.NewKey{ID: "AKIA", Secret: rotation.NewSensitive("s")}, "", "")
	if e := failed(t, err, rotation.ErrDenied, true); e.Action != "secretsmanager:PutSecretValue" {
		t.Fatalf("action to allow: %q", e.Action)
	}
	_, err = a.Users(bg)
	if e := failed(t, err, rotation.ErrDenied, true); e.Action != "iam:GetAccountAuthorizationDetails" {
		t.Fatalf("action to allow: %q", e.Action)
	}
	if errors.Unwrap(err) != rotation.ErrDenied {
		t.Fatal(err)
	}
}
