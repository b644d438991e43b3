package server

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// watcher follows a stream.
type watcher struct {
	status int
	header http.Header
	lines  chan string
	ended  chan struct{}
	leave  context.CancelFunc
}

// piped is a response that is read while it is written.
type piped struct {
	*io.PipeWriter
	header http.Header
	status chan int
	sent   bool
}

func (p *piped) Header() http.Header { return p.header }
func (p *piped) Flush()              {}
func (p *piped) WriteHeader(status int) {
	if !p.sent {
		p.sent = true
		p.status <- status
	}
}
func (p *piped) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.PipeWriter.Write(b)
}

// follow begins to follow the events with a key; last is the Last-Event-ID, if there is one.
func (k *kit) follow(key, last string) *watcher {
	k.t.Helper()
	ctx, leave := context.WithCancel(k.t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events", nil)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	r.Header.Set("X-API-Key", key)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	in, out := io.Pipe()
	w := &watcher{header: http.Header{}, lines: make(chan string, 1000), ended: make(chan struct{}), leave: leave}
	p := &piped{PipeWriter: out, header: w.header, status: make(chan int, 1)}
	go func() {
		k.server.ServeHTTP(p, r)
		_ = out.Close()
	}()
	go func() {
		defer close(w.ended)
		for s := bufio.NewScanner(in); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	w.status = <-p.status
	return w
}

// events are those that have come by now.
func (w *watcher) events(t *testing.T) (out []api.Event, alive int) {
	t.Helper()
	synctest.Wait()
	for {
		select {
		case line := <-w.lines:
			if line == ": alive" {
				alive++
			}
			if text, is := strings.CutPrefix(line, "data: "); is {
				var e api.Event
				if err := json.Unmarshal([]byte(text), &e); err != nil {
					t.Errorf("%v in %s", err, text)
				}
				out = append(out, e)
			}
		default:
			return out, alive
		}
	}
}

func TestStream(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		key := k.key("user-0", apikey.ReadEvents)
		w := k.follow(key, "")
		if w.status != http.StatusOK || w.header.Get("Content-Type") != "text/event-stream" || w.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", w.status, w.header)
		}
		time.Sleep(time.Minute)
		if found, alive := w.events(t); len(found) > 0 || alive < 10 {
			t.Errorf("%d events of before, and %d signs of life within a minute", len(found), alive)
		}
		// What happens comes within a second, and only what the key may see.
		for _, user := range []string{"user-0", "user-1"} {
			a := k.ask(k.all(), http.MethodPost, "/v1/users/"+user+"/rotate?wait=200", "")
			if a.Status != http.StatusOK {
				t.Fatalf("%d %s", a.Status, a.Text)
			}
		}
		time.Sleep(time.Second)
		found, _ := w.events(t)
		promoted := 0
		for _, e := range found {
			if e.User != "user-0" {
				t.Errorf("an event of %s", e.User)
			}
			if e.Action == string(rotation.Promote) {
				promoted++
			}
		}
		if promoted != 1 || len(found) < 4 {
			t.Errorf("%+v", found)
		}
		// Who lost the connection half way goes on after the last event that came.
		w.leave()
		<-w.ended
		half := found[len(found)/2]
		again := k.follow(key, itoa(half.Seq))
		time.Sleep(time.Second)
		if rest, _ := again.events(t); len(rest) != len(found)-len(found)/2-1 || rest[0].Seq <= half.Seq {
			t.Errorf("%d events after %d, not %d", len(rest), half.Seq, len(found)-len(found)/2-1)
		}
		// A key that ends takes its streams with it.
		k.revoke(key)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		select {
		case <-again.ended:
		default:
			t.Error("the stream goes on although its key is over")
		}
		// The server's end is the stream's.
		last := k.follow(k.all(), "0")
		k.server.Close()
		<-last.ended
	})
}

// TestStreamOfAProof: what somebody shows that is good once is not shown again, and the stream lasts as long as whoever showed it may.
func TestStreamOfAProof(t *testing.T) {
	const proof = "keyturn-aws1.proof"
	var shown atomic.Int64
	var until time.Time
	inKit(t, 1, func(k *kit) {
		until = time.Now().Add(15 * time.Minute)
		w := k.follow(proof, "")
		time.Sleep(14*time.Minute + 50*time.Second)
		if _, alive := w.events(t); alive < 150 || shown.Load() != 1 {
			t.Errorf("%d signs of life, the proof was shown %d times", alive, shown.Load())
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		select {
		case <-w.ended:
		default:
			t.Error("the stream goes on although its caller is over")
		}
	}, func(c *Config) {
		c.Authenticate = func(_ context.Context, text string, _ netip.Addr) (*apikey.Caller, error) {
			if text != proof || shown.Add(1) > 1 {
				return nil, apikey.ErrUnknown
			}
			return &apikey.Caller{ID: "aws:1:AROA", Scopes: []apikey.Scope{apikey.ReadEvents}, Users: []string{"*"}, Expires: until}, nil
		}
		c.Again = func(_ context.Context, was *apikey.Caller, _ string, _ netip.Addr) (*apikey.Caller, error) {
			if !time.Now().Before(was.Expires) {
				return nil, apikey.ErrUnknown
			}
			return was, nil
		}
	})
}

func TestFollowersAreFew(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		defer synctest.Wait()
		defer k.server.Close()
		var all []*watcher
		key := k.all()
		for range watchersAKey {
			all = append(all, k.follow(key, ""))
		}
		ask := func(key string) answer {
			return k.ask(key, http.MethodGet, "/v1/events", "", "Accept", "text/event-stream")
		}
		k.problem(ask(key), http.StatusTooManyRequests, "too-fast")
		all[0].leave()
		<-all[0].ended
		k.follow(key, "")
		for n := watchersAKey; n < watchersAtOnce; n += watchersAKey {
			other := k.all()
			for range watchersAKey {
				k.follow(other, "")
			}
		}
		k.problem(ask(k.all()), http.StatusTooManyRequests, "too-fast")
	})
}
