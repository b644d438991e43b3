package awsidentity

import (
	"sync"
	"time"
)

// mostUsed bounds the memory of proofs that were used. Each stands for one answer of STS, so it takes a lot of them a second to fill it.
const mostUsed = 1 << 16

// once lets each proof through a single time. It never forgets one that might still be good: when it is full, nobody is let in.
type once struct {
	mu    sync.Mutex
	until map[string]time.Time // by signature
	swept time.Time
}

// take reserves a signature until a time, and reports why not: it was used already, or there is no room.
func (o *once) take(signature string, until, now time.Time) (used, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.until == nil {
		o.until = map[string]time.Time{}
	}
	if end, ok := o.until[signature]; ok && !now.After(end) {
		return true, false
	}
	if len(o.until) >= mostUsed || now.Sub(o.swept) > lives {
		o.swept = now
		for s, end := range o.until {
			if now.After(end) {
				delete(o.until, s)
			}
		}
	}
	if len(o.until) >= mostUsed {
		return false, true
	}
	o.until[signature] = until
	return false, false
}

// giveBack frees a signature that let nobody in.
func (o *once) giveBack(signature string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.until, signature)
}
