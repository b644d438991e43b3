package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Office is the [Desk] in this process: it carries out what an operator asks for over a Fleet, under the same leases as every run.
// It may be used by many goroutines.
type Office struct {
	cfg OfficeConfig

	asking chan struct{} // held by whoever reads or writes what follows, also while AWS is asked
	known  Selection     // as AWS gave it last, unless OfficeConfig.Selection gives it
	asked  time.Time     // when; zero: never

	watching watchSelection
}

var _ Desk = (*Office)(nil)

// OfficeConfig is what an Office is made of.
type OfficeConfig struct {
	// DB holds the history and how users stood. Needed.
	DB *store.Store
	// Fleet gives the fleet of the settings that count now. Nil: AWS is never asked, and only States and Events can tell anything.
	Fleet func() *Fleet
	// Selection gives who is looked after now, and with anew as AWS says now; its members' Standings are those of the last run, and may
	// be without keys. Nil: AWS is asked, and its answer kept for a minute.
	Selection func(ctx context.Context, anew bool) (Selection, error)
	// Schedule gives the schedule of a user as far as it is known without asking AWS, for States. Nil: of nobody.
	Schedule func(rotation.User) (_ rotation.Schedule, known bool)
	// Refused gives who is not looked after and should be, as far as it is known without asking AWS, for States. Nil: nobody.
	Refused func() []Refused
	// Looked is told of every run that was made for an operator, as soon as it has ended. Nil: nobody is.
	Looked func(Member, reconcile.Result)

	// Day is for how long a version of a secret counts for its Quota. Zero: 24 hours, which is right but for a simulated AWS.
	Day     time.Duration
	Version string    // of this program, for Watch
	Started time.Time // of the daemon, on AWS's clock; zero: there is none
	// Notice is what an operator must know before all else, beside what the fleet's Policy holds back; nil: nothing.
	Notice func() string
}

// NewOffice makes an Office. It does no I/O.
func NewOffice(c OfficeConfig) (*Office, error) {
	if c.DB == nil {
		return nil, errors.New("fleet: OfficeConfig.DB is needed")
	}
	return &Office{cfg: c, asking: make(chan struct{}, 1)}, nil
}

// errNoFleet: an Office without a fleet was asked for what only AWS knows.
var errNoFleet = errors.New("fleet: this office has no fleet, and cannot ask AWS")

func (o *Office) fleet() (*Fleet, error) {
	if o.cfg.Fleet == nil {
		return nil, errNoFleet
	}
	return o.cfg.Fleet(), nil
}

// keepSelection is for how long who is there is not asked again: what concerns one user is read anew each time all the same.
const keepSelection = time.Minute

// selection gives who is looked after; anew asks AWS even if it was asked a moment ago.
func (o *Office) selection(ctx context.Context, anew bool) (Selection, error) {
	if o.cfg.Selection != nil {
		return o.cfg.Selection(ctx, anew)
	}
	f, err := o.fleet()
	if err != nil {
		return Selection{}, err
	}
	select {
	case o.asking <- struct{}{}: // one asks, and the others have its answer
		defer func() { <-o.asking }()
	case <-ctx.Done():
		return Selection{}, ctx.Err()
	}
	if !anew && !o.asked.IsZero() && time.Since(o.asked) < keepSelection {
		return o.known, nil
	}
	sel, err := f.Discover(ctx)
	if err == nil {
		o.known, o.asked = sel, time.Now()
	}
	return sel, err
}

