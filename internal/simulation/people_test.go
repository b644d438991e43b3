package simulation

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// act lets a person or an operator do one ordinary thing by hand, now. The next look comes only once it can be seen: an act in
// the seconds before a look is unsafe by nature, and the documentation says so.
func (w *world) act() {
	if w.intentWindow() {
		w.after(3*time.Minute, w.act) // a stranger made inside an open intent's seconds cannot be told from our own key
		return
	}
	acts := []func(){w.createForeign, w.deactivateKey, w.deactivateKey, w.reactivateKey, w.deleteKey, w.editSecret, w.editSecret,
		w.otherFields, w.stripTags, w.recreateUser, w.moveStage, w.deleteSecret, w.askRotate, w.askRevoke, w.askRollback, w.askPause,
		w.changeSchedule, w.freezeAll}
	acts[w.rng.IntN(len(acts))]()
	w.hit = true
	w.notYet = time.Now().Add(staleness + time.Second)
}

// later gives the time that people take to notice and mend things.
func (w *world) later() time.Duration {
	return time.Minute + time.Duration(w.rng.Int64N(int64(40*time.Minute)))
}

// intentWindow reports whether an open intent could still claim a key made now.
func (w *world) intentWindow() bool {
	s, ok := w.secret()
	if !ok {
		return true
	}
	st, present, err := rotation.ParseState(s.Tags)
	return err != nil || !present || st.Intent.Open && w.now().Before(st.Intent.At.Add(w.limits.Window()+2*time.Second))
}

func (w *world) createForeign() {
	if len(w.sim.Keys(username)) > 1 {
		return
	}
	id, _, _ := w.sim.People().CreateAccessKey(username)
	w.note("person creates %s", id)
	if w.rng.IntN(3) == 0 {
		w.sim.AllowRetire(id)
		w.after(w.later(), func() { w.ask(rotation.Request{Kind: rotation.RequestAdopt, KeyID: id}) })
	}
	w.after(w.later()+20*time.Minute, func() { w.removeKey(id) })
}

func (w *world) removeKey(id string) {
	for _, k := range w.sim.Keys(username) {
		if k.ID == id {
			w.note("person deletes %s", id)
			w.sim.People().DeleteAccessKey(username, id)
			w.notYet = time.Now().Add(staleness + time.Second)
		}
	}
}

// disturb notes that people may have broken what consumers hold, and forgets what was promised on these keys.
func (w *world) disturb(ids ...string) {
	w.excused = true
	for _, id := range ids {
		delete(w.promises, id)
	}
}

func (w *world) anyKey() string {
	keys := w.sim.Keys(username)
	if len(keys) == 0 {
		return ""
	}
	return keys[w.rng.IntN(len(keys))].ID
}

func (w *world) deactivateKey() {
	id := w.anyKey()
	if id == "" {
		return
	}
	w.note("person deactivates %s", id)
	w.disturb(id)
	w.sim.People().SetKeyStatus(username, id, "Inactive")
}

func (w *world) reactivateKey() {
	for _, k := range w.sim.Keys(username) {
		if k.Status != "Active" {
			w.note("person reactivates %s", k.ID)
			w.sim.People().SetKeyStatus(username, k.ID, "Active")
			return
		}
	}
}

func (w *world) deleteKey() {
	if id := w.anyKey(); id != "" {
		w.disturb(id)
		w.removeKey(id)
	}
}

// editSecret puts a value by hand: an earlier key, the same one, or one that does not exist.
func (w *world) editSecret() {
	s, ok := w.secret()
	if !ok || s.pendingDeletion() || s.stage(rotation.StageCurrent) == "" {
		return
	}
	value := s.value(s.stage(rotation.StageCurrent))
	if previous := s.stage(rotation.StagePrevious); previous != "" && w.rng.IntN(2) == 0 {
		value = s.value(previous)
	} else if w.rng.IntN(4) == 0 {
		value = `{"AccessKeyId":"AKIAGONEGONEGONEGONE","SecretAccessKey":"gone"}`
	}
	w.note("person edits the secret: names %s", keyIDOf(value))
	w.disturb()
	w.sim.People().PutSecretValue(secretName, strings.TrimSpace(value)+" ")
}

// otherFields adds a field of somebody else's to the secret.
func (w *world) otherFields() {
	s, ok := w.secret()
	if !ok || s.pendingDeletion() || s.stage(rotation.StageCurrent) == "" {
		return
	}
	fields := map[string]any{}
	if json.Unmarshal([]byte(s.value(s.stage(rotation.StageCurrent))), &fields) != nil {
		return
	}
	fields["DatabaseHost"] = time.Now().String()
	value, _ := json.Marshal(fields)
	w.note("person adds a field")
	w.disturb()
	w.sim.People().PutSecretValue(secretName, string(value))
}

