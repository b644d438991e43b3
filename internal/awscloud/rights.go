package awscloud

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// rights tells administrators from others. An administrator is who could give itself everything without anybody else's help:
// the AWS managed policies AdministratorAccess and IAMFullAccess, and every statement that allows all actions, or all of IAM's,
// on all resources. Conditions, denials and permissions boundaries are not weighed: they may make less of such a user, but then
// naming it once in the configuration is a small price. PowerUserAccess is no administrator, as it has no rights in IAM.
type rights struct {
	groups   map[string]types.GroupDetail
	managed  map[string]string // reason by ARN of customer managed policies that make administrators
	readable map[string]bool   // ARNs of those that were read
}

func newRights() *rights {
	return &rights{groups: map[string]types.GroupDetail{}, managed: map[string]string{}, readable: map[string]bool{}}
}

func (r *rights) add(groups []types.GroupDetail, policies []types.ManagedPolicyDetail) {
	for _, g := range groups {
		r.groups[aws.ToString(g.GroupName)] = g
	}
	for _, p := range policies {
		arn := aws.ToString(p.Arn)
		for _, v := range p.PolicyVersionList {
			if !v.IsDefaultVersion {
				continue
			}
			r.readable[arn] = true
			if grantsAll(aws.ToString(v.Document)) {
				r.managed[arn] = aws.ToString(p.PolicyName)
			}
		}
	}
}

// policies are the names of the managed policies of a user.
func (r *rights) policies(u types.UserDetail) []string {
	var names []string
	add := func(ps []types.AttachedPolicy) {
		for _, p := range ps {
			if n := aws.ToString(p.PolicyName); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	add(u.AttachedManagedPolicies)
	for _, g := range u.GroupList {
		add(r.groups[g].AttachedManagedPolicies)
	}
	return names
}

// administrator says by what a user is one; "" when it is none.
func (r *rights) administrator(u types.UserDetail) string {
	if why := r.by(u.AttachedManagedPolicies, u.UserPolicyList); why != "" {
		return why
	}
	for _, name := range u.GroupList {
		g, ok := r.groups[name]
		if !ok {
			return "its group " + name + ", which cannot be read"
		}
		if why := r.by(g.AttachedManagedPolicies, g.GroupPolicyList); why != "" {
			return why + " of its group " + name
		}
	}
	return ""
}

func (r *rights) by(attached []types.AttachedPolicy, inline []types.PolicyDetail) string {
	for _, p := range attached {
		arn, name := aws.ToString(p.PolicyArn), aws.ToString(p.PolicyName)
		switch {
		case strings.Contains(arn, ":iam::aws:policy/"):
			if name == "AdministratorAccess" || name == "IAMFullAccess" {
				return "the policy " + name
			}
		case r.managed[arn] != "":
			return "the policy " + name
		case !r.readable[arn]:
			return "the policy " + name + ", which cannot be read"
		}
	}
	for _, p := range inline {
		if grantsAll(aws.ToString(p.PolicyDocument)) {
			return "the inline policy " + aws.ToString(p.PolicyName)
		}
	}
	return ""
}

// texts is a JSON string or a list of them.
type texts []string

// UnmarshalJSON takes both.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

type statement struct {
	Effect    string
	Action    texts
	NotAction texts
	Resource  texts
}

type statements []statement

// UnmarshalJSON takes a single statement, too.
func (s *statements) UnmarshalJSON(b []byte) error {
	var one statement
	if json.Unmarshal(b, &one) == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

// grantsAll reports whether a policy makes an administrator. One that cannot be read does: what is unknown is never harmless.
func grantsAll(document string) bool {
	if plain, err := url.PathUnescape(document); err == nil {
		document = plain
	}
	var p struct{ Statement statements }
	if json.Unmarshal([]byte(document), &p) != nil {
		return true
	}
	for _, s := range p.Statement {
		if s.Effect != "Allow" || !slices.ContainsFunc(s.Resource, everything) {
			continue
		}
		if slices.ContainsFunc(s.Action, allActions) || len(s.NotAction) > 0 && !slices.ContainsFunc(s.NotAction, allActions) {
			return true
		}
	}
	return false
}

func everything(pattern string) bool { return pattern != "" && strings.Trim(pattern, "*") == "" }

func allActions(pattern string) bool {
	service, action, ok := strings.Cut(strings.ToLower(pattern), ":")
	return everything(pattern) || ok && everything(action) && (service == "iam" || everything(service))
}
