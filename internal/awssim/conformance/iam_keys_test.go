package conformance

import (
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	active   = iamtypes.StatusTypeActive
	inactive = iamtypes.StatusTypeInactive
)

var (
	keyID     = regexp.MustCompile(`^AKIA[A-Z0-9]{16}$`)
	keySecret = regexp.MustCompile(`^[A-Za-z0-9/+=]{40}$`)
)

// keyCases are about making, listing, switching and deleting access keys.
var keyCases = []Case{
	{Name: "create answers every field", Run: func(t *T) {
		k := t.key(t.user())
		equal(t, "user name", *k.UserName, t.Name)
		equal(t, "status", k.Status, active)
		if !keyID.MatchString(*k.AccessKeyId) {
			t.Errorf("access key id %q is not a long-term one", *k.AccessKeyId)
		}
		if !keySecret.MatchString(*k.SecretAccessKey) {
			t.Errorf("secret access key has another form (%d characters)", len(*k.SecretAccessKey))
		}
		t.recent("create date", k.CreateDate)
	}},
	{Name: "create dates are whole seconds", Run: func(t *T) {
		k := t.key(t.user())
		out, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: k.UserName})
		t.ok(err)
		whole := k.CreateDate.Equal(k.CreateDate.Truncate(time.Second))
		t.Differs("key-create-date-fraction", func() {
			equal(t, "create date in whole seconds", whole, true)
			equal(t, "listed date equal to the created one", out.AccessKeyMetadata[0].CreateDate.Equal(*k.CreateDate), true)
		}, func() {
			equal(t, "listed date within a second of the created one", out.AccessKeyMetadata[0].CreateDate.Sub(*k.CreateDate).Abs() < time.Second, true)
		})
	}},
	{Name: "create for an unknown user", Run: func(t *T) {
		_, err := t.createKey(t.Name)
		t.refused(err, noSuchEntity)
	}},
	{Name: "a third key is refused", Run: func(t *T) {
		u := t.user()
		t.key(u)
		t.key(u)
		_, err := t.createKey(u)
		t.refused(err, limitExceeded)
		equal(t, "keys", len(t.keys(u)), 2)
	}},
	{Name: "inactive keys count towards the limit", Run: func(t *T) {
		u := t.user()
		for range 2 {
			t.ok(t.setStatus(u, *t.key(u).AccessKeyId, inactive))
		}
		_, err := t.createKey(u)
		t.refused(err, limitExceeded)
	}},
	{Name: "a deletion frees a slot", Run: func(t *T) {
		u := t.user()
		old := *t.key(u).AccessKeyId
		t.key(u)
		t.ok(t.deleteKey(u, old))
		t.key(u)
		equal(t, "keys", len(t.keys(u)), 2)
	}},
	{Name: "the limit is each user's own", Run: func(t *T) {
		u := t.user()
		t.key(u)
		t.key(u)
		other := *t.userAt(t.Name+"2", "/").UserName
		t.key(other)
		equal(t, "keys of the other", len(t.keys(other)), 1)
	}},
	{Name: "key ids are never used again", Run: func(t *T) {
		u := t.user()
		seen := map[string]bool{}
		for range 4 {
			id := *t.key(u).AccessKeyId
			equal(t, "seen before", seen[id], false)
			seen[id] = true
			t.ok(t.deleteKey(u, id))
		}
	}},
	{Name: "list without keys is empty", Run: func(t *T) {
		out, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: aws.String(t.user())})
		t.ok(err)
		equal(t, "keys", len(out.AccessKeyMetadata), 0)
		equal(t, "truncated", out.IsTruncated, false)
	}},
	{Name: "list answers every field", Run: func(t *T) {
		k := t.key(t.user())
		out, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: k.UserName})
		t.ok(err)
		equal(t, "keys", len(out.AccessKeyMetadata), 1)
		got := out.AccessKeyMetadata[0]
		equal(t, "id", *got.AccessKeyId, *k.AccessKeyId)
		equal(t, "user name", *got.UserName, t.Name)
		equal(t, "status", got.Status, active)
		t.recent("create date", got.CreateDate)
	}},
	{Name: "list of an unknown user", Run: func(t *T) {
		_, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &t.Name})
		t.refused(err, noSuchEntity)
	}},
	{Name: "list comes in pages of the size asked", Run: func(t *T) {
		u := t.user()
		t.key(u)
		t.key(u)
		first, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &u, MaxItems: aws.Int32(1)})
		t.ok(err)
		t.Differs("keys-no-pages", func() {
			equal(t, "truncated", first.IsTruncated, true)
			equal(t, "keys on page 1", len(first.AccessKeyMetadata), 1)
			second, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &u, MaxItems: aws.Int32(1), Marker: first.Marker})
			t.ok(err)
			equal(t, "truncated", second.IsTruncated, false)
			equal(t, "keys on page 2", len(second.AccessKeyMetadata), 1)
			if *first.AccessKeyMetadata[0].AccessKeyId == *second.AccessKeyMetadata[0].AccessKeyId {
				t.Error("both pages show the same key")
			}
		}, func() {
			equal(t, "truncated", first.IsTruncated, false)
			equal(t, "keys on page 1", len(first.AccessKeyMetadata), 2)
		})
	}},
	{Name: "the SDK's paginator sees both keys", Run: func(t *T) {
		u := t.user()
		t.key(u)
		t.key(u)
		pages := iam.NewListAccessKeysPaginator(t.IAM, &iam.ListAccessKeysInput{UserName: &u, MaxItems: aws.Int32(1)})
		found := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.ctx)
			t.ok(err)
			found += len(out.AccessKeyMetadata)
		}
		equal(t, "keys", found, 2)
	}},
	{Name: "a page of no items is refused", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &u, MaxItems: aws.Int32(0)})
		t.Differs("iam-max-items-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "deactivate and activate", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.setStatus(u, id, inactive))
		equal(t, "status", t.keys(u)[id], inactive)
		t.ok(t.setStatus(u, id, active))
		equal(t, "status", t.keys(u)[id], active)
	}},
	{Name: "deactivating twice is granted", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.setStatus(u, id, inactive))
		t.ok(t.setStatus(u, id, inactive))
		equal(t, "status", t.keys(u)[id], inactive)
	}},
	{Name: "deactivating one key leaves the other", Run: func(t *T) {
		u := t.user()
		one, two := *t.key(u).AccessKeyId, *t.key(u).AccessKeyId
		t.ok(t.setStatus(u, one, inactive))
		equal(t, "status of the other", t.keys(u)[two], active)
	}},
	{Name: "a status outside the model is refused", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		err := t.setStatus(u, id, "Asleep")
		t.Differs("key-status-unchecked", func() {
			t.refused(err, validationError)
			equal(t, "status", t.keys(u)[id], active)
		}, func() {
			t.ok(err)
			equal(t, "status", t.keys(u)[id], "Asleep")
		})
	}},
	{Name: "update of an unknown key", Run: func(t *T) {
		t.refused(t.setStatus(t.user(), "AKIAQQQQQQQQQQQQQQQQ", inactive), noSuchEntity)
	}},
	{Name: "update for an unknown user", Run: func(t *T) {
		t.refused(t.setStatus(t.Name, "AKIAQQQQQQQQQQQQQQQQ", inactive), noSuchEntity)
	}},
	{Name: "update of another user's key", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		other := *t.userAt(t.Name+"2", "/").UserName
		t.refused(t.setStatus(other, id, inactive), noSuchEntity)
		equal(t, "status", t.keys(u)[id], active)
	}},
	{Name: "update with a key id that is too short", Run: func(t *T) {
		err := t.setStatus(t.user(), "AKIA", inactive)
		t.Differs("key-id-length-unchecked", func() { t.refused(err, validationError) }, func() { t.refused(err, noSuchEntity) })
	}},
	{Name: "delete an inactive key", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.setStatus(u, id, inactive))
		t.ok(t.deleteKey(u, id))
		equal(t, "keys", len(t.keys(u)), 0)
	}},
	{Name: "AWS deletes an active key when told to", Run: func(t *T) {
		u := t.user()
		t.ok(t.deleteKey(u, *t.key(u).AccessKeyId))
		equal(t, "keys", len(t.keys(u)), 0)
	}},
	{Name: "delete twice", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.deleteKey(u, id))
		t.refused(t.deleteKey(u, id), noSuchEntity)
	}},
	{Name: "delete for an unknown user", Run: func(t *T) {
		t.refused(t.deleteKey(t.Name, "AKIAQQQQQQQQQQQQQQQQ"), noSuchEntity)
	}},
	{Name: "delete of another user's key", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		other := *t.userAt(t.Name+"2", "/").UserName
		t.refused(t.deleteKey(other, id), noSuchEntity)
		equal(t, "keys", len(t.keys(u)), 1)
	}},
	{Name: "a deleted key cannot be updated", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.deleteKey(u, id))
		t.refused(t.setStatus(u, id, active), noSuchEntity)
	}},
}
