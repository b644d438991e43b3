package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

var (
	noon   = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	bounds = Rules{Failing: 0.2, Within: 10 * time.Minute, Least: 3, Canaries: true, CanaryFor: 30 * time.Minute, Version: "v1",
		Settle: time.Minute, MaxRecheck: time.Hour}
	errSome = errors.New("ListAccessKeys of app failed")
)

func atNoon(minutes float64) time.Time {
	return noon.Add(time.Duration(minutes * float64(time.Minute)))
}

// crowd is so many members, looked at before noon.
func crowd(n int, ago time.Duration) (out []Member) {
	for i := range n {
		m := member(fmt.Sprintf("u%02d", i))
		m.Known, m.Standing = true, rotation.Standing{At: noon.Add(-ago), Reason: rotation.ReasonIdle}
		m.Schedule = rotation.Schedule{RotateEvery: time.Hour, DeactivateAfter: 2 * time.Hour, DeleteAfter: 3 * time.Hour}
		out = append(out, m)
	}
	return out
}

// looks plays looks: "u01 fails 2.5" is one of u01 that fails, 2.5 minutes after noon; "succeeds", "begins".
func looks(t *testing.T, r *radius, rules Rules, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var name, how string
		var at float64
		if _, err := fmt.Sscan(line, &name, &how, &at); err != nil {
			t.Fatal(err)
		}
		u := member(name).User
		r.began(u, atNoon(at))
		if how != "begins" {
			r.ended(u, how == "fails", atNoon(at), rules)
		}
	}
}

