package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clients are those who read credentials: random users, random API keys.
type clients struct {
	Address string // HOST:PORT
	Users   int
	Keys    []string
}

// of are the same ones, asking another server.
func (c clients) of(s *sim) clients {
	c.Address = strings.TrimPrefix(s.Endpoint, "http://")
	return c
}

// request is what one of them sends.
func (c *clients) request(user int, key string) string {
	return fmt.Sprintf("GET /v1/credentials/%s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\n\r\n", userName(user), c.Address, key)
}

// wrkRun is what one run of wrk saw.
type wrkRun struct {
	perSecond float64
	answers   int64
	p50, p99  time.Duration
}

var (
	wrkAnswers = regexp.MustCompile(`(\d+) requests in`)
	wrkAt      = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s)$`)
)

// full runs wrk with 128 connections, as fast as it goes. An answer that is no success makes the measurement worthless.
func (c *clients) full(ctx context.Context, b *bench, wrk string, d time.Duration) (w wrkRun, err error) {
	path := filepath.Join(b.dir, "credentials.lua")
	script := "local keys = {}\n"
	for i, k := range c.Keys {
		script += fmt.Sprintf("keys[%d] = %q\n", i+1, k)
	}
	// The request is put together by hand: wrk.format would take half of wrk's only thread.
	script += fmt.Sprintf("math.randomseed(1)\nlocal random, format = math.random, string.format\nrequest = function()\n"+
		"  return format(%q, random(0, %d), keys[random(1, %d)])\nend\n",
		"GET /v1/credentials/app-%04d HTTP/1.1\r\nHost: "+c.Address+"\r\nX-API-Key: %s\r\n\r\n", c.Users-1, len(c.Keys))
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return w, err
	}
	cmd := exec.CommandContext(ctx, wrk, "-t1", "-c128", fmt.Sprintf("-d%ds", int(d.Seconds())), "--latency", "-s", path, "http://"+c.Address)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return w, fmt.Errorf("wrk: %w: %s", err, text)
	}
	rate, all := perSecond.FindSubmatch(text), wrkAnswers.FindSubmatch(text)
	if rate == nil || all == nil || strings.Contains(string(text), "Non-2xx") || strings.Contains(string(text), "Socket errors") {
		return w, fmt.Errorf("wrk did not get good answers only: %s", text)
	}
	w.perSecond, _ = strconv.ParseFloat(string(rate[1]), 64)
	w.answers, _ = strconv.ParseInt(string(all[1]), 10, 64)
	for _, m := range wrkAt.FindAllStringSubmatch(string(text), -1) {
		d, _ := time.ParseDuration(m[2] + m[3])
		if m[1] == "50" {
			w.p50 = d
		} else {
			w.p99 = d
		}
	}
	return w, nil
}

// pace is how fast requests are sent, whatever becomes of those before.
type pace struct {
	clients
	PerSecond, Connections int
	For                    time.Duration
}

// paced is what came of it.
type paced struct {
	Answers  int64
	Took     time.Duration
	P50, P99 time.Duration // from the moment when the request was to be sent
	Most     time.Duration
}

// rate is how many answers came a second.
func (p paced) rate() float64 { return float64(p.Answers) / p.Took.Seconds() }

func (p paced) String() string {
	ms := func(d time.Duration) float64 { return 1e3 * d.Seconds() }
	return fmt.Sprintf("%.1f ms (median %.1f, most %.0f, of %s at %s/s)", ms(p.P99), ms(p.P50), ms(p.Most), thousands(float64(p.Answers)), thousands(p.rate()))
}

// steady sends at a constant rate, as wrk2 does: each request has its time, and what it waits for a busy server before it is sent
// counts.
func steady(ctx context.Context, arg string) error {
	var p pace
	if err := json.Unmarshal([]byte(arg), &p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.For)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	errs := make([]error, p.Connections)
	began := time.Now()
	gap := time.Second * time.Duration(p.Connections) / time.Duration(p.PerSecond)
	var conns sync.WaitGroup
	for n := range p.Connections {
		conns.Go(func() {
			first := began.Add(gap * time.Duration(n) / time.Duration(p.Connections))
			waited, err := p.connection(ctx, rand.New(rand.NewPCG(1, uint64(n))), first, gap)
			errs[n] = err
			mu.Lock()
			defer mu.Unlock()
			all = append(all, waited...)
		})
	}
	conns.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.Sort(all)
	if len(all) == 0 {
		return errors.New("nothing was answered")
	}
	at := func(share float64) time.Duration { return all[min(len(all)-1, int(share*float64(len(all))))] }
	return json.NewEncoder(os.Stdout).Encode(paced{int64(len(all)), time.Since(began), at(0.5), at(0.99), at(1)})
}

// connection sends one request after the other over one connection, each at its time or, when that is over, at once.
func (p *pace) connection(ctx context.Context, random *rand.Rand, next time.Time, gap time.Duration) (waited []time.Duration, err error) {
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for ; ctx.Err() == nil; next = next.Add(gap) {
		time.Sleep(time.Until(next))
		if _, err := io.WriteString(conn, p.request(random.IntN(p.Users), p.Keys[random.IntN(len(p.Keys))])); err != nil {
			return nil, err
		}
		if err := answered(in); err != nil {
			return nil, err
		}
		waited = append(waited, time.Since(next))
	}
	return waited, nil
}

// answered reads one answer, which must be a good one with a length.
func answered(in *bufio.Reader) error {
	size := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.HasPrefix(text, "HTTP/1.1 200") {
			return fmt.Errorf("the answer is %q", text)
		}
		if text == "" {
			break
		}
		if name, value, _ := strings.Cut(text, ":"); http.CanonicalHeaderKey(name) == "Content-Length" {
			size, err = strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				return err
			}
		}
	}
	if size < 0 {
		return errors.New("the answer has no Content-Length")
	}
	_, err := in.Discard(size)
	return err
}

// steadily sends at a constant rate from a process of its own.
func (b *bench) steadily(ctx context.Context, p pace) (out paced, err error) {
	text, err := json.Marshal(p)
	if err != nil {
		return out, err
	}
	cmd := exec.CommandContext(ctx, b.self, "steady", string(text))
	cmd.Env = append(os.Environ(), roomy)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("sending %d requests a second: %w", p.PerSecond, err)
	}
	return out, json.Unmarshal(said, &out)
}
