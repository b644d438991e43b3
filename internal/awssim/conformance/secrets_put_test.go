package conformance

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// putCases are about PutSecretValue and UpdateSecret.
var putCases = []Case{
	{Name: "answers every field", Run: func(t *T) {
		made := t.create("one")
		out := t.put(2, "two", pending)
		equal(t, "ARN", *out.ARN, *made.ARN)
		equal(t, "name", *out.Name, t.Name)
		equal(t, "version", *out.VersionId, version(2))
		equal(t, "stages", strings.Join(out.VersionStages, " "), pending)
	}},
	{Name: "without stages moves AWSCURRENT at once", Run: func(t *T) {
		t.create("one")
		out := t.put(2, "two")
		equal(t, "stages", strings.Join(out.VersionStages, " "), current)
		t.labels("AWSCURRENT=2 AWSPREVIOUS=1")
		t.value(current, "two")
		t.value(previous, "one")
	}},
	{Name: "AWSPREVIOUS follows", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		t.labels("AWSCURRENT=3 AWSPREVIOUS=2")
	}},
	{Name: "AWSPENDING leaves AWSCURRENT", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
		t.value(current, "one")
		t.value(pending, "two")
	}},
	{Name: "AWSPENDING moves from where it was", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.put(3, "three", pending)
		t.labels("AWSCURRENT=1 AWSPENDING=3")
	}},
	{Name: "AWSPENDING moves off the current version, too", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.ok(t.move(current, 1, 2))
		t.put(3, "three", pending)
		t.labels("AWSCURRENT=2 AWSPENDING=3 AWSPREVIOUS=1")
	}},
	{Name: "the first version becomes current though AWSPENDING was asked", Run: func(t *T) {
		t.create("")
		out := t.put(1, "one", pending)
		equal(t, "answer has AWSCURRENT", slices.Contains(out.VersionStages, current), true)
		t.labels("AWSCURRENT=1 AWSPENDING=1")
		t.value(current, "one")
	}},
	{Name: "the first version becomes current though another stage was asked", Run: func(t *T) {
		t.create("")
		t.put(1, "one", "MINE")
		t.labels("AWSCURRENT=1 MINE=1")
	}},
	{Name: "the first version without stages is current", Run: func(t *T) {
		t.create("")
		t.put(1, "one")
		t.labels("AWSCURRENT=1")
	}},
	{Name: "the second version of an empty secret stays pending", Run: func(t *T) {
		t.create("")
		t.put(1, "one", pending)
		t.put(2, "two", pending)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
	}},
	{Name: "same token, same value: nothing happens", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		out := t.put(2, "two")
		equal(t, "version", *out.VersionId, version(2))
		t.labels("AWSCURRENT=2 AWSPREVIOUS=1")
	}},
	{Name: "same token, same value, pending: nothing happens", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		out := t.put(2, "two", pending)
		equal(t, "version", *out.VersionId, version(2))
		t.labels("AWSCURRENT=1 AWSPENDING=2")
	}},
	{Name: "an old token and value moves no label back", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(1, "one")
		t.labels("AWSCURRENT=2 AWSPREVIOUS=1")
	}},
	{Name: "same token, other value is refused", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		_, err := t.tryPut(2, "three")
		t.refused(err, resourceExists)
		t.value(current, "two")
	}},
	{Name: "same token, other value, pending is refused", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		_, err := t.tryPut(2, "three", pending)
		t.Differs("pending-value-overwritten", func() {
			t.refused(err, resourceExists)
			t.value(pending, "two")
		}, func() {
			t.ok(err)
			t.value(pending, "three")
		})
	}},
	{Name: "an unknown secret", Run: func(t *T) {
		_, err := t.tryPut(1, "one")
		t.absent(err)
	}},
	{Name: "without a value is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.SM.PutSecretValue(t.ctx, &secretsmanager.PutSecretValueInput{SecretId: &t.Name})
		t.refused(err, invalidParam, invalidRequest)
	}},
	{Name: "a value of 65,537 bytes is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.tryPut(2, strings.Repeat("v", 65537))
		t.Differs("secret-size-unchecked", func() {
			t.refused(err, validation, invalidParam)
			t.value(current, "one")
		}, func() { t.ok(err) })
	}},
	{Name: "a token of 31 characters is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.SM.PutSecretValue(t.ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &t.Name, SecretString: aws.String("two"), ClientRequestToken: aws.String(strings.Repeat("t", 31)),
		})
		t.refused(err, invalidParam, validation)
	}},
	{Name: "by ARN", Run: func(t *T) {
		made := t.create("one")
		_, err := t.SM.PutSecretValue(t.ctx, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("two")})
		t.ok(err)
		t.value(current, "two")
	}},
	{Name: "the version id is made up when none is given", Run: func(t *T) {
		t.create("one")
		out, err := t.SM.PutSecretValue(t.ctx, &secretsmanager.PutSecretValueInput{SecretId: &t.Name, SecretString: aws.String("two")})
		t.ok(err)
		equal(t, "length of version id", len(*out.VersionId), 36)
	}},
	{Name: "tags outlive values", Run: func(t *T) {
		t.create("one", smtag("keyturn:user", "v1 AIDA"))
		t.put(2, "two")
		equal(t, "tag", t.secretTags()["keyturn:user"], "v1 AIDA")
	}},
	{Name: "a stage of one's own", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", "MINE")
		t.labels("AWSCURRENT=1 MINE=2")
		t.value("MINE", "two")
	}},
	{Name: "update with a value moves AWSCURRENT", Run: func(t *T) {
		t.create("one")
		_, err := t.SM.UpdateSecret(t.ctx, &secretsmanager.UpdateSecretInput{
			SecretId: &t.Name, SecretString: aws.String("two"), ClientRequestToken: aws.String(version(2)),
		})
		t.ok(err)
		t.labels("AWSCURRENT=2 AWSPREVIOUS=1")
		t.value(current, "two")
	}},
	{Name: "update of the description makes no version", Run: func(t *T) {
		t.create("one")
		_, err := t.SM.UpdateSecret(t.ctx, &secretsmanager.UpdateSecretInput{SecretId: &t.Name, Description: aws.String("other")})
		t.ok(err)
		t.labels("AWSCURRENT=1")
		equal(t, "description", *t.describe().Description, "other")
	}},
	{Name: "update of an unknown secret", Run: func(t *T) {
		_, err := t.SM.UpdateSecret(t.ctx, &secretsmanager.UpdateSecretInput{SecretId: &t.Name, SecretString: aws.String("two")})
		t.absent(err)
	}},
}
