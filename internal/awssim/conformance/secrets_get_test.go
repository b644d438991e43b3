package conformance

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// getCases are about reading values and descriptions.
var getCases = []Case{
	{Name: "the current value without being asked", Run: func(t *T) {
		made := t.create("one")
		t.put(2, "two", pending)
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &t.Name})
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
		equal(t, "ARN", *out.ARN, *made.ARN)
		equal(t, "name", *out.Name, t.Name)
		equal(t, "version", *out.VersionId, version(1))
		equal(t, "stages", strings.Join(out.VersionStages, " "), current)
		t.recent("created", out.CreatedDate)
	}},
	{Name: "by version", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		out, err := t.getVersion(1)
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
		equal(t, "stages", strings.Join(out.VersionStages, " "), previous)
	}},
	{Name: "a version without labels can still be read", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		out, err := t.getVersion(1)
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
		equal(t, "stages", len(out.VersionStages), 0)
	}},
	{Name: "version and stage that agree", Run: func(t *T) {
		t.create("one")
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{
			SecretId: &t.Name, VersionId: aws.String(version(1)), VersionStage: aws.String(current),
		})
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
	}},
	{Name: "version and stage that disagree are refused", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		_, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{
			SecretId: &t.Name, VersionId: aws.String(version(1)), VersionStage: aws.String(current),
		})
		t.Differs("secret-not-found-404", func() { t.refused(err, invalidRequest, notFound) }, func() { t.refused(err, "InvalidRequestException 404") })
	}},
	{Name: "an unknown version", Run: func(t *T) {
		t.create("one")
		_, err := t.getVersion(9)
		t.absent(err)
	}},
	{Name: "a stage that no version has", Run: func(t *T) {
		t.create("one")
		_, err := t.get(pending)
		t.absent(err)
	}},
	{Name: "an unknown secret", Run: func(t *T) {
		_, err := t.get(current)
		t.absent(err)
	}},
	{Name: "by ARN", Run: func(t *T) {
		made := t.create("one")
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: made.ARN})
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
	}},
	{Name: "by ARN without its random ending", Run: func(t *T) {
		made := t.create("one")
		out, err := t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String((*made.ARN)[:len(*made.ARN)-7])})
		t.ok(err)
		equal(t, "value", *out.SecretString, "one")
	}},
	{Name: "JSON comes back byte by byte", Run: func(t *T) {
		want := "{\"SecretAccessKey\":\"a/b+c=\",\n \"Email\":\"é <x>&\\u2028\"}"
		t.create(want)
		t.value(current, want)
	}},
	{Name: "describe names every field", Run: func(t *T) {
		made := t.create("one", smtag("team", "red"))
		got := t.describe()
		equal(t, "ARN", *got.ARN, *made.ARN)
		equal(t, "name", *got.Name, t.Name)
		equal(t, "tags", len(got.Tags), 1)
		equal(t, "stages", strings.Join(got.VersionIdsToStages[version(1)], " "), current)
	}},
	{Name: "describe by ARN", Run: func(t *T) {
		made := t.create("one")
		out, err := t.SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: made.ARN})
		t.ok(err)
		equal(t, "name", *out.Name, t.Name)
	}},
	{Name: "describe an unknown secret", Run: func(t *T) {
		_, err := t.SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.absent(err)
	}},
	{Name: "describe leaves out versions without labels", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		n := len(t.describe().VersionIdsToStages)
		t.Differs("describe-deprecated", func() { equal(t, "versions", n, 2) }, func() { equal(t, "versions", n, 3) })
	}},
	{Name: "describe a secret without a value", Run: func(t *T) {
		made := t.create("", smtag("keyturn:intent", "v1 open"))
		got := t.describe()
		equal(t, "ARN", *got.ARN, *made.ARN)
		equal(t, "tag", *got.Tags[0].Value, "v1 open")
	}},
	{Name: "batch by names", Run: func(t *T) {
		t.create("one")
		_, err := t.tryCreate(t.Name+"2", "two", version(2))
		t.ok(err)
		out, err := t.SM.BatchGetSecretValue(t.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{t.Name, t.Name + "2"}})
		t.ok(err)
		equal(t, "values", len(out.SecretValues), 2)
		equal(t, "errors", len(out.Errors), 0)
	}},
	{Name: "batch tells which it lacks", Run: func(t *T) {
		t.create("one")
		out, err := t.SM.BatchGetSecretValue(t.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{t.Name, t.Name + "2"}})
		t.ok(err)
		equal(t, "values", len(out.SecretValues), 1)
		equal(t, "errors", len(out.Errors), 1)
		equal(t, "error", *out.Errors[0].ErrorCode, "ResourceNotFoundException")
		equal(t, "of", *out.Errors[0].SecretId, t.Name+"2")
	}},
	{Name: "batch by filter", Run: func(t *T) {
		t.create("one", smtag(t.Name, "yes"))
		out, err := t.SM.BatchGetSecretValue(t.ctx, &secretsmanager.BatchGetSecretValueInput{
			Filters: []smtypes.Filter{{Key: smtypes.FilterNameStringTypeTagKey, Values: []string{t.Name}}},
		})
		t.ok(err)
		equal(t, "values", len(out.SecretValues), 1)
		equal(t, "value", *out.SecretValues[0].SecretString, "one")
	}},
	{Name: "batch by names and filter at once is refused", Run: func(t *T) {
		_, err := t.SM.BatchGetSecretValue(t.ctx, &secretsmanager.BatchGetSecretValueInput{
			SecretIdList: []string{t.Name},
			Filters:      []smtypes.Filter{{Key: smtypes.FilterNameStringTypeTagKey, Values: []string{t.Name}}},
		})
		t.refused(err, invalidParam)
	}},
}

func (t *T) getVersion(n int) (*secretsmanager.GetSecretValueOutput, error) {
	return t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &t.Name, VersionId: aws.String(version(n))})
}
