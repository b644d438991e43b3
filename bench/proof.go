package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// proof is something without which no figure counts.
type proof struct {
	what, detail string
	ok           bool
}

func (b *bench) prove(what string, ok bool, format string, args ...any) error {
	p := proof{what, fmt.Sprintf(format, args...), ok}
	b.proofs = append(b.proofs, p)
	if !ok {
		return fmt.Errorf("%s is not proved: %s", what, p.detail)
	}
	return nil
}

// proveRotations: every key that a pass promoted was verified, recorded and made under the eyes of the safety rules. rotated and
// the report count from the simulator's last reset, total from the first rotation in this database.
func (b *bench) proveRotations(ctx context.Context, where string, k *keyturn, r report, rotated, total int) error {
	sts, made := r.UserCalls["GetCallerIdentity"], r.UserCalls["CreateAccessKey"]
	if err := b.prove("verification in "+where, sts == int64(2*rotated) && made == int64(rotated),
		"%d rotations in one Region, %d GetCallerIdentity calls signed with the new keys (two each)", rotated, sts); err != nil {
		return err
	}
	created, promoted, err := k.journal(ctx)
	if err != nil {
		return err
	}
	if err := b.prove("journal in "+where, created == total && promoted == total,
		"%d keys were made since its beginning; %d creations and %d promotions on record with their outcome",
		total, created, promoted); err != nil {
		return err
	}
	return b.prove("safety rules in "+where, len(r.Violations) == 0, "%d violations seen by the simulator%s",
		len(r.Violations), first(r.Violations))
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return ", the first: " + all[0]
}

// journal counts creations and promotions that are on record as done.
func (k *keyturn) journal(ctx context.Context) (created, promoted int, err error) {
	s, err := store.Open(ctx, store.Options{Path: k.database})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	lines, err := s.Ended(ctx, 0, 1<<20)
	for _, l := range lines {
		switch {
		case l.Outcome != rotation.Done:
		case l.Action == rotation.CreateKey:
			created++
		case l.Action == rotation.Promote, l.Action == rotation.PutFirst:
			promoted++
		}
	}
	return created, promoted, err
}

// proveSigV4: the simulator that is about to be measured answers a good signature and refuses a wrong one, an old one and none.
func (b *bench) proveSigV4(ctx context.Context, s *sim) error {
	ask := func(secret string, at time.Duration) string {
		cfg := s.aws(16)
		cfg.Credentials = credentials.NewStaticCredentialsProvider(s.KeyID, secret, "")
		cfg.DisableClockSkewCorrection = true
		c := iam.NewFromConfig(cfg, func(o *iam.Options) {
			o.Retryer = aws.NopRetryer{}
			o.HTTPSignerV4 = shifted{o.HTTPSignerV4, at}
		})
		_, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String(userName(0))})
		var api smithy.APIError
		if errors.As(err, &api) {
			return api.ErrorCode()
		}
		if err != nil {
			return err.Error()
		}
		return "answered"
	}
	good, wrong, old := ask(s.Secret, 0), ask(strings.Repeat("x", 40), 0), ask(s.Secret, -time.Hour)
	return b.prove("SigV4", good == "answered" && wrong == "SignatureDoesNotMatch" && old == "SignatureDoesNotMatch",
		"right secret: %s; wrong secret: %s; signed an hour ago: %s", good, wrong, old)
}

// proveRules: a client that makes AWSCURRENT name a key without having tried it is seen by the simulator's safety rules. It spoils
// the world, so it comes last.
func (b *bench) proveRules(ctx context.Context, s *sim) error {
	before, err := s.report(ctx)
	if err != nil {
		return err
	}
	cfg := s.aws(16)
	user := userName(0)
	key, err := iam.NewFromConfig(cfg).CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(user)})
	if err != nil {
		return err
	}
	value := secretValue(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, user)
	_, err = secretsmanager.NewFromConfig(cfg).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(secretName(user)), SecretString: aws.String(value),
	})
	if err != nil {
		return err
	}
	after, err := s.report(ctx)
	if err != nil {
		return err
	}
	return b.prove("safety rules of the measured simulator", len(after.Violations) > len(before.Violations),
		"%d violations before, %d after a key was promoted unverified", len(before.Violations), len(after.Violations))
}
