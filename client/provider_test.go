package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/client"
)

// server is keyturn as a client sees it, without a socket. Each answer is a new key that lives for so long.
type server struct {
	life time.Duration

	mu    sync.Mutex
	away  bool
	slow  time.Duration
	fault func(http.ResponseWriter) // instead of credentials
	asked []time.Time
	keys  []string // API keys that came
	paths []string
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// RoundTrip answers as a server does, or as nobody.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	s.keys, s.paths = append(s.keys, r.Header.Get("Authorization")), append(s.paths, r.URL.EscapedPath())
	n, away, slow, fault := len(s.asked), s.away, s.slow, s.fault
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if away {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	if fault != nil {
		fault(w)
	} else {
		_ = json.NewEncoder(w).Encode(map[string]string{"AccessKeyId": fmt.Sprint("AKIA", n), "SecretAccessKey": "hush", "Token": "",
			"Expiration": time.Now().Add(s.life).UTC().Format(time.RFC3339Nano)})
	}
	return w.Result(), nil
}

func refuse(status int, code string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"code":%q,"message":"as asked"}`, code)
	}
}

func provider(t *testing.T, s *server, change ...func(*client.Config)) *client.Provider {
	t.Helper()
	c := client.Config{URL: "https://keyturn.test", User: "ci-deploy", APIKey: "k", HTTPClient: &http.Client{Transport: s}}
	for _, f := range change {
		f(&c)
	}
	p, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// However many ask at once, one request is made; and none as long as the credentials are young.
func TestOneRequestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: 12 * time.Minute, slow: time.Second}
		p := provider(t, s)
		defer p.Close()
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				got, err := p.Retrieve(t.Context())
				if err != nil || got.AccessKeyID != "AKIA1" || !got.CanExpire || !got.Expires.Equal(time.Now().Add(12*time.Minute)) {
					t.Errorf("%v, %v", got.AccessKeyID, err)
				}
			})
		}
		all.Wait()
		time.Sleep(4 * time.Minute)
		if _, err := p.Retrieve(t.Context()); err != nil || s.requests() != 1 {
			t.Errorf("%d requests were made, not 1: %v", s.requests(), err)
		}
	})
}

// A caller that gives up leaves the others what they wait for.
func TestOneCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: time.Hour, slow: 2 * time.Second}
		p := provider(t, s)
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := p.Retrieve(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one that gives up gets %v", err)
			}
		})
		synctest.Wait()
		if _, err := p.Retrieve(t.Context()); err != nil {
			t.Errorf("the other one gets %v", err)
		}
		all.Wait()
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// Nobody ever waits for a fetch but the first one, and no credentials are given out near their end.
func TestFetchesInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: 12 * time.Minute}
		p := provider(t, s)
		defer p.Close()
		_, _ = p.Retrieve(t.Context())
		s.set(func() { s.slow = 3 * time.Second })
		for range 5000 {
			began := time.Now()
			got, err := p.Retrieve(t.Context())
			if err != nil || time.Since(began) > 0 || time.Until(got.Expires) < 6*time.Minute {
				t.Fatalf("%v after %s, %s left", err, time.Since(began), time.Until(got.Expires))
			}
			time.Sleep(7 * time.Second)
		}
		if n := s.requests(); n < 5000*7/60/6 || n > 5000*7/60/3 {
			t.Errorf("%d requests in %s", n, 5000*7*time.Second)
		}
	})
}

// Programs that start together do not ask together for ever.
func TestFetchesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[int64]int{}
		var all []*server
		for range 100 {
			s := &server{life: 12 * time.Minute}
			p := provider(t, s)
			defer p.Close()
			_, _ = p.Retrieve(t.Context())
			all = append(all, s)
		}
		time.Sleep(10 * time.Minute)
		for _, s := range all {
			s.set(func() { seen[s.asked[1].Unix()]++ })
		}
		for at, n := range seen {
			if n > 15 {
				t.Errorf("%d of 100 ask in the second %d", n, at)
			}
		}
	})
}

// What is there is good until its Expiration, whatever the server says; after that there is an error, and then what the server has again.
func TestServerAway(t *testing.T) {
	for name, trouble := range map[string]func(*server){
		"nobody":  func(s *server) { s.away = true },
		"500":     func(s *server) { s.fault = refuse(500, "unavailable") },
		"429":     func(s *server) { s.fault = refuse(429, "too-fast") },
		"401":     func(s *server) { s.fault = refuse(401, "unknown-key") },
		"a page":  func(s *server) { s.fault = func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") } },
		"expired": func(s *server) { s.life = -time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{life: 12 * time.Minute}
				var told atomic.Int32
				p := provider(t, s, func(c *client.Config) { c.OnError = func(error) { told.Add(1) } })
				defer p.Close()
				first, _ := p.Retrieve(t.Context())
				s.set(func() { trouble(s) })
				for time.Until(first.Expires) > time.Second {
					got, err := p.Retrieve(t.Context())
					if err != nil || got.AccessKeyID != first.AccessKeyID {
						t.Fatalf("%s before the Expiration: %v", time.Until(first.Expires), err)
					}
					time.Sleep(time.Second)
				}
				tries := s.requests()
				if tries < 20 || tries > 60 {
					t.Errorf("%d requests in 12 minutes, half of them in vain", tries)
				}
				if _, err := p.Retrieve(t.Context()); err == nil {
					t.Error("credentials are given out after their Expiration")
				}
				synctest.Wait()
				if n := told.Load(); n < 20 {
					t.Errorf("OnError was told %d times", n)
				}
				s.set(func() { s.away, s.fault, s.life = false, nil, 12*time.Minute })
				time.Sleep(20 * time.Second)
				before := s.requests()
				if _, err := p.Retrieve(t.Context()); err != nil || s.requests() != before {
					t.Errorf("20 s after the trouble there is nothing yet: %v", err)
				}
			})
		})
	}
}

// A server that restarts while a program starts costs it a moment and no error.
func TestServerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: time.Hour, away: true}
		p := provider(t, s)
		defer p.Close()
		time.AfterFunc(3*time.Second, func() { s.set(func() { s.away = false }) })
		began := time.Now()
		if _, err := p.Retrieve(t.Context()); err != nil || time.Since(began) > 8*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// What is refused for good is said at once; what passes is tried for ten seconds.
func TestRefused(t *testing.T) {
	for status, most := range map[int]time.Duration{400: 0, 401: 0, 403: 0, 404: 0, 429: 10 * time.Second, 500: 10 * time.Second, 503: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{fault: refuse(status, "some-code")}
			p := provider(t, s)
			defer p.Close()
			began := time.Now()
			_, err := p.Retrieve(t.Context())
			var e *client.Error
			if !errors.As(err, &e) || e.Status != status || e.Code != "some-code" || e.Message != "as asked" {
				t.Errorf("%d: %v", status, err)
			}
			if took := time.Since(began); took > most || most > 0 && took < most/2 {
				t.Errorf("%d was told after %s", status, took)
			}
			if !strings.Contains(err.Error(), "ci-deploy") {
				t.Errorf("%v does not name the user", err)
			}
		})
	}
}

// A wait that the server asks for is kept.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: 12 * time.Minute}
		p := provider(t, s)
		defer p.Close()
		_, _ = p.Retrieve(t.Context())
		s.set(func() {
			s.fault = func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		time.Sleep(10 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := 2; i < len(s.asked); i++ {
			if d := s.asked[i].Sub(s.asked[i-1]); d < time.Minute {
				t.Errorf("asked again after %s", d)
			}
		}
	})
}

// The API key is sent as AWS's SDKs send a token, the user's name in one piece; a file is read for each request.
func TestKeyFromFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "key")
		s := &server{life: time.Minute}
		p := provider(t, s, func(c *client.Config) {
			c.URL, c.User, c.APIKey, c.APIKeyFile = "https://keyturn.test/behind/", "123456789012:a+b=c/,d@e", "", file
		})
		defer p.Close()
		if _, err := p.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "reading the API key") {
			t.Errorf("without the file: %v", err)
		}
		_ = os.WriteFile(file, []byte("first\n"), 0o600)
		_, err := p.Retrieve(t.Context())
		_ = os.WriteFile(file, []byte("second"), 0o600)
		time.Sleep(40 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil || s.keys[0] != "first" || s.keys[1] != "second" {
			t.Errorf("%v were sent: %v", s.keys, err)
		}
		if want := "/behind/v1/container/123456789012:a+b=c%2F%2Cd@e"; s.paths[0] != want {
			t.Errorf("%s was asked for, not %s", s.paths[0], want)
		}
	})
}

// Closed, nothing goes on, and what is left may be used.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: time.Hour}
		p := provider(t, s)
		_, _ = p.Retrieve(t.Context())
		p.Close()
		p.Close()
		time.Sleep(59 * time.Minute)
		if _, err := p.Retrieve(t.Context()); err != nil || s.requests() != 1 {
			t.Errorf("%v, %d requests", err, s.requests())
		}
		time.Sleep(time.Minute)
		if _, err := p.Retrieve(t.Context()); err == nil || s.requests() != 1 {
			t.Errorf("%v, %d requests", err, s.requests())
		}
		never := provider(t, s)
		never.Close()
	})
}

// In the last moment before an Expiration nobody is given what has as good as expired, if there is something better.
func TestLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{life: 12 * time.Minute}
		p := provider(t, s)
		defer p.Close()
		first, _ := p.Retrieve(t.Context())
		s.set(func() { s.away = true })
		time.Sleep(12*time.Minute - 1500*time.Millisecond)
		if got, err := p.Retrieve(t.Context()); err != nil || got.AccessKeyID != first.AccessKeyID {
			t.Errorf("with the server away: %v, %v", got.AccessKeyID, err)
		}
		s.set(func() { s.away, s.slow = false, 100*time.Millisecond })
		if got, err := p.Retrieve(t.Context()); err != nil || got.AccessKeyID == first.AccessKeyID {
			t.Errorf("with the server there: %v, %v", got.AccessKeyID, err)
		}
		// A server that gives nothing better is not asked in a circle.
		s.set(func() { s.life, s.slow = 1900*time.Millisecond, 0 })
		time.Sleep(11 * time.Minute)
		before := s.requests()
		for range 10 {
			if _, err := p.Retrieve(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := s.requests() - before; n > 20 {
			t.Errorf("%d requests for 10 calls", n)
		}
		// One that hangs holds nobody up beyond half of what is left, and nobody for ever.
		s.set(func() { s.slow = time.Hour })
		began := time.Now()
		if _, err := p.Retrieve(t.Context()); err != nil || time.Since(began) > 500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		time.Sleep(time.Second)
		began = time.Now()
		if _, err := p.Retrieve(t.Context()); err == nil || time.Since(began) > 16*time.Second {
			t.Errorf("with nothing left: %v after %s", err, time.Since(began))
		}
	})
}
