package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// desk is an operator's place in a stage whose users are looked after every half minute, as by cron.
type desk struct {
	*stage
	*fleet.Office
}

// inOffice plays with one user, or more, that the simulator checks every call about.
func inOffice(t *testing.T, users int, sim awssim.Config, play func(*testing.T, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var broken []string
		sim.Violation = func(text string) { broken = append(broken, text) }
		sim.Propagation, sim.Staleness = 3*time.Second, 5*time.Second
		d := &desk{stage: newStage(t, users, sim)}
		for i := range users {
			name := fmt.Sprintf("user-%d", i)
			d.world.Care(name, awssim.Care{SecretName: "keyturn/" + name + "/key", Grace: 2 * time.Minute, Retention: 3 * time.Minute,
				Quarantine: 5 * time.Minute, VerifySuccesses: 2})
		}
		d.open()
		time.Sleep(10 * time.Second)
		play(t, d)
		for _, text := range broken {
			t.Error(text)
		}
	})
}

// open makes the office anew, as another process would.
func (d *desk) open() {
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: d.db, Fleet: func() *fleet.Fleet { return d.fleet }})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Office = office
}

// live makes passes for a while.
func (d *desk) live(span time.Duration) {
	d.t.Helper()
	for until := time.Now().Add(span); time.Now().Before(until); time.Sleep(30 * time.Second) {
		d.pass(fleet.Pass{DueOnly: true})
	}
}

const anyName = "user-0"

func ask(kind rotation.RequestKind, key string) fleet.Ask {
	return fleet.Ask{User: anyName, Patience: 10 * time.Minute, Request: rotation.Request{Kind: kind, KeyID: key, Why: "test"}}
}

// done has a request carried out.
func (d *desk) done(a fleet.Ask) fleet.Answer {
	d.t.Helper()
	ans, err := d.Do(d.t.Context(), a)
	if err != nil || !ans.Done || ans.Error != "" || ans.Refused != "" {
		d.t.Fatalf("%s: %+v, %v", a.Request.Kind, ans, err)
	}
	return ans
}

// refused has a request refused, with a word of the sentence, by Do and by Foresee, and nothing changed: no key, no tag, and not how the
// user stands.
func (d *desk) refused(a fleet.Ask, word string) {
	d.t.Helper()
	time.Sleep(90 * time.Second) // settled: nothing has to be waited for
	before, writes := d.picture(), d.writes()
	stood, _, _ := d.db.Standing(d.t.Context(), rotation.User{Account: "123456789012", Name: a.User})
	f, err := d.Foresee(d.t.Context(), a)
	if err != nil || !strings.Contains(f.Refused, word) || len(f.Now)+len(f.Then) > 0 {
		d.t.Errorf("%s is foreseen as %+v, %v; want it refused with %q", a.Request.Kind, f, err, word)
	}
	began := time.Now()
	ans, err := d.Do(d.t.Context(), a)
	if err != nil || ans.Done || !strings.Contains(ans.Refused, word) {
		d.t.Errorf("%s: %+v, %v; want it refused with %q", a.Request.Kind, ans, err, word)
	}
	if took := time.Since(began); took > time.Second {
		d.t.Errorf("%s was refused after %v only", a.Request.Kind, took)
	}
	if got := d.picture(); got != before || d.writes() != writes {
		d.t.Errorf("%s was refused and changed something:\n%s\n%s", a.Request.Kind, before, got)
	}
	stands, _, _ := d.db.Standing(d.t.Context(), rotation.User{Account: "123456789012", Name: a.User})
	if stands.Reason.Blocked() && !stood.Reason.Blocked() {
		d.t.Errorf("%s was refused, and by that the user is %s", a.Request.Kind, stands.Reason)
	}
}

// foreseen is what a request would do, by a reading that is sure.
func (d *desk) foreseen(a fleet.Ask) fleet.Foresight {
	d.t.Helper()
	f, err := d.Foresee(d.t.Context(), a)
	if err == nil && f.Settling > 0 {
		time.Sleep(f.Settling)
		f, err = d.Foresee(d.t.Context(), a)
	}
	if err != nil || f.Settling > 0 {
		d.t.Fatalf("%s is foreseen as %+v, %v", a.Request.Kind, f, err)
	}
	return f
}

