package conformance

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func (t *T) tryCreate(name, value, token string) (*secretsmanager.CreateSecretOutput, error) {
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value, ClientRequestToken: &token}
	return t.SM.CreateSecret(t.ctx, in)
}

// createCases are about CreateSecret, which is how a user comes under care.
var createCases = []Case{
	{Name: "with a value", Run: func(t *T) {
		out := t.create("one")
		equal(t, "name", *out.Name, t.Name)
		equal(t, "version", *out.VersionId, version(1))
		form := regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:` + t.Name + `-[A-Za-z0-9]{6}$`)
		if !form.MatchString(*out.ARN) {
			t.Errorf("ARN is %s", *out.ARN)
		}
		t.labels("AWSCURRENT=1")
		t.value(current, "one")
	}},
	{Name: "without a value there is no version", Run: func(t *T) {
		out := t.create("")
		equal(t, "version", aws.ToString(out.VersionId), "")
		equal(t, "versions", len(t.describe().VersionIdsToStages), 0)
	}},
	{Name: "without a value nothing can be read", Run: func(t *T) {
		t.create("")
		_, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &t.Name})
		t.absent(err)
	}},
	{Name: "an existing name is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.tryCreate(t.Name, "two", version(2))
		t.refused(err, resourceExists)
		t.value(current, "one")
	}},
	{Name: "an existing name of a secret without a value is refused", Run: func(t *T) {
		t.create("")
		_, err := t.tryCreate(t.Name, "two", version(2))
		t.refused(err, resourceExists)
	}},
	{Name: "the same token and value again is granted", Run: func(t *T) {
		first := t.create("one")
		again, err := t.tryCreate(t.Name, "one", version(1))
		t.ok(err)
		equal(t, "ARN", *again.ARN, *first.ARN)
		equal(t, "version", *again.VersionId, version(1))
		t.labels("AWSCURRENT=1")
	}},
	{Name: "the same token with another value is refused", Run: func(t *T) {
		t.create("one")
		_, err := t.tryCreate(t.Name, "two", version(1))
		t.refused(err, resourceExists)
		t.value(current, "one")
	}},
	{Name: "tags come with the same call", Run: func(t *T) {
		t.create("", smtag("keyturn:promoted", "v1 promoting"), smtag("team", "red"))
		got := t.secretTags()
		equal(t, "tags", len(got), 2)
		equal(t, "promoted", got["keyturn:promoted"], "v1 promoting")
	}},
	{Name: "description and KMS key are kept", Run: func(t *T) {
		_, err := t.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{
			Name: &t.Name, Description: aws.String("access key"), KmsKeyId: aws.String("alias/keys"),
		})
		t.ok(err)
		got := t.describe()
		equal(t, "description", *got.Description, "access key")
		equal(t, "KMS key", *got.KmsKeyId, "alias/keys")
	}},
	{Name: "a name may hold / _ + = . @ -", Run: func(t *T) {
		name := "keyturn/" + t.Name + "_+=.@-/key"
		_, err := t.tryCreate(name, "one", version(1))
		t.ok(err)
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		t.ok(err)
		equal(t, "name", *out.Name, name)
	}},
	{Name: "a name with a comma is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name+",x", "one", version(1))
		t.Differs("secret-name-unchecked", func() { t.refused(err, validation, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "a name with a space is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name+" x", "one", version(1))
		t.Differs("secret-name-unchecked", func() { t.refused(err, validation, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "a name of 513 characters is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name+strings.Repeat("x", 513-len(t.Name)), "one", version(1))
		t.Differs("secret-name-unchecked", func() { t.refused(err, validation, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "names differ by case", Run: func(t *T) {
		t.create("one")
		_, err := t.tryCreate(strings.ToUpper(t.Name), "two", version(1))
		t.ok(err)
		t.value(current, "one")
	}},
	{Name: "a token of 31 characters is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name, "one", strings.Repeat("t", 31))
		t.refused(err, invalidParam, validation)
	}},
	{Name: "a token of 65 characters is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name, "one", strings.Repeat("t", 65))
		t.refused(err, invalidParam, validation)
	}},
	{Name: "a binary value comes back as it was", Run: func(t *T) {
		want := []byte{0, 1, 2, 0xff}
		_, err := t.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{Name: &t.Name, SecretBinary: want})
		t.ok(err)
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &t.Name})
		t.ok(err)
		equal(t, "value", string(out.SecretBinary), string(want))
		equal(t, "no string", out.SecretString == nil, true)
	}},
	{Name: "text and binary at once are refused", Run: func(t *T) {
		_, err := t.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{
			Name: &t.Name, SecretString: aws.String("one"), SecretBinary: []byte("two"),
		})
		t.Differs("secret-two-values", func() { t.refused(err, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "a value of 65,536 bytes is granted", Run: func(t *T) {
		t.create(strings.Repeat("v", 65536))
	}},
	{Name: "a value of 65,537 bytes is refused", Run: func(t *T) {
		_, err := t.tryCreate(t.Name, strings.Repeat("v", 65537), version(1))
		t.Differs("secret-size-unchecked", func() { t.refused(err, validation, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "a new secret has neither rotation nor owner nor deletion", Run: func(t *T) {
		t.create("one")
		got := t.describe()
		equal(t, "rotation", aws.ToBool(got.RotationEnabled), false)
		equal(t, "owner", aws.ToString(got.OwningService), "")
		equal(t, "deletion", got.DeletedDate == nil, true)
		equal(t, "last rotated", got.LastRotatedDate == nil, true)
		t.recent("created", got.CreatedDate)
		t.recent("changed", got.LastChangedDate)
	}},
	{Name: "secrets are each Region's own", Run: func(t *T) {
		t.create("one")
		_, err := t.in("eu-west-1", t.em.id, t.em.secret, "").SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.absent(err)
	}},
}
