package deploy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// call is one request as IAM judges it.
type call struct {
	action, resource string
	keys             map[string][]string // condition keys
}

// like matches as StringLike and resources do.
func like(pattern, s string) bool {
	p := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`(?s)^` + p + `$`).MatchString(s)
}

func anyLike(patterns []string, s string) bool {
	for _, p := range patterns {
		if like(p, s) {
			return true
		}
	}
	return false
}

// holds judges a condition operator on the values of a key in the request.
func holds(operator string, have, want []string) bool {
	some, all := false, true
	if strings.HasSuffix(operator, ":StringEqualsIgnoreCase") {
		return slices.ContainsFunc(have, func(v string) bool {
			return slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(v, w) })
		})
	}
	for _, v := range have {
		if anyLike(want, v) {
			some = true
		} else {
			all = false
		}
	}
	switch operator {
	case "ForAllValues:StringLike", "ForAllValues:StringEquals":
		return all
	case "ArnNotLike":
		return !some
	default:
		return some
	}
}

// allowed judges a call by one document, as far as IAM's rules are needed here: an explicit deny wins.
func allowed(t *testing.T, text []byte, c call) (allow, deny bool) {
	t.Helper()
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Statement {
		fits := anyLike(s.Action, c.action) && anyLike(s.Resource, c.resource)
		for operator, tests := range s.Condition {
			for key, want := range tests {
				fits = fits && holds(operator, c.keys[key], want)
			}
		}
		allow = allow || fits && s.Effect == "Allow"
		deny = deny || fits && s.Effect == "Deny"
	}
	return allow && !deny, deny
}

const (
	userARN   = "arn:aws:iam::123456789012:user"
	secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
)

func tags(kv ...string) map[string][]string {
	out := map[string][]string{}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = append(out[kv[i]], kv[i+1])
	}
	return out
}

