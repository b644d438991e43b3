package conformance

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

// report makes the credential report and gives its rows by user.
func (t *T) report() map[string]map[string]string {
	t.Helper()
	_, err := t.IAM.GenerateCredentialReport(t.ctx, &iam.GenerateCredentialReportInput{})
	t.ok(err)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	out, err := t.IAM.GetCredentialReport(t.ctx, &iam.GetCredentialReportInput{})
	var wait *iamtypes.CredentialReportNotReadyException
	for errors.As(err, &wait) {
		<-again.C
		out, err = t.IAM.GetCredentialReport(t.ctx, &iam.GetCredentialReportInput{})
	}
	t.ok(err)
	equal(t, "format", out.ReportFormat, iamtypes.ReportFormatTypeTextCsv)
	t.Differs("report-of-long-ago", func() { t.recent("generated", out.GeneratedTime) },
		func() { equal(t, "generated years ago", time.Since(*out.GeneratedTime) > 365*24*time.Hour, true) })
	lines := strings.Split(strings.TrimSpace(string(out.Content)), "\n")
	columns := strings.Split(lines[0], ",")
	rows := map[string]map[string]string{}
	for _, line := range lines[1:] {
		fields := strings.Split(line, ",")
		if len(fields) != len(columns) {
			// The row of a user with a comma in the name: AWS does not say whether it puts quotes around that.
			continue
		}
		row := map[string]string{}
		for i, name := range columns {
			row[name] = fields[i]
		}
		rows[row["user"]] = row
	}
	return rows
}

// inventoryCases are about seeing a whole account in a few calls.
var inventoryCases = []Case{
	{Name: "details of a user: path, id, ARN, tags", Run: func(t *T) {
		made := t.userAt(t.Name, "/service/", tag("team", "red"))
		found, _ := t.details(1000, t.Name)
		got := found[t.Name]
		equal(t, "id", *got.UserId, *made.UserId)
		equal(t, "path", *got.Path, "/service/")
		equal(t, "ARN", *got.Arn, *made.Arn)
		equal(t, "tag", tagMap(got.Tags)["team"], "red")
		t.recent("create date", got.CreateDate)
	}},
	{Name: "details come in pages of the size asked", Run: func(t *T) {
		names := []string{t.Name + "a", t.Name + "b", t.Name + "c"}
		for _, name := range names {
			t.userAt(name, "/")
		}
		found, longest := t.details(2, names...)
		equal(t, "users", len(found), 3)
		t.Differs("details-no-pages", func() { equal(t, "longest page at most 2", longest <= 2, true) },
			func() { equal(t, "longest page at most 2", longest <= 2, false) })
	}},
	{Name: "details of users only", Run: func(t *T) {
		t.user()
		out, err := t.IAM.GetAccountAuthorizationDetails(t.ctx, &iam.GetAccountAuthorizationDetailsInput{
			Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser},
		})
		t.ok(err)
		equal(t, "roles", len(out.RoleDetailList), 0)
		equal(t, "groups", len(out.GroupDetailList), 0)
		equal(t, "policies", len(out.Policies), 0)
	}},
	{Name: "details show a deleted user no more", Run: func(t *T) {
		t.user()
		t.ok(t.deleteUser(t.Name))
		found, _ := t.details(1000, t.Name)
		equal(t, "users", len(found), 0)
	}},
	{Name: "details show tags as they are now", Run: func(t *T) {
		u := t.user(tag("a", "1"))
		t.ok(t.tagUser(u, tag("a", "2")))
		found, _ := t.details(1000, u)
		equal(t, "tag", tagMap(found[u].Tags)["a"], "2")
	}},
	{Name: "details name a user's own and attached policies", Run: func(t *T) {
		u := t.user()
		t.allow(u)
		_, err := t.IAM.AttachUserPolicy(t.ctx, &iam.AttachUserPolicyInput{UserName: &u, PolicyArn: aws.String(readOnly)})
		t.ok(err)
		found, _ := t.details(1000, u)
		equal(t, "own policies", len(found[u].UserPolicyList), 1)
		equal(t, "own policy", *found[u].UserPolicyList[0].PolicyName, "all")
		equal(t, "attached policies", len(found[u].AttachedManagedPolicies), 1)
		equal(t, "attached policy", *found[u].AttachedManagedPolicies[0].PolicyArn, readOnly)
	}},
	{Name: "a page of no details is refused", Run: func(t *T) {
		_, err := t.IAM.GetAccountAuthorizationDetails(t.ctx, &iam.GetAccountAuthorizationDetailsInput{
			Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser}, MaxItems: aws.Int32(0),
		})
		t.Differs("iam-max-items-unchecked", func() { t.refused(err, validationError) }, func() { t.ok(err) })
	}},
	{Name: "the credential report has a row of the root user, whose password it does not tell of", Run: func(t *T) {
		t.Differs("report-without-root", func() {
			root := t.report()["<root_account>"]
			equal(t, "ARN's end", strings.HasSuffix(root["arn"], ":root"), true)
			equal(t, "password_enabled", root["password_enabled"], "not_supported")
			equal(t, "first key", root["access_key_1_active"], "false")
		}, func() { equal(t, "ARN", t.report()["<root_account>"]["arn"], "") })
	}},
	// AWS answers the same report for four hours, so this case's own user may not be in it.
	{Name: "the credential report tells of every user's keys", Run: func(t *T) {
		rows := t.report()
		equal(t, "report is empty", len(rows) == 0, false)
		for user, row := range rows {
			for _, column := range []string{
				"arn", "user_creation_time", "access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date",
				"access_key_1_last_used_region", "access_key_1_last_used_service", "access_key_2_active",
			} {
				if row[column] == "" {
					t.Errorf("report has no %s for %s", column, user)
				}
			}
		}
	}},
}

