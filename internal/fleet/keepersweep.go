package fleet

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// sweepOn discovers again and again until the context ends.
func (k *Keeper) sweepOn(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		k.mu.Lock()
		wait := time.Until(k.sweeps.next)
		k.mu.Unlock()
		if wait <= 0 {
			_ = k.Sweep(ctx) // told of, and tried again
			continue
		}
		timer.Reset(min(wait, glance))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

// Sweep discovers now. The error is told to OnSweep, too; the last selection stands.
func (k *Keeper) Sweep(ctx context.Context) error {
	if err := k.alone(ctx); err != nil {
		return err
	}
	defer func() { <-k.sweeping }()
	s, round := k.current(), k.nextRound()
	sel, err := s.fleet.discover(ctx)
	if err != nil {
		k.sweepFailed(ctx, s, err)
		return err
	}
	k.adopt(ctx, s, sel, round, false)
	return nil
}

// alone waits until no discovery and no reload is under way.
func (k *Keeper) alone(ctx context.Context) error {
	select {
	case k.sweeping <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextRound tells runs that end from here on from those that ended before.
func (k *Keeper) nextRound() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.round++
	return k.round
}

// sweepFailed has the next one come soon, and later with every failure.
func (k *Keeper) sweepFailed(ctx context.Context, s *settings, err error) {
	if ctx.Err() != nil {
		return // being stopped
	}
	every := s.cfg.DiscoverEvery.D()
	k.mu.Lock()
	k.sweeps.err = err
	k.sweeps.next = time.Now().Add(min(every, every/300<<min(k.sweeps.failures, 12)))
	k.sweeps.failures++
	k.mu.Unlock()
	k.tellSweep(Sweep{Err: err})
}

func (k *Keeper) tellSweep(s Sweep) {
	if k.cfg.OnSweep == nil {
		return
	}
	k.telling.Lock()
	defer k.telling.Unlock()
	k.cfg.OnSweep(s)
}

// adopt takes a selection in. With all, everybody is looked at anew. Looks that are brought forward are asked for in the database as
// well, so that they outlast a crash.
func (k *Keeper) adopt(ctx context.Context, s *settings, sel Selection, round int, all bool) {
	report := Sweep{Selection: sel}
	k.teach(ctx, s, sel.Members)
	k.mu.Lock()
	k.settings = s // together with the users' schedules
	now := s.account.Now()
	old := k.index.users
	order := make([]*place, 0, len(sel.Members))
	var forward []*place
	kept := make(map[rotation.User]bool, len(sel.Members))
	for _, m := range sel.Members {
		m.Tags = needed(m.Tags, s.cfg)
		m.Standing = lean(m.Standing)
		kept[m.User] = true
		p := old[m.User]
		if p == nil {
			k.welcome(m, now, s.cfg.Limits())
			p = k.index.users[m.User]
			report.Added++
		} else {
			if moved(p.member, m) {
				report.Moved++
				forward = append(forward, p)
			} else if all || s.fleet.thawed(m, now) {
				forward = append(forward, p)
			}
			k.update(p, m, round)
		}
		order = append(order, p)
	}
	for u, p := range old {
		if !kept[u] {
			k.index.drop(p)
			report.Removed++
		}
	}
	recovered := k.sweeps.failures > 0
	k.names.Store(newDirectory(sel.Members))
	k.sel, k.order = Selection{Refused: sel.Refused, Idle: sel.Idle, Known: sel.Known}, order
	k.sweeps = sweeps{last: now, next: time.Now().Add(s.cfg.DiscoverEvery.D())}
	k.callForward(now, recovered)
	asked := k.bringForward(forward, now, s.cfg)
	k.mu.Unlock()
	k.changed()
	k.ask(ctx, asked)
	s.fleet.policy.Keep(ctx)
	k.tellSweep(report)
}

// teach tells the policy who is under care, and by which rules. What it remembers is read once; when that fails, all stays as it was
// until the next time.
func (k *Keeper) teach(ctx context.Context, s *settings, members []Member) {
	if err := s.fleet.policy.Learn(ctx, s.fleet.cfg.Rules, members, s.account.Now()); err != nil {
		k.cfg.Log.Error("what holds scheduled changes back is as before", "error", err)
	}
}

// thawOn has users looked at when a freeze is over whose end nobody knew.
func (k *Keeper) thawOn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.Policy().Thawed():
		}
		k.mu.Lock()
		s := k.settings
		now := s.account.Now()
		var frozen []*place
		for _, p := range k.index.users {
			if s.fleet.thawed(p.member, now) {
				frozen = append(frozen, p)
			}
		}
		looks := k.bringForward(frozen, now, s.cfg)
		k.mu.Unlock()
		k.changed()
		k.ask(ctx, looks)
	}
}

// Policy is what keeps scheduled changes from beginning; it outlives every change of the settings.
func (k *Keeper) Policy() *Policy { return k.current().fleet.policy }

// needed are the tags that a run needs: the others are not kept.
func needed(tags map[string]string, cfg *config.Config) map[string]string {
	key := cfg.TagPrefix + emailTag
	if v, ok := config.UserTag(tags, key); ok {
		return map[string]string{key: v}
	}
	return nil
}

// welcome takes a user in that was not in the index. One that failed when it was last looked at has waited for longer than since its
// recheck.
func (k *Keeper) welcome(m Member, now time.Time, l rotation.Limits) {
	due := m.Standing.Recheck
	if !m.Known || m.Due(now) && due.After(now) {
		due = now
	}
	since := due
	for i := range min(m.Standing.Failures, 12) {
		since = since.Add(-min(l.Settle<<i, l.MaxRecheck))
	}
	k.index.add(m, due, since)
}

// update takes over what discovery says of a user. What this process knows of its last run is newer than what was read before that
// run ended.
func (k *Keeper) update(p *place, m Member, round int) {
	due := p.due
	if p.stage == working || p.ended >= round {
		m.Standing, m.Known = p.member.Standing, p.member.Known
	} else if m.Known && m.Standing.Recheck.Before(due) {
		due = m.Standing.Recheck // somebody asked for a look
	}
	if p.stage == working {
		k.index.count(p, -1)
		p.member = m
		k.index.count(p, 1)
		return
	}
	k.index.take(p)
	k.index.count(p, -1)
	p.member = m
	k.index.count(p, 1)
	k.index.wait(p, due)
}

// moved reports whether the plan of a user's last run was another than that of its next.
func moved(a, b Member) bool {
	return a.LeaveCare != b.LeaveCare || a.UserID != b.UserID || a.Path != b.Path || !sameSchedule(a.Schedule, b.Schedule)
}

func sameSchedule(a, b rotation.Schedule) bool {
	return a.RotateEvery == b.RotateEvery && a.DeactivateAfter == b.DeactivateAfter && a.DeleteAfter == b.DeleteAfter &&
		a.JitterShare == b.JitterShare && a.Cron == b.Cron && a.TimeZone == b.TimeZone
}
