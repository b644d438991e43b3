package conformance

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// The refusals that many cases share.
const (
	noSuchEntity    = "NoSuchEntity 404"
	validationError = "ValidationError 400"
	limitExceeded   = "LimitExceeded 409"
	exists          = "EntityAlreadyExists 409"
	invalidToken    = "InvalidClientTokenId 403"
)

// user makes a user with the case's name.
func (t *T) user(tags ...iamtypes.Tag) string {
	t.Helper()
	return *t.userAt(t.Name, "/", tags...).UserName
}

// userAt makes a user with a path.
func (t *T) userAt(name, path string, tags ...iamtypes.Tag) *iamtypes.User {
	t.Helper()
	out, err := t.IAM.CreateUser(t.ctx, &iam.CreateUserInput{UserName: &name, Path: &path, Tags: tags})
	t.ok(err)
	return out.User
}

// tag is an IAM tag.
func tag(key, value string) iamtypes.Tag { return iamtypes.Tag{Key: &key, Value: &value} }

// key makes a user's next access key.
func (t *T) key(user string) *iamtypes.AccessKey {
	t.Helper()
	out, err := t.createKey(user)
	t.ok(err)
	return out.AccessKey
}

func (t *T) createKey(user string) (*iam.CreateAccessKeyOutput, error) {
	return t.IAM.CreateAccessKey(t.ctx, &iam.CreateAccessKeyInput{UserName: &user})
}

func (t *T) setStatus(user, id string, status iamtypes.StatusType) error {
	_, err := t.IAM.UpdateAccessKey(t.ctx, &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &id, Status: status})
	return err
}

func (t *T) deleteKey(user, id string) error {
	_, err := t.IAM.DeleteAccessKey(t.ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
	return err
}

// keys lists a user's keys: id to status.
func (t *T) keys(user string) map[string]iamtypes.StatusType {
	t.Helper()
	out, err := t.IAM.ListAccessKeys(t.ctx, &iam.ListAccessKeysInput{UserName: &user})
	t.ok(err)
	found := map[string]iamtypes.StatusType{}
	for _, k := range out.AccessKeyMetadata {
		found[*k.AccessKeyId] = k.Status
	}
	return found
}

// lastUsed asks when a key was last used.
func (t *T) lastUsed(id string) (*iam.GetAccessKeyLastUsedOutput, error) {
	return t.IAM.GetAccessKeyLastUsed(t.ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
}

// userTags lists a user's tags: key to value.
func (t *T) userTags(user string) map[string]string {
	t.Helper()
	out, err := t.IAM.ListUserTags(t.ctx, &iam.ListUserTagsInput{UserName: &user})
	t.ok(err)
	return tagMap(out.Tags)
}

func tagMap(tags []iamtypes.Tag) map[string]string {
	found := map[string]string{}
	for _, x := range tags {
		found[*x.Key] = *x.Value
	}
	return found
}

// details walks GetAccountAuthorizationDetails of users and gives those of the names asked for, and the longest page.
func (t *T) details(page int32, names ...string) (map[string]iamtypes.UserDetail, int) {
	t.Helper()
	found, longest := map[string]iamtypes.UserDetail{}, 0
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(t.IAM, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser}, MaxItems: aws.Int32(page),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.ctx)
		t.ok(err)
		longest = max(longest, len(out.UserDetailList))
		for _, u := range out.UserDetailList {
			if !slices.Contains(names, *u.UserName) {
				continue
			}
			if _, twice := found[*u.UserName]; twice {
				t.Errorf("user %s is on two pages", *u.UserName)
			}
			found[*u.UserName] = u
		}
	}
	return found, longest
}
