package main

import (
	"context"
	"fmt"
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
	due := p.due
	var ours, bare []time.Duration
	var ratios []float64
	for i := range repeats {
		if err := other.reset(ctx); err != nil {
			return nil, err
		}
		_, alone, err := b.work(ctx, "lives", job{Sim: other.ready, Users: users, Concurrency: 16})
		if err != nil {
			return nil, err
		}
		r, err := other.report(ctx)
		if err != nil {
			return nil, err
		}
		if r.Calls != 16*users {
			return nil, fmt.Errorf("the bare program made %d calls for %d lives instead of 16 each", r.Calls, users)
		}
		c, err := s.cycle(ctx, k, users, due)
		if err != nil {
			return nil, err
		}
		if err := b.proveRotations(ctx, "the lives whose CPU is measured", k, report{UserCalls: c.calls[0]}, users, (i+2)*users); err != nil {
			return nil, err
		}
		due = c.due
		ours, bare = append(ours, c.cpu/users), append(bare, alone/users)
		ratios = append(ratios, c.cpu.Seconds()/alone.Seconds())
	}
	var each []string
	for i := range ours {
		each = append(each, fmt.Sprintf("%.2f ÷ %.2f ms", ours[i].Seconds()*1e3, bare[i].Seconds()*1e3))
	}
	return []row{{
		what: "CPU per completed key life ÷ CPU of its 16 SDK calls alone", measured: fmt.Sprintf("%.2f (median of %s)", median(ratios), strings.Join(each, ", ")),
		bound: "≤ 2.5", verdict: judge(median(ratios) <= bound),
		beside: fmt.Sprintf("a bare program with the same clients and concurrency: %.2f ms a life", median(bare).Seconds()*1e3),
		note: fmt.Sprintf("User and system time of whole processes: three `keyturn run` for %d lives, start-up, discovery and journal included. "+
			"The bare program is one process, and starts once.", users),
	}}, nil
}
