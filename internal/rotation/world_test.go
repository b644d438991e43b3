package rotation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// world is a virtual AWS with one user, and what really happened to that user's keys: the truth that the safety rules are held
// against. The planner sees of it only what observe gives.
type world struct {
	s     Schedule
	l     Limits
	start time.Time
	now   time.Time   // AWS's clock, with fractions
	o     Observation // the truth: Keys, Secret, Stored; and the settings of care
	names map[string]string
	uses  map[string]LastUse
	inUse map[string]string // key id → service that uses it all the time

	quiet   time.Time          // what the journal knows of our last change; zero: lost
	witness map[string]Witness // what the journal knows of intents
	runs    int
	made    int
	edits   int
	past    []snapshot
	freezes []frozen

	fault    fault
	verify   verdict
	cost     func(Action) time.Duration // time that an action takes; nil: none
	unread   map[string]bool            // reads that fail: keys, secret, last-used, versions, value
	staleFor time.Duration              // the next look sees the world of so long ago
	stale    map[string]bool            // what of it is stale: keys, secret

	truth      truth
	violations []string
}

// truth is what the tags are not asked for.
type truth struct {
	ours       map[string]bool          // made by keyturn
	foreign    map[string]bool          // made by a person while under care
	handedOut  map[string]bool          // was AWSCURRENT once
	inactiveAt map[string]time.Time     // last change to Inactive
	activeAt   map[string]time.Time     // last reactivation, by anyone
	replaced   time.Time                // last time AWSCURRENT moved by our doing
	verified   map[string]bool          // in this run
	expires    map[string]time.Time     // latest Expiration handed out, by key
	handGrace  map[string]time.Duration // longest grace told while the key was current
}

// frozen is a freeze that begins at a time.
type frozen struct {
	Freeze
	from time.Time
}

// frozenAt is what the planner is told of the freezes that stand now: the first that holds at a moment.
func (w *world) frozenAt() func(time.Time) Freeze {
	all := slices.Clone(w.freezes)
	if len(all) == 0 {
		return nil
	}
	return func(at time.Time) Freeze {
		for _, f := range all {
			if !at.Before(f.from) && (f.Until.IsZero() || at.Before(f.Until)) {
				return f.Freeze
			}
		}
		return Freeze{}
	}
}

type snapshot struct {
	at     time.Time
	keys   []Key
	secret Secret
	stored map[string]bool
}

// fault is what happens to the next action of a kind.
type fault struct {
	kind ActionKind
	how  string // "crash-before", "crash-after", "fails", "lost"
}

// verdict is what STS says of new keys.
type verdict int

const (
	works verdict = iota
	notYet
	hopeless
)

var (
	errFault   = errors.New("failed before it took effect")
	errLost    = errors.New("took effect, and its answer was lost")
	errDied    = errors.New("the process died")
	errLimit   = errors.New("two keys already")
	errExists  = errors.New("the secret exists already")
	errMoved   = errors.New("AWSCURRENT moved since")
	errNotYet  = errors.New("not accepted yet")
	errGivenUp = errors.New("never accepted")
)

func newWorld(s Schedule, l Limits, start time.Time) *world {
	return &world{
		s: s, l: l, start: start, now: start,
		o: Observation{User: User{"123456789012", "app"}, UserID: "AIDAAPP", Keys: []Key{}, Stored: map[string]bool{},
			Secret: Secret{Versions: map[string][]string{}, Tags: map[string]string{}}},
		names: map[string]string{}, uses: map[string]LastUse{}, inUse: map[string]string{}, witness: map[string]Witness{},
		quiet: start.Add(-24 * time.Hour), unread: map[string]bool{}, stale: map[string]bool{},
		truth: truth{ours: map[string]bool{}, foreign: map[string]bool{}, handedOut: map[string]bool{},
			inactiveAt: map[string]time.Time{}, activeAt: map[string]time.Time{}, verified: map[string]bool{},
			expires: map[string]time.Time{}, handGrace: map[string]time.Duration{}},
	}
}

func cloneSecret(s Secret) Secret {
	s.Tags, s.Versions = maps.Clone(s.Tags), maps.Clone(s.Versions)
	return s
}

func (w *world) remember() {
	w.past = append(w.past, snapshot{w.now, slices.Clone(w.o.Keys), cloneSecret(w.o.Secret), maps.Clone(w.o.Stored)})
	if len(w.past) > 64 {
		w.past = slices.Delete(w.past, 0, 32)
	}
}

// asOf is the world as it was at a moment: what a stale answer shows.
func (w *world) asOf(t time.Time) snapshot {
	out := snapshot{t, slices.Clone(w.o.Keys), cloneSecret(w.o.Secret), maps.Clone(w.o.Stored)}
	for i := len(w.past) - 1; i >= 0 && w.past[i].at.After(t); i-- {
		out = w.past[i]
	}
	return out
}