func TestRotatorMayDoItsWorkAndNothingElse(t *testing.T) {
	text := documents(t)["rotator-readme"]
	managed := tags("aws:ResourceTag/keyturn:managed", "true")
	state := tags("aws:TagKeys", "keyturn:intent", "aws:TagKeys", "keyturn:promoted")
	for _, c := range []struct {
		what string
		call call
		want bool
	}{
		{"a user of the path", call{"iam:CreateAccessKey", userARN + "/service/mail", nil}, true},
		{"a user below the path", call{"iam:DeleteAccessKey", userARN + "/service/nightly/batch", nil}, true},
		{"a user by name", call{"iam:UpdateAccessKey", userARN + "/ci-build", nil}, true},
		{"a user by name in a path", call{"iam:UpdateAccessKey", userARN + "/robots/ci-build", nil}, true},
		{"a user by tag", call{"iam:CreateAccessKey", userARN + "/people/alice", managed}, true},
		{"a user without the tag", call{"iam:CreateAccessKey", userARN + "/people/alice", nil}, false},
		{"another tag value", call{"iam:CreateAccessKey", userARN + "/people/alice", tags("aws:ResourceTag/keyturn:managed", "maybe")}, false},
		{"a path that begins alike", call{"iam:CreateAccessKey", userARN + "/services/x", nil}, false},
		{"a name that ends alike", call{"iam:CreateAccessKey", userARN + "/not-ci-x", nil}, false},
		{"an excluded user, tagged", call{"iam:CreateAccessKey", userARN + "/break-glass", managed}, false},
		{"an excluded user in the path", call{"iam:CreateAccessKey", userARN + "/service/break-glass", nil}, false},
		{"retiring the key of a user that leaves care", call{"iam:DeleteAccessKey", userARN + "/service/break-glass", nil}, true},
		{"looking for a secret that is not there", call{"secretsmanager:DescribeSecret", secretARN + "keyturn/mail/key", nil}, true},
		{"looking at a secret", call{"secretsmanager:DescribeSecret", secretARN + "keyturn/mail/key-a1B2c3", nil}, true},
		{"a user that opted out", call{"iam:CreateAccessKey", userARN + "/service/mail", tags("aws:ResourceTag/keyturn:managed", "false")}, false},
		{"another account", call{"iam:CreateAccessKey", strings.Replace(userARN, "1234", "9999", 1) + "/service/mail", nil}, false},
		{"discovery", call{"iam:GetAccountAuthorizationDetails", "*", nil}, true},
		{"tagging users", call{"iam:TagUser", userARN + "/service/mail", nil}, false},
		{"making a secret", call{"secretsmanager:CreateSecret", secretARN + "keyturn/mail/key", state}, true},
		{"storing", call{"secretsmanager:PutSecretValue", secretARN + "keyturn/mail/key-a1B2c3", nil}, true},
		{"promoting", call{"secretsmanager:UpdateSecretVersionStage", secretARN + "keyturn/mail/key-a1B2c3", nil}, true},
		{"another secret", call{"secretsmanager:GetSecretValue", secretARN + "prod/db-a1B2c3", nil}, false},
		{"a secret whose name goes on", call{"secretsmanager:GetSecretValue", secretARN + "keyturn/mail/key-backup-a1B2c3", nil}, false},
		{"another Region", call{"secretsmanager:GetSecretValue", strings.Replace(secretARN, "us-east-1", "eu-west-1", 1) + "keyturn/mail/key-a1B2c3", nil}, false},
		{"deleting a secret", call{"secretsmanager:DeleteSecret", secretARN + "keyturn/mail/key-a1B2c3", nil}, false},
		{"looking for API keys where there are none", call{"secretsmanager:GetSecretValue", secretARN + "keyturn/api-keys/0", nil}, true},
		{"making the first API key", call{"secretsmanager:CreateSecret", secretARN + "keyturn/api-keys/0", nil}, true},
		{"reading API keys", call{"secretsmanager:GetSecretValue", secretARN + "keyturn/api-keys/0-a1B2c3", nil}, true},
		{"changing API keys", call{"secretsmanager:UpdateSecretVersionStage", secretARN + "keyturn/api-keys/12-a1B2c3", nil}, true},
		{"deleting API keys", call{"secretsmanager:DeleteSecret", secretARN + "keyturn/api-keys/0-a1B2c3", nil}, false},
		{"a secret that begins alike", call{"secretsmanager:GetSecretValue", secretARN + "keyturn/api-keys-a1B2c3", nil}, false},
		{"a state tag", call{"secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", state}, true},
		{"somebody's tag", call{"secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", tags("aws:TagKeys", "keyturn:intent", "aws:TagKeys", "team")}, false},
	} {
		if got, _ := allowed(t, text, c.call); got != c.want {
			t.Errorf("%s: allowed is %v, want %v", c.what, got, c.want)
		}
	}
}

// Who makes API keys needs nothing of what rotates access keys.
func TestAPIKeyPolicyIsForAPIKeysOnly(t *testing.T) {
	text := documents(t)["api-keys"]
	eu := strings.Replace(secretARN, "us-east-1", "eu-central-1", 1)
	for _, c := range []struct {
		what string
		call call
		want bool
	}{
		{"making the first API key", call{"secretsmanager:CreateSecret", eu + "keyturn/api-keys/0", tags("aws:TagKeys", "team")}, true},
		{"with the configured tags", call{"secretsmanager:TagResource", eu + "keyturn/api-keys/0", tags("aws:TagKeys", "team", "aws:TagKeys", "cost")}, true},
		{"with another tag", call{"secretsmanager:TagResource", eu + "keyturn/api-keys/0", tags("aws:TagKeys", "keyturn:intent")}, false},
		{"revoking", call{"secretsmanager:PutSecretValue", eu + "keyturn/api-keys/0-a1B2c3", nil}, true},
		{"reading a user's key", call{"secretsmanager:GetSecretValue", eu + "prod/pay/aws-a1B2c3", nil}, false},
		{"making an access key", call{"iam:CreateAccessKey", userARN + "/service/app-1", tags("aws:ResourceTag/team", "pay")}, false},
		{"decrypting API keys", call{"kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/1", map[string][]string{
			"kms:ViaService": {"secretsmanager.eu-central-1.amazonaws.com"}, "kms:ResourceAliases": {"alias/keyturn"},
			"kms:EncryptionContext:SecretARN": {eu + "keyturn/api-keys/0-a1B2c3"}}}, true},
		{"decrypting a user's key", call{"kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/1", map[string][]string{
			"kms:ViaService": {"secretsmanager.eu-central-1.amazonaws.com"}, "kms:ResourceAliases": {"alias/keyturn"},
			"kms:EncryptionContext:SecretARN": {eu + "prod/pay/aws-a1B2c3"}}}, false},
	} {
		if got, _ := allowed(t, text, c.call); got != c.want {
			t.Errorf("%s: allowed is %v, want %v", c.what, got, c.want)
		}
	}
}

