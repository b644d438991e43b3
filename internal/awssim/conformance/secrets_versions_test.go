package conformance

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func (t *T) versions(deprecated bool, page int32) (ids []string, pages int) {
	t.Helper()
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &t.Name, IncludeDeprecated: &deprecated}
	if page != 0 {
		in.MaxResults = &page
	}
	walk := secretsmanager.NewListSecretVersionIdsPaginator(t.SM, in)
	for walk.HasMorePages() {
		out, err := walk.NextPage(t.ctx)
		t.ok(err)
		pages++
		for _, v := range out.Versions {
			ids = append(ids, *v.VersionId)
		}
	}
	return ids, pages
}

// versionCases are about the list that tells which keys were ever stored.
var versionCases = []Case{
	{Name: "with the deprecated ones", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		ids, _ := t.versions(true, 0)
		equal(t, "versions", len(ids), 3)
	}},
	{Name: "without the deprecated ones", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		ids, _ := t.versions(false, 0)
		t.Differs("versions-always-deprecated", func() { equal(t, "versions", len(ids), 2) }, func() { equal(t, "versions", len(ids), 3) })
	}},
	{Name: "in pages of the size asked", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		ids, pages := t.versions(true, 2)
		equal(t, "versions", len(ids), 3)
		t.Differs("versions-no-pages", func() { equal(t, "pages", pages, 2) }, func() { equal(t, "pages", pages, 1) })
	}},
	{Name: "every field", Run: func(t *T) {
		made := t.create("one")
		out, err := t.SM.ListSecretVersionIds(t.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &t.Name})
		t.ok(err)
		equal(t, "name", *out.Name, t.Name)
		equal(t, "stages", strings.Join(out.Versions[0].VersionStages, " "), current)
		t.recent("created", out.Versions[0].CreatedDate)
		t.Differs("versions-arn", func() { equal(t, "ARN", *out.ARN, *made.ARN) }, func() { equal(t, "ARN", *out.ARN, t.Name) })
	}},
	{Name: "of a secret without a value", Run: func(t *T) {
		t.create("")
		ids, _ := t.versions(true, 0)
		equal(t, "versions", len(ids), 0)
	}},
	{Name: "of an unknown secret", Run: func(t *T) {
		_, err := t.SM.ListSecretVersionIds(t.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &t.Name})
		t.Differs("versions-of-nothing", func() { t.refused(err, notFound) }, func() { equal(t, "refused as AWS does", strings.HasPrefix(t.refusal, "500 "), true) })
	}},
}
