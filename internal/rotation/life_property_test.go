package rotation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// life is a world with chance: people's acts, requests, faults, new schedules and consumers, between keyturn's looks.
type life struct {
	*world
	t    *rapid.T
	next time.Time
	log  []string
}

func newLife(t *rapid.T, s Schedule) *life {
	l := DefaultLimits()
	l.LegacyQuiet, l.MaxHold = 5*time.Minute, 10*time.Minute
	w := newWorld(s, l, anyEpoch)
	f := &life{world: w, t: t}
	w.cost = func(a Action) time.Duration { // a verification takes seconds, other calls less than one
		most := 900
		if a.Kind == Verify {
			most = 20_000
		}
		return time.Duration(rapid.IntRange(0, most).Draw(t, "ms")) * time.Millisecond
	}
	return f
}

func (f *life) note(format string, args ...any) {
	f.log = append(f.log, f.clock()+" "+fmt.Sprintf(format, args...))
}

func (f *life) tell() string {
	return strings.Join(f.log, "\n") + fmt.Sprintf("\nkeys %v\nversions %v\nnames %v\ntags %v", f.o.Keys, f.o.Secret.Versions, f.names, f.o.Secret.Tags)
}

// turn is one look at the recheck, or earlier when something is asked for.
func (f *life) turn(r Request) Decision {
	d, done, err := f.look(r)
	f.next = d.Recheck
	if len(d.Actions) > 0 || err != nil {
		f.next = latest(f.next, f.ceil().Add(f.l.Settle))
	}
	var kinds []string
	for _, a := range done {
		kinds = append(kinds, string(a.Kind)+" "+a.KeyID)
	}
	f.note("look %s: %v %s %s %v %v (next %s)", r.Kind, d.Classes, d.Reason, d.KeyID, kinds, err, Duration(f.next.Sub(f.start)))
	if len(f.violations) > 0 {
		f.t.Fatalf("%s\n%s", f.violations[0], f.tell())
	}
	if n := f.oursCount(); n > maxKeys {
		f.t.Fatalf("rule 4: %d keys by our doing\n%s", n, f.tell())
	}
	return d
}

func (f *life) oursCount() (n int) {
	for _, k := range f.o.Keys {
		if f.truth.ours[k.ID] {
			n++
		}
	}
	return n
}

// until looks at every recheck up to a moment.
func (f *life) until(end time.Time, r Request) (last Decision) {
	for steps := 0; !f.next.After(end); steps++ {
		if steps > 500 {
			f.t.Fatalf("too many looks\n%s", f.tell())
		}
		if f.next.After(f.now) {
			f.now = f.next
		}
		last = f.turn(r)
		if !f.next.After(f.now.Truncate(time.Second)) {
			f.t.Fatalf("the next look does not lie ahead\n%s", f.tell())
		}
	}
	if end.After(f.now) {
		f.now = end
	}
	return last
}

func (f *life) someKey(what string) (Key, bool) {
	if len(f.o.Keys) == 0 {
		return Key{}, false
	}
	return f.o.Keys[rapid.IntRange(0, len(f.o.Keys)-1).Draw(f.t, what)], true
}

// disturb is one thing that happens to the user, by people, faults or chance.
func (f *life) disturb(i int) {
	k, ok := f.someKey("whose")
	what := rapid.SampledFrom([]string{"fault", "fault", "fault", "fault", "verify", "deactivate", "reactivate", "delete", "create", "edit", "move",
		"rotate", "rollback", "revoke", "adopt", "pause", "resume", "journal", "down", "freeze", "freeze"}).Draw(f.t, "what")
	f.note("%s %s", what, k.ID)
	switch what {
	case "fault":
		f.fault = fault{rapid.SampledFrom([]ActionKind{Onboard, WriteIntent, CreateKey, CreateKey, PutPending, PutFirst, Verify, Promote, RecordPromoted,
			RecordPromoting, DeactivateKey, RecordInactive, RecordActive, DeleteKey, MarkRevoked, ReactivateKey}).Draw(f.t, "at"),
			rapid.SampledFrom([]string{"crash-before", "crash-after", "fails", "lost"}).Draw(f.t, "how")}
	case "verify":
		f.verify = rapid.SampledFrom([]verdict{notYet, hopeless}).Draw(f.t, "verdict")
	case "journal":
		f.quiet, f.witness = time.Time{}, map[string]Witness{}
	case "down":
		f.now = f.now.Add(f.s.RotateEvery)
	case "freeze":
		z := frozen{Freeze{Why: "because"}, f.now}
		if !oneIn(f.t, 4, "end unknown") {
			z.Until = f.now.Add(share(f.t, 3*f.s.RotateEvery, "frozen for") + time.Second)
		}
		f.freezes = append(f.freezes, z)
	case "create":
		st, _, _ := ParseState(f.o.Secret.Tags)
		if len(f.o.Keys) < maxKeys && !(st.Intent.Open && f.now.Before(st.Intent.At.Add(f.l.Window()+tick))) {
			f.personCreates(fmt.Sprintf("F%d", i)) // inside an open intent's seconds nobody can tell: that is said in the docs
		}
	case "rotate", "rollback", "revoke", "adopt", "pause", "resume":
		f.ask(Request{Kind: RequestKind(what), KeyID: rapid.SampledFrom([]string{k.ID, k.ID, ""}).Draw(f.t, "which"), Why: "asked"})
	}
	if ok {
		f.person(what, k)
	}
}

