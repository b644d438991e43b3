package simulation

import (
	"encoding/json"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// keyIDOf reads the key id out of a secret's value, "" when it names none.
func keyIDOf(value string) string {
	var v struct{ AccessKeyId string }
	_ = json.Unmarshal([]byte(value), &v)
	return v.AccessKeyId
}

// consume is a consumer that asks for credentials now. It is handed what an answer as stale as they come would hand it, uses the
// key until the Expiration, and asks again. A promise that is broken is the failed call that it would have made.
func (w *world) consume() {
	seen, ok := w.truth()
	id := w.currentKey()
	stale := time.Duration(w.rng.Int64N(int64(staleness)))
	if ok && !w.excused && !w.revoked[id] && !w.currentWorks() {
		w.fail("a consumer that reads the secret now gets %q, which does not work", id)
	}
	w.after(stale, func() {
		if !ok || id == "" || w.excused || !w.keyWorks(id) {
			return
		}
		seen.Now = w.now().Truncate(time.Second)
		until := rotation.Expiration(w.schedule, w.limits, seen, id)
		if until.After(w.promises[id]) {
			w.promises[id] = until
		}
	})
	w.after(20*time.Second+time.Duration(w.rng.Int64N(int64(2*time.Minute))), w.consume)
}

func (w *world) keyWorks(id string) bool {
	for _, k := range w.sim.Keys(username) {
		if k.ID == id {
			return k.Status == "Active"
		}
	}
	return false
}

// truth is the observation of someone who sees everything at once; false before the first promotion.
func (w *world) truth() (rotation.Observation, bool) {
	s, ok := w.secret()
	if !ok || s.stage(rotation.StageCurrent) == "" || w.promoted == 0 {
		return rotation.Observation{}, false
	}
	o := rotation.Observation{User: w.user, UserID: w.userID, Now: w.now().Truncate(time.Second), Keys: []rotation.Key{}}
	for _, k := range w.sim.Keys(username) {
		o.Keys = append(o.Keys, rotation.Key{ID: k.ID, Status: rotation.KeyStatus(k.Status), Created: k.Created.Truncate(time.Second)})
	}
	o.Secret = rotation.Secret{Exists: true, Versions: s.stages(), Tags: s.Tags}
	return o, true
}
