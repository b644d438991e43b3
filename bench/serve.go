package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What ten thousand users on the default schedule at speed 5 are: each is rotated every two minutes, 83 a second.
const (
	fleetUsers = 10_000
	fleetSpeed = 5
	fleetWatch = 6 * time.Minute
	// onboardRate spreads the users over one period, as a fleet that grew in time is spread.
	onboardRate = 84
)

// serving is a running `keyturn serve`.
type serving struct {
	cmd *exec.Cmd
	log string
}

// serve starts the daemon of an installation.
func (k *keyturn) serve(flags ...string) (*serving, error) {
	s := &serving{log: filepath.Join(k.folder, "serve.log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own by then
	s.cmd = exec.Command(k.binary, append([]string{"serve"}, flags...)...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = k.folder, k.env, log, log
	return s, s.cmd.Start()
}

// stop ends it as an operator does.
func (s *serving) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(s.log)
		return fmt.Errorf("keyturn serve: %w: %s", err, lastLines(string(text), 3))
	}
	return nil
}

func lastLines(s string, n int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-n):], " / ")
}

func (s *serving) cpu() time.Duration { return processTime(s.cmd.Process.Pid) }

// peakMiB is the most memory that the process had; memoryMiB is what it has.
func (s *serving) peakMiB() float64   { return s.memory("VmHWM:") }
func (s *serving) memoryMiB() float64 { return s.memory("VmRSS:") }

func (s *serving) memory(field string) float64 {
	for line := range strings.SplitSeq(read(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid)), "\n") {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// wait lets time pass that is no part of a figure.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// tenThousand: the daemon with a large fleet on the shortest schedule, and how soon it is at work after a restart.
func tenThousand(ctx context.Context, b *bench) ([]row, error) {
	const lateBound, memoryBound, coreBound, lifeBound, startBound = 1.0, 96.0, 0.7, 6.0, 2.0
	s, err := b.world(ctx, world{Users: fleetUsers, Care: true, Speed: fleetSpeed})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	k, err := b.install(s, fmt.Sprintf("pace: {iam: 0, sts: 0, secret_writes: %d, secret_tags: 0, secret_reads: 0}\n", onboardRate))
	if err != nil {
		return nil, err
	}
	if err := b.onboardAll(ctx, s, k); err != nil {
		return nil, err
	}
	if err := k.configure(lifted + "concurrency: 64\n"); err != nil {
		return nil, err
	}
	if err := s.set(ctx, 0, thinking); err != nil {
		return nil, err
	}
	if err := s.reset(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	d, err := k.serve("--speed", fmt.Sprint(fleetSpeed))
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.cmd.Process.Kill() }() // ended by then, unless something failed
	var r report
	for time.Since(began) < time.Minute && r.FirstChange.IsZero() {
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
		if r, err = s.report(ctx); err != nil {
			return nil, err
		}
	}
	if r.FirstChange.IsZero() {
		return nil, errors.New("the daemon changed nothing within a minute")
	}
	start := r.FirstChange.Sub(began)
	if err := wait(ctx, 30*time.Second); err != nil { // what was due while it was away is not late by its fault
		return nil, err
	}
	if err := s.reset(ctx); err != nil {
		return nil, err
	}
	cpu, watched := d.cpu(), time.Now()
	if err := wait(ctx, fleetWatch); err != nil {
		return nil, err
	}
	if r, err = s.report(ctx); err != nil {
		return nil, err
	}
	cpu, took, memory := d.cpu()-cpu, time.Since(watched), d.peakMiB()
	if err := d.stop(); err != nil {
		return nil, err
	}
	lives := r.UserCalls["DeleteAccessKey"]
	if lives == 0 || len(r.Late) == 0 {
		return nil, fmt.Errorf("no key's life was completed: %v", r.UserCalls)
	}
	sts, made := r.UserCalls["GetCallerIdentity"], r.UserCalls["CreateAccessKey"]
	if err := b.prove("verification by the daemon", sts >= 2*(made-fleetUsers/100), "%d keys made, %d GetCallerIdentity calls signed with new keys",
		made, sts); err != nil {
		return nil, err
	}
	if err := b.prove("safety rules in the daemon's minutes", len(r.Violations) == 0, "%d violations seen by the simulator%s",
		len(r.Violations), first(r.Violations)); err != nil {
		return nil, err
	}
	late := func(share float64) float64 {
		return r.Late[min(len(r.Late)-1, int(share*float64(len(r.Late))))].Seconds()
	}
	core, life := cpu.Seconds()/took.Seconds(), 1e3*cpu.Seconds()/float64(lives)
	where := fmt.Sprintf("`keyturn serve` with 10,000 users, 10-minute schedule at speed %d for %s, 20 ms per AWS call: ", fleetSpeed, fleetWatch)
	return []row{{
		what: where + "lateness of CreateAccessKey after the jittered due time, p99", measured: fmt.Sprintf("%.2f s (median %.2f, most %.2f, of %d)",
			late(0.99), late(0.5), late(1), len(r.Late)),
		bound: "≤ 1 s", verdict: judge(late(0.99) <= lateBound && late(0) >= 0), beside: fmt.Sprintf("a pass every minute from cron: up to %d s late", 60),
		note: fmt.Sprintf("%.0f rotations and %.0f AWS calls a second; the earliest key was made %.2f s after its due time. The simulator compares "+
			"each call's arrival with the key's own due time.", float64(made)/took.Seconds(), float64(r.Calls)/took.Seconds(), late(0)),
	}, {
		what: "memory of that daemon at its peak", measured: fmt.Sprintf("%.0f MiB", memory), bound: "≤ 96 MiB", verdict: judge(memory <= memoryBound),
	}, {
		what: "CPU of that daemon", measured: fmt.Sprintf("%.2f core", core), bound: "≤ 0.7 core", verdict: judge(core <= coreBound),
	}, {
		what: "CPU per completed life of a key", measured: fmt.Sprintf("%.1f ms", life), bound: "≤ 6 ms", verdict: judge(life <= lifeBound),
		note: fmt.Sprintf("User and system time of the daemon for %d lives.", lives),
	}, {
		what: "start with 10,000 known users, to the first step", measured: fmt.Sprintf("%.2f s", start.Seconds()), bound: "≤ 2 s",
		verdict: judge(start.Seconds() <= startBound), note: "From the start of the process to the first changing call that the simulator sees.",
	}}, nil
}

// onboardAll takes everybody into care at a steady rate, and stops the daemon.
func (b *bench) onboardAll(ctx context.Context, s *sim, k *keyturn) error {
	d, err := k.serve("--speed", fmt.Sprint(fleetSpeed))
	if err != nil {
		return err
	}
	defer func() { _ = d.cmd.Process.Kill() }() // ended by then, unless something failed
	for range 300 {
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
		r, err := s.report(ctx)
		if err != nil {
			return err
		}
		if len(r.Promoted) >= fleetUsers {
			return d.stop()
		}
	}
	text, _ := os.ReadFile(d.log)
	return fmt.Errorf("the users were not all under care after five minutes: %s", lastLines(string(text), 3))
}
