package conformance

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

var userID = regexp.MustCompile(`^AIDA[A-Z0-9]{12,}$`)

func (t *T) getUser(name string) (*iam.GetUserOutput, error) {
	return t.IAM.GetUser(t.ctx, &iam.GetUserInput{UserName: &name})
}

func (t *T) deleteUser(name string) error {
	_, err := t.IAM.DeleteUser(t.ctx, &iam.DeleteUserInput{UserName: &name})
	return err
}

// refusedName checks that a user cannot have that name or path.
func (t *T) refusedName(name, path string) error {
	_, err := t.IAM.CreateUser(t.ctx, &iam.CreateUserInput{UserName: &name, Path: &path})
	return err
}

// userCases are about users: the UserId is what tells a user from a later one of the same name.
var userCases = []Case{
	{Name: "create answers every field", Run: func(t *T) {
		u := t.userAt(t.Name, "/")
		equal(t, "name", *u.UserName, t.Name)
		equal(t, "path", *u.Path, "/")
		contains(t, "ARN", *u.Arn, ":user/"+t.Name)
		contains(t, "ARN", *u.Arn, "arn:aws:iam::123456789012:")
		t.recent("create date", u.CreateDate)
		t.Differs("user-id-prefix", func() {
			equal(t, "user id of a user's form", userID.MatchString(*u.UserId), true)
		}, func() {
			equal(t, "user id of a user's form", userID.MatchString(*u.UserId), false)
		})
	}},
	{Name: "the path is part of the ARN", Run: func(t *T) {
		u := t.userAt(t.Name, "/service/deep/")
		equal(t, "path", *u.Path, "/service/deep/")
		equal(t, "ARN", *u.Arn, "arn:aws:iam::123456789012:user/service/deep/"+t.Name)
	}},
	{Name: "create twice", Run: func(t *T) {
		t.user()
		t.refused(t.refusedName(t.Name, "/"), exists)
	}},
	{Name: "a path does not make a name another", Run: func(t *T) {
		t.user()
		t.refused(t.refusedName(t.Name, "/other/"), exists)
	}},
	{Name: "case does not make a name another", Run: func(t *T) {
		t.user()
		err := t.refusedName(strings.ToUpper(t.Name), "/")
		t.Differs("user-name-case", func() { t.refused(err, exists) }, func() { t.ok(err) })
	}},
	{Name: "a name with a space is refused", Run: func(t *T) {
		err := t.refusedName(t.Name+" x", "/")
		t.Differs("user-name-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "a name of 65 characters is refused", Run: func(t *T) {
		err := t.refusedName(t.Name+strings.Repeat("x", 65-len(t.Name)), "/")
		t.Differs("user-name-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "a name may hold + = , . @ _ -", Run: func(t *T) {
		name := t.Name + "+=,.@_-"
		t.userAt(name, "/")
		out, err := t.getUser(name)
		t.ok(err)
		equal(t, "name", *out.User.UserName, name)
		t.key(name)
		equal(t, "keys", len(t.keys(name)), 1)
	}},
	{Name: "a path without slashes is refused", Run: func(t *T) {
		err := t.refusedName(t.Name, "service")
		t.Differs("user-name-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "get answers every field", Run: func(t *T) {
		made := t.userAt(t.Name, "/service/", tag("team", "red"))
		out, err := t.getUser(t.Name)
		t.ok(err)
		equal(t, "id", *out.User.UserId, *made.UserId)
		equal(t, "ARN", *out.User.Arn, *made.Arn)
		equal(t, "path", *out.User.Path, "/service/")
		equal(t, "tag", tagMap(out.User.Tags)["team"], "red")
	}},
	{Name: "get of an unknown user", Run: func(t *T) {
		_, err := t.getUser(t.Name)
		t.refused(err, noSuchEntity)
	}},
	{Name: "get without a name is the caller", Run: func(t *T) {
		u, _, as := t.trusted()
		out, err := as.IAM.GetUser(t.ctx, &iam.GetUserInput{})
		t.ok(err)
		equal(t, "name", *out.User.UserName, u)
	}},
	{Name: "a deleted user is gone", Run: func(t *T) {
		u := t.user()
		t.ok(t.deleteUser(u))
		_, err := t.getUser(u)
		t.refused(err, noSuchEntity)
		_, err = t.createKey(u)
		t.refused(err, noSuchEntity)
	}},
	{Name: "delete of an unknown user", Run: func(t *T) {
		t.refused(t.deleteUser(t.Name), noSuchEntity)
	}},
	{Name: "a user with keys cannot be deleted", Run: func(t *T) {
		u := t.user()
		id := *t.key(u).AccessKeyId
		err := t.deleteUser(u)
		t.Differs("user-deleted-with-keys", func() {
			t.refused(err, "DeleteConflict 409")
			t.ok(t.deleteKey(u, id))
			t.ok(t.deleteUser(u))
		}, func() { t.ok(err) })
	}},
	{Name: "a user made anew has another id", Run: func(t *T) {
		first := t.userAt(t.Name, "/")
		t.ok(t.deleteUser(t.Name))
		second := t.userAt(t.Name, "/")
		if *first.UserId == *second.UserId {
			t.Errorf("user id %s was used again", *first.UserId)
		}
		equal(t, "ARN", *second.Arn, *first.Arn)
	}},
	{Name: "a user made anew has no keys and no tags", Run: func(t *T) {
		t.user(tag("team", "red"))
		t.ok(t.deleteUser(t.Name))
		t.user()
		equal(t, "keys", len(t.keys(t.Name)), 0)
		equal(t, "tags", len(t.userTags(t.Name)), 0)
	}},
	{Name: "list by path", Run: func(t *T) {
		path := "/" + t.Name + "/"
		t.userAt(t.Name+"a", path)
		t.userAt(t.Name+"b", path+"sub/")
		t.userAt(t.Name+"c", "/")
		out, err := t.IAM.ListUsers(t.ctx, &iam.ListUsersInput{PathPrefix: &path})
		t.ok(err)
		equal(t, "users", len(out.Users), 2)
	}},
	{Name: "list by a path that nobody has is empty", Run: func(t *T) {
		out, err := t.IAM.ListUsers(t.ctx, &iam.ListUsersInput{PathPrefix: aws.String("/" + t.Name + "/")})
		t.ok(err)
		equal(t, "users", len(out.Users), 0)
		equal(t, "truncated", out.IsTruncated, false)
	}},
	{Name: "list comes in pages of the size asked", Run: func(t *T) {
		path := "/" + t.Name + "/"
		for _, s := range []string{"a", "b", "c", "d", "e"} {
			t.userAt(t.Name+s, path)
		}
		pages := iam.NewListUsersPaginator(t.IAM, &iam.ListUsersInput{PathPrefix: &path, MaxItems: aws.Int32(2)})
		seen, sizes := map[string]bool{}, []int{}
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.ctx)
			t.ok(err)
			sizes = append(sizes, len(out.Users))
			for _, u := range out.Users {
				seen[*u.UserName] = true
			}
		}
		equal(t, "users", len(seen), 5)
		t.Differs("users-no-pages", func() { equal(t, "pages", len(sizes), 3) }, func() { equal(t, "pages", len(sizes), 1) })
	}},
	{Name: "list shows no tags", Run: func(t *T) {
		path := "/" + t.Name + "/"
		t.userAt(t.Name, path, tag("team", "red"))
		out, err := t.IAM.ListUsers(t.ctx, &iam.ListUsersInput{PathPrefix: &path})
		t.ok(err)
		equal(t, "tags", len(out.Users[0].Tags), 0)
	}},
	{Name: "a page of more than 1,000 is refused", Run: func(t *T) {
		_, err := t.IAM.ListUsers(t.ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1001)})
		t.Differs("iam-max-items-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
}
