package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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