func (f *life) person(what string, k Key) {
	switch what {
	case "deactivate":
		f.personSets(k.ID, Inactive)
	case "reactivate":
		f.personSets(k.ID, Active)
	case "delete":
		f.personDeletes(k.ID)
	case "edit", "move":
		if st, _, _ := ParseState(f.o.Secret.Tags); st.Intent.Open && !st.had(k.ID) {
			return // nobody but keyturn holds the secret of a key that is under way
		}
		if what == "edit" && f.movedBack() {
			return
		}
	}
	switch what {
	case "edit":
		if f.o.Secret.Stage(StageCurrent) != "" {
			f.personEdits(k.ID)
		}
	case "move":
		if v := VersionID(k.ID); len(f.o.Secret.Versions[v]) > 0 && f.o.Secret.Stage(StageCurrent) != v {
			f.personMoves(k.ID)
		}
	}
}

// movedBack: a promotion was not recorded, and AWSCURRENT moved back by hand to the version before. A value put by hand would now hide for
// good that the pending key served: that is said in the docs.
func (f *life) movedBack() bool {
	st, _, _ := ParseState(f.o.Secret.Tags)
	for _, k := range f.o.Keys {
		if st.Intent.Open && !st.had(k.ID) && f.truth.handedOut[k.ID] && f.o.Secret.Stage(StageCurrent) == st.Intent.Base {
			return true
		}
	}
	return false
}

func (f *life) ask(r Request) {
	if f.quiet.Add(f.l.Settle).After(f.now) {
		f.now = f.quiet.Add(f.l.Settle)
	}
	if r.Kind == RequestAdopt && f.truth.foreign[r.KeyID] {
		f.personAdoptable(r.KeyID)
	}
	f.turn(r)
}

// calm ends all disturbances: people take their keys away, resume what they paused, and STS works.
func (f *life) calm() {
	f.fault, f.verify, f.freezes = fault{}, works, nil
	for _, k := range f.o.Keys {
		if !f.truth.ours[k.ID] && f.truth.foreign[k.ID] {
			f.personDeletes(k.ID)
		}
	}
	for range 3 {
		if st, _, _ := ParseState(f.o.Secret.Tags); st.Pause.Paused {
			f.ask(Request{Kind: RequestResume})
		}
	}
	f.note("calm")
}

// unblock is the person whom a block asks for.
func (f *life) unblock(d Decision) bool {
	f.note("unblock %s %s", d.Reason, d.KeyID)
	switch d.Reason {
	case BlockedForeignKey:
		f.personDeletes(d.KeyID)
	case BlockedNoSlot, BlockedTwoLegacy:
		for _, k := range f.o.Keys {
			if k.Status != Active {
				f.personDeletes(k.ID)
				return true
			}
		}
		f.personDeletes(f.o.Keys[0].ID)
	default:
		return false
	}
	return true
}

// TestLives: whatever people and faults do, the safety rules hold in the truth, and the key is rotated within three periods after
// the last disturbance.
func TestLives(t *testing.T) {
	looks, disturbances := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t, DefaultLimits())
		if s.RotateEvery > 2*time.Hour {
			s = Schedule{RotateEvery: 10 * time.Minute, DeactivateAfter: 12 * time.Minute, DeleteAfter: 15 * time.Minute}
		}
		f := newLife(t, s)
		if rapid.Bool().Draw(t, "legacy") {
			f.o.Keys = append(f.o.Keys, Key{"L0", Active, f.now.Add(-400 * 24 * time.Hour)})
			f.truth.handedOut["L0"] = true
		}
		f.next = f.now
		for i := range rapid.IntRange(0, 12).Draw(t, "disturbances") {
			f.until(f.now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds"))*s.RotateEvery/3600), Request{})
			f.disturb(i)
			if rapid.Bool().Draw(t, "at once") {
				f.until(f.now, Request{})
			}
			disturbances++
		}
		f.calm()
		last := f.now
		f.next = f.now
		for range 6 {
			d := f.until(last.Add(3*s.RotateEvery), Request{})
			if !d.Reason.Blocked() || !f.unblock(d) {
				break
			}
			last, f.next = f.now, f.now
		}
		looks += len(f.log)
		k, ok := f.currentKey()
		if !ok || k.Status != Active || k.Created.Before(last.Truncate(time.Second)) {
			t.Fatalf("not rotated within three periods: current is %v\n%s", k, f.tell())
		}
	})
	t.Logf("%d lines of life, %d disturbances", looks, disturbances)
}
