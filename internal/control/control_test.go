package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s is not what was sent (-sent +got):\n%s", what, d)
	}
}

func TestNothingIsLostOnTheWay(t *testing.T) {
	names := []string{"a", "123456789012/b"}
	d := &fakeDesk{
		states: func(_ context.Context, got ...string) ([]fleet.State, error) {
			same(t, "States' names", got, names)
			return filled[[]fleet.State](), nil
		},
		plan: func(_ context.Context, steps int, got ...string) ([]fleet.Ahead, error) {
			same(t, "Plan's names", got, names)
			same(t, "Plan's steps", steps, 7)
			return filled[[]fleet.Ahead](), nil
		},
		foresee: func(_ context.Context, a fleet.Ask) (fleet.Foresight, error) {
			same(t, "Foresee's ask", a, filled[fleet.Ask]())
			return filled[fleet.Foresight](), nil
		},
		do: func(_ context.Context, a fleet.Ask) (fleet.Answer, error) {
			same(t, "Do's ask", a, filled[fleet.Ask]())
			return filled[fleet.Answer](), nil
		},
		events: func(_ context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
			same(t, "Events' query", q, filled[fleet.EventQuery]())
			return filled[[]fleet.Happening](), nil
		},
		watch: func(_ context.Context, v fleet.View) (fleet.Snapshot, error) {
			same(t, "Watch's view", v, filled[fleet.View]())
			return filled[fleet.Snapshot](), nil
		},
	}
	c := serve(t, d)
	same(t, "who answers", c.About(), About{Version: "v1.2.3", PID: 4711})
	ctx := t.Context()
	states, err := c.States(ctx, names...)
	same(t, "States", states, filled[[]fleet.State]())
	ahead, e := c.Plan(ctx, 7, names...)
	err = errors.Join(err, e)
	same(t, "Plan", ahead, filled[[]fleet.Ahead]())
	foresight, e := c.Foresee(ctx, filled[fleet.Ask]())
	err = errors.Join(err, e)
	same(t, "Foresee", foresight, filled[fleet.Foresight]())
	done, e := c.Do(ctx, filled[fleet.Ask]())
	err = errors.Join(err, e)
	same(t, "Do", done, filled[fleet.Answer]())
	events, e := c.Events(ctx, filled[fleet.EventQuery]())
	err = errors.Join(err, e)
	same(t, "Events", events, filled[[]fleet.Happening]())
	seen, e := c.Watch(ctx, filled[fleet.View]())
	same(t, "Watch", seen, filled[fleet.Snapshot]())
	if err = errors.Join(err, e); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	var said error
	c := serve(t, &fakeDesk{states: func(context.Context, ...string) ([]fleet.State, error) { return nil, said }})
	get := func(err error) error {
		said = fmt.Errorf("looking at the users: %w", err)
		_, got := c.States(t.Context())
		if got == nil || got.Error() != said.Error() {
			t.Errorf("the text %q arrived as %v", said, got)
		}
		if had, has := kinds.Of(said), kinds.Of(got); had.Code != has.Code || had.Exit != has.Exit {
			t.Errorf("%q was of the kind %q and arrived as %q", said, had.Code, has.Code)
		}
		return got
	}
	for _, k := range kinds.All {
		if k.Sentinel != nil && !errors.Is(get(k.Sentinel), k.Sentinel) {
			t.Errorf("%s is not told by errors.Is any more", k.Code)
		}
	}
	var unknown *fleet.UnknownUserError
	if want := (&fleet.UnknownUserError{Name: "ci-deplyo", Why: "w", Nearest: "ci-deploy"}); !errors.As(get(want), &unknown) || *unknown != *want {
		t.Errorf("%+v arrived as %+v", want, unknown)
	}
	var wrong *config.Error
	if want := (&config.Error{File: "keyturn.yaml", Line: 3, Message: "m"}); !errors.As(get(want), &wrong) || *wrong != *want {
		t.Errorf("%+v arrived as %+v", want, wrong)
	}
	get(errors.New("something of no kind"))
	get(&rotation.CallError{Service: "iam", Operation: "ListAccessKeys", Target: "x", Action: "iam:ListAccessKeys", Kind: rotation.ErrDenied})
}

func TestALongWaitIsManyShortOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var happens time.Time
		_, _, c, end := virtual(t, &fakeDesk{events: func(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
			asked.Add(1)
			if q.Wait > longPoll || q.After != 5 {
				t.Errorf("one request: %+v", q)
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(q.Wait):
				return nil, nil
			case <-time.After(time.Until(happens)):
				return []fleet.Happening{{Seq: 6}}, nil
			}
		}})
		defer end()
		began := time.Now()
		happens = began.Add(time.Hour)
		found, err := c.Events(t.Context(), fleet.EventQuery{After: 5, Wait: time.Minute})
		if err != nil || len(found) > 0 || time.Since(began) != time.Minute || asked.Load() != 3 {
			t.Errorf("%v, %v after %v and %d requests", found, err, time.Since(began), asked.Load())
		}
		began = time.Now()
		happens = began.Add(40 * time.Second)
		found, err = c.Events(t.Context(), fleet.EventQuery{After: 5, Wait: time.Minute})
		if err != nil || len(found) != 1 || time.Since(began) != 40*time.Second {
			t.Errorf("%v, %v after %v", found, err, time.Since(began))
		}
	})
}