// picture is all keys and tags of everybody, as they are.
func (d *desk) picture() string {
	var b strings.Builder
	for _, u := range d.world.Users() {
		for _, k := range d.world.Keys(u.Name) {
			fmt.Fprintln(&b, u.Name, k.ID, k.Status)
		}
	}
	for _, name := range d.world.SecretNames() {
		tags := d.world.Secret(name).Tags
		for _, k := range slices.Sorted(maps.Keys(tags)) {
			fmt.Fprintln(&b, name, k, tags[k])
		}
	}
	return b.String()
}

// writes counts the calls that change something.
func (d *desk) writes() (n int64) {
	for op, c := range d.world.RotatorCounts() {
		switch op {
		case "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "CreateSecret", "PutSecretValue", "UpdateSecretVersionStage",
			"TagResource", "UntagResource":
			n += c
		}
	}
	return n
}

// current is the key that consumers read, and whether it works.
func (d *desk) current(user string) (string, bool) {
	s := d.world.Secret("keyturn/" + user + "/key")
	if s == nil || s.Stage("AWSCURRENT") == nil {
		return "", false
	}
	return s.Stage("AWSCURRENT").KeyID, d.active(user, s.Stage("AWSCURRENT").KeyID)
}

func (d *desk) active(user, id string) bool {
	return slices.ContainsFunc(d.world.Keys(user), func(k awssim.Key) bool { return k.ID == id && k.Status == "Active" })
}

// TestOfficeWaitsForARunAndNotForItsLease: another run is at work on the user, and ends long before its lease does.
func TestOfficeWaitsForARunAndNotForItsLease(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestRotate, "")) // onboards
		first, _ := d.current(anyName)
		time.Sleep(2 * time.Minute)
		u, now := rotation.User{Account: "123456789012", Name: anyName}, time.Now()
		before, _, err := d.db.Standing(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := d.db.Acquire(t.Context(), u, "another/run00001", now, now.Add(d.cfg.Limits().Lease())); err != nil || !l.Taken {
			t.Fatalf("%+v, %v", l, err)
		}
		time.AfterFunc(5*time.Second, func() {
			before.At, before.FreeAt, before.Changed = time.Now(), time.Now(), time.Time{}
			if err := d.db.Finish(context.Background(), u, "another/run00001", before); err != nil {
				t.Error(err)
			}
		})
		d.done(ask(rotation.RequestRotate, ""))
		if second, _ := d.current(anyName); second == first || time.Since(now) > 40*time.Second {
			t.Errorf("%s is current after %v", second, time.Since(now))
		}
	})
}