// observe is one look: two reads, and those that the plan asks for.
func (w *world) observe(r Request, confirmed time.Duration) (Observation, Decision) {
	for id, service := range w.inUse {
		w.uses[id] = LastUse{w.now.Truncate(time.Second), service, "eu-west-1"}
	}
	o := w.o
	o.Now, o.Request, o.Quiet, o.ConfirmedAfter = w.now.Truncate(time.Second), r, w.quiet, confirmed
	o.Frozen = w.frozenAt()
	o.Stored, o.LastUse = nil, map[string]LastUse{}
	o.Keys, o.Secret = slices.Clone(o.Keys), cloneSecret(o.Secret)
	stored := w.o.Stored
	if w.staleFor > 0 {
		old := w.asOf(w.now.Add(-w.staleFor))
		if w.stale["keys"] {
			o.Keys = old.keys
		}
		if w.stale["secret"] {
			o.Secret, stored = old.secret, old.stored
		}
	}
	if w.unread["keys"] {
		o.Keys = nil
	}
	if st, _, err := ParseState(o.Secret.Tags); err == nil {
		o.Witness = w.witness[st.Intent.ID]
	}
	d := Plan(w.s, w.l, o)
	for range 4 {
		if !d.Wants.Any() {
			break
		}
		if d.Wants.Versions && !w.unread["versions"] {
			o.Stored = maps.Clone(stored)
			for v := range o.Secret.Versions {
				o.Stored[v] = true
			}
		}
		if d.Wants.CurrentNames && !w.unread["value"] {
			o.CurrentNames, o.CurrentRead = w.names[o.Secret.Stage(StageCurrent)], true
		}
		for _, id := range d.Wants.LastUse {
			if !w.unread["last-used"] {
				o.LastUse[id] = w.uses[id]
			}
		}
		d = Plan(w.s, w.l, o)
	}
	return o, d
}

// look observes, a second time when that is asked for, and takes the actions. It gives the decision, the actions that took
// effect or died, and how the run ended.
func (w *world) look(r Request) (Decision, []Action, error) {
	o, d := w.observe(r, 0)
	if d.Confirm > 0 {
		w.now = w.now.Add(d.Confirm)
		first := o
		o, d = w.observe(r, d.Confirm)
		if !slices.Equal(first.Keys, o.Keys) || !maps.Equal(first.Secret.Tags, o.Secret.Tags) ||
			fmt.Sprint(first.Secret.Versions) != fmt.Sprint(o.Secret.Versions) {
			d = Decision{Reason: ReasonConfirm, Recheck: w.now.Add(w.l.Settle), Classes: d.Classes}
		}
	}
	w.staleFor, w.stale = 0, map[string]bool{}
	done, err := w.take(o, &d)
	return d, done, err
}

// take carries a decision out, as a run does: in order, soft steps skipped after one of them failed, the hopeless way when the
// key can never work.
func (w *world) take(o Observation, d *Decision) (done []Action, err error) {
	w.runs++
	run := fmt.Sprintf("run%d", w.runs)
	var made Key
	w.truth.verified = map[string]bool{}
	w.thawed(o, d)
	softFailed := false
	actions, ifHopeless := d.Actions, d.IfHopeless
	for i := 0; i < len(actions); i++ {
		a := actions[i]
		if a.Soft && softFailed {
			continue
		}
		if a.KeyID == "" {
			a.KeyID = made.ID
		}
		if a.VersionID == "" && a.KeyID != "" {
			a.VersionID = VersionID(a.KeyID)
		}
		if w.cost != nil {
			w.now = w.now.Add(w.cost(a))
		}
		var e error
		o, e = w.act(o, a, run, &made, d.Reason)
		if a.KeyID == "" {
			a.KeyID = made.ID
		}
		if a.Kind != Verify {
			w.quiet = w.ceil()
		}
		if e == nil || errors.Is(e, errDied) || errors.Is(e, errLost) {
			done = append(done, a)
		}
		switch {
		case e == nil:
		case errors.Is(e, errDied):
			return done, e
		case errors.Is(e, errGivenUp) && ifHopeless != nil && !a.Soft:
			d.Reason, actions, ifHopeless, i = ReasonPendingHopeless, ifHopeless, nil, -1
		case a.Soft:
			softFailed, err = true, e
		default:
			if a.Kind == CreateKey && !errors.Is(e, errLost) {
				_, _ = w.act(o, Action{Kind: CloseIntent}, run, &made, ReasonCreateFailed)
				done = append(done, Action{Kind: CloseIntent})
			}
			return done, e
		}
	}
	return done, err
}

