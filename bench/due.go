package main

import (
	"context"
	"fmt"
	"time"
)

const (
	thinking = 20 * time.Millisecond // of AWS, about each call
	repeats  = 3                     // of every measurement; the median counts
)

// passOverDue: how long `keyturn run` takes to rotate everyone who is due.
func passOverDue(ctx context.Context, b *bench) ([]row, error) {
	const users, bound = 100, 2 * time.Second
	walls, note, err := quiet(nil, func() (time.Duration, error) { return b.onePass(ctx, users, lifted) })
	if err != nil {
		return nil, err
	}
	half, _, err := quiet(nil, func() (time.Duration, error) { return b.onePass(ctx, users, lifted+"concurrency: 16\n") })
	if err != nil {
		return nil, err
	}
	naive, err := b.naive(ctx, "serial", users)
	if err != nil {
		return nil, err
	}
	return []row{{
		what: "`keyturn run`, 100 due users, 20 ms per AWS call", measured: seconds(walls),
		bound: "≤ 2.0 s", verdict: judge(median(walls) <= bound),
		beside: fmt.Sprintf("serial rotator with the same SDK calls and no verification: %.1f s, %.0f times as long; keyturn with "+
			"half the concurrency (16): %s", naive.Seconds(), naive.Seconds()/median(walls).Seconds(), seconds(half)),
		note: "Whole process. Default verification: two successes 1 s apart; default concurrency (32); pace lifted." + note,
	}}, nil
}

// onePass takes users into care eleven minutes ago, by the simulator's clock, and measures the pass that finds them due now.
func (b *bench) onePass(ctx context.Context, users int, config string) (time.Duration, error) {
	s, err := b.world(ctx, world{Users: users, Care: true, Offset: -11 * time.Minute})
	if err != nil {
		return 0, err
	}
	defer s.stop()
	k, err := b.install(s, config)
	if err != nil {
		return 0, err
	}
	if _, err := k.expect(ctx, users, 0, 0); err != nil {
		return 0, fmt.Errorf("taking the users into care: %w", err)
	}
	if err := s.set(ctx, 0, thinking); err != nil {
		return 0, err
	}
	if err := s.reset(ctx); err != nil {
		return 0, err
	}
	p, err := k.expect(ctx, users, 0, 0)
	if err != nil {
		return 0, err
	}
	r, err := s.report(ctx)
	if err != nil {
		return 0, err
	}
	return p.wall, b.proveRotations(ctx, "the pass over 100 due users", k, r, users, 2*users)
}

// naive measures a bare program on a simulator of its own that thinks as long about each call.
func (b *bench) naive(ctx context.Context, role string, users int) (time.Duration, error) {
	s, err := b.world(ctx, world{Users: users, Stored: true})
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if err := s.set(ctx, 0, thinking); err != nil {
		return 0, err
	}
	wall, _, err := b.work(ctx, role, job{Sim: s.ready, Users: users})
	return wall, err
}
