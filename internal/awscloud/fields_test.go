package awscloud_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

func current(t testing.TB, w *awssim.World, name string) awssim.SecretVersion {
	t.Helper()
	v := w.Secret(name).Stage("AWSCURRENT")
	if v == nil {
		t.Fatal("no current version")
	}
	return *v
}

// A person adds fields in the console; from then on every rotation keeps them, rotations on our own versions included, and no
// rotation before that costs a read.
func TestOthersFieldsSurviveEveryRotation(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	s, key := onboarded(t, w, a, "ci")
	must(s.DescribeSecret(bg))(t)
	old := key
	key = rotated(t, s, rotation.VersionID(key.ID), key)
	if n := w.Counts()["GetSecretValue"]; n != 0 {
		t.Fatalf("%d values were read though the secret holds nothing of others", n)
	}
	ok(t, s.DeleteAccessKey(bg, old.ID))

	edited := strings.Replace(current(t, w, s.SecretName()).Value, "{", "{ \"endpoint\" : \"https://db\",\n", 1)
	edited = strings.TrimSuffix(edited, "}") + `,"port":5432.00}`
	ok(t, w.People().PutSecretValue(s.SecretName(), edited))
	for i := range 4 {
		w.ResetCounts()
		s = session(t, a, "ci") // each run is a new session, and maybe a new process
		d := must(s.DescribeSecret(bg))(t)
		for _, labels := range d.Versions {
			for _, l := range labels {
				if !strings.HasPrefix(l, "AWS") {
					t.Fatalf("the label %s leaks", l)
				}
			}
		}
		old, key = key, rotated(t, s, d.Stage(rotation.StageCurrent), key)
		ok(t, s.DeleteAccessKey(bg, old.ID))
		value := current(t, w, s.SecretName()).Value
		var got struct {
			AccessKeyId, OldAccessKeyId string
		}
		ok(t, json.Unmarshal([]byte(value), &got))
		if got.AccessKeyId != key.ID || got.OldAccessKeyId != old.ID ||
			!strings.HasPrefix(value, "{ \"endpoint\" : \"https://db\",\n") || !strings.Contains(value, `,"port":5432.00`) {
			t.Fatalf("rotation %d lost fields of others", i)
		}
		if n := w.Counts()["GetSecretValue"]; n != 1 {
			t.Fatalf("rotation %d: %d reads", i, n)
		}
		same, err := s.SameFields(bg, rotation.VersionID(key.ID), d.Stage(rotation.StageCurrent))
		if err != nil || !same {
			t.Fatalf("same fields: %t, %v", same, err)
		}
	}
	before := rotation.VersionID(key.ID)
	ok(t, w.People().PutSecretValue(s.SecretName(), strings.Replace(current(t, w, s.SecretName()).Value, "5432", "5433", 1)))
	now := must(s.DescribeSecret(bg))(t).Stage(rotation.StageCurrent)
	if same := must(s.SameFields(bg, before, now))(t); same {
		t.Fatal("a rollback would undo a person's edit unnoticed")
	}
}

// Whether a version holds fields of others is known by the labels of this very run; without them, and in a secret that others
// had before keyturn, the value is read.
func TestValueIsReadUnlessTheLabelsSayThatItIsOurs(t *testing.T) {
	for _, c := range []struct{ existing, described bool }{{false, false}, {true, true}} {
		w := newWorld(awssim.Config{})
		a := simulated(t, w, func(c2 *awscloud.Config) { c2.Existing = c.existing })
		_, key := onboarded(t, w, a, "ci")
		s := session(t, a, "ci")
		if c.described {
			must(s.DescribeSecret(bg))(t)
		}
		rotated(t, s, rotation.VersionID(key.ID), key)
		if n := w.Counts()["GetSecretValue"]; n != 1 {
			t.Errorf("%+v: %d reads", c, n)
		}
	}
}

func TestSameFieldsCostsNothingWithoutOthers(t *testing.T) {
	w := newWorld(awssim.Config{})
	s, key := onboarded(t, w, simulated(t, w), "ci")
	next := rotated(t, s, rotation.VersionID(key.ID), key)
	must(s.DescribeSecret(bg))(t)
	if same := must(s.SameFields(bg, rotation.VersionID(key.ID), rotation.VersionID(next.ID)))(t); !same || w.Counts()["GetSecretValue"] != 0 {
		t.Fatal("versions of ours alone differ, or were read")
	}
}

// Values that cannot be kept are refused before anything is written, in one sentence without the value.
func TestValuesThatCannotBeKept(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{"text", "hunter2-not-json", "not a JSON object"},
		{"twice", `{"a":"hunter2","a":"b"}`, "twice"},
		{"other names", `{"aws_access_key_id":"AKIAA","aws_secret_access_key":"hunter2"}`, `set secret.fields`},
		{"too long", `{"a":"` + strings.Repeat("hunter2-", 8190) + `"}`, "65536"},
	} {
		w := newWorld(awssim.Config{})
		a := simulated(t, w)
		s, _ := onboarded(t, w, a, "ci")
		ok(t, w.People().PutSecretValue(s.SecretName(), c.value))
		d := must(s.DescribeSecret(bg))(t)
		key := must(s.CreateAccessKey(bg))(t)
		err := s.PutKey(bg, rotation.VersionID(key.ID), key, d.Stage(rotation.StageCurrent), "")
		kind := rotation.ErrBadSecret
		if c.name == "too long" {
			kind = rotation.ErrInvalid
		}
		failed(t, err, kind, true)
		if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") || w.Counts()["PutSecretValue"] != 1 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// An existing secret with names of its own.
func TestExistingSecretWithItsOwnNames(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w, func(c *awscloud.Config) {
		c.Existing, c.SecretName = true, "app/{{.User}}-abcdef"
		c.Fields = awscloud.Fields{AccessKeyID: "aws_access_key_id", SecretAccessKey: "aws_secret_access_key"}
	})
	ok(t, w.People().CreateUser("ci", "/", nil))
	id, secret, err := w.People().CreateAccessKey("ci")
	ok(t, err)
	ok(t, w.People().CreateSecret("app/ci-abcdef", `{"host":"db","aws_access_key_id":"`+id+`","aws_secret_access_key":"`+secret+`"}`, nil))
	s := session(t, a, "ci")
	from := must(s.DescribeSecret(bg))(t).Stage(rotation.StageCurrent)
	if k := must(s.ReadKey(bg, from))(t); k.ID != id || k.Secret.Reveal() != secret {
		t.Fatalf("read %s", k.ID)
	}
	key := rotated(t, s, from, rotation.NewKey{ID: id})
	want := `{"host":"db","aws_access_key_id":"` + key.ID + `","aws_secret_access_key":"` + key.Secret.Reveal() + `"}`
	if current(t, w, "app/ci-abcdef").Value != want {
		t.Fatal("the value has another form than before")
	}
}

// A value that names no key is no error: somebody's fields stand in it, and a key comes beside them.
func TestValueWithoutKey(t *testing.T) {
	w := newWorld(awssim.Config{})
	s, _ := onboarded(t, w, simulated(t, w), "ci")
	ok(t, w.People().PutSecretValue(s.SecretName(), `{"note":"moved to vault"}`))
	d := must(s.DescribeSecret(bg))(t)
	if k := must(s.ReadKey(bg, d.Stage(rotation.StageCurrent)))(t); k.ID != "" || !k.Secret.IsZero() {
		t.Fatalf("read %s", k.ID)
	}
}
