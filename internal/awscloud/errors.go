package awscloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/rotation"
)

// rule maps an answer of AWS to its meaning. Empty fields match everything; says is part of the message, in lower case.
type rule struct {
	code, operation, says string
	kind                  error
	hint                  string // what to know or do, for people
}

const (
	ownRefused = "keyturn's own credentials are refused: check the profile, role or access key it runs with"
	ownExpired = "keyturn's own credentials have expired: sign in again"
	ownWrong   = "keyturn's own secret access key is wrong: check the credentials it runs with"
	clockWrong = "the time in the request was refused; the next request uses the time that AWS answered"
)

// rules is the one table of AWS's errors, first match.
var rules = []rule{
	// IAM
	{code: "NoSuchEntity", says: "user with name", kind: rotation.ErrNoUser},
	{code: "NoSuchEntity", operation: "UpdateAccessKey", kind: rotation.ErrNoKey},
	{code: "NoSuchEntity", operation: "DeleteAccessKey", kind: rotation.ErrNoKey},
	{code: "NoSuchEntity", operation: "GetAccessKeyLastUsed", kind: rotation.ErrNoKey},
	{code: "NoSuchEntity", kind: rotation.ErrNoUser},
	{code: "LimitExceeded", operation: "CreateAccessKey", kind: rotation.ErrKeyLimit},
	{code: "LimitExceeded", kind: rotation.ErrInvalid},

	// Secrets Manager
	{code: "ResourceNotFoundException", kind: rotation.ErrNoSecret},
	{code: "ResourceExistsException", operation: "PutSecretValue", kind: rotation.ErrVersionTaken},
	{code: "ResourceExistsException", kind: rotation.ErrSecretExists},
	{code: "LimitExceededException", operation: "PutSecretValue", kind: rotation.ErrVersionQuota,
		hint: "versions of the last 24 hours cannot be removed; it works again by itself, or rotate less often"},
	{code: "LimitExceededException", kind: rotation.ErrInvalid},
	{code: "InvalidRequestException", says: "deletion", kind: rotation.ErrPendingDeletion, hint: "restore the secret or choose another name"},
	{code: "InvalidRequestException", says: "deleted", kind: rotation.ErrPendingDeletion, hint: "restore the secret or choose another name"},
	{code: "InvalidRequestException", says: "kms", kind: rotation.ErrKMS},
	{code: "InvalidParameterException", operation: "UpdateSecretVersionStage", says: "attached", kind: rotation.ErrConflict},
	{code: "InvalidParameterException", operation: "UpdateSecretVersionStage", says: "removefromversionid", kind: rotation.ErrConflict},
	{code: "DecryptionFailure", kind: rotation.ErrKMS},
	{code: "EncryptionFailure", kind: rotation.ErrKMS},
	{code: "KMSAccessDeniedException", kind: rotation.ErrKMS},
	{code: "KMSDisabledException", kind: rotation.ErrKMS},
	{code: "KMSInvalidStateException", kind: rotation.ErrKMS},
	{code: "KMSNotFoundException", kind: rotation.ErrKMS},
	{code: "AccessDeniedException", says: "access to kms is not allowed", kind: rotation.ErrKMS,
		hint: "allow kms:GenerateDataKey and kms:Decrypt on the secret's KMS key to keyturn's identity"},

	// all services
	{code: "RegionDisabledException", kind: rotation.ErrRegionDisabled, hint: "enable the Region or take it out of regions"},
	{code: "OptInRequired", kind: rotation.ErrRegionDisabled, hint: "enable the Region or take it out of regions"},
	{code: "AccessDenied", kind: rotation.ErrDenied},
	{code: "AccessDeniedException", kind: rotation.ErrDenied},
	{code: "UnauthorizedOperation", kind: rotation.ErrDenied},
	{code: "NotAuthorized", kind: rotation.ErrDenied},
	{code: "ExpiredToken", kind: rotation.ErrDenied, hint: ownExpired},
	{code: "ExpiredTokenException", kind: rotation.ErrDenied, hint: ownExpired},
	{code: "InvalidClientTokenId", kind: rotation.ErrDenied, hint: ownRefused},
	{code: "UnrecognizedClientException", kind: rotation.ErrDenied, hint: ownRefused},
	{code: "InvalidAccessKeyId", kind: rotation.ErrDenied, hint: ownRefused},
	{code: "MissingAuthenticationToken", kind: rotation.ErrDenied, hint: ownRefused},
	{code: "MissingAuthenticationTokenException", kind: rotation.ErrDenied, hint: ownRefused},
	{code: "SignatureDoesNotMatch", kind: rotation.ErrDenied, hint: ownWrong},
	{code: "InvalidSignatureException", kind: rotation.ErrDenied, hint: ownWrong},
	{code: "IncompleteSignature", kind: rotation.ErrDenied, hint: ownWrong},
	{code: "RequestExpired", kind: rotation.ErrUnavailable, hint: clockWrong},
	{code: "RequestTimeTooSkewed", kind: rotation.ErrUnavailable, hint: clockWrong},
	{code: "ValidationError", kind: rotation.ErrInvalid},
	{code: "ValidationException", kind: rotation.ErrInvalid},
	{code: "InvalidInput", kind: rotation.ErrInvalid},
	{code: "InvalidParameterException", kind: rotation.ErrInvalid},
	{code: "InvalidRequestException", kind: rotation.ErrInvalid},
	{code: "MalformedPolicyDocument", kind: rotation.ErrInvalid},
}

