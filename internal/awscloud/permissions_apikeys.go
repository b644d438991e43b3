package awscloud

import (
	"context"
	"strings"
)

// CheckKeyVault tells which of the actions on keyturn's API keys are missing: what `keyturn serve` reads and, for callers with the scope
// admin, changes. Nothing is changed; where IAM's policy simulator may not be asked, the first shard is read. The
// prefix is the vault's. The error is for a check that could not be made at all.
func (a *Account) CheckKeyVault(ctx context.Context, self Identity, prefix string) ([]Permission, error) {
	const first = 0
	v := a.KeyVault(prefix)
	n := need{
		resource: "arn:" + partitionOf(self.ARN) + ":secretsmanager:" + a.Home() + ":" + self.Account + ":secret:" + v.secret(first) +
			"-AbCdEf", // AWS appends a hyphen and six characters
		actions: []string{"secretsmanager:GetSecretValue", "secretsmanager:CreateSecret", "secretsmanager:PutSecretValue",
			"secretsmanager:UpdateSecretVersionStage"},
		try: map[string]func(context.Context) error{
			"secretsmanager:GetSecretValue": func(ctx context.Context) error { _, err := v.Read(ctx, first); return err },
		},
	}
	found, err := a.ask(ctx, self, n)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		found = tryAll(ctx, n, err)
	}
	return found, nil
}

// partitionOf is "aws", or what the ARN says instead.
func partitionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}
