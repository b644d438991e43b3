package awscloud

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/keyturn/keyturn/internal/rotation"
)

// DescribeSecret gives a Secret with Exists false, and no error, when there is none.
func (s *Session) DescribeSecret(ctx context.Context) (rotation.Secret, error) {
	c := s.about("DescribeSecret")
	out, err := do(ctx, c, func(ctx context.Context) (*secretsmanager.DescribeSecretOutput, error) {
		return s.a.sm.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &s.secret})
	})
	if errors.Is(err, rotation.ErrNoSecret) {
		s.foreign.see(nil)
		return rotation.Secret{}, nil
	}
	if err != nil {
		return rotation.Secret{}, err
	}
	if aws.ToString(out.ARN) == "" {
		return rotation.Secret{}, c.lacks("secret")
	}
	secret := rotation.Secret{
		Exists: true, ARN: aws.ToString(out.ARN), Versions: map[string][]string{}, Tags: map[string]string{},
		PendingDeletion: out.DeletedDate != nil, NativeRotation: aws.ToBool(out.RotationEnabled),
		OwningService: aws.ToString(out.OwningService),
	}
	s.foreign.see(out.VersionIdsToStages)
	for id, labels := range out.VersionIdsToStages {
		labels = slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == stageForeign })
		if len(labels) > 0 {
			secret.Versions[id] = labels
		}
	}
	for _, t := range out.Tags {
		secret.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return secret, nil
}

// ListVersions gives the ids of all versions, deprecated ones too, all pages.
func (s *Session) ListVersions(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &s.secret, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)}
	for {
		c := s.about("ListSecretVersionIds")
		out, err := do(ctx, c, func(ctx context.Context) (*secretsmanager.ListSecretVersionIdsOutput, error) {
			return s.a.sm.ListSecretVersionIds(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		if aws.ToString(out.ARN) == "" {
			return nil, c.lacks("secret")
		}
		for _, v := range out.Versions {
			ids[aws.ToString(v.VersionId)] = true
		}
		if aws.ToString(out.NextToken) == "" {
			return ids, nil
		}
		in.NextToken = out.NextToken
	}
}

// CreateSecret makes the secret without a value, with these state tags and the configured ones; ErrSecretExists when it stands
// already.
func (s *Session) CreateSecret(ctx context.Context, tags map[string]string) error {
	all := maps.Clone(s.a.cfg.Tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	in := &secretsmanager.CreateSecretInput{
		Name: &s.secret, Tags: tagList(all),
		Description: aws.String("Access key of the IAM user " + s.subject.User.String() + ", rotated by keyturn"),
	}
	if id := s.a.cfg.KMSKeyID; id != "" {
		in.KmsKeyId = aws.String(id)
	}
	_, err := do(ctx, s.about("CreateSecret"), func(ctx context.Context) (*secretsmanager.CreateSecretOutput, error) {
		return s.a.sm.CreateSecret(ctx, in)
	})
	if err == nil {
		s.foreign.see(nil)
	}
	return err
}

// TagSecret writes tags in one call.
func (s *Session) TagSecret(ctx context.Context, tags map[string]string) error {
	_, err := do(ctx, s.about("TagResource"), func(ctx context.Context) (*secretsmanager.TagResourceOutput, error) {
		return s.a.sm.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &s.secret, Tags: tagList(tags)})
	})
	return err
}

func tagList(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// MoveCurrent moves AWSCURRENT to a version, from another ("" when no version carries it): ErrConflict when it is elsewhere.
// After a lost answer the repeated call finds it moved, by itself or by someone: that is ErrConflict too, and not definite.
func (s *Session) MoveCurrent(ctx context.Context, to, from string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &s.secret, VersionStage: aws.String(rotation.StageCurrent), MoveToVersionId: aws.String(to),
	}
	if from != "" {
		in.RemoveFromVersionId = aws.String(from)
	}
	_, err := do(ctx, s.about("UpdateSecretVersionStage"), func(ctx context.Context) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
		return s.a.sm.UpdateSecretVersionStage(ctx, in)
	})
	return err
}