func (w *world) ceil() time.Time {
	if t := w.now.Truncate(time.Second); t.Equal(w.now) {
		return t
	}
	return w.now.Truncate(time.Second).Add(time.Second)
}

// act is one AWS call: it changes the truth, and gives the world as the run believes it to be.
func (w *world) act(o Observation, a Action, run string, made *Key, why Reason) (Observation, error) {
	how := ""
	if w.fault.kind == a.Kind {
		how, w.fault = w.fault.how, fault{}
	}
	if how == "crash-before" {
		return o, errDied
	}
	if a.Kind == Verify {
		return o, w.tryKey(a)
	}
	if a.Kind == CreateKey {
		w.witness[intentID(o)] = Witness{Intent: intentID(o)}
	}
	if how == "fails" {
		if a.Kind == CreateKey {
			w.witness[intentID(o)] = Witness{Intent: intentID(o), NotMade: true}
		}
		return o, errFault
	}
	w.remember()
	if a.Kind == CreateKey {
		*made = Key{fmt.Sprintf("K%d", w.made+1), Active, w.now.Truncate(time.Second)}
	}
	m := MomentOf(w.s, w.l, w.ceil(), w.now.Truncate(time.Second), run)
	m.Made = *made
	if err := w.change(o, a, m, why); err != nil {
		return o, err
	}
	switch how {
	case "crash-after":
		return o, errDied
	case "lost":
		return o, errLost
	}
	if a.Kind == CreateKey {
		w.witness[intentID(o)] = Witness{Intent: intentID(o), CreatedID: made.ID}
	}
	return Effect(o, a, m), nil
}

func intentID(o Observation) string {
	st, _, _ := ParseState(o.Secret.Tags)
	return st.Intent.ID
}

// change applies an action to the truth, or refuses it as AWS would.
func (w *world) change(o Observation, a Action, m Moment, why Reason) error {
	after := Effect(w.o, a, m)
	switch a.Kind {
	case CreateKey:
		if len(w.o.Keys) >= maxKeys {
			w.witness[intentID(o)] = Witness{Intent: intentID(o), NotMade: true}
			return errLimit
		}
		w.made++
		w.truth.ours[m.Made.ID], w.truth.activeAt[m.Made.ID] = true, w.now
	case Onboard:
		if w.o.Secret.Exists {
			return errExists
		}
		w.o.Secret = after.Secret
		w.noteIntent(m.Run, a.WithIntent)
		return nil
	case PutPending, PutFirst:
		w.names[a.VersionID] = a.KeyID
		if len(w.o.Secret.Versions) == 0 {
			w.promoted(a.KeyID)
		}
	case Promote:
		if w.o.Secret.Stage(StageCurrent) != a.Base {
			return errMoved
		}
		w.promoted(a.KeyID)
	case DeactivateKey:
		w.deactivated(a.KeyID, why)
	case ReactivateKey:
		w.truth.activeAt[a.KeyID] = w.now
	case DeleteKey:
		w.deleted(a.KeyID, why)
	default: // records: one TagResource call, with the tags that differ from what the run read
		st, _, _ := ParseState(Effect(o, a, m).Secret.Tags)
		old, _, _ := ParseState(o.Secret.Tags)
		changed := st.Changed(old)
		if a.Kind == OnboardExisting {
			changed = st.Tags()
		}
		for k, v := range changed {
			if len(v) > 256 {
				w.violate("the tag %s is %d characters long: %s", k, len(v), v)
			}
			w.o.Secret.Tags[k] = v
		}
		w.noteIntent(m.Run, a.Kind == WriteIntent)
		if a.Kind == RecordPromoted && st.Promoted.Version != old.Promoted.Version {
			w.truth.replaced = w.now // by a person: there and back between two looks leaves no trace, so it counts from the record
		}
		return nil
	}
	w.o.Keys, w.o.Secret.Versions, w.o.Stored = after.Keys, after.Secret.Versions, after.Stored
	return nil
}

func (w *world) noteIntent(run string, written bool) {
	if written {
		w.witness[run] = Witness{Intent: run, NotMade: true}
	}
}

// tryKey is the verification: it takes its whole time-out when the key is not accepted.
func (w *world) tryKey(a Action) error {
	k, ok := w.o.key(a.KeyID)
	switch {
	case w.verify == notYet || !ok || k.Status != Active:
		w.now = w.now.Add(w.l.VerifyTimeout)
		if !ok || w.now.Sub(k.Created) >= w.l.HopelessAfter {
			return errGivenUp
		}
		return errNotYet
	case w.verify == hopeless:
		return errGivenUp
	}
	w.truth.verified[a.KeyID] = true
	if _, used := w.uses[a.KeyID]; !used {
		w.uses[a.KeyID] = LastUse{w.now.Truncate(time.Second), "sts", "us-east-1"}
	}
	return nil
}
