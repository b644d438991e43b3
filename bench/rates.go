package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// underRates: how close a burst of due users comes to what AWS lets an account do. Put and UpdateStage share 50 requests a second,
// and so do Tag and Untag; a rotation needs two of each.
func underRates(ctx context.Context, b *bench) ([]row, error) {
	const users, limit = 1000, 25.0
	s, err := b.world(ctx, world{Users: users, Care: true, Rates: true, Offset: -11 * time.Minute})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	k, err := b.install(s, "pace: {iam: 150, sts: 150, secret_writes: 49.5, secret_tags: 49.5, secret_reads: 200}\n")
	if err != nil {
		return nil, err
	}
	if _, err := k.expect(ctx, users, 0, 0); err != nil {
		return nil, fmt.Errorf("taking the users into care: %w", err)
	}
	if err := s.set(ctx, 0, thinking); err != nil {
		return nil, err
	}
	if err := s.reset(ctx); err != nil {
		return nil, err
	}
	p, err := k.run(ctx)
	if err != nil && p.Users == 0 {
		return nil, err // else the figures below say what went wrong
	}
	r, err := s.report(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.proveRotations(ctx, "1,000 due users under AWS's rates", k, r, p.Rotated, users+p.Rotated); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Promoted, time.Time.Compare)
	from, to := len(r.Promoted)/10, len(r.Promoted)-1-len(r.Promoted)/10
	rate := float64(to-from) / r.Promoted[to].Sub(r.Promoted[from]).Seconds()
	throttled := float64(r.Throttled) / float64(r.Calls)
	return []row{{
		what: "Rotations per second over the middle 80 % of 1,000 promotions", measured: fmt.Sprintf("%.2f/s, %.1f %% of 25/s", rate, 100*rate/limit),
		bound: "≥ 95 % of 25/s", verdict: judge(rate >= 0.95*limit),
		beside: "25/s is what AWS's quotas allow (50 PutSecretValue and UpdateSecretVersionStage a second, two of them a rotation)",
		note: fmt.Sprintf("The simulator keeps AWS's rates and takes 20 ms per call; keyturn's pace is 49.5/s for each of the two quotas. "+
			"The whole pass took %.1f s.", p.wall.Seconds()),
	}, {
		what: "Calls throttled in that pass", measured: fmt.Sprintf("%d of %d (%.2f %%)", r.Throttled, r.Calls, 100*throttled),
		bound: "< 1 %", verdict: judge(throttled < 0.01),
	}, {
		what: "Users rotated, failed, blocked in that pass", measured: fmt.Sprintf("%d, %d, %d", p.Rotated, p.Failed, p.Blocked),
		bound: "1,000, 0, 0", verdict: judge(p.Rotated == users && p.Failed+p.Blocked == 0),
	}}, nil
}
