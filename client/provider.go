package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// How a Provider asks.
const (
	// mostBetween is the longest time between two fetches, so that a key that was revoked or rolled back is replaced soon.
	mostBetween = 5 * time.Minute
	// leastBetween is the shortest: who serves credentials in their last moment gives new ones once they are over.
	leastBetween = 100 * time.Millisecond
	// After a failure it asks again after firstWait, twice that, and so on up to longestWait, each shortened at random.
	firstWait, longestWait = 500 * time.Millisecond, 15 * time.Second
	// lastMoment is the time before an Expiration in which newer credentials are waited for if they can be had, and lastSecond that in which
	// nothing is given out: botocore fails a call, and tries no second time, when what it was given has expired until it looks.
	lastMoment, lastSecond = 2 * time.Second, time.Second
	// patience is for how long Retrieve tries when it has nothing that is valid: a server that restarts is back within a second.
	patience = 10 * time.Second
)

// A Provider gives the current credentials of one user. It is safe for use by many goroutines.
type Provider struct {
	config Config
	url    string
	http   *http.Client

	living context.Context
	die    context.CancelFunc
	work   sync.WaitGroup // fetches under way

	mu     sync.Mutex
	have   aws.Credentials // the zero value: none yet
	flight *flight         // nil: no fetch is under way
	timer  *time.Timer     // the next fetch in the background; nil before the first one
	failed int             // fetches in the background that failed in a row
	closed bool
}

var _ aws.CredentialsProvider = (*Provider)(nil)

// flight is a fetch that several callers may wait for.
type flight struct {
	done chan struct{}
	got  aws.Credentials // set before done is closed, and so is err
	err  error
}

// New makes a Provider. It asks nobody yet; the first Retrieve does.
func New(c Config) (*Provider, error) {
	url, err := c.validate()
	if err != nil {
		return nil, err
	}
	p := &Provider{config: c, url: url}
	if p.http, err = c.client(); err != nil {
		return nil, err
	}
	p.living, p.die = context.WithCancel(context.Background())
	return p, nil
}

// Retrieve gives credentials that are valid for a second at least, and their Expiration. It waits only when there are none, until the context ends or for
// 10 seconds at most; whatever the server refuses for good (an *[Error]) it says at once.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for began, n := time.Now(), 0; ; n++ {
		have, f := p.ask()
		if f == nil {
			return have, nil
		}
		landed, err := await(ctx, f, have)
		switch {
		case err != nil:
			return aws.Credentials{}, fmt.Errorf("credentials of %s: %w", p.config.User, err)
		case landed && f.err == nil:
			return f.got, nil
		case time.Until(have.Expires) > lastSecond:
			return have, nil
		case !landed:
			continue
		}
		pause := backoff(min(n, 1), f.err) // somebody waits: within a second
		if !passing(f.err) || time.Since(began)+pause > patience || errors.Is(f.err, errClosed) {
			return aws.Credentials{}, fmt.Errorf("credentials of %s: %w", p.config.User, f.err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// Close ends the fetches in the background, and waits for the one that is under way. Retrieve gives what is left until it expires, and
// then an error.
func (p *Provider) Close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.die()
	p.work.Wait()
}

var errClosed = errors.New("the provider is closed")

// ask gives what there is, and a fetch to wait for unless that is valid for more than a moment.
func (p *Provider) ask() (aws.Credentials, *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Until(p.have.Expires) > lastMoment {
		return p.have, nil
	}
	return p.have, p.fly()
}

// await waits for a fetch; while what there is can still be given out, for half of that time at most. An error is the caller's own.
func await(ctx context.Context, f *flight, have aws.Credentials) (landed bool, err error) {
	var end <-chan time.Time
	if left := time.Until(have.Expires) - lastSecond; left > 0 {
		end = time.After(left / 2)
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-end:
		return false, nil
	case <-f.done:
		return true, nil
	}
}

// fly begins a fetch, or joins the one under way. p.mu is held.
func (p *Provider) fly() *flight {
	if p.flight != nil {
		return p.flight
	}
	f := &flight{done: make(chan struct{})}
	if p.closed {
		f.err = errClosed
		close(f.done)
		return f
	}
	p.flight = f
	p.work.Go(func() {
		got, err := p.fetch(p.living)
		p.land(f, got, err)
		if err != nil && p.config.OnError != nil && p.living.Err() == nil {
			p.config.OnError(fmt.Errorf("credentials of %s: %w", p.config.User, err))
		}
	})
	return f
}

// land takes in what a fetch brought, and plans the next one in the background.
func (p *Provider) land(f *flight, got aws.Credentials, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.got, f.err = got, err
	p.flight = nil
	var next time.Duration
	if err == nil {
		p.have, p.failed = got, 0
		next = early(time.Until(got.Expires))
	} else {
		next = backoff(p.failed, err)
		p.failed++
	}
	if !p.closed {
		if p.timer != nil {
			p.timer.Stop()
		}
		p.timer = time.AfterFunc(next, p.refresh)
	}
	close(f.done)
}

// refresh is a fetch that nobody waits for.
func (p *Provider) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.fly()
	}
}

// early is when to fetch again credentials that have so much time left: at half of it, up to a fifth sooner, so that a fleet of programs
// that started together does not ask together.
func early(left time.Duration) time.Duration {
	d := min(left/2, mostBetween)
	return max(d-rand.N(d/5+1), leastBetween)
}

// backoff is how long to wait after so many failures in a row and one more; a wait that the server asked for counts.
func backoff(n int, err error) time.Duration {
	d := min(firstWait<<min(n, 10), longestWait)
	d -= rand.N(d/2 + 1)
	var e *Error
	if errors.As(err, &e) {
		d = max(d, e.RetryAfter)
		if !passing(err) {
			d = max(d, longestWait)
		}
	}
	return d
}
