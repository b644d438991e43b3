package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// cpuOfALife compares what keyturn's processes burn with what the AWS calls alone do.
func cpuOfALife(ctx context.Context, b *bench) ([]row, error) {
	const users, bound = 1000, 2.5
	s, err := b.world(ctx, world{Users: users, Care: true})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	other, err := b.world(ctx, world{Users: users, Stored: true})
	if err != nil {
		return nil, err
	}
	defer other.stop()
	k, err := b.install(s, lifted)
	if err != nil {
		return nil, err
	}
	p, err := k.expect(ctx, users, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("taking the users into care: %w", err)
	}
	due, cycles := p.due, 1
	all, note, err := quiet([]*exec.Cmd{s.cmd, other.cmd}, func() (c life, err error) {
		if c.alone, err = b.alone(ctx, other, users); err != nil {
			return c, err
		}
		made, err := s.cycle(ctx, k, users, due)
		if err != nil {
			return c, err
		}
		due, c.keyturn, cycles = made.due, made.cpu, cycles+1
		return c, b.proveRotations(ctx, "the lives whose CPU is measured", k, report{UserCalls: made.calls[0]}, users, cycles*users)
	})
	if err != nil {
		return nil, err
	}
	var each []string
	var ratios []float64
	for _, c := range all {
		each = append(each, fmt.Sprintf("%.2f ÷ %.2f ms", 1e3*c.keyturn.Seconds()/users, 1e3*c.alone.Seconds()/users))
		ratios = append(ratios, c.keyturn.Seconds()/c.alone.Seconds())
	}
	return []row{{
		what: "CPU per completed key life ÷ CPU of its 16 SDK calls alone", measured: fmt.Sprintf("%.2f (median of %s)", median(ratios), strings.Join(each, ", ")),
		bound: "≤ 2.5", verdict: judge(median(ratios) <= bound),
		beside: "the divisor: a bare program with the same clients and concurrency",
		note: fmt.Sprintf("User and system time of whole processes: three `keyturn run` for %d lives, start-up, discovery and journal included. "+
			"The bare program is one process, and starts once.", users) + note,
	}}, nil
}

// life is the CPU that so many lives took.
type life struct{ keyturn, alone time.Duration }

// alone has the bare program make one life for every user.
func (b *bench) alone(ctx context.Context, s *sim, users int) (time.Duration, error) {
	if err := s.reset(ctx); err != nil {
		return 0, err
	}
	_, cpu, err := b.work(ctx, "lives", job{Sim: s.ready, Users: users, Concurrency: 16})
	if err != nil {
		return 0, err
	}
	r, err := s.report(ctx)
	if err == nil && r.Calls != int64(16*users) {
		err = fmt.Errorf("the bare program made %d calls for %d lives instead of 16 each", r.Calls, users)
	}
	return cpu, err
}
