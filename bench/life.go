package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// cycle is one life of every user's key: the pass that makes it, the one that deactivates the key before it, the one that deletes
// that key. Between them the simulator's clock jumps to where all users are due.
type cycle struct {
	cpu, wall time.Duration
	most      [3]int64            // calls about the user with the most of them, by pass
	calls     [3]map[string]int64 // by pass
	account   int64               // calls about nobody in particular, of the pass with the most of them
	due       time.Time           // when the next cycle begins
}

func (s *sim) cycle(ctx context.Context, k *keyturn, users int, due time.Time) (c cycle, err error) {
	for i, n := range [3][3]int{{users, 0, 0}, {0, users, 0}, {0, 0, users}} {
		if err := s.advance(ctx, due); err != nil {
			return c, err
		}
		if err := s.reset(ctx); err != nil {
			return c, err
		}
		p, err := k.expect(ctx, n[0], n[1], n[2])
		if err != nil {
			return c, err
		}
		r, err := s.report(ctx)
		if err != nil {
			return c, err
		}
		if len(r.Violations) > 0 {
			return c, fmt.Errorf("the simulator saw a safety rule broken: %s", r.Violations[0])
		}
		c.cpu, c.wall, due = c.cpu+p.cpu, c.wall+p.wall, p.due
		c.calls[i], c.most[i] = r.UserCalls, r.MostPerUser
		account := r.Calls
		for _, n := range r.UserCalls {
			account -= n
		}
		c.account = max(c.account, account)
	}
	c.due = due
	return c, nil
}

// callsOfALife counts the AWS calls that each user's key costs.
func callsOfALife(ctx context.Context, b *bench) ([]row, error) {
	const users = 20
	s, err := b.world(ctx, world{Users: users, Care: true})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := b.proveSigV4(ctx, s); err != nil {
		return nil, err
	}
	k, err := b.install(s, lifted)
	if err != nil {
		return nil, err
	}
	p, err := k.expect(ctx, users, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("taking the users into care: %w", err)
	}
	c, err := s.cycle(ctx, k, users, p.due)
	if err != nil {
		return nil, err
	}
	if err := b.proveRotations(ctx, "a key's life", k, report{UserCalls: c.calls[0]}, users, 2*users); err != nil {
		return nil, err
	}
	life := c.most[0] + c.most[1] + c.most[2]
	return []row{{
		what: "AWS calls to rotate one user, one Region", measured: fmt.Sprint(c.most[0]), bound: "≤ 9", verdict: judge(c.most[0] <= 9),
		beside: "without verification and records in AWS: 5 (ListAccessKeys, CreateAccessKey, PutSecretValue, UpdateAccessKey, DeleteAccessKey), " +
			"with the old key dead at once",
		note: "The simulator's count, of the user with the most calls: " + perUser(c.calls[0], users) + ".",
	}, {
		what: "AWS calls of a key's whole life, one Region", measured: fmt.Sprint(life), bound: "≤ 16", verdict: judge(life <= 16),
		note: fmt.Sprintf("Deactivate, %d: %s. Delete, %d: %s. Discovery adds at most %d calls to a pass, whatever the number of users "+
			"up to 1,000.", c.most[1], perUser(c.calls[1], users), c.most[2], perUser(c.calls[2], users), c.account),
	}}, nil
}

func perUser(calls map[string]int64, users int) string {
	var out []string
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		text := op
		if n := float64(calls[op]) / float64(users); n != 1 {
			text = fmt.Sprintf("%s × %g", op, n)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