// probeRules come first for a call that is signed with the key under test: what AWS refuses there is that key.
var probeRules = []rule{
	{code: "InvalidClientTokenId", kind: rotation.ErrInvalidKey},
	{code: "UnrecognizedClientException", kind: rotation.ErrInvalidKey},
	{code: "InvalidAccessKeyId", kind: rotation.ErrInvalidKey},
	{code: "SignatureDoesNotMatch", says: "signature expired", kind: rotation.ErrUnavailable, hint: clockWrong},
	{code: "SignatureDoesNotMatch", says: "not yet current", kind: rotation.ErrUnavailable, hint: clockWrong},
	{code: "SignatureDoesNotMatch", kind: rotation.ErrWrongSecret},
	{code: "InvalidSignatureException", kind: rotation.ErrWrongSecret},
}

// match finds the meaning of an answer; a zero rule when it has none.
func (c *call) match(code, message string) rule {
	message = strings.ToLower(message)
	tables := [][]rule{rules}
	if c.probe {
		tables = [][]rule{probeRules, rules}
	}
	for _, table := range tables {
		for _, r := range table {
			if r.code == code && (r.operation == "" || r.operation == c.operation) && strings.Contains(message, r.says) {
				return r
			}
		}
	}
	return rule{}
}

// explain makes the one error of a failed call.
func (c *call) explain(ctx context.Context, err error) error {
	e := &rotation.CallError{Service: c.service, Operation: c.operation, Target: c.target, Definite: !c.unknown}
	var api smithy.APIError
	var notSent *notSentError
	var late *timeoutError
	var skew *skewError
	switch {
	case errors.As(err, &notSent):
		e.Kind, e.Detail = contextError(ctx), "not sent: its time was over before its turn came (pace)"
		if e.Kind == nil {
			e.Kind = rotation.ErrUnavailable
		}
	case errors.As(err, &skew):
		e.Kind, e.Detail = rotation.ErrUnavailable, clockWrong
	case errors.As(err, &api) && api.ErrorCode() != "":
		c.explainAnswer(e, api)
	case contextError(ctx) != nil:
		e.Kind, e.Detail = contextError(ctx), "stopped while it waited for AWS"
	case errors.As(err, &late):
		e.Kind, e.Detail = rotation.ErrUnavailable, late.Error()
	case c.attempts > 0 && !c.sent && !connecting(err):
		e.Kind, e.Detail = rotation.ErrDenied, "no AWS credentials: sign in, or set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role ("+root(err)+")"
		if errors.Is(err, errPlain) {
			e.Kind, e.Detail = rotation.ErrInvalid, errPlain.Error()
		}
	case c.status >= 300:
		e.Kind, e.Detail = rotation.ErrUnavailable, fmt.Sprintf("HTTP %d %s, in an answer that could not be read", c.status,
			http.StatusText(c.status))
	default:
		e.Kind, e.Detail = rotation.ErrUnavailable, root(err)
	}
	if c.attempts > 1 {
		e.Detail += fmt.Sprintf("; %d attempts", c.attempts)
	}
	e.Detail = c.scrub(e.Detail)
	return e
}

// explainAnswer is for an answer of AWS that names an error.
func (c *call) explainAnswer(e *rotation.CallError, api smithy.APIError) {
	code, message := api.ErrorCode(), api.ErrorMessage()
	r := c.match(code, message)
	e.Kind = r.kind
	switch {
	case throttles(api):
		e.Kind = rotation.ErrThrottled
	case e.Kind == nil && (c.status >= 500 || c.status < 400):
		e.Kind = rotation.ErrUnavailable
	case e.Kind == rotation.ErrDenied && r.hint == "":
		e.Action = deniedAction(message, c.service+":"+c.operation)
	}
	e.Detail = code
	if code == unknownCode { // not one of AWS's errors: a proxy's page, say
		e.Detail, message = fmt.Sprintf("HTTP %d %s, in an answer that is not AWS's", c.status, http.StatusText(c.status)), ""
	}
	// The message of a refused signature repeats the text that was signed.
	if message != "" && !strings.Contains(code, "Signature") {
		e.Detail += ": " + strings.TrimSuffix(strings.TrimSpace(message), ".")
	}
	if r.hint != "" {
		e.Detail = r.hint + "; " + e.Detail
	}
}

var performs = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

// deniedAction is the action to allow: the one that AWS names (CreateSecret with tags needs TagResource), else the call's own.
func deniedAction(message, own string) string {
	if m := performs.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return own
}

// unknownCode is the SDK's word for an error answer without a code.
const unknownCode = "UnknownError"

func contextError(ctx context.Context) error { return ctx.Err() }

// connecting reports an error of the way to AWS, as against one before it.
func connecting(err error) bool {
	var op *net.OpError
	var u *url.Error
	return errors.As(err, &op) || errors.As(err, &u)
}

// root is the innermost error's text: the outer ones only repeat the operation and the URL.
func root(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	var broken *smithy.DeserializationError
	if errors.As(err, &broken) {
		return "the answer could not be read"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// longest is how much of AWS's words an error repeats.
const longest = 400

// scrub makes a text one line, bounds it, and takes out what must not be repeated.
func (c *call) scrub(s string) string {
	for _, h := range c.hide {
		if h != "" {
			s = strings.ReplaceAll(strings.ReplaceAll(s, h, "[secret]"), url.QueryEscape(h), "[secret]")
		}
	}
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
