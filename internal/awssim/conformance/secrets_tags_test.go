package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func (t *T) tagSecret(tags ...smtypes.Tag) error {
	_, err := t.SM.TagResource(t.ctx, &secretsmanager.TagResourceInput{SecretId: &t.Name, Tags: tags})
	return err
}

// secretTagCases are about the tags that carry the state of a rotation.
var secretTagCases = []Case{
	{Name: "one call writes several", Run: func(t *T) {
		t.create("one")
		t.ok(t.tagSecret(smtag("keyturn:intent", "v1 open 2026-11-23T06:30:00Z base=none had=0011223344556677.8899aabbccddeeff"), smtag("keyturn:user", "v1")))
		got := t.secretTags()
		equal(t, "tags", len(got), 2)
		equal(t, "intent", got["keyturn:intent"], "v1 open 2026-11-23T06:30:00Z base=none had=0011223344556677.8899aabbccddeeff")
	}},
	{Name: "a tag is replaced, others stay", Run: func(t *T) {
		t.create("one", smtag("a", "1"), smtag("b", "1"))
		t.ok(t.tagSecret(smtag("b", "2")))
		got := t.secretTags()
		equal(t, "tags", len(got), 2)
		equal(t, "a", got["a"], "1")
		equal(t, "b", got["b"], "2")
	}},
	{Name: "keys differ by case", Run: func(t *T) {
		t.create("one", smtag("a", "1"))
		t.ok(t.tagSecret(smtag("A", "2")))
		equal(t, "tags", len(t.secretTags()), 2)
	}},
	{Name: "tagging makes no version", Run: func(t *T) {
		t.create("one")
		t.ok(t.tagSecret(smtag("a", "1")))
		ids, _ := t.versions(true, 0)
		equal(t, "versions", len(ids), 1)
		t.labels("AWSCURRENT=1")
	}},
	{Name: "untagging", Run: func(t *T) {
		t.create("one", smtag("a", "1"), smtag("b", "1"))
		_, err := t.SM.UntagResource(t.ctx, &secretsmanager.UntagResourceInput{SecretId: &t.Name, TagKeys: []string{"a", "nothing"}})
		t.ok(err)
		got := t.secretTags()
		equal(t, "tags", len(got), 1)
		equal(t, "b", got["b"], "1")
	}},
	{Name: "an unknown secret", Run: func(t *T) {
		t.absent(t.tagSecret(smtag("a", "1")))
	}},
	{Name: "untag an unknown secret", Run: func(t *T) {
		_, err := t.SM.UntagResource(t.ctx, &secretsmanager.UntagResourceInput{SecretId: &t.Name, TagKeys: []string{"a"}})
		t.absent(err)
	}},
	{Name: "a value of 256 characters of every allowed kind", Run: func(t *T) {
		t.create("one")
		value := strings.Repeat("aZ0 +-=._:/@", 22)[:256]
		t.ok(t.tagSecret(smtag("a", value)))
		equal(t, "value", t.secretTags()["a"], value)
	}},
	{Name: "a value of 257 characters is refused", Run: func(t *T) { t.badTag(smtag("a", strings.Repeat("v", 257))) }},
	{Name: "a key of 129 characters is refused", Run: func(t *T) { t.badTag(smtag(strings.Repeat("k", 129), "v")) }},
	{Name: "a value with a comma is refused", Run: func(t *T) { t.badTag(smtag("a", "one,two")) }},
	{Name: "a value with braces is refused", Run: func(t *T) { t.badTag(smtag("a", `{"x":1}`)) }},
	{Name: "a key that begins with aws: is refused", Run: func(t *T) { t.badTag(smtag("aws:mine", "v")) }},
	{Name: "50 tags at most", Run: func(t *T) {
		var fifty []smtypes.Tag
		for i := range 50 {
			fifty = append(fifty, smtag(fmt.Sprintf("k%d", i), "v"))
		}
		t.create("one", fifty...)
		err := t.tagSecret(smtag("one-more", "v"))
		t.Differs("secret-tags-unchecked", func() {
			t.refused(err, invalidParam, "LimitExceededException 400")
			equal(t, "tags", len(t.secretTags()), 50)
		}, func() { t.ok(err) })
	}},
	{Name: "create with a bad tag makes no secret", Run: func(t *T) {
		_, err := t.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{Name: &t.Name, Tags: []smtypes.Tag{smtag("a", "one,two")}})
		t.Differs("secret-tags-unchecked", func() {
			t.refused(err, invalidParam, invalidRequest, validation)
			_, err = t.get(current)
			t.absent(err)
		}, func() { t.ok(err) })
	}},
}

// badTag checks that a tag is refused and that nothing was tagged.
func (t *T) badTag(bad smtypes.Tag) {
	t.Helper()
	t.create("one")
	err := t.tagSecret(smtag("good", "1"), bad)
	t.Differs("secret-tags-unchecked", func() {
		t.refused(err, invalidParam, invalidRequest, validation)
		equal(t, "tags", len(t.secretTags()), 0)
	}, func() { t.ok(err) })
}
