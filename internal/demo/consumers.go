package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Audience is all the consumers: programs that read a user's key from Secrets Manager, keep it for a while, and sign calls with
// it. They retry nothing, so that every refusal shows. Every field is needed; they may not change once somebody has a seat.
type Audience struct {
	Endpoint string
	Region   string
	Reader   aws.Credentials // a role of their own, to read secrets with
	Keep     time.Duration   // how long a key is used before it is read again: well within the grace
	Every    time.Duration   // between two calls of one consumer
	Client   *http.Client
	Trouble  func(user string, err error) // told of each failure, from many goroutines
	// Settled passes before a user's first consumer begins: a program is rolled out once its secret can be read everywhere.
	Settled time.Duration

	seats    atomic.Int64
	calls    atomic.Int64
	reads    atomic.Int64
	failures atomic.Int64
	wg       sync.WaitGroup
}

// Seat starts the consumers of one user. The user's secret holds a key by now.
func (a *Audience) Seat(ctx context.Context, user, secret string, n int) {
	for range n {
		c := &consumer{Audience: a, user: user, secret: secret}
		a.seats.Add(1)
		a.wg.Go(func() { c.work(ctx) })
	}
}

// Leave waits until every consumer has gone home; their context has ended.
func (a *Audience) Leave() { a.wg.Wait() }

// Calls is how many calls consumers have signed with users' keys, Failures how many of them, and of their reads, failed.
func (a *Audience) Calls() int64 { return a.calls.Load() }

// Failures counts what Calls says.
func (a *Audience) Failures() int64 { return a.failures.Load() }

// consumer is one program. It is one goroutine.
type consumer struct {
	*Audience
	user, secret string
	key          aws.Credentials
	read         time.Time
}

func (c *consumer) work(ctx context.Context) {
	secrets := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &c.Endpoint, Region: c.Region, HTTPClient: c.Client, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c.Reader, nil }),
	})
	identity := sts.New(sts.Options{
		BaseEndpoint: &c.Endpoint, Region: c.Region, HTTPClient: c.Client, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c.key, nil }),
	})
	pause(ctx, c.Settled)
	// Not all at once: neither the calls nor the reads.
	keep := c.Keep - time.Duration(rand.Int64N(int64(c.Keep)/3+1))
	for pause(ctx, c.Every/2+time.Duration(rand.Int64N(int64(c.Every)+1))) {
		if time.Since(c.read) >= keep {
			c.reads.Add(1)
			if err := c.refresh(ctx, secrets); err != nil {
				c.failed(ctx, fmt.Errorf("reading the secret: %w", err))
				continue
			}
		}
		_, err := identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			c.failed(ctx, fmt.Errorf("calling with the key %s: %w", short(c.key.AccessKeyID), err))
			if ctx.Err() != nil {
				return
			}
		}
		c.calls.Add(1)
	}
}

// refresh reads the current key. Its age counts from before the request: the answer may be as old as that.
func (c *consumer) refresh(ctx context.Context, secrets *secretsmanager.Client) error {
	asked := time.Now()
	out, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.secret})
	if err != nil {
		return err
	}
	var key struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &key); err != nil {
		return errors.New("the value is no JSON object") // the value itself must not be quoted
	}
	c.key = aws.Credentials{AccessKeyID: key.AccessKeyId, SecretAccessKey: key.SecretAccessKey}
	c.read = asked
	return nil
}

// failed counts a failure, unless the show is over.
func (c *consumer) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.failures.Add(1)
	c.Trouble(c.user, err)
}

// pause sleeps and reports whether the show goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
