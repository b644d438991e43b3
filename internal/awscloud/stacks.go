package awscloud

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/keyturn/keyturn/internal/rotation"
)

// keyResource is the type of a stack's resource that is an access key. Its physical id is the access key id.
const keyResource = "AWS::IAM::AccessKey"

// stacksThatExist are the states of stacks that have resources, or may have.
func stacksThatExist() []types.StackStatus {
	return slices.DeleteFunc(types.StackStatus("").Values(), func(s types.StackStatus) bool { return s == types.StackStatusDeleteComplete })
}

// stackKeys gives the access keys that CloudFormation stacks of a Region made, each with its stack's name: one call per hundred stacks,
// and one per stack. What was read before an error is given with it.
func (a *Account) stackKeys(ctx context.Context, region string) (map[string]string, error) {
	cfg := a.base.Copy()
	cfg.Region = region
	client := cloudformation.NewFromConfig(cfg, func(o *cloudformation.Options) { o.HTTPSignerV4 = newSigner(a.clock) })
	found := map[string]string{}
	in := &cloudformation.ListStacksInput{StackStatusFilter: stacksThatExist()}
	for {
		c := &call{service: "cloudformation", operation: "ListStacks", region: region, target: "the stacks in " + region}
		out, err := do(ctx, c, func(ctx context.Context) (*cloudformation.ListStacksOutput, error) { return client.ListStacks(ctx, in) })
		if err != nil {
			return found, err
		}
		for _, s := range out.StackSummaries {
			if err := a.stackResources(ctx, client, region, s, found); err != nil {
				return found, err
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return found, nil
		}
		in.NextToken = out.NextToken
	}
}

func (a *Account) stackResources(ctx context.Context, client *cloudformation.Client, region string, s types.StackSummary, found map[string]string) error {
	in := &cloudformation.ListStackResourcesInput{StackName: s.StackId}
	for {
		c := &call{service: "cloudformation", operation: "ListStackResources", region: region,
			target: "the stack " + aws.ToString(s.StackName) + " in " + region}
		out, err := do(ctx, c, func(ctx context.Context) (*cloudformation.ListStackResourcesOutput, error) {
			return client.ListStackResources(ctx, in)
		})
		if gone(err) {
			return nil // deleted since it was listed, and its keys with it
		}
		if err != nil {
			return err
		}
		for _, r := range out.StackResourceSummaries {
			if aws.ToString(r.ResourceType) == keyResource && aws.ToString(r.PhysicalResourceId) != "" &&
				r.ResourceStatus != types.ResourceStatusDeleteComplete {
				found[*r.PhysicalResourceId] = aws.ToString(s.StackName) + " in " + region
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
}

// gone: CloudFormation says of a stack that is no more that the request is not valid.
func gone(err error) bool {
	var e *rotation.CallError
	return errors.As(err, &e) && errors.Is(e.Kind, rotation.ErrInvalid) && strings.Contains(e.Detail, "does not exist")
}
