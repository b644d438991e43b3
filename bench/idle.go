package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// passOverIdle: what `keyturn run` costs when nobody is due.
func passOverIdle(ctx context.Context, b *bench) ([]row, error) {
	const users, bound, most = 1000, 500 * time.Millisecond, 12
	s, err := b.world(ctx, world{Users: users, Care: true, Offset: -5 * time.Minute})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	k, err := b.install(s, lifted)
	if err != nil {
		return nil, err
	}
	if _, err := k.expect(ctx, users, 0, 0); err != nil {
		return nil, fmt.Errorf("taking the users into care: %w", err)
	}
	r, err := s.report(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.proveRotations(ctx, "taking 1,000 users into care", k, r, users, users); err != nil {
		return nil, err
	}
	if err := s.set(ctx, 0, thinking); err != nil {
		return nil, err
	}
	var calls int64
	walls, note, err := quiet([]*exec.Cmd{s.cmd}, func() (time.Duration, error) {
		if err := s.reset(ctx); err != nil {
			return 0, err
		}
		p, err := k.expect(ctx, 0, 0, 0)
		if err != nil {
			return 0, err
		}
		if r, err = s.report(ctx); err != nil {
			return 0, err
		}
		if p.Users != users {
			return 0, fmt.Errorf("the pass knew of %d users instead of %d", p.Users, users)
		}
		calls = max(calls, r.Calls)
		return p.wall, nil
	})
	if err != nil {
		return nil, err
	}
	naive, err := b.naive(ctx, "lookers", users)
	if err != nil {
		return nil, err
	}
	return []row{{
		what: "`keyturn run`, 1,000 users with nothing due, 20 ms per AWS call", measured: seconds(walls),
		bound: "≤ 0.5 s", verdict: judge(median(walls) <= bound),
		beside: fmt.Sprintf("asking IAM for each user's keys in turn: %.1f s, 1,000 calls", naive.Seconds()),
		note:   "Whole process; recheck times known." + note,
	}, {
		what: "AWS calls of that pass", measured: fmt.Sprint(calls), bound: fmt.Sprintf("≤ %d", most), verdict: judge(calls <= most),
		beside: "1,000",
		note:   "The simulator's count, discovery included.",
	}}, nil
}
