package deploy

import (
	"fmt"
	"regexp"
	"strings"
)

// GuardrailInput is what the guardrail depends on.
type GuardrailInput struct {
	Partition string // as in PolicyInput
	Account   string // 12 digits, required
	// Rotators are the ARNs of the roles, or users, that keyturn runs as; * is a wildcard in the name. At least one.
	Rotators []string
	// TagAdministrators are the ARNs of the roles that decide which users are in care, beside the rotators; may be empty.
	TagAdministrators []string
	SecretNames       []string // as in PolicyInput
	// UserTagKeys are the IAM tags that steer keyturn: the opt-in tag and the user's own settings, without wildcards. Empty: those
	// with the prefix "keyturn:".
	UserTagKeys []string
}

var principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|\*):(role|user)/\S+$`)

// GuardrailPolicy denies, to everybody but the rotators, tagging and untagging of keyturn: tags on its secrets, and, to
// everybody but them and the tag administrators, the tags of IAM users that say who is in care and how. It has no principal,
// so that it serves as a service control policy of the account and as an identity policy or permissions boundary alike;
// it allows nothing.
func GuardrailPolicy(in GuardrailInput) ([]byte, error) {
	partition, err := place(in.Partition, in.Account)
	if err != nil {
		return nil, err
	}
	if err := checkNames(in.SecretNames); err != nil {
		return nil, err
	}
	if len(in.Rotators) == 0 {
		return nil, fmt.Errorf("the guardrail needs the ARN of the role that keyturn runs as: without it keyturn itself would be shut out")
	}
	exempt := append(append([]string{}, in.Rotators...), in.TagAdministrators...)
	for _, arn := range exempt {
		if strings.Contains(arn, ":sts:") || strings.Contains(arn, ":assumed-role/") {
			return nil, fmt.Errorf("%s is a session: name its role, as arn:aws:iam::%s:role/NAME", arn, in.Account)
		}
		if !principalARN.MatchString(arn) {
			return nil, fmt.Errorf("%q is not the ARN of a role or user: write it as arn:aws:iam::%s:role/keyturn", arn, in.Account)
		}
	}
	userTags := in.UserTagKeys
	if len(userTags) == 0 {
		userTags = []string{"keyturn:email", "keyturn:managed", "keyturn:schedule"}
	}
	return encode([]statement{
		{
			Sid: "StateTagsAreKeyturns", Effect: "Deny",
			Action:    []string{"secretsmanager:TagResource", "secretsmanager:UntagResource"},
			Resource:  secretARNs(partition, "", in.Account, in.SecretNames, true),
			Condition: unless(in.Rotators, "StringLike", []string{"keyturn:*"}),
		},
		{
			Sid: "CareIsForAdministrators", Effect: "Deny",
			Action:    []string{"iam:TagUser", "iam:UntagUser"},
			Resource:  []string{fmt.Sprintf("arn:%s:iam::%s:user/*", partition, in.Account)},
			Condition: unless(exempt, "StringEqualsIgnoreCase", userTags),
		},
	})
}

// unless is true of a call about any of these tags by anybody else. Secrets Manager tells tag keys apart by their case. IAM does not
// for the tags of users (IAM User Guide, "Tags for IAM resources"): writing KEYTURN:MANAGED changes keyturn:managed, so there the case
// must not matter, and no such operator takes wildcards.
func unless(principals []string, operator string, tagKeys []string) condition {
	return condition{
		"ArnNotLike":              {"aws:PrincipalArn": principals},
		"ForAnyValue:" + operator: {"aws:TagKeys": tagKeys},
	}
}
