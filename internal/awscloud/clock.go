package awscloud

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// clock is AWS's time: the Date of its last answer, and the monotonic time since. A local clock that is wrong, or steps, has no
// part in it.
type clock struct {
	mu    sync.Mutex
	date  time.Time // of the answer that set it
	heard time.Time // when, with a monotonic reading
}

// wobble is by how much a Date may lie behind the clock and be put down to its whole seconds, the way it came and AWS's many
// hosts; beyond it the clock follows.
const wobble = 5 * time.Second

// hear takes in the Date of an answer.
func (c *clock) hear(date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.read()
	if now.IsZero() || date.After(now) || date.Before(now.Add(-wobble)) {
		c.date, c.heard = date, time.Now()
	}
}

// now is AWS's time, zero before the first answer.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *clock) read() time.Time {
	if c.date.IsZero() {
		return time.Time{}
	}
	return c.date.Add(time.Since(c.heard))
}

// signer signs with AWS's time as soon as it is known. The SDK's own correction is kept per client and learnt by a refusal and a
// second attempt: CreateAccessKey and the probes of new keys have none.
type signer struct {
	clock *clock
	v4    *v4.Signer // nil: a new one each time
}

func newSigner(c *clock) *signer { return &signer{clock: c, v4: v4.NewSigner()} }

// newProbeSigner forgets. The SDK's signers keep the derived key by access key id, whatever the secret: a wrong secret would
// pass the probe after the right one had.
func newProbeSigner(c *clock) *signer { return &signer{clock: c} }

// SignHTTP is what the SDK calls.
func (s *signer) SignHTTP(ctx context.Context, creds aws.Credentials, r *http.Request, hash, service, region string,
	at time.Time, opts ...func(*v4.SignerOptions),
) error {
	if now := s.clock.now(); !now.IsZero() {
		at = now
	}
	if c := callOf(ctx); c != nil {
		c.signed = at
	}
	sign := s.v4
	if sign == nil {
		sign = v4.NewSigner()
	}
	return sign.SignHTTP(ctx, creds, r, hash, service, region, at, opts...)
}
