package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PolicyInput is what the rotator's policy depends on.
type PolicyInput struct {
	Partition string // "aws-cn", "aws-us-gov"; empty: "aws"
	Account   string // 12 digits, required
	Region    string // where the secrets are; empty: any
	// Include are the users in care: one entry matches when all that it says is true, and any entry is enough. Required.
	Include []Users
	// Exclude are users for whom the policy denies CreateAccessKey, whatever Include allows.
	Exclude []Users
	// SecretNames are the names of the secrets, with * and ? as wildcards: "keyturn/*/key". Required.
	SecretNames []string
	// TagKeys are the keys of tags that the configuration puts on secrets beside keyturn's own.
	TagKeys []string
	// APIKeys is the prefix of the secrets that hold keyturn's API keys: "keyturn/api-keys". Empty: keyturn keeps none.
	APIKeys string
	// KMSKey is the id, ARN, alias or alias ARN of a customer-managed key; empty: Secrets Manager's own, which needs no
	// permission.
	KMSKey string
}

// Users are IAM users by path, name and tag; what is empty does not matter.
type Users struct {
	Path     string // pattern of whole paths with * and ?, such as "/service/*"
	Name     string // user name with * and ?
	TagKey   string
	TagValue string // with * and ?; used with TagKey only
}

// resources are the ARNs of the users.
func (u Users) resources(partition, account string) []string {
	arn := fmt.Sprintf("arn:%s:iam::%s:user", partition, account)
	name := u.Name
	if name == "" {
		name = "*"
	}
	switch {
	case name == "*" && (u.Path == "" || u.Path == "*"):
		return []string{arn + "/*"}
	case u.Path == "":
		// The name alone: in the root path, and in any other.
		return []string{arn + "/" + name, arn + "/*/" + name}
	case name == "*" && strings.HasSuffix(u.Path, "/*"):
		return []string{arn + u.Path}
	case strings.HasSuffix(u.Path, "/*"):
		return []string{arn + strings.TrimSuffix(u.Path, "*") + name, arn + u.Path + "/" + name}
	default:
		return []string{arn + u.Path + name}
	}
}

// tagged is the condition of the tag; nil when none is asked for.
func (u Users) tagged() condition {
	if u.TagKey == "" {
		return nil
	}
	key := "aws:ResourceTag/" + u.TagKey
	if strings.ContainsAny(u.TagValue, "*?") {
		return condition{"StringLike": {key: {u.TagValue}}}
	}
	return condition{"StringEquals": {key: {u.TagValue}}}
}

// keyActions are the IAM calls about one user, each of which can be limited to it.
var keyActions = []string{
	"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:UpdateAccessKey",
}

// deniedActions are denied for users that are left alone. Deactivating and deleting are not among them: a user that leaves
// care has its replaced key retired first.
var deniedActions = []string{"iam:CreateAccessKey"}

// RotatorPolicy is the smallest identity policy with which keyturn can do its work under one configuration. GetCallerIdentity,
// which verifies keys, needs no permission.
func RotatorPolicy(in PolicyInput) ([]byte, error) {
	partition, err := place(in.Partition, in.Account)
	if err != nil {
		return nil, err
	}
	if len(in.Include) == 0 {
		return nil, fmt.Errorf("the policy would allow no user: users.include is empty")
	}
	if err := checkNames(in.SecretNames); err != nil {
		return nil, err
	}
	statements := []statement{{
		Sid: "DiscoverUsers", Effect: "Allow", Action: []string{"iam:GetAccountAuthorizationDetails"}, Resource: []string{"*"},
	}}
	statements = append(statements, userStatements("RotateKeys", "Allow", keyActions, partition, in.Account, in.Include)...)
	statements = append(statements, userStatements("LeaveAlone", "Deny", deniedActions, partition, in.Account, in.Exclude)...)
	statements = append(statements, secretStatements(in, partition)...)
	statements = append(statements, apiKeyStatements(in, partition)...)
	if in.KMSKey != "" {
		statements = append(statements, kmsStatement(in, partition))
	}
	return encode(statements)
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("the policy would allow no secret: it needs the names of the secrets")
	}
	for _, n := range names {
		if strings.Trim(n, "*?/-") == "" {
			return fmt.Errorf("the policy would allow every secret of the account, as secret.name begins and ends with what differs "+
				"between users (%q): put a fixed word into it, such as \"keyturn/{{.User}}/key\"", n)
		}
	}
	return nil
}

