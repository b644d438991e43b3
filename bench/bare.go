package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/rotation"
)

// bare makes keyturn's AWS calls and nothing else: no decision, no record, no checks.
type bare struct {
	iam *iam.Client
	sm  *secretsmanager.Client
	sts *sts.Client
}

func newBare(r ready, concurrency int) *bare {
	cfg := r.aws(concurrency)
	return &bare{iam: iam.NewFromConfig(cfg), sm: secretsmanager.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg)}
}

// look lists the keys and the secret: the two reads before every step. It gives the key whose version is current.
func (c *bare) look(ctx context.Context, user string) (current, other, version string, err error) {
	keys, err := c.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user})
	if err != nil {
		return "", "", "", err
	}
	secret, err := c.sm.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(secretName(user))})
	if err != nil {
		return "", "", "", err
	}
	for v, stages := range secret.VersionIdsToStages {
		for _, s := range stages {
			if s == rotation.StageCurrent {
				version = v
			}
		}
	}
	for _, k := range keys.AccessKeyMetadata {
		if rotation.VersionID(*k.AccessKeyId) == version || len(keys.AccessKeyMetadata) == 1 {
			current = *k.AccessKeyId
		} else {
			other = *k.AccessKeyId
		}
	}
	return current, other, version, nil
}

func (c *bare) tag(ctx context.Context, user, key, value string) error {
	_, err := c.sm.TagResource(ctx, &secretsmanager.TagResourceInput{
		SecretId: aws.String(secretName(user)), Tags: []smtypes.Tag{{Key: &key, Value: &value}},
	})
	return err
}

// rotate is seven calls, and two more with verify.
func (c *bare) rotate(ctx context.Context, user string, verify bool) error {
	old, _, base, err := c.look(ctx, user)
	if err != nil {
		return err
	}
	if err := c.tag(ctx, user, "keyturn:intent", "v1 open 2026-11-23T06:30:00Z id=abcdefghijkl base="+base+" had=0123456789abcdef"); err != nil {
		return err
	}
	made, err := c.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return err
	}
	id, secret := *made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey
	version := rotation.VersionID(id)
	_, err = c.sm.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(secretName(user)), ClientRequestToken: &version, VersionStages: []string{rotation.StagePending},
		SecretString: aws.String(secretValue(id, secret, user) + "\n" + old),
	})
	if err != nil {
		return err
	}
	for range 2 {
		if !verify {
			break
		}
		_, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
		})
		if err != nil {
			return err
		}
	}
	_, err = c.sm.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String(secretName(user)), VersionStage: aws.String(rotation.StageCurrent),
		MoveToVersionId: &version, RemoveFromVersionId: &base,
	})
	if err != nil {
		return err
	}
	return c.tag(ctx, user, "keyturn:promoted", "v1 promoted 2026-11-23T06:30:00Z version="+version+" grace=2m0s")
}

// deactivate is four calls.
func (c *bare) deactivate(ctx context.Context, user string) error {
	_, old, _, err := c.look(ctx, user)
	if err != nil {
		return err
	}
	_, err = c.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &old, Status: iamtypes.StatusTypeInactive})
	if err != nil {
		return err
	}
	return c.tag(ctx, user, "keyturn:inactive", "v1 0123456789abcdef 2026-11-23T06:32:00Z")
}

// remove is three calls.
func (c *bare) remove(ctx context.Context, user string) error {
	_, old, _, err := c.look(ctx, user)
	if err != nil {
		return err
	}
	_, err = c.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &old})
	return err
}

// job is what the bare programs are told to do.
type job struct {
	Sim         ready
	Users       int
	Concurrency int
}

// serial rotates one user after the other, without verification: the naive rotator.
func serial(ctx context.Context, arg string) error {
	j, err := jobOf(arg)
	if err != nil {
		return err
	}
	c := newBare(j.Sim, 1)
	for i := range j.Users {
		if err := c.rotate(ctx, userName(i), false); err != nil {
			return err
		}
	}
	return nil
}

// lookers asks for the keys of one user after the other to see whether something is due: the naive pass.
func lookers(ctx context.Context, arg string) error {
	j, err := jobOf(arg)
	if err != nil {
		return err
	}
	c := newBare(j.Sim, 1)
	for i := range j.Users {
		if _, err := c.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String(userName(i))}); err != nil {
			return err
		}
	}
	return nil
}

// lives makes the sixteen calls of one key's life for every user, in the three passes that keyturn makes.
func lives(ctx context.Context, arg string) error {
	j, err := jobOf(arg)
	if err != nil {
		return err
	}
	c := newBare(j.Sim, j.Concurrency)
	for _, step := range []func(context.Context, string) error{
		func(ctx context.Context, user string) error { return c.rotate(ctx, user, true) }, c.deactivate, c.remove,
	} {
		if err := each(j.Users, j.Concurrency, func(i int) error { return step(ctx, userName(i)) }); err != nil {
			return err
		}
	}
	return nil
}

// each does the work for every number, so many at once.
func each(n, concurrency int, work func(int) error) error {
	var all sync.WaitGroup
	todo, errs := make(chan int), make([]error, concurrency)
	for w := range concurrency {
		all.Go(func() {
			for i := range todo {
				if err := work(i); err != nil {
					errs[w] = errors.Join(errs[w], fmt.Errorf("%s: %w", userName(i), err))
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	all.Wait()
	return errors.Join(errs...)
}