func TestRadius(t *testing.T) {
	three := []string{"u00 fails 0", "u01 fails 1", "u02 fails 2"}
	for _, c := range []struct {
		name  string
		users int           // looked at before noon
		ago   time.Duration // so long before
		rules func(*Rules)
		looks []string
		want  string // why it stopped; empty: it did not
	}{
		{"three of fourteen", 14, time.Minute, nil, three, "3 of 14 users began to fail within 10m"},
		{"three of fifteen are 20 %, and not more", 15, time.Minute, nil, three, ""},
		{"two are fewer than least", 3, time.Minute, nil, three[:2], ""},
		{"one, again and again", 3, time.Minute, nil, []string{"u00 fails 0", "u00 fails 1", "u00 fails 2", "u00 fails 3"}, ""},
		{"one, now and then", 3, time.Minute, nil, []string{"u00 fails 0", "u00 succeeds 1", "u00 fails 2", "u00 succeeds 3", "u00 fails 4"}, ""},
		{"one that succeeded again does not count", 3, time.Minute, nil, []string{"u00 fails 0", "u01 fails 1", "u00 succeeds 1.5", "u02 fails 2"}, ""},
		{"spread over more than the time", 3, time.Minute, nil, []string{"u00 fails 0", "u01 fails 6", "u02 fails 11"}, ""},
		{"spread over the time", 3, time.Minute, nil, []string{"u00 fails 0", "u01 fails 6", "u02 fails 10"}, "3 of 3 users began to fail within 10m"},
		{"began long ago, and fails still", 3, time.Minute, nil, []string{"u00 fails 0", "u00 fails 8", "u01 fails 11", "u02 fails 12"}, ""},
		{"the others were looked at long ago", 100, time.Hour, nil, three, "3 of 3 users began to fail within 10m"},
		{"the others have begun and not ended yet", 100, time.Hour, nil,
			append([]string{"u10 begins 0", "u11 begins 0", "u12 begins 0", "u13 begins 0", "u14 begins 0", "u15 begins 0", "u16 begins 0",
				"u17 begins 0", "u18 begins 0", "u19 begins 0", "u20 begins 0", "u21 begins 0"}, three...), ""},
		{"lifted bound", 3, time.Minute, func(r *Rules) { r.Failing = 0 }, three, ""},
		{"least of one", 3, time.Minute, func(r *Rules) { r.Least = 1 }, three[:1], "1 of 3 users began to fail within 10m"},
		{"29 of 100 are not more than 29 %", 100, time.Minute, func(r *Rules) { r.Failing, r.Least = 0.29, 29 }, func() (out []string) {
			for i := range 29 {
				out = append(out, fmt.Sprintf("u%02d fails 0", i))
			}
			return out
		}(), ""},
	} {
		rules := bounds
		if c.rules != nil {
			c.rules(&rules)
		}
		r := newRadius()
		r.learn(crowd(c.users, c.ago), rules)
		looks(t, &r, rules, c.looks...)
		got := ""
		if r.stop.On() {
			got = r.stop.Why()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A stop ends when half of what is allowed still fail: not because time passes, and not because others succeed.
func TestRadiusEnds(t *testing.T) {
	r := newRadius()
	all := crowd(20, time.Minute)
	r.learn(all, bounds)
	looks(t, &r, bounds, "u00 fails 0", "u01 fails 0", "u02 fails 0", "u03 fails 0", "u04 fails 0")
	if !r.stop.On() || r.stop.End() != 2 {
		t.Fatalf("%+v", r.stop)
	}
	looks(t, &r, bounds, "u05 fails 1", "u06 succeeds 2", "u07 succeeds 300", "u00 succeeds 301", "u01 succeeds 302", "u02 succeeds 303")
	if !r.stop.On() {
		t.Error("it ended while three fail: u05, which began to fail meanwhile, too")
	}
	looks(t, &r, bounds, "u03 succeeds 304")
	if r.stop.On() || len(r.wave) > 0 {
		t.Errorf("two of five still fail, and it stands: %+v", r.stop)
	}
	looks(t, &r, bounds, "u04 fails 305", "u05 fails 305")
	if r.stop.On() {
		t.Error("users that have failed for hours stopped it again")
	}
	r.stop, r.wave[member("u04").User], r.wave[member("u05").User], r.wave[member("u06").User] = Stop{Since: noon, Allowed: 4}, true, true, true
	r.learn(all[:5], bounds) // the others are gone
	if !r.settle() {
		t.Error("users that are gone keep it up")
	}
}

// After a restart the database tells who fails, and about since when: each failure in a row put the next look off.
func TestRadiusAfterARestart(t *testing.T) {
	fails := func(m Member, inARow int, reason rotation.Reason) Member {
		m.Standing.LastError, m.Standing.Failures, m.Standing.Reason = "it failed", inARow, reason
		return m
	}
	for _, c := range []struct {
		name   string
		inARow int
		reason rotation.Reason
		lifted []string
		stops  bool
	}{
		{"once", 1, rotation.ReasonUnknown, nil, true},
		{"three times, three minutes", 3, rotation.ReasonUnknown, nil, true},
		{"five times, a quarter of an hour", 5, rotation.ReasonUnknown, nil, false},
		{"for days", 900, rotation.ReasonUnknown, nil, false},
		{"told to end", 0, rotation.ReasonUnknown, nil, false},
		{"blocked", 1, rotation.BlockedForeignKey, nil, false},
		{"one of them failed when the stop was lifted", 3, rotation.ReasonUnknown, []string{"123456789012/u01"}, false},
		{"others failed then", 3, rotation.ReasonUnknown, []string{"123456789012/u07", "123456789012/gone"}, true},
	} {
		all := crowd(10, time.Minute)
		for i := range 3 {
			all[i] = fails(all[i], c.inARow, c.reason)
		}
		r := newRadius()
		r.stop.Excused = c.lifted
		r.learn(all, bounds)
		r.judge(noon, bounds)
		if r.stop.On() != c.stops || len(r.stop.Excused) > 1 || slices.Contains(r.stop.Excused, "123456789012/gone") {
			t.Errorf("%s: stopped %v, and excused are %v", c.name, r.stop.On(), r.stop.Excused)
		}
	}
}

// trialRun is a rollout over members on two schedules, of whom u00 and u01 are canaries, learnt once at version v1.
func trialRun() (rollout, []Member) {
	all := crowd(6, time.Minute)
	for i := range all {
		all[i].Canary = i < 2
		if i >= 4 {
			all[i].Schedule.Name, all[i].Schedule.RotateEvery = "slow", 2*time.Hour
		}
	}
	var r rollout
	r.learn(all, noon, bounds)
	return r, all
}

func TestRollout(t *testing.T) {
	v2 := bounds
	v2.Version = "v2"
	newKey := func(at float64) []rotation.ClassifiedKey {
		return []rotation.ClassifiedKey{{Key: rotation.Key{ID: "K", Status: rotation.Active, Created: atNoon(at)}, Class: rotation.ClassCurrent}}
	}
	frozen := func(r rollout, all []Member) string {
		var names []string
		for _, m := range all {
			if r.touches(m) && !m.Canary {
				names = append(names, m.User.Name)
			}
		}
		return strings.Join(names, " ")
	}
	r, all := trialRun()
	if r.On() {
		t.Fatal("the first time there is nothing to compare with")
	}

	// An upgrade concerns everybody.
	r.learn(all, atNoon(10), v2)
	if got := frozen(r, all); got != "u02 u03 u04 u05" {
		t.Errorf("after an upgrade, %s wait", got)
	}
	r.ended(all[0].User, false, newKey(5), atNoon(11)) // made before the upgrade
	r.ended(all[1].User, false, newKey(12), atNoon(12))
	if !r.On() || r.Rotated != 1 || !slices.Equal(r.Waiting, []string{"u00"}) {
		t.Errorf("one of two is through: %+v", r.Rollout)
	}
	if over := r.ended(all[0].User, false, newKey(13), atNoon(13)); !over || r.On() || r.Done.Version != "v2" {
		t.Errorf("both are through, and %+v", r.Rollout)
	}

	// A schedule that nobody among the canaries has: its users wait for the whole time.
	for i := range all[4:] {
		all[4+i].Schedule.DeleteAfter += time.Hour
	}
	r.learn(all, atNoon(20), v2)
	if got := frozen(r, all); got != "u04 u05" || !strings.Contains(r.Notice(), "schedules.slow changed from 2h, 2h, 3h to 2h, 2h, 4h; no canary user is concerned. The others follow 2026-11-25T12:50:00Z") {
		t.Errorf("%s wait: %s", got, r.Notice())
	}
	r.conclude(atNoon(49))
	if !r.On() {
		t.Error("it ended before its time")
	}
	if r.conclude(atNoon(50)); r.On() {
		t.Error("it did not end at its time")
	}

	// What is taken back before it is through, is over.
	r.learn(all, atNoon(60), bounds)
	r.learn(all, atNoon(61), v2)
	if r.On() {
		t.Errorf("%+v", r.Rollout)
	}

	// A canary that fails holds the others past the time; one that left care does not count any more.
	r.learn(all, atNoon(70), bounds)
	r.ended(all[0].User, true, nil, atNoon(71))
	r.conclude(atNoon(200))
	if f := r.freeze(all[1].Schedule.Name); !r.On() || !f.Until.IsZero() || f.Why != "canary users go first, and not all of them succeed" {
		t.Errorf("a canary fails: %v, %+v", f, r.Rollout)
	}
	all[0].LeaveCare = true
	if r.learn(all, atNoon(201), bounds); r.On() {
		t.Errorf("the canary left care, and %+v", r.Rollout)
	}

	// Without canary users nobody waits, and what comes is remembered.
	none := v2
	none.Canaries = false
	if r.learn(all, atNoon(300), none); r.On() || r.Done.Version != "v2" {
		t.Errorf("without canaries %+v", r.Rollout)
	}
}

// What stands is told in this order, and its end reaches past what follows at once.
func TestPolicyFrozen(t *testing.T) {
	all := crowd(6, time.Minute)
	for i := range all {
		all[i].Canary = i == 0
		all[i].Calendar = func(at time.Time) rotation.Freeze {
			if at.Before(atNoon(20)) || !at.Before(atNoon(60)) {
				return rotation.Freeze{}
			}
			return rotation.Freeze{Why: "the sale", Until: atNoon(60)}
		}
	}
	kept := map[string]string{}
	memory := Memory{Setting: func(_ context.Context, name string) (string, error) { return kept[name], nil },
		SetSetting: func(_ context.Context, name, value string) error { kept[name] = value; return nil }}
	start := func(version string) *Policy {
		rules := bounds
		rules.Version = version
		p := NewPolicy(memory, nil)
		if err := p.Learn(t.Context(), rules, all, noon); err != nil {
			t.Fatal(err)
		}
		p.Keep(t.Context())
		return p
	}
	told := func(p *Policy, m Member, at float64) string { return p.Frozen(m)(atNoon(at)).String() }
	p := start("v1")
	if got := told(p, all[2], 10); got != "" {
		t.Errorf("nothing stands: %q", got)
	}
	if got := told(p, all[2], 25); got != "the sale, until 2026-11-25T13:00:00Z" {
		t.Errorf("the calendar alone: %q", got)
	}
	p = start("v2")
	if got := told(p, all[2], 10); got != "canary users go first, as keyturn was upgraded from v1 to v2, until 2026-11-25T13:00:00Z" {
		t.Errorf("the sale begins before the canary's time is over: %q", got)
	}
	if got := told(p, all[0], 10); got != "" {
		t.Errorf("the canary itself: %q", got)
	}
	for i := range 3 {
		p.Began(all[3+i], noon)
		p.Ended(t.Context(), reconcile.Result{User: all[3+i].User, Err: errSome}, noon)
	}
	const stopped = "too many users began to fail, and scheduled changes have stopped"
	if got := told(p, all[2], 70); got != stopped {
		t.Errorf("a stop counts before all else: %q", got)
	}
	if got := told(p, all[3], 10); !strings.HasPrefix(got, "canary users go first") {
		t.Errorf("who fails is tried again, and waits for the canary only: %q", got)
	}
	if text, err := Recall(t.Context(), bounds, memory, noon); err != nil || !strings.Contains(text, "3 of 6 users") || !strings.Contains(text, "v1 to v2") {
		t.Errorf("the database alone tells %q, %v", text, err)
	}
	select {
	case <-p.Thawed():
		t.Error("told that it is over")
	default:
	}
	if what := p.Lift(t.Context()); !strings.Contains(what, "3 of 6") || !strings.Contains(what, "v1 to v2") || told(p, all[2], 10) != "" {
		t.Errorf("lifted: %q", what)
	}
	<-p.Thawed()
	kept[settingStop] = "{" // half of it
	if p = start("v2"); told(p, all[2], 10) != "" {
		t.Error("what cannot be read holds somebody back")
	}
	memory.Setting = func(context.Context, string) (string, error) { return "", errSome }
	if err := NewPolicy(memory, nil).Learn(t.Context(), bounds, all, noon); !errors.Is(err, errSome) {
		t.Errorf("a database that cannot be read: %v", err)
	}
}