// members finds the members of these names, none: all, with what the database knows of them by now. A name that is not there may be
// newer than the selection.
func (o *Office) members(ctx context.Context, names ...string) ([]Member, error) {
	sel, err := o.selection(ctx, false)
	if err != nil {
		return nil, err
	}
	found, err := sel.Find(names...)
	if err != nil {
		if sel, err = o.selection(ctx, true); err != nil {
			return nil, err
		}
		if found, err = sel.Find(names...); err != nil {
			return nil, err
		}
	}
	found = slices.Clone(found)
	for i, m := range found {
		if found[i].Standing, found[i].Known, err = o.cfg.DB.Standing(ctx, m.User); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// States gives how users stood when they were last looked at. AWS is not asked.
func (o *Office) States(ctx context.Context, names ...string) (out []State, err error) {
	if out, err = o.statesOf(ctx, names); len(out) == len(names) && len(names) > 0 || err != nil {
		return out, err
	}
	out = nil
	all := Selection{Refused: o.refused()}
	for e, err := range o.cfg.DB.Standings(ctx) {
		if err != nil {
			return nil, err
		}
		all.Members = append(all.Members, Member{User: e.User, Known: !e.At.IsZero(), Standing: e.Standing})
	}
	found, err := all.Find(names...)
	if err != nil {
		if unknown := (*UnknownUserError)(nil); errors.As(err, &unknown) {
			unknown.Unseen = true
		}
		return nil, err
	}
	for _, m := range found {
		if len(names) > 0 || m.Standing.Reason != rotation.ReasonLeft {
			out = append(out, o.remembered(m, all.Refused))
		}
	}
	if len(names) == 0 {
		out = append(out, broken(slices.DeleteFunc(slices.Clone(all.Refused), func(r Refused) bool { // of the others the database knows more
			return slices.ContainsFunc(found, func(m Member) bool { return m.User == r.User && m.Standing.Reason != rotation.ReasonLeft })
		}))...)
	}
	return out, nil
}

func (o *Office) refused() []Refused {
	if o.cfg.Refused == nil {
		return nil
	}
	return o.cfg.Refused()
}

// broken are the states of users whose tags cannot be followed: a person has to mend them.
func broken(refused []Refused) (out []State) {
	for _, r := range refused {
		if r.Broken {
			out = append(out, State{User: r.User, Standing: Blocked, Reason: BlockedUserTag, LastError: r.Why})
		}
	}
	return out
}

// statesOf reads users that are named with their accounts one by one; of others, and of those that are not there, it gives nothing.
func (o *Office) statesOf(ctx context.Context, names []string) (out []State, err error) {
	const few = 100 // more are found sooner by reading all
	if len(names) > few {
		return nil, nil
	}
	given := map[string]bool{}
	for _, name := range names {
		account, bare, full := strings.Cut(name, "/")
		if !full || given[name] {
			return nil, nil
		}
		given[name] = true
		u := rotation.User{Account: account, Name: bare}
		st, known, err := o.cfg.DB.Standing(ctx, u)
		if err != nil || !known {
			return nil, err
		}
		out = append(out, o.remembered(Member{User: u, Known: !st.At.IsZero(), Standing: st}, o.refused()))
	}
	return out, nil
}

// remembered is stateOf for a member of whom only the database was asked. One that was looked after before a tag of it could not be followed
// any more has its keys, and is blocked.
func (o *Office) remembered(m Member, refused []Refused) State {
	if o.cfg.Schedule != nil {
		m.Schedule, _ = o.cfg.Schedule(m.User)
	}
	out := stateOf(m)
	for _, r := range refused {
		if r.Broken && r.User == m.User {
			out.Standing, out.Reason, out.LastError = Blocked, BlockedUserTag, r.Why
			out.NextAction, out.NextAt, out.Recheck = rotation.NoAction, time.Time{}, time.Time{}
		}
	}
	return out
}

// stateOf is a member as the last run left it.
func stateOf(m Member) State {
	s := m.Standing
	out := State{
		User: m.User, CurrentKeyID: s.CurrentKeyID, Keys: s.Keys, Standing: StandingOf(s.Reason, s.LastError != ""), Reason: s.Reason,
		LastError: s.LastError, Failures: s.Failures, At: s.At, NextAction: s.NextAction, NextAt: s.NextAt, Recheck: s.Recheck,
	}
	if !m.Known {
		out.Standing = Waiting // for its first look
	}
	if m.Schedule.RotateEvery <= 0 {
		return out // the database alone does not know it
	}
	out.Grace, out.Retention = m.Schedule.Grace(), m.Schedule.Retention()
	for _, k := range s.Keys {
		if k.Class == rotation.ClassCurrent {
			out.Due = m.Schedule.Due(k.Key)
		}
	}
	return out
}

// Plan gives what lies ahead, by a fresh reading of each user.
func (o *Office) Plan(ctx context.Context, steps int, names ...string) ([]Ahead, error) {
	f, err := o.fleet()
	if err != nil {
		return nil, err
	}
	members, err := o.members(ctx, names...)
	if err != nil {
		return nil, err
	}
	out := make([]Ahead, 0, len(members))
	err = f.LookAll(ctx, members, func(l Look) {
		a := Ahead{User: l.Member.User, Steps: f.Next(l, steps), Keys: l.Observation.Keys, Recheck: l.Decision.Recheck, At: l.Observation.Now}
		a.Reason, a.KeyID, a.Detail = l.Why()
		if l.Err != nil {
			a.Error = l.Err.Error()
		}
		out = append(out, a)
	})
	slices.SortFunc(out, func(a, b Ahead) int { return byUser(a.User, b.User) })
	return out, err
}
