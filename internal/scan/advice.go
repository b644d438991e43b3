package scan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Advice is something to consider instead of a key.
type Advice struct {
	ID      string // for scripts
	Instead string // for tables
	Means   string // for people: when it is given, and what it is

	find func(view) string // the evidence; "": none
}

// Advices are given to users that have an Active key. Each says what was seen, and claims no more than that.
var Advices = []Advice{
	{ID: "oidc", Instead: "OIDC role", find: ciSystem,
		Means: "name or tags are those of a CI system: most can assume a role by OpenID Connect, without a stored key"},
	{ID: "roles-anywhere", Instead: "role or Roles Anywhere", find: onlyAssumes,
		Means: "its policies allow nothing but assuming roles: inside AWS a role of the machine may do that, outside IAM Roles Anywhere"},
	{ID: "role", Instead: "role, if it runs in AWS", find: computeCall,
		Means: "the last call went to a service that runs code: if the code that calls runs there too, a role does. IAM records which service " +
			"was called, not from where"},
	{ID: "identity-center", Instead: "IAM Identity Center", find: person,
		Means: "it has a console password: a person signs in to the CLI through IAM Identity Center, without a stored key"},
}

// ciSystems are names that CI systems and their users go by. Short ones count as a whole word only.
var ciSystems = []string{"azuredevops", "bitbucket", "buildkite", "circleci", "codefresh", "gitea", "github", "gitlab", "jenkins", "spacelift",
	"teamcity", "travisci", "ci", "cicd", "gha", "pipeline", "pipelines", "tfc"}

func ciSystem(u view) string {
	if word := ciWord(u.Name); word != "" {
		return fmt.Sprintf("name has %q", word)
	}
	for _, key := range slices.Sorted(maps.Keys(u.Tags)) {
		if strings.HasPrefix(key, "aws:") {
			continue // CloudFormation's own, and the like
		}
		for _, text := range []string{key, u.Tags[key]} {
			if word := ciWord(text); word != "" {
				return fmt.Sprintf("tag %s=%s", key, u.Tags[key])
			}
		}
	}
	return ""
}

func ciWord(text string) string {
	text = strings.ToLower(text)
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, name := range ciSystems {
		if slices.Contains(words, name) || len(name) > 4 && name != "pipeline" && strings.Contains(text, name) {
			return name
		}
	}
	return ""
}

// assuming are the actions that assuming a role takes.
var assuming = []string{"sts:assumerole", "sts:getcalleridentity", "sts:setsourceidentity", "sts:tagsession"}

func onlyAssumes(u view) string {
	if allowedOnly(u.Allowed, assuming...) && slices.Contains(u.Allowed, "sts:assumerole") {
		return "may only " + strings.Join(u.Allowed, ", ")
	}
	return ""
}

// compute are the services that run code.
var compute = []string{"autoscaling", "batch", "ec2", "ec2messages", "ecs", "eks", "lambda", "ssm", "ssmmessages"}

func computeCall(u view) string {
	var last Key
	for _, k := range u.active() {
		if k.UsedKnown && k.Used.At.After(last.Used.At) {
			last = k
		}
	}
	if !slices.Contains(compute, last.Used.Service) {
		return ""
	}
	text := "called " + last.Used.Service
	if last.Used.Region != "" {
		text += " " + last.Used.Region
	}
	return text
}

func person(u view) string {
	if u.Console == Yes {
		return "console password"
	}
	return ""
}
