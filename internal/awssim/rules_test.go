package awssim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/internal/awssim"
)

const (
	off = iamtypes.StatusTypeInactive
	on  = iamtypes.StatusTypeActive

	grace      = 2 * time.Minute
	retention  = 3 * time.Minute
	quarantine = 5 * time.Minute
)

// scene is a user under care whose first key K0 is stored, verified and current for a grace already.
type scene struct {
	*client
	k0 *iamtypes.AccessKey
	v0 string
}

func newScene(t *testing.T, people bool) *scene {
	w := awssim.New(awssim.Config{Seed: 7, Violation: func(string) {}})
	if err := w.People().CreateUser("alice", "", nil); err != nil {
		t.Fatal(err)
	}
	s := &scene{client: rotator(t, w)}
	care := awssim.Care{
		SecretName: "s", Grace: grace, Retention: retention, Quarantine: quarantine, VerifySuccesses: 2,
	}
	if people {
		id, secret, err := w.People().CreateAccessKey("alice")
		if err != nil {
			t.Fatal(err)
		}
		s.k0 = &iamtypes.AccessKey{AccessKeyId: &id, SecretAccessKey: &secret}
		w.Care("alice", care)
		return s
	}
	w.Care("alice", care)
	s.createSecret("s")
	s.k0 = s.createKey("alice")
	s.verify(s.k0, "us-east-1", 2)
	s.v0 = s.put("s", s.k0, "AWSPENDING")
	time.Sleep(grace)
	return s
}

// rotate brings a new key into service as it should be done.
func (s *scene) rotate() (*iamtypes.AccessKey, string) {
	s.t.Helper()
	k := s.createKey("alice")
	v := s.put("s", k, "AWSPENDING")
	s.verify(k, "us-east-1", 2)
	if err := s.move("s", "AWSCURRENT", v, s.v0); err != nil {
		s.t.Fatal(err)
	}
	return k, v
}

func (s *scene) status(k *iamtypes.AccessKey, status iamtypes.StatusType) {
	s.t.Helper()
	if err := s.setStatus("alice", *k.AccessKeyId, status); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) remove(k *iamtypes.AccessKey) {
	s.t.Helper()
	if err := s.deleteKey("alice", *k.AccessKeyId); err != nil {
		s.t.Fatal(err)
	}
}