// stripTags is what infrastructure as code does; the operator restores them later.
func (w *world) stripTags() {
	s, ok := w.secret()
	if !ok {
		return
	}
	kept := maps.Clone(s.Tags)
	gone := rotation.StateTags
	if w.rng.IntN(2) == 0 {
		gone = gone[w.rng.IntN(len(gone)):][:1]
	}
	w.note("person strips %v", gone)
	w.sim.People().UntagSecret(secretName, gone...)
	w.after(w.later(), func() {
		back := map[string]string{}
		for _, k := range gone {
			back[k] = kept[k]
		}
		w.note("person restores %v", gone)
		w.sim.People().TagSecret(secretName, back)
		w.notYet = time.Now().Add(staleness + time.Second)
	})
}

func (w *world) recreateUser() {
	w.note("person deletes the user and makes it anew")
	for _, k := range w.sim.Keys(username) {
		w.disturb(k.ID)
	}
	w.excused = true
	w.sim.People().DeleteUser(username)
	_ = w.sim.People().CreateUser(username, "/service/", nil)
	w.userID = w.sim.Users()[w.index()].ID
	w.after(w.later(), func() { w.ask(rotation.Request{Kind: rotation.RequestAdopt}) })
}

// moveStage is a rollback by hand, in the console or by an old script.
func (w *world) moveStage() {
	s, ok := w.secret()
	if !ok || s.pendingDeletion() || s.stage(rotation.StagePrevious) == "" {
		return
	}
	if st, _, _ := rotation.ParseState(s.Tags); st.Promoted.Version == s.stage(rotation.StagePrevious) {
		return // there and back between two looks cannot be seen: a person's own act
	}
	w.note("person moves AWSCURRENT to %s", keyIDOf(s.value(s.stage(rotation.StagePrevious))))
	w.disturb()
	w.sim.People().MoveStage(secretName, rotation.StageCurrent, s.stage(rotation.StagePrevious))
}

func (w *world) deleteSecret() {
	if s, ok := w.secret(); !ok || s.pendingDeletion() {
		return
	}
	w.note("person schedules the secret for deletion")
	w.disturb()
	w.sim.People().DeleteSecret(secretName)
	w.after(w.later(), func() {
		w.note("person restores the secret")
		w.sim.People().RestoreSecret(secretName)
		w.notYet = time.Now().Add(staleness + time.Second)
	})
}

func (w *world) ask(r rotation.Request) {
	w.note("operator asks %s %s", r.Kind, r.KeyID)
	w.request = r
	if wait := time.Minute; w.notYet.Before(time.Now().Add(wait)) {
		w.after(wait, func() {})
	}
	w.after(time.Second, w.hurry)
}

// hurry brings the next look forward: an operator does not wait for the schedule.
func (w *world) hurry() {
	for i, e := range w.agenda {
		if e.look {
			w.agenda = append(w.agenda[:i], w.agenda[i+1:]...)
			w.lookAt(time.Now())
			return
		}
	}
}

func (w *world) askRotate() { w.ask(rotation.Request{Kind: rotation.RequestRotate}) }

func (w *world) askRevoke() {
	id := w.anyKey()
	if id == "" {
		return
	}
	w.revoked[id] = true
	w.sim.AllowRevoke(id)
	w.disturb(id)
	w.ask(rotation.Request{Kind: rotation.RequestRevoke, KeyID: id})
}

func (w *world) askRollback() {
	w.ask(rotation.Request{Kind: rotation.RequestRollback})
	w.after(w.later(), func() { w.ask(rotation.Request{Kind: rotation.RequestResume}) })
}

func (w *world) askPause() {
	w.ask(rotation.Request{Kind: rotation.RequestPause, Why: "maintenance"})
	w.after(w.later(), func() { w.ask(rotation.Request{Kind: rotation.RequestResume}) })
}

// changeSchedule goes from short to long and back.
func (w *world) changeSchedule() {
	choices := [][3]float64{{10, 12, 15}, {10, 14, 17}, {20, 30, 35}, {15, 16, 20}, {60, 90, 110}}
	c := choices[w.rng.IntN(len(choices))]
	w.schedule = minutes(c[0], c[1], c[2])
	w.note("operator sets the schedule to %v", c)
	w.care(nil)
}
