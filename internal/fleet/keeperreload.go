package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Reload takes up new settings, as config.Load gives them. Either all of them take effect, or none does and the error says why. Runs
// under way end with the settings that they began with; the pace counts for both together.
//
// AWS is asked who is under care now. When it cannot answer, the settings take effect for those that are under care already, and the
// others follow with the next sweep that succeeds.
func (k *Keeper) Reload(ctx context.Context, cfg *config.Config) error {
	if err := k.alone(ctx); err != nil {
		return err
	}
	defer func() { <-k.sweeping }()
	before := k.current()
	if err := before.cfg.NeedsRestart(cfg); err != nil {
		return err
	}
	s, err := k.prepare(ctx, cfg, before)
	if err != nil {
		return err
	}
	round := k.nextRound()
	sel, err := s.fleet.discover(ctx)
	if err == nil {
		err = sel.Nobody
	}
	var wrong *config.Error
	if err != nil && (ctx.Err() != nil || errors.As(err, &wrong) || elsewhere(before.cfg, cfg)) {
		return err
	}
	k.cfg.Store.LowerSettle(cfg.Settle.D())
	s.account.TakeOver()
	k.slots.resize(cfg.Concurrency)
	all := otherPlan(before.cfg, cfg)
	if err != nil {
		k.adoptSchedules(ctx, s, all)
		k.sweepFailed(ctx, s, err)
		return nil
	}
	k.adopt(ctx, s, sel, round, all)
	return nil
}

// elsewhere reports whether settings mean another account, or another place of the secrets.
func elsewhere(a, b *config.Config) bool {
	return a.Profile != b.Profile || a.EndpointURL != b.EndpointURL || !slices.Equal(a.ConsumerRegions(), b.ConsumerRegions())
}

// otherPlan reports whether the next look at a user may find something to do that the last one did not, whatever its schedule.
func otherPlan(a, b *config.Config) bool {
	return a.Limits() != b.Limits() || elsewhere(a, b) || a.Secret.Name != b.Secret.Name || a.Secret.Existing != b.Secret.Existing
}

// adoptSchedules gives users the schedules that bear the names of theirs; one whose schedule is gone keeps it until discovery
// succeeds. Windows and freezes of before hold until then as well, beside the new ones: an operator may have written one for this hour.
func (k *Keeper) adoptSchedules(ctx context.Context, s *settings, all bool) {
	k.mu.Lock()
	k.settings = s
	var forward []*place
	var members []Member
	for _, p := range k.order {
		if k.index.users[p.member.User] != p {
			continue
		}
		p.member.Calendar = either(p.member.Calendar, s.cfg.CalendarUntold(config.Candidate{Name: p.member.User.Name, Path: p.member.Path}))
		members = append(members, p.member)
		schedule, err := s.cfg.RotationSchedule(p.member.Schedule.Name)
		if err != nil {
			continue
		}
		if all || !sameSchedule(p.member.Schedule, schedule) {
			forward = append(forward, p)
		}
		p.member.Schedule = schedule
		members[len(members)-1].Schedule = schedule
	}
	k.teach(ctx, s, members)
	looks := k.bringForward(forward, s.account.Now(), s.cfg)
	k.mu.Unlock()
	k.changed()
	k.ask(ctx, looks)
}

// either is frozen while one of two calendars is. Nil ones never are.
func either(a, b func(time.Time) rotation.Freeze) func(time.Time) rotation.Freeze {
	if a == nil || b == nil {
		if a == nil {
			a = b
		}
		return a
	}
	return func(at time.Time) rotation.Freeze {
		if f := a(at); f.On() {
			return f
		}
		return b(at)
	}
}

// asked is a look to be asked for in the database.
type asked struct {
	user user
	at   time.Time
}

// bringForward has users looked at soon, the first at once and the others one after the other, so that the looks alone take no more
// than half of the pace. Whoever is due before its turn stays so.
func (k *Keeper) bringForward(all []*place, now time.Time, cfg *config.Config) (out []asked) {
	gap := 2 * time.Second / 100
	if iam := float64(cfg.Pace.IAM); iam > 0 {
		gap = time.Duration(2 / iam * float64(time.Second))
	}
	slices.SortFunc(all, func(a, b *place) int { return a.due.Compare(b.due) })
	for i, p := range all {
		at := now.Add(time.Duration(i) * gap)
		if free := p.member.Standing.FreeAt; free.After(at) {
			at = free // AWS may still answer as before its last change
		}
		if p.stage == ready || p.stage == waking || p.stage == later && !at.Before(p.due) {
			continue
		}
		k.index.plan(p, at)
		if p.member.Known {
			out = append(out, asked{p.member.User, at})
		}
	}
	return out
}

// ask writes looks that were brought forward into the database. One that cannot be written is made all the same, unless the process
// dies before.
func (k *Keeper) ask(ctx context.Context, looks []asked) {
	for _, a := range looks {
		if err := k.cfg.Store.SetRecheck(context.WithoutCancel(ctx), a.user, a.at); err != nil {
			k.cfg.Log.Warn("a look that was brought forward is not recorded", "user", a.user.String(), "error", err)
			return
		}
	}
}
