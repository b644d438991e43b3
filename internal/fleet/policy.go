package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Rules say what keeps scheduled changes from beginning, beside each member's own calendar.
type Rules struct {
	// Failing is the share of the users looked at that may begin to fail within Within; zero lifts the bound. Fewer than Least never
	// count.
	Failing float64
	Within  time.Duration
	Least   int
	// Canaries: members that are canaries go first when Version or their schedule changed, the others CanaryFor later at the latest.
	Canaries  bool
	CanaryFor time.Duration
	Version   string // of the program
	// Freeze is the freeze that stands for everybody at a moment. Nil: there never is one.
	Freeze func(at time.Time) rotation.Freeze
	// Settle and MaxRecheck tell from how often a user failed in a row how long it has: see rotation.Limits.
	Settle, MaxRecheck time.Duration
}

// Memory keeps small texts by name in the database. An empty one keeps nothing: a new process begins anew.
type Memory struct {
	Setting    func(ctx context.Context, name string) (string, error)
	SetSetting func(ctx context.Context, name, value string) error
}

// The names under which a policy is remembered.
const (
	settingStop    = "blast_radius"
	settingRollout = "canary"
)

// Policy decides which freeze applies to a member now: its windows and freezes, a stop after too many failures, canary users that go
// first. It only ever holds scheduled changes back. It may be used by many goroutines, by one process; what is kept in the database
// carries it over a restart, and losing that loses a stop or a rollout, which is safe.
type Policy struct {
	memory Memory
	log    *slog.Logger
	thawed chan struct{}

	mu      sync.Mutex
	rules   Rules
	read    bool // the memory was
	kept    map[string]string
	radius  radius
	rollout rollout
}

// NewPolicy makes a policy that holds nothing back before Learn tells it of rules and users. It does no I/O.
func NewPolicy(m Memory, log *slog.Logger) *Policy {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Policy{memory: m, log: log, thawed: make(chan struct{}, 1), kept: map[string]string{}, radius: newRadius()}
}

// Learn tells the rules and who is under care, after every discovery and every change of the settings. It reads what was remembered,
// and writes nothing: see Keep.
func (p *Policy) Learn(ctx context.Context, rules Rules, members []Member, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.read {
		if err := errors.Join(p.recall(ctx, settingStop, &p.radius.stop), p.recall(ctx, settingRollout, &p.rollout.Rollout)); err != nil {
			return err
		}
		p.read = true
	}
	p.rules = rules
	over := p.rules.Failing <= 0 && p.radius.stop.On()
	if over {
		p.radius.end()
	}
	p.radius.learn(members, p.rules)
	over = p.radius.settle() || over
	p.radius.judge(now, p.rules)
	was := p.rollout.On()
	p.rollout.learn(members, now, p.rules)
	if !was && p.rollout.On() {
		p.log.Info(p.rollout.Notice())
	}
	p.signal(over || was && !p.rollout.On())
	return nil
}

func (p *Policy) recall(ctx context.Context, name string, into any) error {
	if p.memory.Setting == nil {
		return nil
	}
	text, err := p.memory.Setting(ctx, name)
	if err != nil {
		return err
	}
	if text != "" && json.Unmarshal([]byte(text), into) != nil {
		p.log.Warn("what was remembered cannot be read, and is forgotten", "setting", name)
		return nil //nolint:nilerr // said above
	}
	p.kept[name] = text
	return nil
}

// Keep remembers what has changed since the last time. When that fails it is logged: the next process may then begin anew.
func (p *Policy) Keep(ctx context.Context) {
	if p.memory.SetSetting == nil {
		return
	}
	p.mu.Lock()
	changed := map[string]string{}
	for name, value := range map[string]any{settingStop: p.radius.stop, settingRollout: p.rollout.Rollout} {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // made of our own types only
		}
		if s := string(text); s != p.kept[name] && (s != "{}" || p.kept[name] != "") {
			p.kept[name], changed[name] = s, s
		}
	}
	p.mu.Unlock()
	for name, text := range changed {
		// A crash before this: a stop is made again by the next failures, a rollout begins again.
		if err := p.memory.SetSetting(context.WithoutCancel(ctx), name, text); err != nil {
			p.log.Warn("what holds scheduled changes back cannot be remembered", "setting", name, "error", err.Error())
		}
	}
}