// TestViolators breaks each safety rule as a naive rotator would. Every case ends right after the act
// that the rule must catch, and catches nothing before it.
func TestViolators(t *testing.T) {
	cases := []struct {
		name, rule string
		people     bool // K0 was made by people and nothing is stored
		run        func(*scene)
	}{
		{"promoted without verification", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.silent()
			s.move("s", "AWSCURRENT", s.put("s", k1, "AWSPENDING"), s.v0)
		}},
		{"verified once instead of twice", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "us-east-1", 1)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"verified in another Region", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "eu-west-1", 2)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"verified before a deactivation", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "us-east-1", 2)
			s.status(k1, off)
			s.status(k1, on)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"rolled back without verification", awssim.RulePromote, false, func(s *scene) {
			_, v1 := s.rotate()
			s.silent()
			s.move("s", "AWSCURRENT", s.v0, v1)
		}},
		{"rolled back to a deactivated key", awssim.RulePromote, false, func(s *scene) {
			_, v1 := s.rotate()
			time.Sleep(grace)
			s.status(s.k0, off)
			s.silent()
			s.move("s", "AWSCURRENT", s.v0, v1)
		}},
		{"first version of an unverified key, stored as pending", awssim.RulePromote, true, func(s *scene) {
			s.createSecret("s")
			k1 := s.createKey("alice")
			s.silent()
			s.put("s", k1, "AWSPENDING")
		}},
		{"value with the wrong secret", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.verify(k1, "us-east-1", 2)
			wrong := &iamtypes.AccessKey{AccessKeyId: k1.AccessKeyId, SecretAccessKey: s.k0.SecretAccessKey}
			v1 := s.put("s", wrong, "AWSPENDING")
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"value that names no key of the user", awssim.RulePromote, false, func(s *scene) {
			v1 := s.putValue("s", token("stranger"), `{"AccessKeyId":"AKIAAAAAAAAAAAAAAAAA","SecretAccessKey":"x"}`, "AWSPENDING")
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"value that names another user's key", awssim.RulePromote, false, func(s *scene) {
			if err := s.w.People().CreateUser("bob", "", nil); err != nil {
				s.t.Fatal(err)
			}
			k1 := s.createKey("bob")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"verified twice, and not in a row", awssim.RulePromote, false, func(s *scene) {
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "us-east-1", 1)
			_, err := connect(s.t, s.w, *k1.AccessKeyId, "wrong", "us-east-1").sts.GetCallerIdentity(bg, nil)
			refused(s.t, err, "SignatureDoesNotMatch")
			s.verify(k1, "us-east-1", 1)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"stored as AWSCURRENT by name", awssim.RulePending, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			s.put("s", k1, "AWSCURRENT")
		}},
		{"stored over AWSCURRENT", awssim.RulePending, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			s.put("s", k1)
		}},
		{"UpdateSecret over AWSCURRENT", awssim.RulePending, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			must(s.sm.UpdateSecret(bg, &secretsmanager.UpdateSecretInput{
				SecretId: aws.String("s"), SecretString: aws.String(valueOf(k1, nil)),
			}))(s.t)
		}},
		{"promotion that loses people's field", awssim.RuleFields, false, func(s *scene) {
			if err := s.w.People().PutSecretValue("s", valueOf(s.k0, map[string]string{"host": "db1"})); err != nil {
				s.t.Fatal(err)
			}
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.w.Secret("s").Stage("AWSCURRENT").ID)
		}},
		{"deactivated within the grace", awssim.RuleRetire, false, func(s *scene) {
			s.rotate()
			time.Sleep(grace - time.Millisecond)
			s.silent()
			s.status(s.k0, off)
		}},
		{"deactivated the current key", awssim.RuleRetire, false, func(s *scene) {
			s.silent()
			s.status(s.k0, off)
		}},
		{"deactivated while the successor is Inactive", awssim.RuleRetire, false, func(s *scene) {
			k1, _ := s.rotate()
			time.Sleep(grace)
			if err := s.w.People().SetKeyStatus("alice", *k1.AccessKeyId, "Inactive"); err != nil {
				s.t.Fatal(err)
			}
			s.silent()
			s.status(s.k0, off)
		}},
		{"deactivated a legacy key without a successor", awssim.RuleRetire, true, func(s *scene) {
			s.w.AllowRetire(*s.k0.AccessKeyId)
			s.silent()
			s.status(s.k0, off)
		}},
		{"deactivated while the secret is being deleted", awssim.RuleRetire, false, func(s *scene) {
			s.rotate()
			time.Sleep(grace)
			if err := s.w.People().DeleteSecret("s"); err != nil {
				s.t.Fatal(err)
			}
			s.silent()
			s.status(s.k0, off)
		}},
		{"deleted the current key", awssim.RuleDelete, false, func(s *scene) {
			s.w.People().SetKeyStatus("alice", *s.k0.AccessKeyId, "Inactive")
			time.Sleep(retention)
			s.silent()
			s.remove(s.k0)
		}},
		{"deleted while Active", awssim.RuleDelete, false, func(s *scene) {
			s.rotate()
			time.Sleep(time.Hour)
			s.silent()
			s.remove(s.k0)
		}},
		{"deleted within the retention", awssim.RuleDelete, false, func(s *scene) {
			s.rotate()
			time.Sleep(grace)
			s.status(s.k0, off)
			time.Sleep(retention - time.Millisecond)
			s.silent()
			s.remove(s.k0)
		}},
		{"retention counted from an earlier deactivation", awssim.RuleDelete, false, func(s *scene) {
			s.rotate()
			time.Sleep(grace)
			s.status(s.k0, off)
			time.Sleep(retention)
			s.w.People().SetKeyStatus("alice", *s.k0.AccessKeyId, "Active")
			s.status(s.k0, off)
			s.silent()
			s.remove(s.k0)
		}},
		{"deleted an orphan within its quarantine", awssim.RuleDelete, false, func(s *scene) {
			k1 := s.createKey("alice")
			s.status(k1, off)
			time.Sleep(quarantine - time.Millisecond)
			s.silent()
			s.remove(k1)
		}},
		{"deactivated a foreign key", awssim.RuleForeign, true, func(s *scene) {
			s.silent()
			s.status(s.k0, off)
		}},
		{"deleted a foreign key", awssim.RuleForeign, true, func(s *scene) {
			s.w.People().SetKeyStatus("alice", *s.k0.AccessKeyId, "Inactive")
			time.Sleep(time.Hour)
			s.silent()
			s.remove(s.k0)
		}},
		{"reactivated a foreign key", awssim.RuleForeign, true, func(s *scene) {
			s.w.People().SetKeyStatus("alice", *s.k0.AccessKeyId, "Inactive")
			s.silent()
			s.status(s.k0, on)
		}},
		{"a second key whose secret nobody holds", awssim.RuleTwoKeys, true, func(s *scene) {
			s.w.People().DeleteAccessKey("alice", *s.k0.AccessKeyId)
			s.createKey("alice")
			s.silent()
			s.createKey("alice")
		}},
		{"promoted a revoked key that people reactivated", awssim.RuleRevoked, false, func(s *scene) {
			k1 := s.createKey("alice")
			v1 := s.put("s", k1, "AWSPENDING")
			s.w.AllowRevoke(*k1.AccessKeyId)
			s.status(k1, off)
			s.w.People().SetKeyStatus("alice", *k1.AccessKeyId, "Active")
			s.verify(k1, "us-east-1", 2)
			s.silent()
			s.move("s", "AWSCURRENT", v1, s.v0)
		}},
		{"reactivated a revoked key", awssim.RuleRevoked, false, func(s *scene) {
			s.rotate()
			s.w.AllowRevoke(*s.k0.AccessKeyId)
			s.status(s.k0, off)
			s.silent()
			s.status(s.k0, on)
		}},
		{"deleted the secret of the current key", awssim.RuleLastCopy, false, func(s *scene) {
			s.silent()
			must(s.sm.DeleteSecret(bg, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")}))(s.t)
		}},
		{"deleted the user", awssim.RuleLastCopy, true, func(s *scene) {
			s.w.People().DeleteAccessKey("alice", *s.k0.AccessKeyId)
			s.silent()
			must(s.iam.DeleteUser(bg, &iam.DeleteUserInput{UserName: aws.String("alice")}))(s.t)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, c.people)
				c.run(s)
				broken := s.w.Violations()
				if len(broken) == 0 || !strings.HasPrefix(broken[0], c.rule+": user alice at ") {
					t.Fatalf("the rule %q did not catch it: %q", c.rule, broken)
				}
			})
		})
	}
}

