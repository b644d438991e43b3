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
// the AWS managed policies AdministratorAccess and IAMFullAccess, and every statement that allows it to give itself a policy, in
// whatever words. Conditions, denials and permissions boundaries are not weighed: they may make less of such a user, but then
// naming it once in the configuration is a small price. PowerUserAccess is no administrator, as it has no rights in IAM.
type rights struct {
	groups  map[string]types.GroupDetail
	managed map[string]statements // customer managed policies that could be read, by ARN
}

func newRights() *rights {
	return &rights{groups: map[string]types.GroupDetail{}, managed: map[string]statements{}}
}

func (r *rights) add(groups []types.GroupDetail, policies []types.ManagedPolicyDetail) {
	for _, g := range groups {
		r.groups[aws.ToString(g.GroupName)] = g
	}
	for _, p := range policies {
		for _, v := range p.PolicyVersionList {
			if !v.IsDefaultVersion {
				continue
			}
			if all, ok := parsePolicy(aws.ToString(v.Document)); ok {
				r.managed[aws.ToString(p.Arn)] = all
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
	self := aws.ToString(u.Arn)
	if why := r.by(self, u.AttachedManagedPolicies, u.UserPolicyList); why != "" {
		return why
	}
	for _, name := range u.GroupList {
		g, ok := r.groups[name]
		if !ok {
			return "its group " + name + ", which cannot be read"
		}
		if why := r.by(self, g.AttachedManagedPolicies, g.GroupPolicyList); why != "" {
			return why + " of its group " + name
		}
	}
	return ""
}

func (r *rights) by(self string, attached []types.AttachedPolicy, inline []types.PolicyDetail) string {
	for _, p := range attached {
		arn, name := aws.ToString(p.PolicyArn), aws.ToString(p.PolicyName)
		switch {
		case strings.Contains(arn, ":iam::aws:policy/"):
			if name == "AdministratorAccess" || name == "IAMFullAccess" {
				return "the policy " + name
			}
		case r.managed[arn] == nil:
			return "the policy " + name + ", which cannot be read"
		case r.managed[arn].givePolicies(self):
			return "the policy " + name
		}
	}
	for _, p := range inline {
		if all, ok := parsePolicy(aws.ToString(p.PolicyDocument)); !ok || all.givePolicies(self) {
			return "the inline policy " + aws.ToString(p.PolicyName)
		}
	}
	return ""
}

// allowed are the actions that all policies of a user together allow; nil when one of them cannot be read, or allows all but some.
// Denials and conditions are not weighed: they may make less of it.
func (r *rights) allowed(u types.UserDetail) []string {
	out := []string{}
	for _, holder := range r.holders(u) {
		if holder == nil {
			return nil
		}
		for _, p := range holder.attached {
			all, ok := r.managed[aws.ToString(p.PolicyArn)]
			if !ok || !all.collect(&out) {
				return nil
			}
		}
		for _, p := range holder.inline {
			if all, ok := parsePolicy(aws.ToString(p.PolicyDocument)); !ok || !all.collect(&out) {
				return nil
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// holder has policies: a user, or one of its groups.
type holder struct {
	attached []types.AttachedPolicy
	inline   []types.PolicyDetail
}

// holders are the user and its groups; nil stands for a group that cannot be read.
func (r *rights) holders(u types.UserDetail) []*holder {
	out := []*holder{{u.AttachedManagedPolicies, u.UserPolicyList}}
	for _, name := range u.GroupList {
		if g, ok := r.groups[name]; ok {
			out = append(out, &holder{g.AttachedManagedPolicies, g.GroupPolicyList})
		} else {
			out = append(out, nil)
		}
	}
	return out
}

// collect adds what the statements allow, and reports whether that can be listed.
func (all statements) collect(out *[]string) bool {
	for _, s := range all {
		if s.Effect != "Allow" {
			continue
		}
		if len(s.NotAction) > 0 {
			return false
		}
		*out = append(*out, s.Action.lower()...)
	}
	return true
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

func (t texts) lower() (out texts) {
	for _, s := range t {
		out = append(out, strings.ToLower(s))
	}
	return out
}

type statement struct {
	Effect      string
	Action      texts
	NotAction   texts
	Resource    texts
	NotResource texts
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

// parsePolicy reads a policy document. One that cannot be read makes an administrator: what is unknown is never harmless.
func parsePolicy(document string) (statements, bool) {
	if plain, err := url.PathUnescape(document); err == nil {
		document = plain
	}
	p := struct{ Statement statements }{statements{}}
	err := json.Unmarshal([]byte(document), &p)
	return p.Statement, err == nil
}

// givePolicies reports whether a statement allows the user self one of the two calls with which it can give itself any policy.
func (all statements) givePolicies(self string) bool {
	for _, s := range all {
		onSelf := matchAny(s.Resource, self) || len(s.NotResource) > 0 && !matchAny(s.NotResource, self)
		for _, call := range []string{"iam:attachuserpolicy", "iam:putuserpolicy"} { // in any case, unlike a resource
			may := matchAny(s.Action.lower(), call) || len(s.NotAction) > 0 && !matchAny(s.NotAction.lower(), call)
			if s.Effect == "Allow" && onSelf && may {
				return true
			}
		}
	}
	return false
}

// matchAny matches as IAM does: * is any run of characters, slashes included, and ? any one.
func matchAny(patterns texts, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(strings.ReplaceAll(p, "${aws:username}", "*"), s) })
}

// match goes back to the last * only, so that no pattern takes long.
func match(pattern, s string) bool {
	p, at, star, from := 0, 0, -1, 0
	for at < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, at
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[at]):
			p++
			at++
		case star >= 0:
			from++
			p, at = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
