package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSteadyCountsWhatWaits: while the server stands still, all requests whose time comes are late, not just the one of each connection.
func TestSteadyCountsWhatWaits(t *testing.T) {
	var asked atomic.Int64
	still := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, credentialsRoute+"app-") || r.Header.Get("X-API-Key") != "key" {
			t.Errorf("asked for %s", r.URL)
		}
		if asked.Add(1) == 200 {
			time.AfterFunc(300*time.Millisecond, func() { close(still) })
		}
		if asked.Load() >= 200 {
			<-still
		}
		_, _ = w.Write([]byte("answer"))
	}))
	defer s.Close()
	p := pace{clients: clients{Address: strings.TrimPrefix(s.URL, "http://"), Users: 3, Keys: []string{"key"}},
		PerSecond: 1000, Connections: 8, For: 3 * time.Second}
	ctx, cancel := context.WithTimeout(t.Context(), p.For)
	defer cancel()
	took, err := p.send(ctx, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, d := range took {
		if d >= 100*time.Millisecond {
			late++
		}
	}
	if late < 190 { // of the 300 that were due meanwhile, those of the first two thirds
		t.Errorf("%d of %d answers were late, and %d requests were due at least 100 ms before the server went on", late, len(took), 200)
	}
}

func TestSteadyTakesNoOtherAnswer(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab":    "whole",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na":     "part",
		"HTTP/1.1 200 OK\r\nContent-Le":                     "part",
		"HTT":                                               "part",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc":   "no answer",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nab": "no answer",
		"HTTP/1.1 429 Too Many":                             "no answer",
	} {
		got := map[bool]string{true: "whole", false: "part"}
		whole, err := answered([]byte(in))
		if g := got[whole]; err == nil && g != want || (err != nil) != (want == "no answer") {
			t.Errorf("%q: %v, %v", in, whole, err)
		}
	}
}
