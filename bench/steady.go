package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

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
	began := time.Now()
	all, err := p.send(ctx, began)
	if err != nil {
		return err
	}
	slices.Sort(all)
	if len(all) == 0 {
		return errors.New("nothing was answered")
	}
	at := func(share float64) time.Duration { return all[min(len(all)-1, int(share*float64(len(all))))] }
	return json.NewEncoder(os.Stdout).Encode(paced{int64(len(all)), time.Since(began), at(0.5), at(0.99), at(1)})
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
