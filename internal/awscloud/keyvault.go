package awscloud

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
)

// stageNext is the label of an apikey document that is about to become AWSCURRENT. It is keyturn's own: a stray AWSPENDING would keep
// Secrets Manager's own rotation from working.
const stageNext = "KEYTURN_NEXT"

// KeyVault keeps the shards of keyturn's API keys in Secrets Manager, in the home Region: PREFIX/0, PREFIX/1 and so on. It is an
// apikey.Vault.
type KeyVault struct {
	a      *Account
	prefix string // without a slash at its end
}

var _ apikey.Vault = (*KeyVault)(nil)

// KeyVault gives the vault whose secrets have this prefix, such as "keyturn/api-keys".
func (a *Account) KeyVault(prefix string) *KeyVault { return &KeyVault{a, prefix} }

func (v *KeyVault) secret(shard int) string { return fmt.Sprintf("%s/%d", v.prefix, shard) }

func (v *KeyVault) about(operation string, shard int) *call {
	return &call{service: "secretsmanager", operation: operation, region: v.a.Home(), target: "the API keys in " + v.secret(shard)}
}

// Read gives the document under AWSCURRENT.
func (v *KeyVault) Read(ctx context.Context, shard int) (apikey.Document, error) {
	c := v.about("GetSecretValue", shard)
	out, err := do(ctx, c, func(ctx context.Context) (*secretsmanager.GetSecretValueOutput, error) {
		return v.a.sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
			SecretId: aws.String(v.secret(shard)), VersionStage: aws.String(rotation.StageCurrent),
		})
	})
	switch {
	case err != nil:
		return apikey.Document{}, err
	case aws.ToString(out.VersionId) == "":
		return apikey.Document{}, c.lacks("version")
	}
	return apikey.Document{Version: aws.ToString(out.VersionId), Value: []byte(aws.ToString(out.SecretString))}, nil
}

// Create makes the secret with its first version, which is AWSCURRENT at once: one call, all or nothing. The SDK gives it a token, so
// a repeat after a lost answer is the same call again.
func (v *KeyVault) Create(ctx context.Context, shard int, value []byte) error {
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(v.secret(shard)), SecretString: aws.String(string(value)), Tags: tagList(v.a.cfg.Tags),
		Description: aws.String("keyturn's API keys: names, rights and SHA-256 of each; written by keyturn only"),
	}
	if id := v.a.cfg.KMSKeyID; id != "" {
		in.KmsKeyId = aws.String(id)
	}
	_, err := do(ctx, v.about("CreateSecret", shard), func(ctx context.Context) (*secretsmanager.CreateSecretOutput, error) {
		return v.a.sm.CreateSecret(ctx, in)
	})
	return err
}

// Replace stores the document beside the one that counts, and then moves AWSCURRENT, which Secrets Manager does only if it still is
// where the caller saw it. A crash between the two leaves a version without meaning, and the next one takes its label away.
func (v *KeyVault) Replace(ctx context.Context, shard int, from, to string, value []byte) error {
	name := aws.String(v.secret(shard))
	_, err := do(ctx, v.about("PutSecretValue", shard), func(ctx context.Context) (*secretsmanager.PutSecretValueOutput, error) {
		return v.a.sm.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: name, ClientRequestToken: aws.String(to), SecretString: aws.String(string(value)), VersionStages: []string{stageNext},
		})
	})
	if err != nil {
		return err
	}
	_, err = do(ctx, v.about("UpdateSecretVersionStage", shard), func(ctx context.Context) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
		return v.a.sm.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: name, VersionStage: aws.String(rotation.StageCurrent), MoveToVersionId: aws.String(to), RemoveFromVersionId: aws.String(from),
		})
	})
	return err
}
