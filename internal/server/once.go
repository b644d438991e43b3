package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/store"
)

// Replays remembers the answers to requests with an Idempotency-Key. *store.Store does; tests have one in memory.
type Replays interface {
	BeginRequest(ctx context.Context, r store.Request, now time.Time) (store.PastRequest, error)
	EndRequest(ctx context.Context, r store.Request, reply store.Reply) error
	DropRequest(ctx context.Context, r store.Request) error
}

// longestKey bounds an Idempotency-Key; a UUID has 36 characters.
const longestKey = 255

// once carries out a POST. With an Idempotency-Key it does so the first time only: who sends the same again, because the answer was lost
// say, gets the same answer, without secrets. A crash between the two records leaves a request whose outcome is unknown, and is told so.
func (s *Server) once(w http.ResponseWriter, r *http.Request, c *call, body []byte, do func(http.ResponseWriter, *http.Request, *call)) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || s.Replays == nil {
		do(w, r, c)
		return
	}
	if !printable(key) || len(key) > longestKey {
		s.fail(w, r, c, fmt.Errorf("%w: an Idempotency-Key has 1 to %d printable ASCII characters, such as a UUID", kinds.ErrBadRequest, longestKey))
		return
	}
	q := store.Request{Caller: c.caller.ID, Key: key, Route: r.Method + " " + r.URL.RequestURI(), Hash: sha256.Sum256(body)}
	alone, leave := s.carried.enter(q)
	defer leave()
	past, err := s.Replays.BeginRequest(r.Context(), q, s.Now())
	if err == nil && past.State == store.RequestInFlight && alone() {
		// Nobody here carries it out: it ended this moment, or whoever did was killed.
		if past, err = s.Replays.BeginRequest(r.Context(), q, s.Now()); past.State == store.RequestInFlight {
			past.State = store.RequestLost
		}
	}
	if err == nil {
		switch past.State {
		case store.RequestNew:
			s.first(w, r, c, q, do)
			return
		case store.RequestAnswered:
			replay(w, past.Reply)
			return
		case store.RequestInFlight:
			w.Header().Set("Retry-After", "5")
			err = kinds.ErrInFlight
		case store.RequestLost:
			err = fmt.Errorf("%w, and never will: keyturn was ended meanwhile, and it may have had its effect; /v1/events tells, and another "+
				"Idempotency-Key asks anew", kinds.ErrInFlight)
		case store.RequestOther:
			err = fmt.Errorf("%w: use a new one for each request", kinds.ErrMismatch)
		}
	}
	s.fail(w, r, c, err)
}

// carried are the requests with an Idempotency-Key that this process has in hand.
type carried struct {
	mu  sync.Mutex
	all map[[2]string]int // by caller and key
}

// enter notes a request until it leaves. Alone says whether it is the only one of its kind here.
func (c *carried) enter(q store.Request) (alone func() bool, leave func()) {
	id := [2]string{q.Caller, q.Key}
	add := func(n int) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.all == nil {
			c.all = map[[2]string]int{}
		}
		if c.all[id] += n; c.all[id] == 0 {
			delete(c.all, id)
			return 0
		}
		return c.all[id]
	}
	add(1)
	return func() bool { return add(0) == 1 }, func() { add(-1) }
}

// first carries out a request that was not sent before, and keeps the answer. What had no effect is forgotten: it may be sent again. A
// rotation that was made has one, even if all that follows it fails.
func (s *Server) first(w http.ResponseWriter, r *http.Request, c *call, q store.Request, do func(http.ResponseWriter, *http.Request, *call)) {
	ctx := context.WithoutCancel(r.Context()) // whoever asked may be gone, which is what all this is for
	rec := &recorder{ResponseWriter: w}
	done := false
	defer func() {
		if !done { // a panic: the outcome is unknown, and stays so
			return
		}
		var err error
		if again(rec.status) && !c.acted {
			err = s.Replays.DropRequest(ctx, q)
		} else {
			err = s.Replays.EndRequest(ctx, q, store.Reply{Status: rec.status, Body: without(rec.body.Bytes(), c.route.Secrets),
				Header: map[string]string{"Content-Type": w.Header().Get("Content-Type"), "Location": w.Header().Get("Location")}})
		}
		if err != nil {
			s.Log.Error("the answer to a request with an Idempotency-Key is not recorded", "route", c.route.ID, "error", err)
		}
	}()
	do(rec, r, c)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	done = true
}

// again reports whether a status says that the request had no effect: then it may be sent again with the same Idempotency-Key, when what
// was in its way is gone. After any other failure the outcome is unknown.
func again(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError || status == http.StatusServiceUnavailable
}

func replay(w http.ResponseWriter, reply store.Reply) {
	h := w.Header()
	for k, v := range reply.Header {
		if v != "" {
			h.Set(k, v)
		}
	}
	h.Set("Idempotency-Replayed", "true")
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // whoever asked may be gone
}

// without gives a JSON answer without some fields, at any depth. What is no JSON is not given again at all.
func without(body []byte, fields []string) []byte {
	if len(fields) == 0 {
		return body
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	strip(v, fields)
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}

func strip(v any, fields []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, f := range fields {
			delete(v, f)
		}
		for _, inner := range v {
			strip(inner, fields)
		}
	case []any:
		for _, inner := range v {
			strip(inner, fields)
		}
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.body.Len()+len(b) <= store.MostReply {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