// TestOfficeRollback: both looks of a rollback are made, the earlier key is current and works, the later one stays; the user stays so
// until it is resumed, and then goes on.
func TestOfficeRollback(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		d.refused(ask(rotation.RequestRollback, ""), "the secret has no previous version")
		d.refused(ask(rotation.RequestRollback, "AKIAIOSFODNN7EXAMPLE"), "does not exist any more")
		d.done(ask(rotation.RequestRotate, ""))
		later, _ := d.current(anyName)
		earlier := d.world.Keys(anyName)[0].ID

		f := d.foreseen(ask(rotation.RequestRollback, ""))
		if f.Refused != "" || f.KeyID != earlier || len(f.Now) != 1 || f.Now[0].Kind != rotation.RecordPaused ||
			len(f.Then) != 1 || f.Then[0].Action != rotation.Promote || f.Then[0].KeyID != earlier {
			t.Errorf("a rollback is foreseen as %+v", f)
		}
		if now, _ := d.current(anyName); now != later {
			t.Error("foreseeing changed the current key")
		}
		began := time.Now()
		ans := d.done(ask(rotation.RequestRollback, ""))
		if len(ans.Actions) < 3 || ans.Actions[0].Kind != rotation.RecordPaused ||
			ans.Actions[len(ans.Actions)-1].Kind != rotation.RecordPromoted {
			t.Errorf("the answer tells of %v, and not of both looks", ans.Actions)
		}
		if took := time.Since(began); took < d.cfg.RunDeadline.D() || took > 5*time.Minute {
			t.Errorf("the two looks of a rollback were made in %v", took)
		}
		back := func(when string) {
			t.Helper()
			if now, works := d.current(anyName); now != earlier || !works || !d.active(anyName, later) {
				t.Errorf("%s: %s is current (works: %v), want %s, and %s beside it:\n%s", when, now, works, earlier, later, d.picture())
			}
		}
		back("after the rollback")
		if f := d.foreseen(ask(rotation.RequestRollback, "")); !f.Stands || f.Refused != "" || len(f.Now) > 0 {
			t.Errorf("a rollback that is done is foreseen as %+v", f)
		}
		if ans := d.done(ask(rotation.RequestRollback, "")); len(ans.Actions) > 0 {
			t.Errorf("asked again it did %v", ans.Actions)
		}
		d.live(time.Hour)
		back("an hour later")
		d.refused(ask(rotation.RequestRollback, later), "another rollback stands; resume the user first")
		d.refused(ask(rotation.RequestRotate, ""), "resume it first")
		if s, err := d.States(t.Context(), anyName); err != nil || s[0].Standing != fleet.Held {
			t.Errorf("a user that was taken back stands as %+v, %v", s, err)
		}
		d.done(ask(rotation.RequestResume, ""))
		d.live(40 * time.Minute)
		if now, works := d.current(anyName); now == earlier || now == later || !works {
			t.Errorf("after resume the user is not rotated: %s is current", now)
		}
	})
}

// TestOfficeRollbackStopped: whoever asked for a rollback goes away between its two looks, or the process dies there. The next asking,
// or the passes alone, carry it on.
func TestOfficeRollbackStopped(t *testing.T) {
	for _, again := range []bool{true, false} {
		t.Run(fmt.Sprint("asked again ", again), func(t *testing.T) {
			inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
				d.live(3 * time.Minute)
				d.done(ask(rotation.RequestRotate, ""))
				earlier := d.world.Keys(anyName)[0].ID
				ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // settle, and a look
				ans, err := d.Do(ctx, ask(rotation.RequestRollback, ""))
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the next run carries it on") || ans.Done {
					t.Fatalf("a rollback that is stopped on its way: %+v, %v", ans, err)
				}
				d.restart()
				d.open()
				if again {
					d.done(ask(rotation.RequestRollback, ""))
				} else {
					d.live(4 * time.Minute)
				}
				if now, works := d.current(anyName); now != earlier || !works {
					t.Errorf("%s is current (works: %v), want %s", now, works, earlier)
				}
			})
		})
	}
}

// TestOfficeRollbackResumed: somebody resumes the user while a rollback waits for its second look. That is the last word.
func TestOfficeRollbackResumed(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		d.done(ask(rotation.RequestRotate, ""))
		later, _ := d.current(anyName)
		var ans fleet.Answer
		var err error
		back := make(chan struct{})
		go func() {
			defer close(back)
			ans, err = d.Do(t.Context(), ask(rotation.RequestRollback, ""))
		}()
		time.Sleep(90 * time.Second) // settle, and a look
		d.done(ask(rotation.RequestResume, ""))
		<-back
		if err != nil || ans.Done || !strings.Contains(ans.Refused, "somebody resumed the user meanwhile") {
			t.Errorf("the rollback ended with %+v, %v", ans, err)
		}
		if s, err := d.States(t.Context(), anyName); err != nil || s[0].Standing == fleet.Held {
			t.Errorf("the user stands as %+v, %v", s, err)
		}
		if now, works := d.current(anyName); now != later || !works {
			t.Errorf("%s is current (works: %v), want %s", now, works, later)
		}
	})
}

