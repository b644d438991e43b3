package conformance

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// stack makes a stack that makes a key of the user.
func (t *T) stack(name, user string) {
	t.Helper()
	if t.em.stack != nil {
		t.ok(t.em.stack(name, user))
		return
	}
	_, err := t.CFN.CreateStack(t.ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(
		`{"Resources": {"Group": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": "` + name + `-group"}},
		"Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": "` + user + `"}}}}`)})
	t.ok(err)
}

// stacks lists stacks with these states: name to id.
func (t *T) stacks(states ...cfntypes.StackStatus) map[string]string {
	t.Helper()
	found := map[string]string{}
	in := &cloudformation.ListStacksInput{StackStatusFilter: states}
	for {
		out, err := t.CFN.ListStacks(t.ctx, in)
		t.ok(err)
		for _, s := range out.StackSummaries {
			found[*s.StackName] = *s.StackId
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return found
		}
	}
}

// stackCases are about finding the keys that CloudFormation made.
var stackCases = []Case{
	{Name: "a stack lists its access key, whose physical id is the access key id", Run: func(t *T) {
		u := t.user()
		t.stack(t.Name, u)
		for _, name := range []string{t.Name, t.stacks(cfntypes.StackStatusCreateComplete)[t.Name]} {
			out, err := t.CFN.ListStackResources(t.ctx, &cloudformation.ListStackResourcesInput{StackName: &name})
			t.ok(err)
			id := ""
			for _, r := range out.StackResourceSummaries {
				if *r.ResourceType == "AWS::IAM::AccessKey" {
					id = *r.PhysicalResourceId
					equal(t, "logical id", *r.LogicalResourceId, "Key")
				}
			}
			keys := t.keys(u)
			equal(t, "keys of the user", len(keys), 1)
			equal(t, "status of the listed key", keys[id], active)
			equal(t, "resources", len(out.StackResourceSummaries), 2)
		}
	}},
	{Name: "stacks are listed by state", Run: func(t *T) {
		t.stack(t.Name, t.user())
		equal(t, "all have it", t.stacks()[t.Name] != "", true)
		equal(t, "those that were made have it", t.stacks(cfntypes.StackStatusCreateComplete)[t.Name] != "", true)
		equal(t, "those that are gone have it", t.stacks(cfntypes.StackStatusDeleteComplete)[t.Name] != "", false)
	}},
	{Name: "resources of a stack that does not exist", Run: func(t *T) {
		_, err := t.CFN.ListStackResources(t.ctx, &cloudformation.ListStackResourcesInput{StackName: &t.Name})
		contains(t, "message", t.refused(err, validationError), "does not exist")
	}},
	{Name: "a stack is of its Region", Run: func(t *T) {
		t.stack(t.Name, t.user())
		there := t.in("eu-west-1", t.em.id, t.em.secret, "")
		out, err := there.CFN.ListStacks(t.ctx, &cloudformation.ListStacksInput{})
		t.ok(err)
		for _, s := range out.StackSummaries {
			equal(t, "it is listed elsewhere", *s.StackName == t.Name, false)
		}
	}},
}
