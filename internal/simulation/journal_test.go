package simulation

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// memory is a journal that lives as long as its world: the database of most simulated worlds, for speed. The others use the
// real one (package store), which has the same conformance suite.
type memory struct {
	mu     sync.Mutex
	users  map[rotation.User]*record
	events []*entry
}

type record struct {
	holder   string
	until    time.Time
	quiet    time.Time
	standing rotation.Standing
}

type entry struct {
	rotation.Event
	outcome rotation.Outcome
	made    string
}

func newMemory() *memory { return &memory{users: map[rotation.User]*record{}} }

func (m *memory) Begin(_ context.Context, e rotation.Event) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, &entry{Event: e})
	return int64(len(m.events)), nil
}

func (m *memory) End(_ context.Context, id int64, _ time.Time, o rotation.Outcome, keyID, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > int64(len(m.events)) {
		return errors.New("no such event")
	}
	m.events[id-1].outcome, m.events[id-1].made = o, keyID
	return nil
}

func (m *memory) Witness(_ context.Context, u rotation.User, intent string) (rotation.Witness, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var w rotation.Witness
	for _, e := range m.events {
		if e.User != u || e.Run != intent {
			continue
		}
		switch e.Action {
		case rotation.WriteIntent, rotation.Onboard:
			w = rotation.Witness{Intent: intent, NotMade: true}
		case rotation.CreateKey:
			w = rotation.Witness{Intent: intent, NotMade: e.outcome == rotation.Failed}
			if e.outcome == rotation.Done {
				w.CreatedID = e.made
			}
		}
	}
	return w, nil
}

func (m *memory) Acquire(_ context.Context, u rotation.User, holder string, now, until time.Time) (rotation.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[u]
	if r == nil {
		r = &record{}
		m.users[u] = r
	}
	if r.holder != "" && r.holder != holder && r.until.After(now) {
		return rotation.Lease{Until: r.until}, nil
	}
	if r.holder != "" && r.holder != holder { // it died: what it did was over when its lease was
		r.quiet = maxTime(r.quiet, r.until.Add(-rotation.DefaultLimits().Settle))
	}
	r.holder, r.until = holder, until
	return rotation.Lease{Taken: true, Quiet: r.quiet}, nil
}

func (m *memory) Finish(_ context.Context, u rotation.User, holder string, s rotation.Standing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[u]
	if r == nil || r.holder != holder {
		return errors.New("the lease is not held any more")
	}
	if !s.Changed.IsZero() {
		r.quiet = s.Changed
	} else if r.quiet.IsZero() {
		r.quiet = s.At
	}
	s.Keys = append([]rotation.ClassifiedKey(nil), s.Keys...)
	r.holder, r.until, r.standing = "", time.Time{}, s
	if s.FreeAt.After(s.At) {
		r.holder, r.until = "settling", s.FreeAt
	}
	return nil
}

// standings is what the database says of every user.
func (m *memory) standings() map[rotation.User]rotation.Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[rotation.User]rotation.Standing{}
	for u, r := range m.users {
		out[u] = r.standing
	}
	return maps.Clone(out)
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
