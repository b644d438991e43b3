package awssim_test

import (
	"testing"
	"testing/synctest"

	"github.com/keyturn/keyturn/internal/awssim"
)

// TestSuccessThatNobodyLearnedOfProvesNothing: a rotator cannot have counted an answer it never got.
func TestSuccessThatNobodyLearnedOfProvesNothing(t *testing.T) {
	for _, fate := range []awssim.Fate{{DropReply: true}, {FailAfter: awssim.ServiceFailure}} {
		synctest.Test(t, func(t *testing.T) {
			var now awssim.Fate
			w := awssim.New(awssim.Config{Violation: func(string) {}, OnCall: func(*awssim.Call) awssim.Fate { return now }})
			c := people(t, w, "alice")
			w.Care("alice", awssim.Care{SecretName: "s"})
			c.createSecret("s")
			k := c.createKey("alice")
			now = fate
			if _, err := connect(t, w, *k.AccessKeyId, *k.SecretAccessKey, "us-east-1").sts.GetCallerIdentity(bg, nil); err == nil {
				t.Fatal("the answer arrived")
			}
			now = awssim.Fate{}
			c.put("s", k)
			if len(w.Violations()) != 1 {
				t.Fatalf("violations: %q", w.Violations())
			}
		})
	}
}

func TestTruthOfKeys(t *testing.T) {
	w := awssim.New(awssim.Config{SecretMark: "CANARYcanaryCANARY"})
	c := people(t, w, "alice")
	k := c.createKey("alice")
	c.setStatus("alice", *k.AccessKeyId, off)
	got := w.Keys("alice")[0]
	if got.Status != "Inactive" || got.InactiveSince.IsZero() || !got.ByRotator || got.Secret != *k.SecretAccessKey {
		t.Fatalf("%+v", got)
	}
	if len(got.Secret) != 40 || got.Secret[:18] != "CANARYcanaryCANARY" {
		t.Fatal("the secret is not marked")
	}
	c.setStatus("alice", *k.AccessKeyId, on)
	if got := w.Keys("alice")[0]; !got.InactiveSince.IsZero() {
		t.Fatalf("%+v", got)
	}
}
