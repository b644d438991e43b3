package awssim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/awssim"
)

// post signs a query call as of a time, lets tamper change it, and returns status, body and Date.
func post(t *testing.T, w *awssim.World, body, service string, at time.Time, tamper func(*http.Request)) (int, string, string) {
	t.Helper()
	r, _ := http.NewRequest("POST", "http://aws.invalid/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	id, secret := w.RotatorKey()
	err := v4.NewSigner().SignHTTP(bg, aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, r,
		hex.EncodeToString(sum[:]), service, "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	if tamper != nil {
		tamper(r)
	}
	resp, err := w.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header.Get("Date")
}

func TestSignatures(t *testing.T) {
	w := awssim.New(awssim.Config{})
	const body = "Action=ListUsers&Version=2010-05-08"
	cases := []struct {
		name, service, code string
		status              int
		skew                time.Duration
		tamper              func(*http.Request)
	}{
		{"good", "iam", "", 200, 0, nil},
		{"slow clock within tolerance", "iam", "", 200, -4 * time.Minute, nil},
		{"slow clock", "iam", "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: ", 403, -6 * time.Minute, nil},
		{"fast clock", "iam", "Signature not yet current: ", 403, 6 * time.Minute, nil},
		{"changed body", "iam", "SignatureDoesNotMatch", 403, 0, func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewBufferString("Action=GetUser&Version=2010-05-08"))
		}},
		{"changed header", "iam", "SignatureDoesNotMatch", 403, 0, func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		}},
		{"changed path", "iam", "SignatureDoesNotMatch", 403, 0, func(r *http.Request) { r.URL.Path = "/x" }},
		{"unsigned", "iam", "MissingAuthenticationToken", 403, 0, func(r *http.Request) { r.Header.Del("Authorization") }},
		{"half signed", "iam", "IncompleteSignature", 400, 0, func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
		}},
		{"unknown key", "iam", "InvalidClientTokenId", 403, 0, func(r *http.Request) {
			id, _ := w.RotatorKey()
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), id, "AKIAAAAAAAAAAAAAAAAA", 1))
		}},
		{"another service's scope", "secretsmanager", "SignatureDoesNotMatch", 403, 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, got, date := post(t, w, body, c.service, time.Now().Add(c.skew), c.tamper)
			if status != c.status || !strings.Contains(got, c.code) {
				t.Fatalf("%d %s", status, got)
			}
			if at, err := http.ParseTime(date); err != nil || time.Since(at).Abs() > time.Minute {
				t.Fatalf("Date: %s", date)
			}
		})
	}
}

func TestPresignedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := rotator(t, w)
		p := must(sts.NewPresignClient(c.sts).PresignGetCallerIdentity(bg, &sts.GetCallerIdentityInput{}))(t)
		get := func(url string) (int, string) {
			r, _ := http.NewRequest(p.Method, url, nil)
			resp, err := w.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, string(b)
		}
		if status, body := get(p.URL); status != 200 || !strings.Contains(body, "user/keyturn-rotator") {
			t.Fatalf("%d %s", status, body)
		}
		if status, body := get(strings.Replace(p.URL, "us-east-1", "us-west-1", 1)); status != 403 {
			t.Fatalf("%d %s", status, body)
		}
		time.Sleep(16 * time.Minute)
		if status, body := get(p.URL); status != 403 || !strings.Contains(body, "Signature expired") {
			t.Fatalf("%d %s", status, body)
		}
	})
}

func TestWrongSecretAndInactiveKey(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := people(t, w, "alice")
	k := c.createKey("alice")
	wrong := connect(t, w, *k.AccessKeyId, strings.Repeat("x", 40), "us-east-1")
	_, err := wrong.sts.GetCallerIdentity(bg, nil)
	refused(t, err, "SignatureDoesNotMatch")
	_, err = wrong.sm.ListSecrets(bg, nil)
	refused(t, err, "InvalidSignatureException")
	c.setStatus("alice", *k.AccessKeyId, off)
	right := connect(t, w, *k.AccessKeyId, *k.SecretAccessKey, "us-east-1")
	_, err = right.sts.GetCallerIdentity(bg, nil)
	refused(t, err, "InvalidClientTokenId")
	_, err = right.sm.ListSecrets(bg, nil)
	refused(t, err, "UnrecognizedClientException")
	w.People().DisableRegion("us-east-1")
	_, err = c.sts.GetCallerIdentity(bg, nil)
	refused(t, err, "RegionDisabledException")
}

// TestSDKCorrectsItsClock: a caller whose clock is an hour slow succeeds at the second try.
func TestSDKCorrectsItsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{Clock: func() time.Time { return time.Now().Add(time.Hour) }})
		id, secret := w.RotatorKey()
		c := connect(t, w, id, secret, "us-east-1")
		cfg := c.cfg.Copy()
		cfg.RetryMaxAttempts = 2
		if _, err := iam.NewFromConfig(cfg).ListUsers(bg, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := secretsmanager.NewFromConfig(cfg).ListSecrets(bg, nil); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEveryAnswerHasARequestID(t *testing.T) {
	w := awssim.New(awssim.Config{Rates: awssim.Rates{Unlimited: true}})
	c := rotator(t, w)
	seen := map[string]bool{}
	for range 1000 {
		out := must(c.iam.ListUsers(bg, nil))(t)
		id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		if len(id) != 36 || seen[id] {
			t.Fatalf("request id %q", id)
		}
		seen[id] = true
	}
}
