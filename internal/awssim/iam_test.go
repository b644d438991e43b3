package awssim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/awssim"
)

func people(t *testing.T, w *awssim.World, users ...string) *client {
	t.Helper()
	for _, u := range users {
		if err := w.People().CreateUser(u, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	return rotator(t, w)
}

func TestTwoKeysCountInactiveOnes(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := people(t, w, "alice")
	k := c.createKey("alice")
	c.createKey("alice")
	if err := c.setStatus("alice", *k.AccessKeyId, off); err != nil {
		t.Fatal(err)
	}
	_, err := c.iam.CreateAccessKey(bg, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	refused(t, err, "LimitExceeded")
}

func TestKeyCallsWithoutUserNameTargetTheCaller(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := people(t, w, "alice")
	k := must(c.iam.CreateAccessKey(bg, &iam.CreateAccessKeyInput{}))(t).AccessKey
	if *k.UserName != "keyturn-rotator" {
		t.Fatalf("the key is %s's", *k.UserName)
	}
	// Naming a user but not its key finds nothing.
	refused(t, c.deleteKey("alice", *k.AccessKeyId), "NoSuchEntity")
}

func TestKeyStatuses(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := people(t, w, "alice")
	k := c.createKey("alice")
	refused(t, c.setStatus("alice", *k.AccessKeyId, "Expired"), "InvalidInput")
	refused(t, c.setStatus("alice", *k.AccessKeyId, "Gone"), "ValidationError")
	refused(t, c.setStatus("bob", *k.AccessKeyId, off), "NoSuchEntity")
	refused(t, c.setStatus("alice", "AKIAAAAAAAAAAAAAAAAA", off), "NoSuchEntity")
}

func TestPagesOfUsersAreComplete(t *testing.T) {
	w := awssim.New(awssim.Config{PageSize: 3})
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("u%02d", i))
	}
	c := people(t, w, want...)
	w.People().TagUser("u03", map[string]string{"keyturn:managed": "true"})
	w.People().AttachPolicy("u04", "AdministratorAccess")
	w.People().PutUserPolicy("u05", "inline", `{"Version":"2012-10-17","Statement":[]}`)
	w.People().PutGroup("admins", []string{"AdministratorAccess"}, nil)
	w.People().AddUserToGroup("u06", "admins")

	var listed []string
	for p := iam.NewListUsersPaginator(c.iam, &iam.ListUsersInput{}); p.HasMorePages(); {
		for _, u := range must(p.NextPage(bg))(t).Users {
			listed = append(listed, *u.UserName)
		}
	}
	detailed := map[string]iamtypes.UserDetail{}
	for p := iam.NewGetAccountAuthorizationDetailsPaginator(c.iam, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser},
	}); p.HasMorePages(); {
		page := must(p.NextPage(bg))(t)
		if len(page.GroupDetailList) > 0 {
			t.Fatal("a group among users")
		}
		for _, u := range page.UserDetailList {
			detailed[*u.UserName] = u
		}
	}
	if got := listed[1:]; !slices.Equal(got, want) || len(detailed) != 11 {
		t.Fatalf("listed %v, detailed %d", listed, len(detailed))
	}
	if tags := detailed["u03"].Tags; len(tags) != 1 || *tags[0].Value != "true" {
		t.Fatalf("tags of u03: %v", tags)
	}
	if p := detailed["u04"].AttachedManagedPolicies; len(p) != 1 || *p[0].PolicyName != "AdministratorAccess" {
		t.Fatalf("policies of u04: %v", p)
	}
	doc, _ := url.QueryUnescape(aws.ToString(detailed["u05"].UserPolicyList[0].PolicyDocument))
	if !strings.Contains(doc, "2012-10-17") || detailed["u06"].GroupList[0] != "admins" {
		t.Fatalf("u05: %s, u06: %v", doc, detailed["u06"].GroupList)
	}
	all := must(c.iam.GetAccountAuthorizationDetails(bg, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeGroup},
	}))(t)
	if len(all.UserDetailList) != 0 || len(all.GroupDetailList) != 1 {
		t.Fatalf("groups: %+v", all)
	}
}

func TestPagesOfKeys(t *testing.T) {
	w := awssim.New(awssim.Config{PageSize: 1})
	c := people(t, w, "alice")
	a, b := c.createKey("alice"), c.createKey("alice")
	var got []string
	for p := iam.NewListAccessKeysPaginator(c.iam, &iam.ListAccessKeysInput{UserName: aws.String("alice")}); p.HasMorePages(); {
		for _, k := range must(p.NextPage(bg))(t).AccessKeyMetadata {
			got = append(got, *k.AccessKeyId)
		}
	}
	if !slices.Equal(got, []string{*a.AccessKeyId, *b.AccessKeyId}) {
		t.Fatal(got)
	}
}