// TestInactiveKeyIsNamed: a promotion is wrong for two reasons when its key is Inactive, and both are told.
func TestInactiveKeyIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, false)
		_, v1 := s.rotate()
		time.Sleep(grace)
		s.status(s.k0, off)
		s.silent()
		s.move("s", "AWSCURRENT", s.v0, v1)
		all := strings.Join(s.w.Violations(), "\n")
		for _, says := range []string{"whose key " + *s.k0.AccessKeyId + " is Inactive", "answered 0 times"} {
			if !strings.Contains(all, says) {
				t.Errorf("nobody says %q: %s", says, all)
			}
		}
	})
}

// silent stops the test when a rule spoke too early.
func (s *scene) silent() {
	s.t.Helper()
	if broken := s.w.Violations(); len(broken) > 0 {
		s.t.Fatalf("a rule spoke too early: %q", broken)
	}
}

// TestGoodRunsAreSilent does everything that a careful rotator does.
func TestGoodRunsAreSilent(t *testing.T) {
	cases := []struct {
		name   string
		people bool
		run    func(*scene)
	}{
		{"three whole lives", false, func(s *scene) {
			for range 3 {
				k, v := s.rotate()
				time.Sleep(grace)
				s.status(s.k0, off)
				time.Sleep(retention)
				s.remove(s.k0)
				s.k0, s.v0 = k, v
			}
		}},
		{"legacy key retired", true, func(s *scene) {
			s.w.AllowRetire(*s.k0.AccessKeyId)
			s.createSecret("s")
			k := s.createKey("alice")
			s.verify(k, "us-east-1", 2)
			s.put("s", k)
			time.Sleep(grace)
			s.status(s.k0, off)
			time.Sleep(retention)
			s.remove(s.k0)
		}},
		{"rolled back with verification", false, func(s *scene) {
			_, v1 := s.rotate()
			time.Sleep(grace)
			s.status(s.k0, off)
			s.status(s.k0, on)
			s.verify(s.k0, "us-east-1", 2)
			if err := s.move("s", "AWSCURRENT", s.v0, v1); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"revoke of the current key", false, func(s *scene) {
			s.w.AllowRevoke(*s.k0.AccessKeyId)
			s.status(s.k0, off)
			s.rotate()
			time.Sleep(retention)
			s.remove(s.k0)
		}},
		{"orphan removed after its quarantine", false, func(s *scene) {
			k := s.createKey("alice")
			s.status(k, off)
			time.Sleep(quarantine)
			s.remove(k)
			s.rotate()
		}},
		{"orphan of a user without a secret", true, func(s *scene) {
			k := s.createKey("alice")
			s.status(k, off)
			time.Sleep(quarantine)
			s.remove(k)
		}},
		{"pending key given up", false, func(s *scene) {
			k := s.createKey("alice")
			s.put("s", k, "AWSPENDING")
			s.status(k, off)
			s.remove(k)
			s.rotate()
		}},
		{"people's fields kept", false, func(s *scene) {
			more := map[string]string{"host": "db1", "OldAccessKeyId": *s.k0.AccessKeyId, "CreatedDate": "2026-01-02T03:04:05Z"}
			s.w.People().PutSecretValue("s", valueOf(s.k0, more))
			k := s.createKey("alice")
			v := s.putValue("s", token("kept"), valueOf(k, map[string]string{"host": "db1"}), "AWSPENDING")
			s.verify(k, "us-east-1", 2)
			if err := s.move("s", "AWSCURRENT", v, s.w.Secret("s").Stage("AWSCURRENT").ID); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"what people do to their own users", false, func(s *scene) {
			p := s.w.People()
			p.SetKeyStatus("alice", *s.k0.AccessKeyId, "Inactive")
			p.PutSecretValue("s", "{}")
			p.DeleteAccessKey("alice", *s.k0.AccessKeyId)
			p.PurgeSecret("s")
			p.DeleteUser("alice")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, c.people)
				c.run(s)
				s.silent()
			})
		})
	}
}

func TestPeopleGraceExcusesWhatCouldNotBeKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, false)
		s.w.Care("alice", awssim.Care{SecretName: "s", Grace: grace, VerifySuccesses: 2, PeopleGrace: time.Minute})
		k1, _ := s.rotate()
		time.Sleep(grace)
		s.w.People().SetKeyStatus("alice", *k1.AccessKeyId, "Inactive")
		time.Sleep(time.Minute - time.Second)
		s.status(s.k0, off)
		s.silent()
		s.status(s.k0, on)
		time.Sleep(2 * time.Second)
		s.status(s.k0, off)
		if len(s.w.Violations()) != 1 {
			t.Fatalf("after the grace of people's act: %q", s.w.Violations())
		}
	})
}

func TestViolationPanicsByDefault(t *testing.T) {
	w := awssim.New(awssim.Config{})
	w.People().CreateUser("alice", "", nil)
	id, _, _ := w.People().CreateAccessKey("alice")
	w.Care("alice", awssim.Care{SecretName: "s"})
	r := rotator(t, w)
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "foreign: user alice") {
			t.Fatalf("recovered %v", v)
		}
	}()
	r.deleteKey("alice", id)
}
