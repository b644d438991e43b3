package awscloud

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// pacer lets requests go one by one, in the order in which they came. Only the one at the front has a moment reserved: whoever goes away
// from its queue has cost the others nothing, while the limiter by itself gives back no reservation that others were made behind.
type pacer struct {
	limit  *rate.Limiter
	front  chan struct{} // full while somebody is at the front; the runtime hands it on in the order of the queue
	behind atomic.Int64  // how many wait for it
}

func newPacer(perSecond float64) *pacer {
	return &pacer{limit: rate.NewLimiter(rate.Limit(perSecond), 1), front: make(chan struct{}, 1)}
}

// wait returns when the request may be sent. Its error means that it is not.
func (p *pacer) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.front <- struct{}{}:
	default:
		if err := p.queue(ctx); err != nil {
			return err
		}
	}
	defer func() { <-p.front }()
	return p.limit.Wait(ctx)
}

var errTooLate = errors.New("its turn would come after the deadline")

// queue waits for the front. A request whose turn would come after its deadline does not wait for that: its caller has the time for
// something else.
func (p *pacer) queue(ctx context.Context) error {
	ahead := p.behind.Add(1) - 1
	defer p.behind.Add(-1)
	if end, ends := ctx.Deadline(); ends {
		// What the one at the front has reserved is taken from the tokens already.
		missing := float64(ahead+1) - p.limit.Tokens()
		if time.Until(end).Seconds() < missing/float64(p.limit.Limit()) {
			return errTooLate
		}
	}
	select {
	case p.front <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
