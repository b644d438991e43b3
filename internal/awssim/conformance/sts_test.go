package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const mismatch = "SignatureDoesNotMatch 403"

func (t *T) identity(c clients) (*sts.GetCallerIdentityOutput, error) {
	return c.STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
}

// signedOff asks for the administrator's identity with a clock that is off.
func (t *T) signedOff(off time.Duration) error {
	c := sts.NewFromConfig(t.config(region, t.em.id, t.em.secret, ""), func(o *sts.Options) {
		o.HTTPSignerV4 = lateSigner{v4.NewSigner(), off}
	})
	_, err := c.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
	return err
}

type lateSigner struct {
	*v4.Signer
	off time.Duration
}

func (s lateSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.off), opts...)
}

// stsCases are about the call that proves a key.
var stsCases = []Case{
	{Name: "identity of a user's key", Run: func(t *T) {
		u := t.userAt(t.Name, "/")
		k := t.key(t.Name)
		out, err := t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.ok(err)
		equal(t, "account", *out.Account, "123456789012")
		equal(t, "ARN", *out.Arn, *u.Arn)
		equal(t, "user id", *out.UserId, *u.UserId)
	}},
	{Name: "identity has the user's path", Run: func(t *T) {
		t.userAt(t.Name, "/service/")
		k := t.key(t.Name)
		out, err := t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.ok(err)
		equal(t, "ARN", *out.Arn, "arn:aws:iam::123456789012:user/service/"+t.Name)
	}},
	{Name: "identity in another Region", Run: func(t *T) {
		u := t.userAt(t.Name, "/")
		k := t.key(t.Name)
		out, err := t.identity(t.in("eu-west-1", *k.AccessKeyId, *k.SecretAccessKey, ""))
		t.ok(err)
		equal(t, "ARN", *out.Arn, *u.Arn)
		used, err := t.lastUsed(*k.AccessKeyId)
		t.ok(err)
		equal(t, "region last used", *used.AccessKeyLastUsed.Region, "eu-west-1")
	}},
	{Name: "an unknown key", Run: func(t *T) {
		_, err := t.identity(t.as("AKIAQQQQQQQQQQQQQQQQ", "secret"))
		t.denied(err, invalidToken)
	}},
	{Name: "a wrong secret", Run: func(t *T) {
		k := t.key(t.user())
		_, err := t.identity(t.as(*k.AccessKeyId, "wrong"))
		t.denied(err, mismatch)
	}},
	{Name: "the secret of the user's other key", Run: func(t *T) {
		u := t.user()
		one, two := t.key(u), t.key(u)
		_, err := t.identity(t.as(*one.AccessKeyId, *two.SecretAccessKey))
		t.denied(err, mismatch)
	}},
	{Name: "an inactive key", Run: func(t *T) {
		u := t.user()
		k := t.key(u)
		t.ok(t.setStatus(u, *k.AccessKeyId, inactive))
		_, err := t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.Differs("inactive-key-works", func() { t.refused(err, invalidToken) }, func() { t.ok(err) })
	}},
	{Name: "a key that was activated again", Run: func(t *T) {
		u := t.user()
		k := t.key(u)
		t.ok(t.setStatus(u, *k.AccessKeyId, inactive))
		t.ok(t.setStatus(u, *k.AccessKeyId, active))
		_, err := t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.ok(err)
	}},
	{Name: "a deleted key", Run: func(t *T) {
		u := t.user()
		k := t.key(u)
		t.ok(t.deleteKey(u, *k.AccessKeyId))
		_, err := t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.denied(err, invalidToken)
	}},
	{Name: "identity needs no permission", Run: func(t *T) {
		u := t.user()
		_, err := t.IAM.PutUserPolicy(t.ctx, &iam.PutUserPolicyInput{
			UserName: &u, PolicyName: aws.String("none"), PolicyDocument: aws.String(policyDocument("Deny")),
		})
		t.ok(err)
		k := t.key(u)
		_, err = t.identity(t.as(*k.AccessKeyId, *k.SecretAccessKey))
		t.ok(err)
	}},
	{Name: "a token beside a long-term key", Run: func(t *T) {
		k := t.key(t.user())
		_, err := t.identity(t.in(region, *k.AccessKeyId, *k.SecretAccessKey, "made-up"))
		t.denied(err, invalidToken)
	}},
	{Name: "identity by a presigned URL, with a signed header of the caller's own", Run: func(t *T) {
		status, text := t.presigned("signed")
		t.Differs("presigned-url-fails", func() {
			equal(t, "status", status, http.StatusOK)
			contains(t, "answer", text, "<Account>123456789012</Account>")
		}, func() { equal(t, "status", status, http.StatusInternalServerError) })
	}},
	{Name: "a presigned URL whose signed header was changed", Run: func(t *T) {
		status, text := t.presigned("changed")
		t.Differs("presigned-url-fails", func() {
			equal(t, "status", status, http.StatusForbidden)
			contains(t, "answer", text, "SignatureDoesNotMatch")
		}, func() { equal(t, "status", status, http.StatusInternalServerError) })
	}},
	{Name: "session credentials are the user's", Run: func(t *T) {
		u := t.userAt(t.Name, "/")
		t.allow(t.Name)
		k := t.key(t.Name)
		s, err := t.as(*k.AccessKeyId, *k.SecretAccessKey).STS.GetSessionToken(t.ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
		t.ok(err)
		equal(t, "expiration about 15 minutes ahead", time.Until(*s.Credentials.Expiration).Round(5*time.Minute), 15*time.Minute)
		out, err := t.identity(t.in(region, *s.Credentials.AccessKeyId, *s.Credentials.SecretAccessKey, *s.Credentials.SessionToken))
		t.Differs("session-of-nobody", func() {
			t.ok(err)
			equal(t, "ARN", *out.Arn, *u.Arn)
			equal(t, "temporary key", strings.HasPrefix(*s.Credentials.AccessKeyId, "ASIA"), true)
		}, func() { t.crude("InvalidClientTokenId") })
	}},
}

// presigned asks for the administrator's identity by a URL that was signed with a header of the caller's own, and sends that header with
// this value.
func (t *T) presigned(value string) (int, string) {
	r, err := http.NewRequestWithContext(t.ctx, http.MethodGet, t.em.endpoint+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	t.ok(err)
	r.Header.Set("X-Own", "signed")
	const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signed, _, err := v4.NewSigner().PresignHTTP(t.ctx, aws.Credentials{AccessKeyID: t.em.id, SecretAccessKey: t.em.secret}, r, emptyBody, "sts", region, time.Now())
	t.ok(err)
	r, err = http.NewRequestWithContext(t.ctx, http.MethodGet, signed, nil)
	t.ok(err)
	r.Header.Set("X-Own", value)
	res, err := http.DefaultClient.Do(r)
	t.ok(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	t.ok(err)
	return res.StatusCode, string(text)
}

// wireCases are about signatures and the form of answers.
var wireCases = []Case{
	{Name: "an unsigned request", Run: func(t *T) {
		status, text := t.post(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "Action=GetCallerIdentity&Version=2011-06-15")
		t.Differs("unsigned-request-fails", func() {
			equal(t, "status", status, http.StatusForbidden)
			contains(t, "answer", text, "MissingAuthenticationToken")
		}, func() { equal(t, "status", status, http.StatusInternalServerError) })
	}},
	{Name: "a request signed ten minutes ago", Run: func(t *T) {
		err := t.signedOff(-10 * time.Minute)
		t.Differs("signatures-never-expire", func() { contains(t, "message", t.refused(err, mismatch), "Signature expired") }, func() { t.ok(err) })
	}},
	{Name: "a request signed ten minutes ahead", Run: func(t *T) {
		err := t.signedOff(10 * time.Minute)
		t.Differs("signatures-never-expire", func() { contains(t, "message", t.refused(err, mismatch), "Signature not yet current") }, func() { t.ok(err) })
	}},
	{Name: "a request signed two minutes ago is granted", Run: func(t *T) {
		t.ok(t.signedOff(-2 * time.Minute))
	}},
	{Name: "Secrets Manager knows no such key", Run: func(t *T) {
		_, err := t.as("AKIAQQQQQQQQQQQQQQQQ", "secret").SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.Differs("json-auth-codes", func() { t.refused(err, "UnrecognizedClientException 400") }, func() { t.crude("InvalidClientTokenId") })
	}},
	{Name: "Secrets Manager refuses a wrong secret", Run: func(t *T) {
		_, err := t.as(t.em.id, "wrong").SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
		t.Differs("json-auth-codes", func() { t.refused(err, "InvalidSignatureException 400") }, func() { t.crude("SignatureDoesNotMatch") })
	}},
	{Name: "Secrets Manager refuses an inactive key", Run: func(t *T) {
		u, id, as := t.trusted()
		t.ok(t.setStatus(u, id, inactive))
		_, err := as.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{Name: &t.Name})
		t.Differs("inactive-key-works", func() { t.refused(err, "UnrecognizedClientException 400") }, func() { t.ok(err) })
	}},
	{Name: "answers carry a request id", Run: func(t *T) {
		out, err := t.STS.GetCallerIdentity(t.ctx, &sts.GetCallerIdentityInput{})
		t.ok(err)
		id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		equal(t, "request id present", id != "", true)
	}},
	{Name: "refusals carry a request id", Run: func(t *T) {
		_, err := t.getUser(t.Name)
		t.refused(err, noSuchEntity)
		var res *awshttp.ResponseError
		equal(t, "request id present", errors.As(err, &res) && res.ServiceRequestID() != "", true)
	}},
}
