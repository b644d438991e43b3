package awscloud

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/rotation"
)

// user is always sent: without UserName, IAM takes the caller itself.
func (s *Session) user() *string { return aws.String(s.subject.User.Name) }

// ListAccessKeys gives every key, all pages.
func (s *Session) ListAccessKeys(ctx context.Context) ([]rotation.Key, error) {
	keys := []rotation.Key{}
	in := &iam.ListAccessKeysInput{UserName: s.user()}
	for {
		c := s.call("iam", "ListAccessKeys", "")
		out, err := do(ctx, c, func(ctx context.Context) (*iam.ListAccessKeysOutput, error) {
			return s.a.iam.ListAccessKeys(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		if out.AccessKeyMetadata == nil || out.IsTruncated && aws.ToString(out.Marker) == "" { // without keys the list is empty, and there
			return nil, c.lacks("list of keys")
		}
		for _, k := range out.AccessKeyMetadata {
			keys = append(keys, rotation.Key{
				ID: aws.ToString(k.AccessKeyId), Status: rotation.KeyStatus(k.Status), Created: aws.ToTime(k.CreateDate).UTC(),
			})
		}
		if !out.IsTruncated {
			return keys, nil
		}
		in.Marker = out.Marker
	}
}

// AccessKeyLastUsed gives the coarse last-used record of a key.
func (s *Session) AccessKeyLastUsed(ctx context.Context, keyID string) (rotation.LastUse, error) {
	c := s.call("iam", "GetAccessKeyLastUsed", keyID)
	out, err := do(ctx, c, func(ctx context.Context) (*iam.GetAccessKeyLastUsedOutput, error) {
		return s.a.iam.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(keyID)})
	})
	if err != nil {
		return rotation.LastUse{}, err
	}
	u := out.AccessKeyLastUsed
	if u == nil { // a key that was never used has a record that says so
		return rotation.LastUse{}, c.lacks("record of use")
	}
	if u.LastUsedDate == nil {
		return rotation.LastUse{}, nil
	}
	return rotation.LastUse{At: u.LastUsedDate.UTC(), Service: applicable(u.ServiceName), Region: applicable(u.Region)}, nil
}

// applicable takes IAM's word for nothing away.
func applicable(s *string) string {
	if v := aws.ToString(s); v != "N/A" {
		return v
	}
	return ""
}

// CreateAccessKey is sent exactly once: an unknown outcome stays unknown. The answer is the only time the secret is ever seen.
func (s *Session) CreateAccessKey(ctx context.Context) (rotation.NewKey, error) {
	c := s.call("iam", "CreateAccessKey", "")
	out, err := do(ctx, c, func(ctx context.Context) (*iam.CreateAccessKeyOutput, error) {
		return s.a.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: s.user()},
			func(o *iam.Options) { o.Retryer = aws.NopRetryer{} })
	})
	if err != nil {
		return rotation.NewKey{}, err
	}
	k := out.AccessKey
	if k == nil || aws.ToString(k.AccessKeyId) == "" || aws.ToString(k.SecretAccessKey) == "" {
		return rotation.NewKey{}, &rotation.CallError{Service: "iam", Operation: c.operation, Target: c.target,
			Kind: rotation.ErrUnavailable, Detail: "the answer names no key"}
	}
	return rotation.NewKey{ID: *k.AccessKeyId, Secret: rotation.NewSensitive(*k.SecretAccessKey),
		Created: aws.ToTime(k.CreateDate).UTC()}, nil
}

// UpdateAccessKey sets Active or Inactive; idempotent.
func (s *Session) UpdateAccessKey(ctx context.Context, keyID string, status rotation.KeyStatus) error {
	_, err := do(ctx, s.call("iam", "UpdateAccessKey", keyID), func(ctx context.Context) (*iam.UpdateAccessKeyOutput, error) {
		return s.a.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
			UserName: s.user(), AccessKeyId: aws.String(keyID), Status: types.StatusType(status),
		})
	})
	return err
}

// DeleteAccessKey deletes; a key that is gone already is no error.
func (s *Session) DeleteAccessKey(ctx context.Context, keyID string) error {
	_, err := do(ctx, s.call("iam", "DeleteAccessKey", keyID), func(ctx context.Context) (*iam.DeleteAccessKeyOutput, error) {
		return s.a.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: s.user(), AccessKeyId: aws.String(keyID)})
	})
	if errors.Is(err, rotation.ErrNoKey) {
		return nil
	}
	return err
}

// GetCallerIdentity signs one STS call in the Region with the key itself (never retried, never our own credentials) and checks
// that it answers for this user.
func (s *Session) GetCallerIdentity(ctx context.Context, region, keyID string, secret rotation.Sensitive) error {
	c := s.call("sts", "GetCallerIdentity", keyID)
	c.region, c.probe, c.hide = region, true, []string{secret.Reveal()}
	c.target += " in " + region
	if secret.Reveal() == "" {
		return c.refuse(rotation.ErrBadSecret, "no secret access key is stored with it, so it cannot be tried")
	}
	credentials := staticCredentials(keyID, secret)
	out, err := do(ctx, c, func(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
		return s.a.probeClient(region).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{},
			func(o *sts.Options) { o.Credentials = credentials })
	})
	if err != nil {
		return err
	}
	u, arn := s.subject, aws.ToString(out.Arn)
	if arn == "" || aws.ToString(out.Account) == "" {
		return c.lacks("account")
	}
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	switch {
	case aws.ToString(out.Account) != u.User.Account, !strings.Contains(arn, ":user/"), !strings.EqualFold(name, u.User.Name):
		return c.refuse(rotation.ErrWrongUser, "it answers for "+arn)
	case u.UserID != "" && aws.ToString(out.UserId) != u.UserID:
		return c.refuse(rotation.ErrWrongUser, "it answers for another user of that name: "+aws.ToString(out.UserId)+" and not "+u.UserID)
	}
	return nil
}

// refuse is an error that keyturn finds itself: certain, and without effect.
func (c *call) refuse(kind error, detail string) error {
	return &rotation.CallError{Service: c.service, Operation: c.operation, Target: c.target, Kind: kind, Definite: true,
		Detail: c.scrub(detail)}
}
