package deploy

import "fmt"

// ScanInput is what the policy of `keyturn scan` depends on.
type ScanInput struct {
	Partition string   // as in PolicyInput
	Account   string   // 12 digits, required
	Regions   []string // where CloudFormation stacks are looked for. Empty: all
}

// ScanPolicy is the smallest policy with which an account can be taken stock of. It allows reads only, and none of a secret.
func ScanPolicy(in ScanInput) ([]byte, error) {
	partition, err := place(in.Partition, in.Account)
	if err != nil {
		return nil, err
	}
	regions := in.Regions
	if len(regions) == 0 {
		regions = []string{"*"}
	}
	var stacks []string
	for _, region := range regions {
		stacks = append(stacks, fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/*", partition, region, in.Account))
	}
	return encode([]statement{
		{
			Sid: "ReadUsersAndTheCredentialReport", Effect: "Allow",
			Action:   []string{"iam:GetAccountAuthorizationDetails", "iam:GenerateCredentialReport", "iam:GetCredentialReport"},
			Resource: []string{"*"}, // IAM cannot scope them
		},
		{
			Sid: "ReadAccessKeys", Effect: "Allow", Action: []string{"iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"},
			Resource: []string{fmt.Sprintf("arn:%s:iam::%s:user/*", partition, in.Account)},
		},
		{
			Sid: "ListStacks", Effect: "Allow", Action: []string{"cloudformation:ListStacks"},
			Resource: []string{"*"}, // CloudFormation cannot scope it
		},
		{Sid: "ReadStacks", Effect: "Allow", Action: []string{"cloudformation:ListStackResources"}, Resource: stacks},
	})
}
