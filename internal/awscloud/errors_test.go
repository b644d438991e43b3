package awscloud_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/rotation"
)

// reply is an answer of AWS as it stands on the wire.
func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(body)),
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}, Body: io.NopCloser(strings.NewReader(body))}
}

// refusal is an error answer in the words of the service that was asked.
func refusal(r *http.Request, status int, code, message string) *http.Response {
	if strings.Contains(r.Header.Get("X-Amz-Target"), "secretsmanager") {
		return reply(r, status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
	}
	return reply(r, status, fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>"+
		"<RequestId>r-1</RequestId></ErrorResponse>", code, message))
}

const canary = "wJalrCanary/K7MDENG+bPxRfiCYEXAMPLEKEY"

var (
	listKeys = func(s *awscloud.Session) error { _, err := s.ListAccessKeys(bg); return err }
	create   = func(s *awscloud.Session) error { _, err := s.CreateAccessKey(bg); return err }
	update   = func(s *awscloud.Session) error { return s.UpdateAccessKey(bg, "AKIA0", rotation.Inactive) }
	remove   = func(s *awscloud.Session) error { return s.DeleteAccessKey(bg, "AKIA0") }
	probe    = func(s *awscloud.Session) error {
		return s.GetCallerIdentity(bg, "eu-west-1", "AKIA0", rotation.NewSensitive(canary))
	}
	describe = func(s *awscloud.Session) error { _, err := s.DescribeSecret(bg); return err }
	put      = func(s *awscloud.Session) error {
		return s.PutKey(bg, "00000000-0000-5000-8000-000000000000", rotation.NewKey{ID: "AKIA0", Secret: rotation.NewSensitive(canary)}, "", "")
	}
	move       = func(s *awscloud.Session) error { return s.MoveCurrent(bg, "v2", "v1") }
	tag        = func(s *awscloud.Session) error { return s.TagSecret(bg, map[string]string{"a": "b"}) }
	makeSecret = func(s *awscloud.Session) error { return s.CreateSecret(bg, nil) }
	readKey    = func(s *awscloud.Session) error { _, err := s.ReadKey(bg, "v1"); return err }
)