// policyCases are about the policies that config check looks at.
var policyCases = []Case{
	{Name: "attach, list, detach", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.AttachUserPolicy(t.ctx, &iam.AttachUserPolicyInput{UserName: &u, PolicyArn: aws.String(readOnly)})
		t.ok(err)
		out, err := t.IAM.ListAttachedUserPolicies(t.ctx, &iam.ListAttachedUserPoliciesInput{UserName: &u})
		t.ok(err)
		equal(t, "policies", len(out.AttachedPolicies), 1)
		equal(t, "name", *out.AttachedPolicies[0].PolicyName, "ReadOnlyAccess")
		_, err = t.IAM.DetachUserPolicy(t.ctx, &iam.DetachUserPolicyInput{UserName: &u, PolicyArn: aws.String(readOnly)})
		t.ok(err)
		out, err = t.IAM.ListAttachedUserPolicies(t.ctx, &iam.ListAttachedUserPoliciesInput{UserName: &u})
		t.ok(err)
		equal(t, "policies", len(out.AttachedPolicies), 0)
	}},
	{Name: "detach what is not attached", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.DetachUserPolicy(t.ctx, &iam.DetachUserPolicyInput{UserName: &u, PolicyArn: aws.String(readOnly)})
		t.refused(err, noSuchEntity)
	}},
	{Name: "attach to an unknown user", Run: func(t *T) {
		_, err := t.IAM.AttachUserPolicy(t.ctx, &iam.AttachUserPolicyInput{UserName: &t.Name, PolicyArn: aws.String(readOnly)})
		t.refused(err, noSuchEntity)
	}},
	{Name: "own policies are listed", Run: func(t *T) {
		u := t.user()
		t.allow(u)
		out, err := t.IAM.ListUserPolicies(t.ctx, &iam.ListUserPoliciesInput{UserName: &u})
		t.ok(err)
		equal(t, "policies", strings.Join(out.PolicyNames, " "), "all")
	}},
	{Name: "own policy for an unknown user", Run: func(t *T) {
		_, err := t.IAM.PutUserPolicy(t.ctx, &iam.PutUserPolicyInput{
			UserName: &t.Name, PolicyName: aws.String("all"), PolicyDocument: aws.String(policyDocument("Allow")),
		})
		t.refused(err, noSuchEntity)
	}},
	{Name: "a policy that is not JSON is refused", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.PutUserPolicy(t.ctx, &iam.PutUserPolicyInput{UserName: &u, PolicyName: aws.String("p"), PolicyDocument: aws.String("nonsense")})
		t.refused(err, "MalformedPolicyDocument 400")
	}},
}
