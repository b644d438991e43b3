package awssim

import (
	"net/url"
	"slices"
	"strings"
)

func policyName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func attachUserPolicy(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	arn := x.q.Get("PolicyArn")
	if !strings.HasPrefix(arn, "arn:aws:iam::aws:policy/") && x.w.policies[arn] == nil {
		return fail(404, "NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
	}
	if !slices.Contains(s.state().attached, arn) {
		s.edit(x.w, x.now, func(u *userState) { u.attached = append(slices.Clone(u.attached), arn) })
	}
	return nil
}

func detachUserPolicy(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	arn := x.q.Get("PolicyArn")
	if !slices.Contains(s.state().attached, arn) {
		return fail(404, "NoSuchEntity", "Policy %s was not found.", arn)
	}
	s.edit(x.w, x.now, func(u *userState) {
		u.attached = slices.DeleteFunc(slices.Clone(u.attached), func(a string) bool { return a == arn })
	})
	return nil
}

func (x *exec) writeAttached(element string, arns []string) {
	x.xml.open(element)
	for _, arn := range arns {
		x.xml.open("member")
		x.xml.text("PolicyName", policyName(arn))
		x.xml.text("PolicyArn", arn)
		x.xml.close("member")
	}
	x.xml.close(element)
}

func listAttachedUserPolicies(x *exec) *apiError {
	u, fault := x.readTarget(false)
	if fault != nil {
		return fault
	}
	arns := slices.Sorted(slices.Values(u.attached))
	x.xml.open("AttachedPolicies")
	fault = x.page(len(arns), func(i int) string { return arns[i] }, func(i int) {
		x.xml.open("member")
		x.xml.text("PolicyName", policyName(arns[i]))
		x.xml.text("PolicyArn", arns[i])
		x.xml.close("member")
	})
	x.xml.close("AttachedPolicies")
	x.truncated()
	return fault
}

func putUserPolicy(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	p := inlinePolicy{x.q.Get("PolicyName"), x.q.Get("PolicyDocument")}
	if p.name == "" {
		return validation("A policy needs a PolicyName.")
	}
	if !strings.HasPrefix(strings.TrimSpace(p.document), "{") {
		return fail(400, "MalformedPolicyDocument", "Syntax errors in policy.")
	}
	s.edit(x.w, x.now, func(u *userState) { u.inline = append(withoutInline(u.inline, p.name), p) })
	return nil
}

func withoutInline(list []inlinePolicy, name string) []inlinePolicy {
	return slices.DeleteFunc(slices.Clone(list), func(p inlinePolicy) bool { return p.name == name })
}

func findInline(u *userState, name string) (inlinePolicy, *apiError) {
	for _, p := range u.inline {
		if p.name == name {
			return p, nil
		}
	}
	return inlinePolicy{}, fail(404, "NoSuchEntity", "The user policy with name %s cannot be found.", name)
}

func getUserPolicy(x *exec) *apiError {
	u, fault := x.readTarget(false)
	if fault != nil {
		return fault
	}
	p, fault := findInline(u, x.q.Get("PolicyName"))
	if fault != nil {
		return fault
	}
	x.xml.text("UserName", u.name)
	x.xml.text("PolicyName", p.name)
	x.xml.text("PolicyDocument", escapeDocument(p.document))
	return nil
}

func deleteUserPolicy(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	p, fault := findInline(s.state(), x.q.Get("PolicyName"))
	if fault != nil {
		return fault
	}
	s.edit(x.w, x.now, func(u *userState) { u.inline = withoutInline(u.inline, p.name) })
	return nil
}

func listUserPolicies(x *exec) *apiError {
	u, fault := x.readTarget(false)
	if fault != nil {
		return fault
	}
	var names []string
	for _, p := range u.inline {
		names = append(names, p.name)
	}
	return x.listNames("PolicyNames", names)
}

func (x *exec) listNames(element string, names []string) *apiError {
	slices.Sort(names)
	x.xml.open(element)
	fault := x.page(len(names), func(i int) string { return names[i] }, func(i int) {
		x.xml.text("member", names[i])
	})
	x.xml.close(element)
	x.truncated()
	return fault
}

func listGroupsForUser(x *exec) *apiError {
	u, fault := x.readTarget(false)
	if fault != nil {
		return fault
	}
	names := slices.Sorted(slices.Values(u.groups))
	x.xml.open("Groups")
	fault = x.page(len(names), func(i int) string { return names[i] }, func(i int) {
		x.xml.open("member")
		x.writeGroup(x.w.groups[names[i]])
		x.xml.close("member")
	})
	x.xml.close("Groups")
	x.truncated()
	return fault
}

func (x *exec) writeGroup(g *group) {
	x.xml.text("Path", g.path)
	x.xml.text("GroupName", g.name)
	x.xml.text("GroupId", g.id)
	x.xml.text("Arn", "arn:aws:iam::"+x.w.cfg.Account+":group"+g.path+g.name)
	x.xml.date("CreateDate", g.created)
}

// simulatePrincipalPolicy answers from what people denied, which is all that this world enforces.
func simulatePrincipalPolicy(x *exec) *apiError {
	arn := x.q.Get("PolicySourceArn")
	s := x.w.users[arn[strings.LastIndexByte(arn, '/')+1:]]
	if s == nil || x.w.userARN(s.state()) != arn {
		return fail(404, "NoSuchEntity", "The entity with ARN %s cannot be found.", arn)
	}
	actions := x.members("ActionNames", "")
	if len(actions) == 0 {
		return fail(400, "InvalidInput", "ActionNames must name at least one action.")
	}
	resources := x.members("ResourceArns", "")
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	x.xml.open("EvaluationResults")
	for _, action := range actions {
		decision := "allowed"
		if s.denied[strings.ToLower(action)] {
			decision = "implicitDeny"
		}
		for _, resource := range resources {
			x.xml.open("member")
			x.xml.text("EvalActionName", action)
			x.xml.text("EvalResourceName", resource)
			x.xml.text("EvalDecision", decision)
			x.xml.close("member")
		}
	}
	x.xml.close("EvaluationResults")
	x.truncated()
	return nil
}

// escapeDocument is RFC 3986's percent-encoding, in which IAM answers policy documents.
func escapeDocument(doc string) string { return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20") }
