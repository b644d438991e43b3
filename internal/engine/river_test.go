package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/engine"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func user(n int) rotation.User {
	return rotation.User{Account: "123456789012", Name: fmt.Sprintf("user-%05d", n)}
}

func users(n int) []rotation.User {
	out := make([]rotation.User, n)
	for i := range out {
		out[i] = user(i)
	}
	return out
}

// engines are the two that there are: they promise the same.
func engines(t *testing.T, test func(t *testing.T, e fleet.Engine)) {
	t.Run("plain", func(t *testing.T) { test(t, fleet.NewPlain()) })
	t.Run("river", func(t *testing.T) { test(t, river(t)) })
}

func river(t *testing.T) *engine.River {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{Every: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func wake(t *testing.T, e fleet.Engine, users ...rotation.User) {
	t.Helper()
	if err := e.Wake(t.Context(), users); err != nil {
		t.Fatal(err)
	}
}

// Every user that is woken is worked on, those that were woken before Run as well; all at once, if need be.
func TestEveryoneIsWoken(t *testing.T) {
	engines(t, func(t *testing.T, e fleet.Engine) {
		const n = 400
		wake(t, e, users(n)[:n/2]...)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		seen := map[rotation.User]int{}
		all := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- e.Run(ctx, func(u rotation.User) {
				mu.Lock()
				seen[u]++
				last := len(seen) == n
				mu.Unlock()
				if last {
					close(all)
				}
				<-all // until everybody is at work
			})
		}()
		wake(t, e, users(n)[n/2:]...)
		<-all
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for u, times := range seen {
			if times != 1 {
				t.Errorf("%s was worked on %d times for one wake-up", u, times)
			}
		}
	})
}

// A user at work is not woken a second time, and can be woken again when its work has ended.
func TestOneAtATime(t *testing.T) {
	engines(t, func(t *testing.T, e fleet.Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, goOn := make(chan rotation.User, 100), make(chan struct{})
		done := make(chan error)
		go func() {
			done <- e.Run(ctx, func(u rotation.User) {
				begun <- u
				if u == user(1) {
					<-goOn
				}
			})
		}()
		wake(t, e, user(1))
		if u := <-begun; u != user(1) {
			t.Fatalf("%s was worked on", u)
		}
		wake(t, e, user(1))
		wake(t, e, user(1))
		for i := 2; i < 5; i++ { // whatever was to come of the others has come by then
			wake(t, e, user(i))
			if u := <-begun; u != user(i) {
				t.Errorf("%s was worked on while its work had not ended", u)
			}
		}
		goOn <- struct{}{}
		for again := false; !again; { // River takes a moment to note that the work has ended
			wake(t, e, user(1))
			select {
			case u := <-begun:
				again = u == user(1)
				goOn <- struct{}{}
			case <-time.After(10 * time.Millisecond):
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// When the context ends, work under way is waited for, and none begins any more.
func TestStop(t *testing.T) {
	engines(t, func(t *testing.T, e fleet.Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, goOn := make(chan rotation.User), make(chan struct{})
		done := make(chan error, 1)
		ended := false
		go func() {
			done <- e.Run(ctx, func(u rotation.User) {
				begun <- u
				<-goOn
				ended = true
			})
		}()
		wake(t, e, user(1))
		<-begun
		cancel()
		select {
		case err := <-done:
			t.Fatalf("Run returned with work under way: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		close(goOn)
		if err := <-done; err != nil || !ended {
			t.Fatalf("Run gave %v, and the work has ended: %v", err, ended)
		}
		_ = e.Wake(t.Context(), users(3)) // a hint that nobody hears
		select {
		case u := <-begun:
			t.Errorf("%s was worked on after the end", u)
		case <-time.After(50 * time.Millisecond):
		}
	})
}
