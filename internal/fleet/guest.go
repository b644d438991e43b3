package fleet

import (
	"context"
	"errors"
)

// ErrStopping: the Keeper is being stopped, and nothing new begins.
var ErrStopping = errors.New("keyturn is being stopped, and begins nothing new")

// Guest is for a run that is not the Keeper's own, such as one that an operator asks for: Run does not return before it is over. The
// context that it gets ends when the Keeper's runs have to; leave is called when it is over.
func (k *Keeper) Guest(ctx context.Context) (_ context.Context, leave func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.stopping:
		return nil, nil, ErrStopping
	default:
	}
	k.guests.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.stepping, cancel)
	return ctx, func() {
		stop()
		cancel()
		k.guests.Done()
	}, nil
}

// Stopping is closed when the Keeper is being stopped.
func (k *Keeper) Stopping() <-chan struct{} { return k.stopping }