// Every answer of AWS has one meaning, and says whether the call can have had an effect.
func TestMeaningOfAnswers(t *testing.T) {
	for _, c := range []struct {
		name          string
		call          func(*awscloud.Session) error
		status        int
		code, message string
		kind          error
		definite      bool
		requests      int
		says          string
	}{
		{"no user", listKeys, 404, "NoSuchEntity", "The user with name ci cannot be found.", rotation.ErrNoUser, true, 1, ""},
		{"no user to create for", create, 404, "NoSuchEntity", "The user with name ci cannot be found.", rotation.ErrNoUser, true, 1, ""},
		{"no key to update", update, 404, "NoSuchEntity", "The Access Key with id AKIA0 cannot be found.", rotation.ErrNoKey, true, 1, ""},
		{"user of the key gone", remove, 404, "NoSuchEntity", "The user with name ci cannot be found.", rotation.ErrNoUser, true, 1, ""},
		{"two keys", create, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", rotation.ErrKeyLimit, true, 1, ""},
		{"IAM failed", listKeys, 500, "ServiceFailure", "", rotation.ErrUnavailable, false, 3, "3 attempts"},
		{"IAM failed in create", create, 500, "ServiceFailure", "", rotation.ErrUnavailable, false, 1, ""},
		{"busy user", update, 409, "ConcurrentModification", "", nil, true, 3, "ConcurrentModification"},
		{"unknown answer", update, 418, "Teapot", "short and stout", nil, true, 1, "Teapot: short and stout"},
		{"throttled", listKeys, 400, "Throttling", "Rate exceeded", rotation.ErrThrottled, true, 3, ""},
		{"throttled in create", create, 400, "Throttling", "Rate exceeded", rotation.ErrThrottled, true, 1, ""},
		{"throttled by 503", update, 503, "RequestLimitExceeded", "", rotation.ErrThrottled, true, 3, ""},
		{"own key unknown", listKeys, 403, "InvalidClientTokenId", "The security token included in the request is invalid.",
			rotation.ErrDenied, true, 1, "keyturn's own credentials are refused"},
		{"own key expired", tag, 400, "ExpiredTokenException", "", rotation.ErrDenied, true, 1, "own credentials have expired"},
		{"own secret wrong", tag, 400, "InvalidSignatureException", "canonical string", rotation.ErrDenied, true, 1, "own secret access key is wrong"},
		{"own key unknown to Secrets Manager", tag, 400, "UnrecognizedClientException", "", rotation.ErrDenied, true, 1, "own credentials are refused"},

		{"key not there yet", probe, 403, "InvalidClientTokenId", "", rotation.ErrInvalidKey, true, 1, "in eu-west-1"},
		{"wrong secret", probe, 403, "SignatureDoesNotMatch", "canonical string", rotation.ErrWrongSecret, true, 1, ""},
		{"wrong time", probe, 403, "SignatureDoesNotMatch", "Signature expired: 20261123T", rotation.ErrUnavailable, true, 1, ""},
		{"STS throttled", probe, 400, "Throttling", "", rotation.ErrThrottled, true, 1, ""},
		{"STS failed", probe, 500, "InternalFailure", "", rotation.ErrUnavailable, false, 1, ""},
		{"Region off", probe, 403, "RegionDisabledException", "", rotation.ErrRegionDisabled, true, 1, "enable the Region"},

		{"secret exists", makeSecret, 400, "ResourceExistsException", "", rotation.ErrSecretExists, true, 1, ""},
		{"secret deleted", makeSecret, 400, "InvalidRequestException", "You can't create this secret because a secret with this name is " +
			"already scheduled for deletion.", rotation.ErrPendingDeletion, true, 1, "restore the secret"},
		{"secret marked", put, 400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.",
			rotation.ErrPendingDeletion, true, 1, ""},
		{"other invalid request", put, 400, "InvalidRequestException", "no", rotation.ErrInvalid, true, 1, ""},
		{"version quota", put, 400, "LimitExceededException", "", rotation.ErrVersionQuota, true, 1, "24 hours"},
		{"version taken", put, 400, "ResourceExistsException", "", rotation.ErrVersionTaken, true, 1, ""},
		{"KMS", put, 400, "EncryptionFailure", "", rotation.ErrKMS, true, 1, ""},
		{"KMS denied", put, 400, "AccessDeniedException", "Access to KMS is not allowed", rotation.ErrKMS, true, 1, "kms:GenerateDataKey"},
		{"KMS reading", readKey, 400, "DecryptionFailure", "", rotation.ErrKMS, true, 1, ""},
		{"no such version", readKey, 400, "ResourceNotFoundException", "", rotation.ErrNoSecret, true, 1, ""},
		{"secret gone", tag, 400, "ResourceNotFoundException", "", rotation.ErrNoSecret, true, 1, ""},
		{"swap lost", move, 400, "InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is " +
			"currently attached to version v0, so you must explicitly reference that version in RemoveFromVersionId.",
			rotation.ErrConflict, true, 1, ""},
		{"Secrets Manager failed", describe, 500, "InternalServiceError", "", rotation.ErrUnavailable, false, 3, ""},
		{"Secrets Manager throttled", move, 400, "ThrottlingException", "Rate exceeded", rotation.ErrThrottled, true, 3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				a := scripted(t, func(r *http.Request) (*http.Response, error) {
					requests++
					return refusal(r, c.status, c.code, c.message), nil
				})
				s := session(t, a, "ci")
				err := c.call(s)
				e := failed(t, err, c.kind, c.definite)
				if requests != c.requests || s.Calls() != requests || int(a.Calls()) != requests {
					t.Errorf("%d requests, %d counted, want %d", requests, s.Calls(), c.requests)
				}
				if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canonical") || strings.Contains(err.Error(), "\n") {
					t.Errorf("says %q", err)
				}
				if !strings.Contains(e.Detail, c.code) && e.Kind != rotation.ErrUnavailable {
					t.Errorf("AWS's code %s is missing in %q", c.code, e.Detail)
				}
				if got := s.Date(); !got.Equal(time.Now().Truncate(second)) {
					t.Errorf("the Date of the failed answer is %s", got)
				}
			})
		})
	}
}