// Frozen gives a run its rotation.Observation.Frozen. It answers by what is known when it is asked.
func (p *Policy) Frozen(m Member) func(at time.Time) rotation.Freeze {
	return func(at time.Time) rotation.Freeze {
		const chain = 100 // freezes that follow one another
		f := p.first(m, at)
		for i := 0; i < chain && f.On() && !f.Until.IsZero(); i++ {
			next := p.first(m, f.Until)
			if !next.On() {
				break
			}
			f.Until = next.Until
		}
		return f
	}
}

func (p *Policy) first(m Member, at time.Time) rotation.Freeze {
	p.mu.Lock()
	stopped := p.radius.stop.On() && !p.radius.wave[m.User]
	first, everybody := p.rollout.Rollout, p.rules.Freeze
	p.mu.Unlock()
	if stopped {
		// How many is in the notice: this goes to people who may see no other users.
		return rotation.Freeze{Why: "too many users began to fail, and scheduled changes have stopped"}
	}
	if first.touches(m) && !m.Canary {
		if f := first.freeze(m.Schedule.Name); f.Until.IsZero() || at.Before(f.Until) {
			return f
		}
	}
	if everybody != nil {
		if f := everybody(at); f.On() {
			return f
		}
	}
	if m.Calendar == nil {
		return rotation.Freeze{}
	}
	return m.Calendar(at)
}

// Began notes that a member is about to be looked at.
func (p *Policy) Began(m Member, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.radius.began(m.User, now)
}

// Ended notes how the look ended.
func (p *Policy) Ended(ctx context.Context, res reconcile.Result, now time.Time) {
	if errors.Is(res.Err, context.Canceled) || res.Reason == rotation.ReasonLeased {
		return // told to end, or somebody else is at it: that says nothing of the user
	}
	failed := Failure(res) != nil
	p.mu.Lock()
	was := p.radius.stop.On()
	over := p.radius.ended(res.User, failed, now, p.rules)
	follow := p.rollout.ended(res.User, failed, res.Keys, now)
	stop, through := p.radius.stop, follow && !p.rollout.On()
	p.signal(over || follow)
	p.mu.Unlock()
	switch {
	case !was && stop.On():
		p.log.Warn(stop.Notice())
	case over:
		p.log.Info("scheduled changes go on: few enough users fail")
	case through:
		p.log.Info("canary users are through: the others follow")
	}
	p.Keep(ctx)
}

// Thawed receives when a freeze of unknown end is over: whoever is frozen in its standing is to be looked at then.
func (p *Policy) Thawed() <-chan struct{} { return p.thawed }

func (p *Policy) signal(thawed bool) {
	if thawed {
		select {
		case p.thawed <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// Lift ends a stop and a rollout for an operator, and says what it ended; empty: there was nothing.
func (p *Policy) Lift(ctx context.Context) string {
	p.mu.Lock()
	var what []string
	if p.radius.stop.On() {
		what = append(what, "scheduled changes go on, though "+p.radius.stop.Why())
		p.radius.lift()
	}
	if p.rollout.On() {
		what = append(what, "everybody follows the canary users, as "+p.rollout.What())
		p.rollout.lift()
	}
	p.signal(len(what) > 0)
	p.mu.Unlock()
	p.Keep(ctx)
	return strings.Join(what, "; ")
}

// Notice is what an operator must know before all else; empty: nothing.
func (p *Policy) Notice(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return notice(p.rules, p.radius.stop, p.rollout.Rollout, now)
}

func notice(r Rules, s Stop, o Rollout, now time.Time) string {
	var out []string
	for _, text := range []string{s.Notice(), o.Notice()} {
		if text != "" {
			out = append(out, text)
		}
	}
	if r.Freeze != nil {
		if f := r.Freeze(now); f.On() {
			out = append(out, fmt.Sprintf("a freeze stands for everybody: %s", f))
		}
	}
	return strings.Join(out, "; ")
}

// Recall is the notice that the database alone can give, without looking at anybody.
func Recall(ctx context.Context, r Rules, m Memory, now time.Time) (string, error) {
	p := NewPolicy(m, nil)
	p.rules = r
	if err := errors.Join(p.recall(ctx, settingStop, &p.radius.stop), p.recall(ctx, settingRollout, &p.rollout.Rollout)); err != nil {
		return "", err
	}
	if r.Failing <= 0 {
		p.radius.end()
	}
	if !r.Canaries {
		p.rollout.Rollout = Rollout{}
	}
	return p.Notice(now), nil
}
