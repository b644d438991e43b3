package conformance

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// deleteCases are about secrets that are going or gone.
var deleteCases = []Case{
	{Name: "the window is 30 days unless told", Run: func(t *T) {
		t.create("one")
		out, err := t.remove(0)
		t.ok(err)
		equal(t, "name", *out.Name, t.Name)
		equal(t, "days", time.Until(*out.DeletionDate).Round(time.Hour), 30*24*time.Hour)
		at := t.describe().DeletedDate
		if at == nil {
			t.Fatal("describe tells no deletion")
		}
		equal(t, "deletion told within a second", at.Sub(*out.DeletionDate).Abs() <= time.Second, true)
	}},
	{Name: "a window of 7 days", Run: func(t *T) {
		t.create("one")
		out, err := t.remove(7)
		t.ok(err)
		equal(t, "days", time.Until(*out.DeletionDate).Round(time.Hour), 7*24*time.Hour)
	}},
	{Name: "a window of 6 days is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.remove(6)
		t.refused(err, invalidParam)
		t.value(current, "one")
	}},
	{Name: "a window of 31 days is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.remove(31)
		t.refused(err, invalidParam)
	}},
	{Name: "window and force at once are refused", Run: func(t *T) {
		t.create("one")
		_, err := t.SM.DeleteSecret(t.ctx, &secretsmanager.DeleteSecretInput{
			SecretId: &t.Name, RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true),
		})
		t.refused(err, invalidParam)
		t.value(current, "one")
	}},
	{Name: "an unknown secret", Run: func(t *T) {
		_, err := t.remove(0)
		t.absent(err)
	}},
	{Name: "pending deletion cannot be read", Run: func(t *T) {
		t.gone()
		_, err := t.get(current)
		t.refused(err, invalidRequest)
	}},
	{Name: "pending deletion cannot be written", Run: func(t *T) {
		t.gone()
		_, err := t.tryPut(2, "two", pending)
		t.Differs("deleted-secret-changes", func() { t.refused(err, invalidRequest) }, func() { t.ok(err) })
	}},
	{Name: "pending deletion cannot be promoted", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		_, err := t.remove(0)
		t.ok(err)
		err = t.move(current, 1, 2)
		t.Differs("deleted-secret-changes", func() {
			t.refused(err, invalidRequest)
			t.labels("AWSCURRENT=1 AWSPENDING=2")
		}, func() { t.ok(err) })
	}},
	{Name: "pending deletion cannot be tagged", Run: func(t *T) {
		t.gone()
		err := t.tagSecret(smtag("a", "1"))
		t.Differs("deleted-secret-changes", func() { t.refused(err, invalidRequest) }, func() { t.ok(err) })
	}},
	{Name: "pending deletion cannot be updated", Run: func(t *T) {
		t.gone()
		_, err := t.SM.UpdateSecret(t.ctx, &secretsmanager.UpdateSecretInput{SecretId: &t.Name, SecretString: aws.String("two"), ClientRequestToken: aws.String(version(2))})
		t.refused(err, invalidRequest)
	}},
	{Name: "pending deletion keeps its name", Run: func(t *T) {
		t.gone()
		_, err := t.tryCreate(t.Name, "two", version(2))
		t.Differs("deleted-name-exists", func() { t.refused(err, invalidRequest) }, func() { t.refused(err, resourceExists) })
	}},
	{Name: "pending deletion can be described", Run: func(t *T) {
		t.gone()
		got := t.describe()
		equal(t, "deletion told", got.DeletedDate != nil, true)
		t.labels("AWSCURRENT=1")
	}},
	{Name: "restore brings all back", Run: func(t *T) {
		t.create("one", smtag("team", "red"))
		t.put(2, "two", pending)
		_, err := t.remove(0)
		t.ok(err)
		out, err := t.SM.RestoreSecret(t.ctx, &secretsmanager.RestoreSecretInput{SecretId: &t.Name})
		t.ok(err)
		equal(t, "name", *out.Name, t.Name)
		equal(t, "deletion told", t.describe().DeletedDate != nil, false)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
		t.value(current, "one")
		equal(t, "tag", t.secretTags()["team"], "red")
	}},
	{Name: "restore of an unknown secret", Run: func(t *T) {
		_, err := t.SM.RestoreSecret(t.ctx, &secretsmanager.RestoreSecretInput{SecretId: &t.Name})
		t.absent(err)
	}},
	{Name: "force takes it away at once, and the name is free", Run: func(t *T) {
		first := t.create("one")
		t.force()
		_, err := t.SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.absent(err)
		second := t.create("two")
		if *second.ARN == *first.ARN {
			t.Errorf("the new secret has the old one's ARN %s", *first.ARN)
		}
	}},
	{Name: "force on an unknown secret is granted", Run: func(t *T) { t.force() }},
	{Name: "force on a secret pending deletion", Run: func(t *T) {
		t.gone()
		t.force()
		_, err := t.SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.absent(err)
	}},
}

// gone makes a secret that is pending deletion.
func (t *T) gone() {
	t.Helper()
	t.create("one")
	_, err := t.remove(0)
	t.ok(err)
}

// force deletes the case's secret at once.
func (t *T) force() {
	t.Helper()
	_, err := t.SM.DeleteSecret(t.ctx, &secretsmanager.DeleteSecretInput{SecretId: &t.Name, ForceDeleteWithoutRecovery: aws.Bool(true)})
	t.ok(err)
}
