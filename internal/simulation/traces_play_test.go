package simulation

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// The traces are situations that broke simpler designs; most need one ordinary human act or one crash. Each is played exactly,
// through the SDK and the simulator, which checks the safety rules after every call; and the user must go on being rotated
// afterwards. K0 is the older key, K1 the newer one, K9 a person's own.

// scene is a world in which nothing goes wrong but what the trace puts there. Its times are AWS's, counted from its beginning.
type scene struct {
	*world
	origin time.Time
	next   time.Time // keyturn's next look
	read   time.Time // the consumers' last read
	plans  []disturbance
	sent   map[string]int // calls by operation
}

// disturbance is what becomes of the next call of an operation, or of all of them.
type disturbance struct {
	op     string
	always bool
	fate   awssim.Fate
}

// restartAfter is how long a dead process stays away.
const restartAfter = 5 * time.Second

// playTrace gives a trace its world, and fails the test with the world's last lines when something in it broke.
func playTrace(t *testing.T, o options, do func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if o.schedule.RotateEvery == 0 {
			o.schedule = usual()
		}
		o.schedule.JitterShare = 0
		if o.stale == 0 {
			o.stale = staleness
		}
		s := &scene{world: newWorld(1, o), sent: map[string]int{}}
		s.fault = s.fateOf
		s.origin, s.next, s.read = s.now(), s.now(), s.now()
		do(s)
		if len(s.broken) > 0 {
			t.Errorf("%s\n%s", strings.Join(s.broken, "\n"), strings.Join(s.trace[max(0, len(s.trace)-60):], "\n"))
		}
		s.proc.cancel()
	})
}

// fateOf answers truthfully whatever the trace does not disturb.
func (s *scene) fateOf(_ *world, c *awssim.Call) awssim.Fate {
	s.sent[c.Operation]++
	for i, d := range s.plans {
		if d.op != c.Operation {
			continue
		}
		if !d.always {
			s.plans = append(s.plans[:i:i], s.plans[i+1:]...)
		}
		if d.fate.Stale == 0 {
			d.fate.Stale = awssim.Fresh
		}
		s.note("disturbed: %s", c.Operation)
		return d.fate
	}
	return awssim.Fate{Stale: awssim.Fresh}
}

// upon disturbs the next call of an operation, always every one until calm.
func (s *scene) upon(op string, f awssim.Fate)   { s.plans = append(s.plans, disturbance{op, false, f}) }
func (s *scene) always(op string, f awssim.Fate) { s.plans = append(s.plans, disturbance{op, true, f}) }
func (s *scene) calm()                           { s.plans = nil }

// staleSecret makes the secret's next reads as old as that: its labels, its tags and its list of versions.
func (s *scene) staleSecret(age time.Duration) {
	s.upon("DescribeSecret", awssim.Fate{Stale: age})
	s.upon("ListSecretVersionIds", awssim.Fate{Stale: age})
}

// diesAfter kills the process once the next call of an operation took effect, before the answer arrives; diesBefore when the
// call is on its way.
func (s *scene) diesAfter(op string)  { s.upon(op, awssim.Fate{After: func() { s.proc.kill() }}) }
func (s *scene) diesBefore(op string) { s.upon(op, awssim.Fate{Before: func() { s.proc.kill() }}) }

// until lets time pass: keyturn looks whenever it said it would, and consumers read every ten seconds.
func (s *scene) until(at time.Duration) {
	end := s.origin.Add(at)
	for len(s.broken) == 0 {
		read := s.read.Add(10 * time.Second)
		wake := read
		if s.next.Before(read) {
			wake = s.next
		}
		if wake.After(end) {
			s.wait(end.Sub(s.now()))
			return
		}
		s.wait(wake.Sub(s.now()))
		if wake.Equal(read) {
			s.consumeNow()
		} else {
			s.look()
		}
	}
}

func (s *scene) wait(d time.Duration) { time.Sleep(d) }

// look is keyturn's next pass, now.
func (s *scene) look() reconcile.Result {
	if s.proc.dead.Load() {
		s.boot()
	}
	res := s.pass(s.proc)
	s.next = res.Recheck
	if s.proc.dead.Load() {
		s.note("%s died", s.proc.name)
		s.next = s.now().Add(restartAfter)
	}
	if !s.next.After(s.now()) {
		s.next = s.now().Add(time.Second)
	}
	return res
}

// asks brings an operator's wish, and the look that it causes.
func (s *scene) asks(kind rotation.RequestKind, keyID string) reconcile.Result {
	s.note("operator asks %s %s", kind, keyID)
	s.request = rotation.Request{Kind: kind, KeyID: keyID}
	if kind == rotation.RequestRevoke {
		s.revoked[keyID] = true
		s.sim.AllowRevoke(keyID)
		s.disturb(keyID)
	}
	return s.look()
}