// userStatements is one statement for each different tag condition: within a statement, resources are alternatives, but
// conditions are not.
func userStatements(sid, effect string, actions []string, partition, account string, users []Users) (out []statement) {
	at := map[[2]string]int{}
	for _, u := range users {
		tag := [2]string{u.TagKey, u.TagValue}
		if u.TagKey == "" {
			tag = [2]string{}
		}
		i, ok := at[tag]
		if !ok {
			i = len(out)
			at[tag] = i
			out = append(out, statement{Effect: effect, Action: actions, Condition: u.tagged()})
		}
		for _, r := range u.resources(partition, account) {
			if !slices.Contains(out[i].Resource, r) {
				out[i].Resource = append(out[i].Resource, r)
			}
		}
	}
	for i := range out {
		out[i].Sid = sid
		if len(out) > 1 {
			out[i].Sid = fmt.Sprintf("%s%d", sid, i+1)
		}
	}
	return out
}

func secretStatements(in PolicyInput, partition string) []statement {
	made := secretARNs(partition, in.Region, in.Account, in.SecretNames, false)
	either := secretARNs(partition, in.Region, in.Account, in.SecretNames, true)
	tagKeys := map[string]bool{"keyturn:*": true}
	for _, k := range in.TagKeys {
		tagKeys[k] = true
	}
	return []statement{
		// Whether a secret exists is asked under its bare name as well, as long as it does not.
		{
			Sid: "FindAndCreateSecrets", Effect: "Allow", Resource: either,
			Action: []string{"secretsmanager:CreateSecret", "secretsmanager:DescribeSecret"},
		},
		{
			Sid: "TagSecrets", Effect: "Allow", Action: []string{"secretsmanager:TagResource"}, Resource: either,
			Condition: condition{"ForAllValues:StringLike": {"aws:TagKeys": slices.Sorted(maps.Keys(tagKeys))}},
		},
		{Sid: "StoreKeys", Effect: "Allow", Action: []string{
			"secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds", "secretsmanager:PutSecretValue",
			"secretsmanager:UpdateSecretVersionStage",
		}, Resource: made},
	}
}

// kmsStatement allows the key's use through Secrets Manager, for these secrets, and in no other way.
func kmsStatement(in PolicyInput, partition string) statement {
	region := in.Region
	if region == "" {
		region = "*"
	}
	via := []string{fmt.Sprintf("secretsmanager.%s.amazonaws.com", region)}
	if partition == "aws-cn" {
		via = append(via, via[0]+".cn")
	}
	names := in.SecretNames
	if in.APIKeys != "" {
		names = append(slices.Clone(names), in.APIKeys+"/*")
	}
	st := statement{
		Sid: "EncryptSecrets", Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"},
		Condition: condition{"StringLike": {
			"kms:ViaService":                  via,
			"kms:EncryptionContext:SecretARN": secretARNs(partition, in.Region, in.Account, names, false),
		}},
	}
	arn := fmt.Sprintf("arn:%s:kms:%s:%s:", partition, region, in.Account)
	alias := in.KMSKey
	if i := strings.Index(alias, ":alias/"); i >= 0 {
		// An alias ARN names its account and Region, which may be others than ours.
		arn, alias = alias[:i+1], alias[i+1:]
	}
	switch {
	case strings.HasPrefix(alias, "alias/"):
		// KMS takes no alias as a resource: the key is known by bearing it.
		st.Resource = []string{arn + "key/*"}
		st.Condition["ForAnyValue:StringEquals"] = map[string][]string{"kms:ResourceAliases": {alias}}
	case strings.HasPrefix(in.KMSKey, "arn:"):
		st.Resource = []string{in.KMSKey}
	default:
		st.Resource = []string{arn + "key/" + in.KMSKey}
	}
	return st
}