// TestOfficeRevoke: the leaked key is Inactive at once, and never comes back. A successor of the current key is made first when a slot
// is free; when none is, it is said how long there will be no working key.
func TestOfficeRevoke(t *testing.T) {
	has := func(actions []rotation.Action, k rotation.ActionKind) bool {
		return slices.ContainsFunc(actions, func(a rotation.Action) bool { return a.Kind == k })
	}
	t.Run("current, a slot is free", func(t *testing.T) {
		inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
			d.live(3 * time.Minute)
			d.refused(ask(rotation.RequestRevoke, "AKIAIOSFODNN7EXAMPLE"), "the user has no such access key")
			leaked, _ := d.current(anyName)
			d.world.AllowRevoke(leaked)
			f := d.foreseen(ask(rotation.RequestRevoke, leaked))
			if f.Refused != "" || !has(f.Now, rotation.CreateKey) || !has(f.Now, rotation.DeactivateKey) {
				t.Errorf("it is foreseen as %+v", f)
			}
			if !d.active(anyName, leaked) {
				t.Fatal("foreseeing deactivated it")
			}
			d.done(ask(rotation.RequestRevoke, leaked))
			if now, works := d.current(anyName); now == leaked || !works || d.active(anyName, leaked) {
				t.Errorf("%s is current (works: %v), and the leaked one Active: %v", now, works, d.active(anyName, leaked))
			}
			if ans := d.done(ask(rotation.RequestRevoke, leaked)); len(ans.Actions) > 0 {
				t.Errorf("asked again it did %v", ans.Actions)
			}
			if f := d.foreseen(ask(rotation.RequestRevoke, leaked)); !f.Stands || len(f.Now) > 0 {
				t.Errorf("done, it is foreseen as %+v", f)
			}
			d.refused(ask(rotation.RequestRollback, leaked), "was revoked; a revoked key never comes back")
			d.live(40 * time.Minute)
			if slices.ContainsFunc(d.world.Keys(anyName), func(k awssim.Key) bool { return k.ID == leaked }) {
				t.Error("the leaked key is not deleted")
			}
		})
	})
	t.Run("current, no slot is free", func(t *testing.T) {
		inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
			d.live(3 * time.Minute)
			d.done(ask(rotation.RequestRotate, ""))
			leaked, _ := d.current(anyName)
			earlier := d.world.Keys(anyName)[0].ID
			d.world.AllowRevoke(leaked)
			f := d.foreseen(ask(rotation.RequestRevoke, leaked))
			if has(f.Now, rotation.CreateKey) || len(f.Then) == 0 || f.Then[0].Action != rotation.Promote ||
				f.Then[0].KeyID != earlier {
				t.Errorf("it is foreseen as %+v", f)
			}
			ans := d.done(ask(rotation.RequestRevoke, leaked))
			if d.active(anyName, leaked) || len(ans.Then) == 0 || ans.Then[0].Action != rotation.Promote {
				t.Errorf("the leaked key is Active: %v; what lies ahead: %+v", d.active(anyName, leaked), ans.Then)
			}
			d.live(3 * time.Minute)
			if now, works := d.current(anyName); now != earlier || !works {
				t.Errorf("%s is current (works: %v), want %s again", now, works, earlier)
			}
		})
	})
	t.Run("previous", func(t *testing.T) {
		inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
			d.live(3 * time.Minute)
			d.done(ask(rotation.RequestRotate, ""))
			leaked := d.world.Keys(anyName)[0].ID
			d.world.AllowRevoke(leaked)
			d.done(ask(rotation.RequestRevoke, leaked))
			if _, works := d.current(anyName); !works || d.active(anyName, leaked) {
				t.Errorf("current works: %v, the leaked one is Active: %v", works, d.active(anyName, leaked))
			}
		})
	})
}

