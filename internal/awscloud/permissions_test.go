package awscloud_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// verdicts are the actions with a verdict, in order.
func verdicts(found []awscloud.Permission, v awscloud.Verdict) []string {
	var out []string
	for _, p := range found {
		if p.Verdict == v {
			out = append(out, p.Action)
		}
	}
	slices.Sort(out)
	return out
}

func TestCheckPermissions(t *testing.T) {
	const kms = "arn:aws:kms:us-east-1:123456789012:key/k"
	w := newWorld(awssim.Config{})
	a := simulated(t, w, func(c *awscloud.Config) { c.KMSKeyID = kms })
	self := must(a.Identity(bg))(t)
	me := self.ARN[strings.LastIndexByte(self.ARN, '/')+1:]
	ok(t, w.People().CreateUser("fresh", "/team/", nil))
	_, _ = onboarded(t, w, a, "ci")
	changes := func() (n int64) {
		for op, c := range w.Counts() {
			if !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") && !strings.HasPrefix(op, "Describe") && op != "SimulatePrincipalPolicy" {
				n += c
			}
		}
		return n
	}
	before := changes()
	check := func(name, path string) []awscloud.Permission {
		return must(a.CheckPermissions(bg, self, awscloud.Subject{User: rotation.User{Account: account, Name: name}, Path: path}, nil))(t)
	}

	found := check("fresh", "/team/")
	if missing := verdicts(found, awscloud.Missing); len(missing) != 0 || len(found) != 15 {
		t.Fatalf("everything is allowed: %+v", found)
	}
	if !slices.ContainsFunc(found, func(p awscloud.Permission) bool {
		return p.Action == "iam:CreateAccessKey" && p.Resource == "arn:aws:iam::123456789012:user/team/fresh"
	}) {
		t.Fatalf("the user's ARN has its path: %+v", found)
	}
	ok(t, w.People().Deny(me, "iam:CreateAccessKey", "secretsmanager:TagResource", "secretsmanager:CreateSecret"))
	if got := verdicts(check("fresh", "/team/"), awscloud.Missing); !slices.Equal(got, []string{"iam:CreateAccessKey", "secretsmanager:CreateSecret", "secretsmanager:TagResource"}) {
		t.Fatalf("missing: %v", got)
	}
	// A secret that stands needs no CreateSecret; its KMS key is proved by reading.
	w.People().SetKMSBroken(true)
	if got := verdicts(check("ci", "/"), awscloud.Missing); !slices.Equal(got, []string{"iam:CreateAccessKey", "kms:Decrypt", "secretsmanager:TagResource"}) {
		t.Fatalf("missing: %v", got)
	}
	w.People().SetKMSBroken(false)

	// Without the simulator, what can be read is tried, and the rest is not called allowed.
	ok(t, w.People().Deny(me, "iam:SimulatePrincipalPolicy", "iam:ListAccessKeys", "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"))
	found = check("ci", "/")
	if got := verdicts(found, awscloud.Missing); !slices.Equal(got, []string{"iam:ListAccessKeys", "secretsmanager:DescribeSecret"}) {
		t.Fatalf("missing: %v", got)
	}
	if got := verdicts(found, awscloud.Allowed); !slices.Equal(got, []string{"iam:GetAccountAuthorizationDetails", "secretsmanager:ListSecretVersionIds"}) {
		t.Fatalf("allowed: %v", got)
	}
	ok(t, w.People().Allow(me, "secretsmanager:DescribeSecret"))
	if got := verdicts(check("ci", "/"), awscloud.Missing); !slices.Equal(got, []string{"iam:ListAccessKeys", "secretsmanager:GetSecretValue"}) {
		t.Fatalf("missing: %v", got)
	}
	if changes() != before {
		t.Fatal("the check changed something")
	}
}

// The simulator that refused once is not asked again: not for the other permissions, and not for the other users.
func TestCheckPermissionsAsksARefusingSimulatorOnce(t *testing.T) {
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	self := must(a.Identity(bg))(t)
	ok(t, w.People().Deny(self.ARN[strings.LastIndexByte(self.ARN, '/')+1:], "iam:SimulatePrincipalPolicy"))
	for _, name := range []string{"one", "two"} {
		ok(t, w.People().CreateUser(name, "/", nil))
		found := must(a.CheckPermissions(bg, self, awscloud.Subject{User: rotation.User{Account: account, Name: name}}, nil))(t)
		if len(verdicts(found, awscloud.Unsure)) == 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if n := w.Counts()["SimulatePrincipalPolicy"]; n != 1 {
		t.Errorf("the simulator was asked %d times", n)
	}
}

// A role's session is simulated as its role, and a condition that cannot be known is not called missing.
func TestCheckPermissionsOfARole(t *testing.T) {
	var sources []string
	a := scripted(t, func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.Header.Get("X-Amz-Target"), "DescribeSecret") {
			return refusal(r, 400, "ResourceNotFoundException", ""), nil
		}
		ok(t, r.ParseForm())
		sources = append(sources, r.Form.Get("PolicySourceArn"))
		return reply(r, 200, "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member>"+
			"<EvalActionName>"+r.Form.Get("ActionNames.member.1")+"</EvalActionName><EvalDecision>implicitDeny</EvalDecision>"+
			"<MissingContextValues><member>aws:SourceVpc</member></MissingContextValues></member></EvaluationResults>"+
			"</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"), nil
	})
	found := must(a.CheckPermissions(bg, awscloud.Identity{Account: account, ARN: "arn:aws-cn:sts::123456789012:assumed-role/keyturn/i-0abc"},
		awscloud.Subject{User: rotation.User{Account: account, Name: "ci"}}, map[string]string{"keyturn:managed": "true"}))(t)
	for _, s := range sources {
		if s != "arn:aws-cn:iam::123456789012:role/keyturn" {
			t.Fatalf("simulated %s", s)
		}
	}
	for _, p := range found {
		if p.Verdict != awscloud.Unsure || !strings.Contains(p.Why, "aws:SourceVpc") || p.Resource != "*" && !strings.HasPrefix(p.Resource, "arn:aws-cn:") {
			t.Fatalf("%+v", p)
		}
	}
	if len(found) != 5 {
		t.Fatalf("%+v", found)
	}
}
