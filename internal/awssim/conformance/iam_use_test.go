package conformance

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// trusted makes a user who may do everything, with a key, and gives clients that sign with it.
func (t *T) trusted() (user, id string, as clients) {
	t.Helper()
	user = t.user()
	t.allow(user)
	k := t.key(user)
	return user, *k.AccessKeyId, t.as(*k.AccessKeyId, *k.SecretAccessKey)
}

func (t *T) allow(user string) {
	t.Helper()
	_, err := t.IAM.PutUserPolicy(t.ctx, &iam.PutUserPolicyInput{
		UserName: &user, PolicyName: aws.String("all"), PolicyDocument: aws.String(policyDocument("Allow")),
	})
	t.ok(err)
}

// keyUseCases are about who a key belongs to and when it was used.
var keyUseCases = []Case{
	{Name: "a key that was never used has no date", Run: func(t *T) {
		out, err := t.lastUsed(*t.key(t.user()).AccessKeyId)
		t.ok(err)
		equal(t, "user name", *out.UserName, t.Name)
		if out.AccessKeyLastUsed.LastUsedDate != nil {
			t.Errorf("last used %v, want no date", out.AccessKeyLastUsed.LastUsedDate)
		}
		equal(t, "service", *out.AccessKeyLastUsed.ServiceName, "N/A")
		equal(t, "region", *out.AccessKeyLastUsed.Region, "N/A")
	}},
	{Name: "a used key has date, service and region", Run: func(t *T) {
		k := t.key(t.user())
		_, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
		t.ok(err)
		out, err := t.lastUsed(*k.AccessKeyId)
		t.ok(err)
		t.recent("last used", out.AccessKeyLastUsed.LastUsedDate)
		equal(t, "service", *out.AccessKeyLastUsed.ServiceName, "sts")
		equal(t, "region", *out.AccessKeyLastUsed.Region, region)
	}},
	{Name: "one key's use is not the other's", Run: func(t *T) {
		u := t.user()
		k, other := t.key(u), t.key(u)
		_, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
		t.ok(err)
		out, err := t.lastUsed(*other.AccessKeyId)
		t.ok(err)
		equal(t, "service of the other", *out.AccessKeyLastUsed.ServiceName, "N/A")
	}},
	{Name: "last use of an inactive key is still told", Run: func(t *T) {
		u := t.user()
		k := t.key(u)
		_, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
		t.ok(err)
		t.ok(t.setStatus(u, *k.AccessKeyId, inactive))
		out, err := t.lastUsed(*k.AccessKeyId)
		t.ok(err)
		equal(t, "service", *out.AccessKeyLastUsed.ServiceName, "sts")
	}},
	{Name: "last use of an unknown key is refused", Run: func(t *T) {
		_, err := t.lastUsed("AKIAQQQQQQQQQQQQQQQQ")
		t.refused(err, noSuchEntity, "AccessDenied 403")
	}},
	{Name: "last use of a deleted key is refused", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		t.ok(t.deleteKey(u, id))
		_, err := t.lastUsed(id)
		t.refused(err, noSuchEntity, "AccessDenied 403")
	}},
	{Name: "create without a user name is for the caller", Run: func(t *T) {
		u, _, as := t.trusted()
		out, err := as.IAM.CreateAccessKey(t.ctx, &iam.CreateAccessKeyInput{})
		t.ok(err)
		equal(t, "user name", *out.AccessKey.UserName, u)
		equal(t, "caller's keys", len(t.keys(u)), 2)
	}},
	{Name: "list without a user name shows the caller's", Run: func(t *T) {
		u, id, as := t.trusted()
		out, err := as.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{})
		t.ok(err)
		equal(t, "keys", len(out.AccessKeyMetadata), 1)
		equal(t, "key", *out.AccessKeyMetadata[0].AccessKeyId, id)
		equal(t, "user name", *out.AccessKeyMetadata[0].UserName, u)
	}},
	{Name: "update without a user name is of the caller's", Run: func(t *T) {
		u, _, as := t.trusted()
		id := *t.key(u).AccessKeyId
		_, err := as.IAM.UpdateAccessKey(t.ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &id, Status: inactive})
		t.ok(err)
		equal(t, "status", t.keys(u)[id], inactive)
	}},
	{Name: "delete without a user name is of the caller's", Run: func(t *T) {
		u, _, as := t.trusted()
		id := *t.key(u).AccessKeyId
		_, err := as.IAM.DeleteAccessKey(t.ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &id})
		t.ok(err)
		equal(t, "keys", len(t.keys(u)), 1)
	}},
	{Name: "delete without a user name leaves others' keys", Run: func(t *T) {
		_, _, as := t.trusted()
		other := *t.userAt(t.Name+"2", "/").UserName
		id := *t.key(other).AccessKeyId
		_, err := as.IAM.DeleteAccessKey(t.ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &id})
		t.Differs("key-delete-any-owner", func() {
			t.refused(err, noSuchEntity)
			equal(t, "keys of the other", len(t.keys(other)), 1)
		}, func() {
			t.ok(err)
			equal(t, "keys of the other", len(t.keys(other)), 0)
		})
	}},
	{Name: "an inactive key may not call IAM", Run: func(t *T) {
		u, id, as := t.trusted()
		t.ok(t.setStatus(u, id, inactive))
		_, err := as.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &u})
		t.Differs("inactive-key-works", func() { t.refused(err, invalidToken) }, func() { t.ok(err) })
	}},
	{Name: "a deleted key may not call IAM", Run: func(t *T) {
		u, id, as := t.trusted()
		t.ok(t.deleteKey(u, id))
		_, err := as.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &u})
		t.denied(err, invalidToken)
	}},
	{Name: "both keys of a user work at once", Run: func(t *T) {
		u := t.user()
		for range 2 {
			k := t.key(u)
			_, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
			t.ok(err)
		}
	}},
	{Name: "a user who may not is denied by name of the action", Run: func(t *T) {
		u := t.user()
		if t.em.deny != nil {
			t.em.deny(u, "iam:ListUsers")
		}
		k := t.key(u)
		_, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).IAM.ListUsers(t.ctx, &iam.ListUsersInput{})
		contains(t, "message", t.denied(err, "AccessDenied 403"), "iam:ListUsers")
	}},
}
