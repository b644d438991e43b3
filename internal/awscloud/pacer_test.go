package awscloud

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many go away while they wait for their turn: the next one waits as if they had never come.
func TestCancelledTurnsCostNothing(t *testing.T) {
	const patience = 300 * time.Millisecond
	for name, leaving := range map[string]func(context.Context) context.Context{
		"deadline": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(ctx, patience)
			context.AfterFunc(ctx, cancel)
			return ctx
		},
		"cancelled": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(patience, cancel)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPacers(Pace{IAM: 20})
				var came sync.WaitGroup
				for range 60 * 90 { // a minute of 90 a second
					ctx := leaving(t.Context())
					came.Go(func() { _ = p.wait(ctx, "iam", "ListAccessKeys", "") })
					time.Sleep(time.Second / 90)
				}
				began := time.Now()
				if err := p.wait(t.Context(), "iam", "ListAccessKeys", ""); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > patience+100*time.Millisecond {
					t.Errorf("the next one waited %s", took)
				}
				came.Wait()
			})
		})
	}
}

// Requests go in the order in which they came, also when some in between go away, and as many as the pace says: no more, and no fewer.
func TestTurnsAreInOrderAndAtThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(20)
		var all sync.WaitGroup
		var mu sync.Mutex
		var order []int
		begin := func(ctx context.Context, n int) {
			all.Go(func() {
				if p.wait(ctx) == nil {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, n)
				}
			})
			synctest.Wait() // it is in the queue
		}
		ctx, leave := context.WithCancel(t.Context())
		began := time.Now()
		for n := range 1200 {
			begin(t.Context(), n)
			begin(ctx, -1)
		}
		time.AfterFunc(10*time.Millisecond, leave) // the first of them is at the front
		all.Wait()
		if took := time.Since(began); took < 59*time.Second || took > time.Minute+100*time.Millisecond {
			t.Errorf("1200 requests at 20 a second took %s", took)
		}
		if len(order) != 1200 || !slices.IsSorted(order) {
			t.Errorf("%d requests went, in order: %t", len(order), slices.IsSorted(order))
		}
	})
}

// A request that cannot go before its deadline fails at once, wherever in the queue it would stand.
func TestTurnAfterTheDeadlineFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(1)
		var all sync.WaitGroup
		defer all.Wait()
		for range 5 {
			all.Go(func() { _ = p.wait(t.Context()) })
		}
		synctest.Wait() // one has gone, and the last of the others goes in 4 s
		for _, c := range []struct {
			within time.Duration
			goes   bool
		}{{100 * time.Millisecond, false}, {4900 * time.Millisecond, false}, {5100 * time.Millisecond, true}} {
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			began := time.Now()
			err := p.wait(ctx)
			cancel()
			if took := time.Since(began); (err == nil) != c.goes || !c.goes && took > 0 {
				t.Errorf("within %s: %v after %s", c.within, err, took)
			}
		}
	})
}

func BenchmarkTurn(b *testing.B) {
	p := newPacer(1e12)
	for b.Loop() {
		_ = p.wait(b.Context())
	}
}