func TestLastUsedIsCoarse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := people(t, w, "alice")
		k := c.createKey("alice")
		last := func() *iamtypes.AccessKeyLastUsed {
			return must(c.iam.GetAccessKeyLastUsed(bg, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))(t).AccessKeyLastUsed
		}
		if u := last(); u.LastUsedDate != nil || *u.ServiceName != "N/A" || *u.Region != "N/A" {
			t.Fatalf("never used: %+v", u)
		}
		c.verify(k, "us-east-1", 1)
		first := *last().LastUsedDate
		time.Sleep(14 * time.Minute)
		w.People().UseKey(*k.AccessKeyId, "s3", "eu-west-1")
		if u := last(); *u.ServiceName != "sts" || !u.LastUsedDate.Equal(first) {
			t.Fatalf("within 15 minutes: %+v", u)
		}
		time.Sleep(time.Minute)
		w.People().UseKey(*k.AccessKeyId, "s3", "eu-west-1")
		if u := last(); *u.ServiceName != "s3" || *u.Region != "eu-west-1" || u.LastUsedDate.Sub(first) != 15*time.Minute {
			t.Fatalf("after 15 minutes: %+v", u)
		}
	})
}

func TestUserLife(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	made := must(c.iam.CreateUser(bg, &iam.CreateUserInput{
		UserName: aws.String("bob"), Path: aws.String("/team/"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1 / 2")}},
	}))(t).User
	if *made.Arn != "arn:aws:iam::123456789012:user/team/bob" {
		t.Fatal(*made.Arn)
	}
	_, err := c.iam.CreateUser(bg, &iam.CreateUserInput{UserName: aws.String("BOB")})
	refused(t, err, "EntityAlreadyExists")
	tags := must(c.iam.ListUserTags(bg, &iam.ListUserTagsInput{UserName: aws.String("bob")}))(t).Tags
	if len(tags) != 1 || *tags[0].Value != "1 / 2" {
		t.Fatalf("tags: %v", tags)
	}
	k := c.createKey("bob")
	_, err = c.iam.DeleteUser(bg, &iam.DeleteUserInput{UserName: aws.String("bob")})
	refused(t, err, "DeleteConflict")
	if err := c.deleteKey("bob", *k.AccessKeyId); err != nil {
		t.Fatal(err)
	}
	must(c.iam.DeleteUser(bg, &iam.DeleteUserInput{UserName: aws.String("bob")}))(t)
	again := must(c.iam.CreateUser(bg, &iam.CreateUserInput{UserName: aws.String("bob")}))(t).User
	if *again.UserId == *made.UserId {
		t.Fatal("a new user of an old name has the old UserId")
	}
}

func TestDeniedActionsAreNamed(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := people(t, w, "alice")
	w.People().Deny("keyturn-rotator", "iam:CreateAccessKey")
	_, err := c.iam.CreateAccessKey(bg, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	refused(t, err, "AccessDenied")
	if !strings.Contains(err.Error(), "not authorized to perform: iam:CreateAccessKey on resource: user alice") {
		t.Fatal(err)
	}
	out := must(c.iam.SimulatePrincipalPolicy(bg, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/keyturn-rotator"),
		ActionNames:     []string{"iam:CreateAccessKey", "iam:ListAccessKeys"},
	}))(t).EvaluationResults
	if out[0].EvalDecision != "implicitDeny" || out[1].EvalDecision != "allowed" {
		t.Fatalf("%+v", out)
	}
	must(c.sts.GetCallerIdentity(bg, nil))(t)
}

func TestCredentialReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := people(t, w, "alice")
		k := c.createKey("alice")
		_, err := c.iam.GetCredentialReport(bg, nil)
		refused(t, err, "ReportNotPresent")
		must(c.iam.GenerateCredentialReport(bg, nil))(t)
		_, err = c.iam.GetCredentialReport(bg, nil)
		refused(t, err, "ReportInProgress")
		c.setStatus("alice", *k.AccessKeyId, off)
		time.Sleep(time.Minute)
		must(c.iam.GenerateCredentialReport(bg, nil))(t)
		report := string(must(c.iam.GetCredentialReport(bg, nil))(t).Content)
		if !strings.Contains(report, "\nalice,arn:aws:iam::123456789012:user/alice,") || !strings.Contains(report, "false,true,") {
			t.Fatalf("not a report of four hours ago:\n%s", report)
		}
		time.Sleep(4 * time.Hour)
		_, err = c.iam.GetCredentialReport(bg, nil)
		refused(t, err, "ReportExpired")
	})
}

func TestSessionsOutliveTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := people(t, w, "alice")
		k := c.createKey("alice")
		as := connect(t, w, *k.AccessKeyId, *k.SecretAccessKey, "us-east-1")
		s := must(as.sts.GetSessionToken(bg, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)}))(t).Credentials
		c.setStatus("alice", *k.AccessKeyId, off)
		_, err := as.sts.GetCallerIdentity(bg, nil)
		refused(t, err, "InvalidClientTokenId")
		cfg := as.cfg.Copy()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(*s.AccessKeyId, *s.SecretAccessKey, *s.SessionToken)
		session := sts.NewFromConfig(cfg)
		me := must(session.GetCallerIdentity(bg, nil))(t)
		if *me.Arn != "arn:aws:iam::123456789012:user/alice" {
			t.Fatal(*me.Arn)
		}
		time.Sleep(15 * time.Minute)
		_, err = session.GetCallerIdentity(bg, nil)
		refused(t, err, "ExpiredToken")

		role := must(c.sts.AssumeRole(bg, &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::123456789012:role/ops/deploy"), RoleSessionName: aws.String("me"),
		}))(t)
		if *role.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/deploy/me" {
			t.Fatal(*role.AssumedRoleUser.Arn)
		}
	})
}