// TestShutdown: whoever waits for events is let go at once, what is at work ends, and nothing new begins.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		s, _, c, _ := virtual(t, &fakeDesk{
			events: func(ctx context.Context, _ fleet.EventQuery) ([]fleet.Happening, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			do: func(ctx context.Context, _ fleet.Ask) (fleet.Answer, error) {
				time.Sleep(10 * time.Minute) // longer than any time-out of a connection
				ended = ctx.Err() == nil
				return fleet.Answer{Done: true}, nil
			},
		})
		began := time.Now()
		waited, worked := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := c.Events(t.Context(), fleet.EventQuery{Wait: time.Hour})
			waited <- err
		}()
		go func() {
			a, err := c.Do(t.Context(), fleet.Ask{User: "u"})
			if !a.Done && err == nil {
				err = errors.New("it was not done")
			}
			worked <- err
		}()
		synctest.Wait()
		shut := make(chan error, 1)
		go func() { shut <- s.Shutdown(context.Background()) }()
		if err := <-waited; !errors.Is(err, fleet.ErrStopping) || time.Since(began) > time.Second {
			t.Errorf("whoever waited for events heard %v after %v", err, time.Since(began))
		}
		if err := <-worked; err != nil || !ended {
			t.Errorf("what was at work ended with %v (%v)", err, ended)
		}
		if err := <-shut; err != nil {
			t.Error(err)
		}
		if _, err := c.Do(t.Context(), fleet.Ask{User: "u"}); !errors.Is(err, ErrNobody) {
			t.Errorf("after the shutdown: %v", err)
		}
	})
}

func TestACallEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		_, _, c, end := virtual(t, &fakeDesk{do: func(ctx context.Context, _ fleet.Ask) (fleet.Answer, error) {
			<-ctx.Done()
			close(ended)
			return fleet.Answer{}, ctx.Err()
		}})
		defer end()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.Do(ctx, fleet.Ask{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		<-ended
	})
}

// TestBounds: a request that comes slowly or is too large is refused, and so is what is no request.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, _, end := virtual(t, &fakeDesk{})
		defer end()
		raw := func(text string) (string, time.Duration) {
			c, err := p.connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			began := time.Now()
			go func() { _, _ = c.Write([]byte(text)) }() // the server may stop reading
			got := make([]byte, 4096)
			n, _ := c.Read(got)
			return string(got[:n]), time.Since(began)
		}
		if got, after := raw("POST /v1/states HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"); !strings.Contains(got, " 400 ") || after > 10*time.Second {
			t.Errorf("a body that never comes: %q after %v", got, after)
		}
		if got, after := raw("POST /v1/sta"); after > 5*time.Second || strings.Contains(got, " 200 ") {
			t.Errorf("a head that never comes: %q after %v", got, after)
		}
		if got, _ := raw("POST /v1/watch HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{} {}"); !strings.Contains(got, "more than one JSON value") {
			t.Errorf("two values: %q", got)
		}
		if got, _ := raw("POST /v1/teapot HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); !strings.Contains(got, "restart the daemon") {
			t.Errorf("a method of another version: %q", got)
		}
	})
	c := serve(t, &fakeDesk{})
	if _, err := c.States(t.Context(), strings.Repeat("x", maxRequest)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a large request: %v", err)
	}
}

func TestASilentDaemonIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go func() {
			for {
				c, err := p.Accept() // and never a word
				if err != nil {
					return
				}
				defer c.Close()
			}
		}()
		c := newClient("k.sock", p.connect)
		err := c.greet(t.Context())
		if err == nil || !strings.Contains(err.Error(), "k.sock did not answer within 5s") {
			t.Error(err)
		}
		c.Close()
		_ = p.Close()
	})
}

func TestADaemonThatGoesAwayIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, c, _ := virtual(t, &fakeDesk{do: func(ctx context.Context, _ fleet.Ask) (fleet.Answer, error) {
			<-ctx.Done()
			return fleet.Answer{}, ctx.Err()
		}})
		go func() {
			time.Sleep(time.Second)
			_ = s.http.Close() // as a killed process does
		}()
		_, err := c.Do(t.Context(), fleet.Ask{User: "u"})
		if err == nil || !strings.Contains(err.Error(), "may have been begun") {
			t.Error(err)
		}
	})
}