// loseDatabase is a process that is stopped, its database file deleted, and not yet started again.
func (s *scene) loseDatabase() {
	s.note("the database is lost")
	s.proc.kill()
	s.journal = s.fresh()
	s.next = s.now().Add(restartAfter)
}

// consumeNow: a consumer reads the secret; what it gets must work, and as long as it was promised.
func (s *scene) consumeNow() {
	s.read = s.now()
	seen, ok := s.truth()
	id := s.currentKey()
	switch {
	case !ok || s.excused || s.revoked[id]:
	case !s.currentWorks():
		s.fail("a consumer that reads the secret now gets %q, which does not work", id)
	default:
		if until := rotation.Expiration(s.schedule, s.limits, seen, id); until.After(s.promises[id]) {
			s.promises[id] = until
		}
	}
}

// want holds the trace to something.
func (s *scene) want(ok bool, format string, args ...any) {
	if !ok {
		s.fail(format, args...)
	}
}

// class is what the last look took a key for.
func (s *scene) class(id string) rotation.Class {
	for _, k := range s.last.Keys {
		if k.ID == id {
			return k.Class
		}
	}
	return ""
}

func (s *scene) exists(id string) bool {
	for _, k := range s.sim.Keys(username) {
		if k.ID == id {
			return true
		}
	}
	return false
}

// newest is the user's newest key.
func (s *scene) newest() string {
	keys := s.sim.Keys(username)
	if len(keys) == 0 {
		return ""
	}
	return keys[len(keys)-1].ID
}

// edits is a person who saves a value in the console.
func (s *scene) edits(value string) {
	s.note("person edits the secret: names %s", keyIDOf(value))
	if err := s.sim.People().PutSecretValue(secretName, value); err != nil {
		s.fail("editing the secret: %v", err)
	}
}

// moves is a person who moves AWSCURRENT to the version of a key.
func (s *scene) moves(id string) {
	s.note("person moves AWSCURRENT to %s", id)
	if err := s.sim.People().MoveStage(secretName, rotation.StageCurrent, rotation.VersionID(id)); err != nil {
		s.fail("moving AWSCURRENT: %v", err)
	}
}

// valueOf is what the secret holds for a key.
func (s *scene) valueOf(id string) string {
	sec, _ := s.secret()
	return sec.value(rotation.VersionID(id))
}

// sets is a person who sets a key's status.
func (s *scene) sets(id, status string) {
	s.note("person sets %s %s", id, status)
	if status == "Inactive" {
		s.disturb(id)
	}
	if err := s.sim.People().SetKeyStatus(username, id, status); err != nil {
		s.fail("setting %s %s: %v", id, status, err)
	}
}

// creates is a person who makes a key of their own.
func (s *scene) creates() string {
	id, _, err := s.sim.People().CreateAccessKey(username)
	if err != nil {
		s.fail("creating a key: %v", err)
	}
	s.note("person creates %s", id)
	return id
}

// deletes is a person who deletes a key.
func (s *scene) deletes(id string) {
	s.disturb(id)
	s.removeKey(id)
}

// state is what the tags remember.
func (s *scene) state() rotation.State {
	sec, _ := s.secret()
	st, _, err := rotation.ParseState(sec.Tags)
	if err != nil {
		s.fail("%v", err)
	}
	return st
}

// goesOn: undisturbed, the user is rotated again, and every key is one that keyturn gave out.
func (s *scene) goesOn() {
	s.calm()
	s.until(s.now().Sub(s.origin) + 50*time.Minute)
	s.notStuck(s.schedule.RotateEvery)
	for _, k := range s.last.Keys {
		if k.Class != rotation.ClassCurrent && k.Class != rotation.ClassPrevious {
			s.fail("the key %s is left behind as %s", k.ID, k.Class)
		}
	}
}

// rotated lives until K1 is current and settled, and K0 has its grace.
func (s *scene) rotated() (k0, k1 string) {
	s.until(time.Minute)
	k0 = s.currentKey()
	s.until(s.schedule.RotateEvery + 70*time.Second)
	k1 = s.currentKey()
	s.want(k0 != "" && k1 != k0 && s.keyWorks(k0), "K1 is current and K0 works: %q, %q", k0, k1)
	return k0, k1
}

// first lives until K0 is current.
func (s *scene) first() (k0 string) {
	s.until(time.Minute)
	k0 = s.currentKey()
	s.want(k0 != "", "the first key is current")
	return k0
}

// setSchedule is an operator who edits the configuration.
func (s *scene) setSchedule(to rotation.Schedule) {
	to.JitterShare = 0
	s.schedule = to
	s.care(nil)
	s.note("operator sets the schedule to %v", to)
}

// hasField reports whether a secret's value holds a field.
func hasField(value, name string) bool {
	fields := map[string]any{}
	_ = json.Unmarshal([]byte(value), &fields)
	_, ok := fields[name]
	return ok
}
