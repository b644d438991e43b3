package apikey

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// newVersion is a VersionId: a random UUID, version 4.
func newVersion() string {
	var u [16]byte
	rand.Read(u[:]) // never fails: it ends the program instead
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Create makes a key and gives its text, which is kept nowhere. Its errors are ErrInvalid, ErrBusy, and those of AWS.
func (r *Ring) Create(ctx context.Context, s Spec) (Key, rotation.Sensitive, error) {
	id, text := newText()
	k, err := s.key(id, r.clock())
	if err != nil {
		return Key{}, rotation.Sensitive{}, err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := r.place(ctx, r.add(kept(k, text))); err != nil {
		return Key{}, rotation.Sensitive{}, fmt.Errorf("creating the API key %s: %w", s.Name, err)
	}
	return k, text, nil
}

// List gives all keys, the oldest first; those that are over for at least 30 days more.
func (r *Ring) List(ctx context.Context) ([]Key, error) {
	if err := r.readAll(ctx); err != nil {
		return nil, fmt.Errorf("listing the API keys: %w", err)
	}
	s := r.now.Load()
	entries := slices.SortedFunc(maps.Values(s.keys), func(a, b *entry) int {
		return cmp.Or(a.key.Created.Compare(b.key.Created), cmp.Compare(a.place, b.place))
	})
	out := make([]Key, len(entries))
	for i, e := range entries {
		out[i] = e.key
	}
	return out, nil
}

// find reads all shards and gives the key and its shard.
func (r *Ring) find(ctx context.Context, id string) (Key, int, error) {
	err := r.readAll(ctx)
	if s := r.now.Load(); s != nil && s.keys[id] != nil {
		return s.keys[id].key, s.keys[id].shard, nil
	}
	if err == nil {
		err = NoKey(id)
	}
	return Key{}, 0, err
}

// Get gives one key as it is now, or ErrNoKey.
func (r *Ring) Get(ctx context.Context, id string) (Key, error) {
	k, _, err := r.find(ctx, id)
	return k, err
}

// Revoke ends a key now. Every server refuses it within 10 s. One that is revoked already stays so: that is no error.
func (r *Ring) Revoke(ctx context.Context, id string) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	_, shard, err := r.find(ctx, id)
	if err == nil {
		err = r.change(ctx, shard, r.mark(id))
	}
	if errors.Is(err, rotation.ErrVersionQuota) {
		err = r.place(ctx, r.mark(id)) // the mark counts wherever it stands
	}
	if err != nil {
		return fmt.Errorf("revoking the API key %s: %w", id, err)
	}
	return nil
}

// Rotate makes a key like another one, by whom is said, and lets the other one expire after the overlap, if it does not before. When
// it gives both a key and an error, then the new key stands, and the other one keeps its expiry.
func (r *Ring) Rotate(ctx context.Context, id, by string, overlap time.Duration) (Key, rotation.Sensitive, error) {
	if overlap < 0 {
		return Key{}, rotation.Sensitive{}, fmt.Errorf("%w: the overlap is negative", ErrInvalid)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	fail := func(err error) (Key, rotation.Sensitive, error) {
		return Key{}, rotation.Sensitive{}, fmt.Errorf("rotating the API key %s: %w", id, err)
	}
	old, shard, err := r.find(ctx, id)
	if err != nil {
		return fail(err)
	}
	now := r.clock()
	if old.Over(now) {
		return fail(ErrRevoked)
	}
	s := old.Spec()
	s.By = by
	newID, text := newText()
	k, err := s.key(newID, now)
	if err != nil {
		return fail(err)
	}
	k.Follows = id
	next, until := kept(k, text), now.Add(overlap).Unix()

	// In one shard it is one change: both or none.
	err = r.change(ctx, shard, func(d *document) error {
		if err := r.add(next)(d); err != nil {
			return err
		}
		return shorten(d, id, until)
	})
	if err == nil {
		return k, text, nil
	}
	if !passes(err) {
		return fail(err)
	}
	// The new key goes to another shard. A crash before the second change: both keys are good, the old one until its own expiry.
	if err := r.place(ctx, r.add(next)); err != nil {
		return fail(err)
	}
	if err := r.change(ctx, shard, func(d *document) error { return shorten(d, id, until) }); err != nil && !errors.Is(err, errDone) {
		return k, text, fmt.Errorf("the new API key %s stands, but the old one, %s, goes on until %s: %w", k.ID, id, old.Expires.Format(time.RFC3339), err)
	}
	return k, text, nil
}

// shorten lets a key expire earlier.
func shorten(d *document, id string, until int64) error {
	k := d.find(id)
	switch {
	case k == nil || k.Revoked != 0:
		return ErrRevoked
	case k.Expires > until:
		k.Expires = until
	}
	return nil
}