// TestOfficeAdopt: a key that keyturn made is not adopted, one that somebody else made is, and goes once it is quiet. A user that was
// deleted and made anew is accepted.
func TestOfficeAdopt(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		stored, _ := d.current(anyName)
		d.refused(ask(rotation.RequestAdopt, stored), "only a key that keyturn did not make can be adopted")
		d.refused(ask(rotation.RequestAdopt, "AKIAIOSFODNN7EXAMPLE"), "the user must have it")
		d.refused(ask(rotation.RequestAdopt, ""), "was not deleted and made anew")
		foreign, _, err := d.world.People().CreateAccessKey(anyName)
		if err != nil {
			t.Fatal(err)
		}
		d.live(10 * time.Minute)
		if s, err := d.States(t.Context(), anyName); err != nil || s[0].Reason != rotation.BlockedForeignKey {
			t.Fatalf("with a foreign key the user is %+v, %v", s, err)
		}
		d.world.AllowRetire(foreign)
		f := d.foreseen(ask(rotation.RequestAdopt, foreign))
		if len(f.Then) == 0 || f.Then[0].Action != rotation.DeactivateKey || f.Then[0].KeyID != foreign ||
			f.Then[0].At.Before(time.Now().Add(6*24*time.Hour)) {
			t.Errorf("adopting is foreseen as %+v", f)
		}
		d.done(ask(rotation.RequestAdopt, foreign))
		if ans := d.done(ask(rotation.RequestAdopt, foreign)); slices.ContainsFunc(ans.Actions, func(a rotation.Action) bool {
			return a.Kind == rotation.RecordAdopted
		}) {
			t.Error("it was recorded twice")
		}
		for range 8 * 24 {
			d.pass(fleet.Pass{DueOnly: true})
			time.Sleep(time.Hour)
		}
		if slices.ContainsFunc(d.world.Keys(anyName), func(k awssim.Key) bool { return k.ID == foreign }) {
			t.Errorf("the adopted key stands after eight days:\n%s", d.picture())
		}

		d.world.Uncare(anyName) // the simulator knows no second life of a user
		if err := errors.Join(d.world.People().DeleteUser(anyName), d.world.People().CreateUser(anyName, "/service/", nil)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		d.live(70 * time.Minute)
		d.refused(ask(rotation.RequestRotate, ""), "blocked-user-changed")
		d.done(ask(rotation.RequestAdopt, ""))
		d.live(3 * time.Minute)
		if now, works := d.current(anyName); !works {
			t.Errorf("the accepted user has no working key: %s", now)
		}
	})
}

// TestOfficePause: a paused user's keys stay as they are, whatever becomes due; pausing twice is nothing new, and resuming a user that
// is not paused is refused. A user that keyturn has not seen yet can be paused, and a pause outlives the database.
func TestOfficePause(t *testing.T) {
	inOffice(t, 2, awssim.Config{}, func(t *testing.T, d *desk) {
		d.done(ask(rotation.RequestPause, "")) // before its onboarding
		if n := len(d.world.Keys(anyName)); n != 0 {
			t.Errorf("a user that was paused before its onboarding has %d keys", n)
		}
		d.done(ask(rotation.RequestResume, ""))
		d.live(13 * time.Minute)
		d.refused(ask(rotation.RequestResume, ""), "the user is not paused")
		if ans := d.done(ask(rotation.RequestPause, "")); len(ans.Actions) != 1 {
			t.Errorf("pausing took %v", ans.Actions)
		}
		before := d.world.Keys(anyName)
		if ans := d.done(ask(rotation.RequestPause, "")); len(ans.Actions) != 0 || ans.Detail != "test" {
			t.Errorf("pausing again took %v, and says %q", ans.Actions, ans.Detail)
		}
		d.live(time.Hour)
		if now := d.world.Keys(anyName); !slices.Equal(now, before) {
			t.Errorf("the keys of a paused user changed from %v to %v", before, now)
		}
		d.done(ask(rotation.RequestResume, ""))
		d.live(20 * time.Minute)
		if now, works := d.current(anyName); !works || now == before[len(before)-1].ID {
			t.Errorf("after resume %s is current (works: %v)", now, works)
		}
	})
}

