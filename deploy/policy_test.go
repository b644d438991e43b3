package deploy

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const account = "123456789012"

// inputs are the situations whose documents stand in testdata.
var inputs = map[string]PolicyInput{
	"rotator-readme": {
		Account: account, Region: "us-east-1", SecretNames: []string{"keyturn/*/key"}, APIKeys: "keyturn/api-keys",
		Include: []Users{{TagKey: "keyturn:managed", TagValue: "true"}, {Path: "/service/*"}, {Name: "ci-*"}},
		Exclude: []Users{{Name: "break-glass"}, {TagKey: "keyturn:managed", TagValue: "false"}},
	},
	"rotator-path": {Account: account, SecretNames: []string{"keyturn/*/key"}, Include: []Users{{Path: "/service/*"}}},
	"rotator-kms": {
		Account: account, Region: "eu-central-1", SecretNames: []string{"prod/*/aws"}, KMSKey: "alias/keyturn", TagKeys: []string{"team", "cost"},
		APIKeys: "keyturn/api-keys",
		Include: []Users{{Path: "/service/*", Name: "app-?", TagKey: "team", TagValue: "pay*"}},
	},
	"rotator-china": {
		Partition: "aws-cn", Account: account, Region: "cn-north-1", SecretNames: []string{"keyturn/*/key"}, KMSKey: "1234abcd-12ab",
		Include: []Users{{Name: "*"}},
	},
}

var guardrail = GuardrailInput{
	Account: account, SecretNames: []string{"keyturn/*/key"}, Rotators: []string{"arn:aws:iam::123456789012:role/keyturn"},
	TagAdministrators: []string{"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*"},
}

func documents(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, in := range inputs {
		text, err := RotatorPolicy(in)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = text
	}
	text, err := GuardrailPolicy(guardrail)
	if err != nil {
		t.Fatal(err)
	}
	out["guardrail"] = text
	if out["api-keys"], err = APIKeyPolicy(inputs["rotator-kms"]); err != nil {
		t.Fatal(err)
	}
	if out["scan"], err = ScanPolicy(ScanInput{Account: account, Regions: []string{"us-east-1", "eu-central-1"}}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDocuments(t *testing.T) {
	for name, got := range documents(t) {
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs (rewrite with -update and read the difference); got:\n%s", path, got)
		}
		if again := documents(t)[name]; string(again) != string(got) {
			t.Errorf("%s is written in another order the second time", name)
		}
	}
}

// scoped are the actions that AWS's authorization data knows, and whether they can be limited to a resource.
var scoped = map[string]bool{
	"iam:CreateAccessKey": true, "iam:UpdateAccessKey": true, "iam:DeleteAccessKey": true, "iam:ListAccessKeys": true,
	"iam:GetAccessKeyLastUsed": true, "iam:TagUser": true, "iam:UntagUser": true, "iam:GetAccountAuthorizationDetails": false,
	"secretsmanager:CreateSecret": true, "secretsmanager:PutSecretValue": true, "secretsmanager:GetSecretValue": true,
	"secretsmanager:DescribeSecret": true, "secretsmanager:ListSecretVersionIds": true, "secretsmanager:TagResource": true,
	"secretsmanager:UpdateSecretVersionStage": true, "secretsmanager:UntagResource": true,
	"kms:GenerateDataKey": true, "kms:Decrypt": true,
	"iam:GenerateCredentialReport": false, "iam:GetCredentialReport": false, "cloudformation:ListStacks": false,
	"cloudformation:ListStackResources": true,
}

func TestDocumentsAreWhatIAMTakes(t *testing.T) {
	for name, text := range documents(t) {
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		sids := map[string]bool{}
		for _, s := range d.Statement {
			if !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(s.Sid) || sids[s.Sid] {
				t.Errorf("%s: the Sid %q is not letters and digits, or stands twice", name, s.Sid)
			}
			sids[s.Sid] = true
			for _, a := range s.Action {
				canBeLimited, known := scoped[a]
				if !known {
					t.Errorf("%s: %s: AWS has no action %s", name, s.Sid, a)
				}
				for _, r := range s.Resource {
					if canBeLimited && (r == "*" || strings.HasSuffix(r, ":secret:*")) {
						t.Errorf("%s: %s allows %s on %s", name, s.Sid, a, r)
					}
				}
			}
		}
	}
}

func TestPoliciesRefuse(t *testing.T) {
	good := inputs["rotator-path"]
	with := func(change func(*PolicyInput)) error {
		in := good
		change(&in)
		_, err := RotatorPolicy(in)
		return err
	}
	without := func(change func(*GuardrailInput)) error {
		in := guardrail
		change(&in)
		_, err := GuardrailPolicy(in)
		return err
	}
	for want, err := range map[string]error{
		`the policy needs the 12-digit id of the AWS account, not "12345"`: with(func(in *PolicyInput) { in.Account = "12345" }),
		`"azure" is no AWS partition: aws, aws-cn or aws-us-gov`:           with(func(in *PolicyInput) { in.Partition = "azure" }),
		`the policy would allow no user: users.include is empty`:           with(func(in *PolicyInput) { in.Include = nil }),
		`the policy would allow no secret: it needs the names of the secrets`: with(func(in *PolicyInput) {
			in.SecretNames = nil
		}),
		`the policy would allow every secret of the account, as secret.name begins and ends with what differs between users ("*"): ` +
			`put a fixed word into it, such as "keyturn/{{.User}}/key"`: with(func(in *PolicyInput) { in.SecretNames = []string{"*"} }),
		`the policy would have 9569 characters, and IAM allows 6144 in a managed policy: choose users by path or by one tag instead ` +
			`of one by one`: with(func(in *PolicyInput) {
			for i := range 100 {
				in.Include = append(in.Include, Users{Name: fmt.Sprintf("user-%d", i)})
			}
		}),
		`the guardrail needs the ARN of the role that keyturn runs as: without it keyturn itself would be shut out`: without(func(in *GuardrailInput) {
			in.Rotators = nil
		}),
		`arn:aws:sts::123456789012:assumed-role/keyturn/x is a session: name its role, as arn:aws:iam::123456789012:role/NAME`: without(func(in *GuardrailInput) {
			in.Rotators = []string{"arn:aws:sts::123456789012:assumed-role/keyturn/x"}
		}),
		`"keyturn" is not the ARN of a role or user: write it as arn:aws:iam::123456789012:role/keyturn`: without(func(in *GuardrailInput) {
			in.Rotators = []string{"keyturn"}
		}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