// What AWS says it refused names the action, which is not always the call's own.
func TestDeniedActionIsTheOneThatAWSNames(t *testing.T) {
	a := scripted(t, func(r *http.Request) (*http.Response, error) {
		return refusal(r, 400, "AccessDeniedException", "User: arn:aws:iam::1:user/k is not authorized to perform: secretsmanager:TagResource "+
			"on resource: x because no identity-based policy allows the secretsmanager:TagResource action"), nil
	})
	e := failed(t, makeSecret(session(t, a, "ci")), rotation.ErrDenied, true)
	if e.Action != "secretsmanager:TagResource" || e.Operation != "CreateSecret" {
		t.Fatalf("%+v", e)
	}
}

// A lost answer, then a clear refusal: what the first request did is unknown, so the call's outcome is.
func TestRefusalAfterLostAnswerIsNotDefinite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			if n++; n == 1 {
				return nil, io.ErrUnexpectedEOF
			}
			return refusal(r, 400, "ResourceExistsException", "exists"), nil
		})
		failed(t, makeSecret(session(t, a, "ci")), rotation.ErrSecretExists, false)
	})
}

func TestBrokenAnswers(t *testing.T) {
	whole := "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>"
	synctest.Test(t, func(t *testing.T) {
		n := 0
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			n++
			resp := reply(r, 200, whole)
			switch n {
			case 1:
				return nil, errors.New("connection reset by peer")
			case 2:
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(whole[:60]), broken{}))
			}
			return resp, nil
		})
		if err := listKeys(session(t, a, "ci")); err != nil || n != 3 {
			t.Fatalf("%d requests: %v", n, err)
		}
		n = 1 // the body of the only answer breaks
		failed(t, create(session(t, a, "ci")), rotation.ErrUnavailable, false)
		if n != 2 {
			t.Fatalf("CreateAccessKey was sent %d times", n-1)
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// An answer that says that a key was made, and not which or not its secret: one exists, and nobody holds it.
func TestCreateAnswerWithoutKey(t *testing.T) {
	for _, key := range []string{"", "<AccessKey><AccessKeyId>AKIA0</AccessKeyId></AccessKey>",
		"<AccessKey><SecretAccessKey>s</SecretAccessKey></AccessKey>"} {
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			return reply(r, 200, "<CreateAccessKeyResponse><CreateAccessKeyResult>"+key+"</CreateAccessKeyResult></CreateAccessKeyResponse>"), nil
		})
		failed(t, create(session(t, a, "ci")), rotation.ErrUnavailable, false)
	}
}

// The bounds of time: an attempt's time-out is tried again, the caller's end is not.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		a := scripted(t, hang, func(c *awscloud.Config) { c.HTTPTimeout = 4 * second })
		s, began := session(t, a, "ci"), time.Now()
		e := failed(t, listKeys(s), rotation.ErrUnavailable, false)
		if took := time.Since(began); s.Calls() != 3 || !strings.Contains(e.Detail, "4s") || took < 12*second || took > 14*second {
			t.Fatalf("%d calls in %s: %v", s.Calls(), took, e)
		}
		s = session(t, a, "ci")
		failed(t, create(s), rotation.ErrUnavailable, false)
		if s.Calls() != 1 {
			t.Fatalf("CreateAccessKey was sent %d times", s.Calls())
		}
		ctx, cancel := context.WithTimeout(bg, second)
		defer cancel()
		s = session(t, a, "ci")
		_, err := s.ListAccessKeys(ctx)
		failed(t, err, context.DeadlineExceeded, false)
		if s.Calls() != 1 {
			t.Fatalf("after the caller's deadline: %d calls", s.Calls())
		}
		_, err = s.ListAccessKeys(ctx) // too late to be sent at all
		failed(t, err, context.DeadlineExceeded, true)
		if s.Calls() != 1 {
			t.Fatal("sent after the caller's deadline")
		}
	})
}

// No secret ever stands in an error, even when AWS repeats the request.
func TestErrorsHoldNoSecret(t *testing.T) {
	a := scripted(t, func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		return refusal(r, 400, "ValidationException", "Value '"+strings.NewReplacer(`\"`, `"`, "&", " ").Replace(string(body))+"' and "+canary+" at 'secretString'"), nil
	})
	for _, call := range []func(*awscloud.Session) error{put, probe} {
		err := call(session(t, a, "ci"))
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) || len(err.Error()) > 700 {
			t.Fatalf("an error repeats a secret, or too much")
		}
	}
}
