package awscloud

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/keyturn/keyturn/internal/rotation"
)

// call is one call of an operation, all its attempts. It rides in the context and is touched by one goroutine at a time.
type call struct {
	service, operation, region string
	target                     string   // what it is about, for people
	session                    *Session // nil: the account's own call
	probe                      bool     // signed with the key under test
	hide                       []string // texts that no error may repeat

	attempts int
	sent     bool      // the request of this attempt left this machine, or may have
	status   int       // of this attempt's answer; 0: none
	signed   time.Time // the time this attempt was signed with
	date     time.Time // of this attempt's answer
	unknown  bool      // an attempt may have had an effect and did not say
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func (c *call) sending() {
	c.sent = true
	if c.session != nil {
		c.session.calls.Add(1)
	}
}

func (c *call) hear(date time.Time) {
	c.date = date
	if c.session != nil {
		c.session.hear(date)
	}
}

// do makes a call and maps its error.
func do[T any](ctx context.Context, c *call, send func(context.Context) (T, error)) (T, error) {
	out, err := send(context.WithValue(ctx, callKey{}, c))
	if err != nil {
		var none T
		return none, c.explain(ctx, err)
	}
	return out, nil
}

// lacks is an answer that went well by its status and lacks what AWS always sends: something on the way answered, or it is
// broken. It must never read as "there is none".
func (c *call) lacks(what string) error {
	return &rotation.CallError{Service: c.service, Operation: c.operation, Target: c.target, Kind: rotation.ErrUnavailable,
		Detail: "the answer holds no " + what + ", so it is not AWS's or not whole: is there a proxy on the way?"}
}

// notSentError is a request that never left: its turn did not come in time.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return "not sent: " + e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

// skewError is a request refused because the clock it was signed with was wrong. The answer told the right time, so the next
// attempt is signed with that.
type skewError struct{ err error }

func (e *skewError) Error() string { return "signed with a wrong clock: " + e.err.Error() }
func (e *skewError) Unwrap() error { return e.err }

// RetryableError lets the SDK try again.
func (e *skewError) RetryableError() bool { return true }

// attemptStep stands in the SDK's stack inside the retry loop and before signing: each attempt waits for its turn and is bounded
// by the HTTP time-out.
type attemptStep struct{ a *Account }

// ID names the step.
func (*attemptStep) ID() string { return "keyturn:Attempt" }

// HandleFinalize makes one attempt.
func (s *attemptStep) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, meta middleware.Metadata, err error,
) {
	c := callOf(ctx)
	if c == nil {
		return next.HandleFinalize(ctx, in)
	}
	c.attempts++
	c.sent, c.status, c.signed, c.date = false, 0, time.Time{}, time.Time{}
	if err := s.a.pacers.wait(ctx, c.service, c.operation, c.region); err != nil {
		s.a.came(c, err)
		return out, meta, &notSentError{err}
	}
	s.a.pacers.sent.add(c.service, c.operation, c.region)
	bounded, cancel := context.WithTimeout(ctx, s.a.cfg.HTTPTimeout)
	defer cancel()
	out, meta, err = next.HandleFinalize(bounded, in)
	s.a.came(c, err)
	if err == nil {
		return out, meta, nil
	}
	if c.sent && (c.status < 400 || c.status >= 500) && !throttles(err) {
		c.unknown = true
	}
	switch {
	case ctx.Err() == nil && bounded.Err() != nil:
		err = &timeoutError{s.a.cfg.HTTPTimeout}
	case c.skewed(err):
		err = &skewError{err}
	}
	return out, meta, err
}

// skewed reports whether AWS refused the signature and the time in it was far from AWS's.
func (c *call) skewed(err error) bool {
	if c.date.IsZero() || c.signed.IsZero() || c.signed.Sub(c.date).Abs() < skewAllowed {
		return false
	}
	switch code(err) {
	case "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "AuthFailure",
		"AccessDeniedException":
		return true
	}
	return false
}

// skewAllowed is a minute less than what AWS tolerates.
const skewAllowed = 4 * time.Minute

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func throttles(err error) bool {
	c := code(err)
	_, ok := retry.DefaultThrottleErrorCodes[c]
	return ok && c != "LimitExceededException" // a quota, not a rate
}

// brokenAnswer reports an answer that ended before its end.
func brokenAnswer(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
