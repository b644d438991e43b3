package deploy

import (
	"fmt"
	"slices"
)

// APIKeyPolicy is the smallest identity policy with which a person can make, list, rotate and revoke keyturn's API keys from the
// command line. Of in, Include, Exclude and SecretNames do not matter; APIKeys is required.
func APIKeyPolicy(in PolicyInput) ([]byte, error) {
	partition, err := place(in.Partition, in.Account)
	if err != nil {
		return nil, err
	}
	if in.APIKeys == "" {
		return nil, fmt.Errorf("the policy would allow nothing: it needs the prefix of the secrets that hold the API keys")
	}
	in.SecretNames = nil
	statements := apiKeyStatements(in, partition)
	if in.KMSKey != "" {
		statements = append(statements, kmsStatement(in, partition))
	}
	return encode(statements)
}

// apiKeyStatements allow the shards of API keys to be read and changed, and not deleted.
func apiKeyStatements(in PolicyInput, partition string) []statement {
	if in.APIKeys == "" {
		return nil
	}
	// The bare name with its * takes the six characters that Secrets Manager adds, too.
	resources := secretARNs(partition, in.Region, in.Account, []string{in.APIKeys + "/*"}, true)[:1]
	out := []statement{{
		Sid: "KeepAPIKeys", Effect: "Allow", Resource: resources,
		Action: []string{"secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
			"secretsmanager:UpdateSecretVersionStage"},
	}}
	if len(in.TagKeys) > 0 {
		out = append(out, statement{
			Sid: "TagAPIKeys", Effect: "Allow", Action: []string{"secretsmanager:TagResource"}, Resource: resources,
			Condition: condition{"ForAllValues:StringEquals": {"aws:TagKeys": slices.Sorted(slices.Values(in.TagKeys))}},
		})
	}
	return out
}
