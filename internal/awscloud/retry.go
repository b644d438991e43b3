package awscloud

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// newRetryer is the SDK's standard mode without its token bucket: that one is shared by all calls of a client, so that one
// user's storm would use up the others' retries. The pace bounds the load instead.
func newRetryer(c Config) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.MaxAttempts
		o.MaxBackoff = c.MaxBackoff
		o.Backoff = backoff{most: c.MaxBackoff, random: c.Random}
		o.RateLimiter = ratelimit.None
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(special)}, retry.DefaultRetryables...)
	})
}

// special is where keyturn knows better than the SDK's table.
func special(err error) aws.Ternary {
	var notSent *notSentError
	switch {
	case errors.As(err, &notSent), errors.Is(err, errPlain):
		return aws.FalseTernary
	case code(err) == "LimitExceededException":
		return aws.FalseTernary // Secrets Manager's quota of versions: no second attempt mends it
	case code(err) == "ConcurrentModification", code(err) == "EntityTemporarilyUnmodifiable":
		return aws.TrueTernary // IAM is at work on this user
	case code(err) == "" && brokenAnswer(err):
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// backoff doubles from a twentieth of the longest wait, from a tenth after a throttle; half of each wait is random.
type backoff struct {
	most   time.Duration
	random func() float64
}

// BackoffDelay is the wait after an attempt.
func (b backoff) BackoffDelay(attempt int, err error) (time.Duration, error) {
	wait := b.most / 20
	if throttles(err) {
		wait *= 2
	}
	wait = min(wait<<min(max(attempt-1, 0), 10), b.most)
	random := b.random
	if random == nil {
		random = rand.Float64
	}
	return wait/2 + time.Duration(random()*float64(wait/2)), nil
}
