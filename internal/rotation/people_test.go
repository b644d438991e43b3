package rotation

import (
	"fmt"
	"slices"
	"time"
)

// The acts of people, each as the console would do it.

func (w *world) personCreates(id string) {
	w.remember()
	w.o.Keys = append(slices.Clone(w.o.Keys), Key{id, Active, w.now.Truncate(time.Second)})
	if w.o.Secret.Exists {
		w.truth.foreign[id] = true
	}
	w.truth.activeAt[id] = w.now
}

func (w *world) personSets(id string, status KeyStatus) bool {
	w.remember()
	w.o.Keys = slices.Clone(w.o.Keys)
	for i, k := range w.o.Keys {
		if k.ID == id && k.Status != status {
			w.o.Keys[i].Status = status
			// What is neither on record nor seen by a look cannot count: a flip between two looks leaves no trace in AWS.
			st, _, _ := ParseState(w.o.Secret.Tags)
			since, known := st.since(id)
			switch {
			case status == Active && known && since.Inactive:
				w.truth.activeAt[id] = w.now
			case status == Inactive && !(known && since.Inactive):
				w.truth.inactiveAt[id] = w.now
			}
			return true
		}
	}
	return false
}

func (w *world) personDeletes(id string) {
	w.remember()
	w.o.Keys = slices.DeleteFunc(slices.Clone(w.o.Keys), func(k Key) bool { return k.ID == id })
}

// personEdits stores a new value by hand: the console makes a random version id and moves AWSCURRENT to it.
func (w *world) personEdits(keyID string) {
	w.remember()
	w.edits++
	version := fmt.Sprintf("%08x-aaaa-4bbb-8ccc-000000000000", w.edits)
	w.names[version] = keyID
	w.o.Secret.Versions = cloneSecret(w.o.Secret).Versions
	w.o.Secret.Exists = true
	w.o.promote(version)
	w.truth.handedOut[keyID] = true
}

// personMoves moves AWSCURRENT to the stored version of a key.
func (w *world) personMoves(keyID string) {
	w.remember()
	w.o.Secret.Versions = cloneSecret(w.o.Secret).Versions
	w.o.promote(VersionID(keyID))
	w.truth.handedOut[keyID] = true
}

func (w *world) personRecreatesUser() {
	w.remember()
	w.o.Keys = []Key{}
	w.o.UserID += "2"
}

func (w *world) personAdoptable(id string) {
	delete(w.truth.foreign, id)
	w.truth.handedOut[id] = true
}
