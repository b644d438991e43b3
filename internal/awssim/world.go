package awssim

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// World is one simulated AWS account. It is safe for use by many goroutines.
type World struct {
	cfg    Config
	people *People
	inbox  inbox

	signing signingKeys

	// Everything below is guarded by mu, which is held only while a call takes effect: never over a
	// delay, a signature or the test's own code.
	mu        sync.Mutex
	users     map[string]*userSlot
	userNames []string // existing users, sorted
	keys      map[string]*key
	sessions  int
	groups    map[string]*group
	policies  map[string]*managedPolicy
	secrets   map[string]*secretSlot // by Region + "/" + name
	secretIDs []string               // keys of existing secrets, in order of creation
	report    credentialReport
	rootKeys  []rootKey
	stacks    []*stack // in order of creation
	buckets   map[bucketID]*bucket
	disabled  map[string]bool // Regions
	kmsBroken bool
	care      map[string]*care // by user
	careOf    map[string]*care // by secret, as in secrets
	rotator   string           // user name
	rotatorID string
	broken    []string // violations, oldest first
	unsaid    []string // violations not yet reported
	counts    map[string]*opCount
	byRotator map[string]int64
	throttled map[string]int64

	seq     atomic.Int64
	request atomic.Uint64
}

type opCount struct{ n int64 }

// New makes a world that holds one user: the administrator whose credentials RotatorKey returns.
func New(cfg Config) *World {
	w := &World{
		cfg:       cfg.withDefaults(),
		users:     map[string]*userSlot{},
		keys:      map[string]*key{},
		groups:    map[string]*group{},
		policies:  map[string]*managedPolicy{},
		secrets:   map[string]*secretSlot{},
		buckets:   map[bucketID]*bucket{},
		disabled:  map[string]bool{},
		care:      map[string]*care{},
		careOf:    map[string]*care{},
		counts:    map[string]*opCount{},
		byRotator: map[string]int64{},
		throttled: map[string]int64{},
	}
	w.people = &People{w}
	w.inbox.init()
	w.rotator = "keyturn-rotator"
	now := w.now()
	slot := w.addUser(w.rotator, "/", nil, now)
	slot.edit(w, now, func(u *userState) {
		u.attached = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	})
	k := w.addKey(slot, actor{}, now)
	k.activated = time.Time{} // propagated long ago
	w.rotatorID = k.id
	return w
}

// RotatorKey returns an administrator's credentials, for the rotator and for the aws CLI. The safety
// rules judge what is done with them.
func (w *World) RotatorKey() (id, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.keys[w.rotatorID]
	return k.id, k.secret
}

// now is the true time. It has no monotonic part: ages are differences of what the clock says.
func (w *World) now() time.Time { return w.cfg.Clock().Round(0) }

// Counts returns how many calls of each operation were made, refused ones included.
func (w *World) Counts() map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string]int64, len(w.counts))
	for op, c := range w.counts {
		out[op] = c.n
	}
	return out
}

// RotatorCounts is Counts for calls about the work of the rotator: those signed by its own key.
func (w *World) RotatorCounts() map[string]int64 { return w.copyCounts(w.byRotator) }

// ThrottledCounts returns how many calls of each operation were throttled, by rate or by Fate.
func (w *World) ThrottledCounts() map[string]int64 { return w.copyCounts(w.throttled) }

func (w *World) copyCounts(m map[string]int64) map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string]int64, len(m))
	for op, n := range m {
		out[op] = n
	}
	return out
}

// ResetCounts forgets the counts of calls.
func (w *World) ResetCounts() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.counts)
	clear(w.byRotator)
	clear(w.throttled)
}

// actor is who changes something: people (the zero value), the rotator, or another caller.
type actor struct{ rotator, wire bool }

// tagged lists are kept in the order in which tags were first set.

// Tag is a tag of a user or a secret.
type Tag struct{ Key, Value string }

func putTags(tags, more []Tag) []Tag {
	out := slices.Clone(tags)
	for _, t := range more {
		if i := slices.IndexFunc(out, func(o Tag) bool { return o.Key == t.Key }); i >= 0 {
			out[i].Value = t.Value
		} else {
			out = append(out, t)
		}
	}
	return out
}

func dropTags(tags []Tag, keys []string) []Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool { return slices.Contains(keys, t.Key) })
}
