package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func (t *T) tagUser(user string, tags ...iamtypes.Tag) error {
	_, err := t.IAM.TagUser(t.ctx, &iam.TagUserInput{UserName: &user, Tags: tags})
	return err
}

// userTagCases are about the tags that carry a user's own settings.
var userTagCases = []Case{
	{Name: "tags are set with the user", Run: func(t *T) {
		u := t.user(tag("keyturn:schedule", "weekly"), tag("empty", ""))
		got := t.userTags(u)
		equal(t, "tags", len(got), 2)
		equal(t, "schedule", got["keyturn:schedule"], "weekly")
		equal(t, "empty", got["empty"], "")
	}},
	{Name: "tagging adds and replaces", Run: func(t *T) {
		u := t.user(tag("a", "1"), tag("b", "1"))
		t.ok(t.tagUser(u, tag("b", "2"), tag("c", "2")))
		got := t.userTags(u)
		equal(t, "tags", len(got), 3)
		equal(t, "a", got["a"], "1")
		equal(t, "b", got["b"], "2")
		equal(t, "c", got["c"], "2")
	}},
	{Name: "untagging", Run: func(t *T) {
		u := t.user(tag("a", "1"), tag("b", "1"))
		_, err := t.IAM.UntagUser(t.ctx, &iam.UntagUserInput{UserName: &u, TagKeys: []string{"a"}})
		t.ok(err)
		got := t.userTags(u)
		equal(t, "tags", len(got), 1)
		equal(t, "b", got["b"], "1")
	}},
	{Name: "untagging what is not there is granted", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.UntagUser(t.ctx, &iam.UntagUserInput{UserName: &u, TagKeys: []string{"nothing"}})
		t.ok(err)
	}},
	{Name: "tag an unknown user", Run: func(t *T) {
		t.refused(t.tagUser(t.Name, tag("a", "1")), noSuchEntity)
	}},
	{Name: "untag an unknown user", Run: func(t *T) {
		_, err := t.IAM.UntagUser(t.ctx, &iam.UntagUserInput{UserName: &t.Name, TagKeys: []string{"a"}})
		t.refused(err, noSuchEntity)
	}},
	{Name: "list tags of an unknown user", Run: func(t *T) {
		_, err := t.IAM.ListUserTags(t.ctx, &iam.ListUserTagsInput{UserName: &t.Name})
		t.refused(err, noSuchEntity)
	}},
	{Name: "list of tags comes in pages of the size asked", Run: func(t *T) {
		u := t.user(tag("a", "1"), tag("b", "1"), tag("c", "1"))
		first, err := t.IAM.ListUserTags(t.ctx, &iam.ListUserTagsInput{UserName: &u, MaxItems: aws.Int32(2)})
		t.ok(err)
		t.Differs("user-tags-no-pages", func() {
			equal(t, "tags on page 1", len(first.Tags), 2)
			equal(t, "truncated", first.IsTruncated, true)
			second, err := t.IAM.ListUserTags(t.ctx, &iam.ListUserTagsInput{UserName: &u, MaxItems: aws.Int32(2), Marker: first.Marker})
			t.ok(err)
			equal(t, "tags on page 2", len(second.Tags), 1)
		}, func() { equal(t, "tags on page 1", len(first.Tags), 3) })
	}},
	{Name: "a user has 50 tags at most", Run: func(t *T) {
		u := t.user()
		var fifty []iamtypes.Tag
		for i := range 50 {
			fifty = append(fifty, tag(fmt.Sprintf("k%d", i), "v"))
		}
		t.ok(t.tagUser(u, fifty...))
		err := t.tagUser(u, tag("one-more", "v"))
		t.Differs("user-tags-unlimited", func() {
			t.refused(err, limitExceeded)
			equal(t, "tags", len(t.userTags(u)), 50)
		}, func() {
			t.ok(err)
			equal(t, "tags", len(t.userTags(u)), 51)
		})
	}},
	{Name: "a tag value of 257 characters is refused", Run: func(t *T) {
		err := t.tagUser(t.user(), tag("a", strings.Repeat("v", 257)))
		t.Differs("user-tag-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "a tag key of 129 characters is refused", Run: func(t *T) {
		err := t.tagUser(t.user(), tag(strings.Repeat("k", 129), "v"))
		t.Differs("user-tag-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "a tag value with an asterisk is refused", Run: func(t *T) {
		err := t.tagUser(t.user(), tag("a", "every*thing"))
		t.Differs("user-tag-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
}