// TestOfficeFailures: what AWS may answer otherwise in a minute is asked for again; what a person has to mend is told at once.
func TestOfficeFailures(t *testing.T) {
	var fate func(*awssim.Call) awssim.Fate
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if fate == nil || !c.Rotator {
			return awssim.Fate{}
		}
		return fate(c)
	}}
	inOffice(t, 1, sim, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		lost := 0
		fate = func(c *awssim.Call) awssim.Fate {
			if c.Operation == "TagResource" && lost < 4 { // all tries of a run
				lost++
				return awssim.Fate{DropReply: true}
			}
			return awssim.Fate{}
		}
		ans := d.done(ask(rotation.RequestPause, "")) // the tag stood, and nobody knew
		if lost == 0 {
			t.Errorf("no answer was lost: %+v", ans)
		}
		d.done(ask(rotation.RequestResume, ""))
		leaked, _ := d.current(anyName)
		d.world.AllowRevoke(leaked)
		failed := 0
		fate = func(c *awssim.Call) awssim.Fate { // the run ends between the mark and the deactivation
			if c.Operation == "UpdateAccessKey" && failed < 3 {
				failed++
				return awssim.Fate{FailBefore: awssim.ServiceFailure}
			}
			return awssim.Fate{}
		}
		if d.done(ask(rotation.RequestRevoke, leaked)); failed < 3 || d.active(anyName, leaked) {
			t.Errorf("after %d failures the leaked key is Active: %v", failed, d.active(anyName, leaked))
		}
		d.done(ask(rotation.RequestPause, ""))
		fate = func(c *awssim.Call) awssim.Fate {
			if c.Operation == "TagResource" {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{}
		}
		time.Sleep(90 * time.Second)
		began := time.Now()
		ans, err := d.Do(t.Context(), ask(rotation.RequestResume, ""))
		if err != nil || ans.Done || !strings.Contains(ans.Error, "allow secretsmanager:TagResource") || ans.Refused == "" ||
			time.Since(began) > 10*time.Second {
			t.Errorf("a missing permission is told after %v as %+v, %v", time.Since(began), ans, err)
		}
		fate = nil
		unknown := ask(rotation.RequestPause, "")
		unknown.User = "user-7"
		_, err = d.Do(t.Context(), unknown)
		var who *fleet.UnknownUserError
		if !errors.As(err, &who) || who.Nearest != anyName {
			t.Errorf("an unknown user is told as %v", err)
		}
	})
}

// TestOfficeHooks: an office that is given the selection asks AWS for nobody, and tells of each run that it made.
// TestOfficeQuota: rotations of the schedule count as those that are asked for do, for a day.
func TestOfficeQuota(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		user := rotation.User{Account: "123456789012", Name: anyName}
		left := func() int {
			t.Helper()
			q, err := d.Quota(t.Context(), user)
			if err != nil || q.Limit != fleet.RotationsADay || q.Left > 0 != q.Next.IsZero() {
				t.Errorf("%+v, %v", q, err)
			}
			return q.Left
		}
		before := left()
		d.live(time.Hour)
		scheduled := before - left()
		if scheduled < 5 {
			t.Errorf("%d rotations of a schedule of 10 minutes within an hour", scheduled)
		}
		d.done(ask(rotation.RequestRotate, ""))
		if after := before - left(); after != scheduled+1 {
			t.Errorf("%d with the one that was asked for, not %d", after, scheduled+1)
		}
		d.live(23 * time.Hour)
		if left() > 0 {
			t.Errorf("%d are left after a day of a schedule of 10 minutes", left())
		}
		time.Sleep(24 * time.Hour)
		if left() != fleet.RotationsADay {
			t.Errorf("%d are left a day after the last one", left())
		}
	})
}

func TestOfficeHooks(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.live(3 * time.Minute)
		sel, err := d.fleet.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var told []rotation.Reason
		office, err := fleet.NewOffice(fleet.OfficeConfig{DB: d.db, Fleet: func() *fleet.Fleet { return d.fleet },
			Selection: func(context.Context, bool) (fleet.Selection, error) { return sel, nil },
			Looked:    func(_ fleet.Member, res reconcile.Result) { told = append(told, res.Reason) }})
		if err != nil {
			t.Fatal(err)
		}
		asked := d.world.Counts()["GetAccountAuthorizationDetails"]
		ans, err := office.Do(t.Context(), ask(rotation.RequestRotate, ""))
		if err != nil || !ans.Done || d.world.Counts()["GetAccountAuthorizationDetails"] != asked {
			t.Errorf("%+v, %v; discovered %d times", ans, err, d.world.Counts()["GetAccountAuthorizationDetails"]-asked)
		}
		if len(told) == 0 || told[len(told)-1] != rotation.ReasonAsked {
			t.Errorf("it told of %v", told)
		}
	})
}