func TestKMSKeyServesTheseSecretsOnly(t *testing.T) {
	text := documents(t)["rotator-kms"]
	key := "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
	for _, c := range []struct {
		what, via, secret, alias string
		want                     bool
	}{
		{"our secret", "secretsmanager.eu-central-1.amazonaws.com", "prod/pay/aws-a1B2c3", "alias/keyturn", true},
		{"another secret", "secretsmanager.eu-central-1.amazonaws.com", "prod/db-a1B2c3", "alias/keyturn", false},
		{"another service", "s3.eu-central-1.amazonaws.com", "prod/pay/aws-a1B2c3", "alias/keyturn", false},
		{"another key", "secretsmanager.eu-central-1.amazonaws.com", "prod/pay/aws-a1B2c3", "alias/payroll", false},
	} {
		keys := tags("kms:ViaService", c.via, "kms:ResourceAliases", c.alias,
			"kms:EncryptionContext:SecretARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"+c.secret)
		if got, _ := allowed(t, text, call{"kms:GenerateDataKey", key, keys}); got != c.want {
			t.Errorf("%s: allowed is %v, want %v", c.what, got, c.want)
		}
	}
}

func TestGuardrailKeepsEverybodyElseOut(t *testing.T) {
	text := documents(t)["guardrail"]
	const rotator, admin, mallory = "role/keyturn", "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_1f", "role/developer"
	for _, c := range []struct {
		what, who, action, resource, key string
		denied                           bool
	}{
		{"a stranger writes state", mallory, "secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", "keyturn:revoked", true},
		{"a stranger strips state", mallory, "secretsmanager:UntagResource", secretARN + "keyturn/mail/key-a1B2c3", "keyturn:intent", true},
		{"an administrator writes state", admin, "secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", "keyturn:revoked", true},
		{"state at creation", mallory, "secretsmanager:TagResource", secretARN + "keyturn/mail/key", "keyturn:promoted", true},
		{"keyturn writes state", rotator, "secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", "keyturn:revoked", false},
		{"a stranger writes another tag", mallory, "secretsmanager:TagResource", secretARN + "keyturn/mail/key-a1B2c3", "team", false},
		{"a stranger puts a user into care", mallory, "iam:TagUser", userARN + "/people/alice", "keyturn:managed", true},
		{"a stranger takes one out", mallory, "iam:UntagUser", userARN + "/people/alice", "keyturn:managed", true},
		{"in another case, which IAM takes for the same", mallory, "iam:TagUser", userARN + "/people/alice", "KeyTurn:Managed", true},
		{"another schedule, likewise", mallory, "iam:TagUser", userARN + "/people/alice", "KEYTURN:SCHEDULE", true},
		{"an administrator decides on care", admin, "iam:TagUser", userARN + "/people/alice", "keyturn:managed", false},
		{"another tag of a user", mallory, "iam:TagUser", userARN + "/people/alice", "team", false},
	} {
		keys := tags("aws:TagKeys", c.key, "aws:PrincipalArn", "arn:aws:iam::123456789012:"+c.who)
		allow, deny := allowed(t, text, call{c.action, c.resource, keys})
		if deny != c.denied || allow {
			t.Errorf("%s: denied is %v, want %v", c.what, deny, c.denied)
		}
	}
}
