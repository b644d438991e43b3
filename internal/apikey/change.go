package apikey

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// errFull: the shard takes no more keys. errDone: what was to be changed is so already.
var (
	errFull = errors.New("the shard of API keys is full")
	errDone = errors.New("nothing to change")
)

// edit changes a document. It says errDone when the change stands in it already, so it may be made again after a lost answer.
type edit func(*document) error

const (
	attempts  = 20
	patient   = 8 // of them, about five seconds, for a read that may be stale
	firstWait = 50 * time.Millisecond
	mostWait  = 2 * time.Second
)

// change makes an edit of a shard by compare-and-swap, again from what stands there by then when somebody else was faster.
//
// A crash before the put: nothing happened. Between the put and the move of AWSCURRENT: a version lies there that nothing names but
// keyturn's own stage, which the next put takes; the old document counts. After the move: the new document counts. Whoever dies
// before the key's text was shown leaves a key that nobody can use; it is listed and can be revoked.
func (r *Ring) change(ctx context.Context, shard int, e edit) error {
	for n := range attempts {
		if err := pause(ctx, n); err != nil {
			return err
		}
		got, err := r.c.Vault.Read(ctx, shard)
		if shard == 0 && n < patient && errors.Is(err, rotation.ErrNoSecret) {
			continue // it was there a moment ago, so this is from before it was made
		}
		if err != nil {
			return err
		}
		doc, err := readDocument(got.Value)
		if err != nil {
			return fmt.Errorf("API keys, shard %d, version %s: %w", shard, got.Version, err)
		}
		if err := e(doc); errors.Is(err, errDone) {
			return nil
		} else if err != nil {
			return err
		}
		doc.prune(r.clock())
		value, err := doc.encode()
		if err != nil {
			return err
		}
		version := newVersion()
		began := time.Now()
		err = r.c.Vault.Replace(ctx, shard, got.Version, version, value)
		switch {
		case err == nil:
			r.learn(shard, held{began: began, order: time.Now(), version: version, doc: doc})
			return nil
		case errors.Is(err, rotation.ErrConflict):
		case errors.Is(err, rotation.ErrThrottled), errors.Is(err, rotation.ErrUnavailable) && !rotation.Definite(err) && ctx.Err() == nil:
			// It may have happened: the next look finds the edit done, or makes it again.
		default:
			return err
		}
	}
	return ErrBusy
}

// pause waits before the attempt n, the first aside; all writers wait differently.
func pause(ctx context.Context, n int) error {
	if n == 0 {
		return ctx.Err()
	}
	wait := min(firstWait<<min(n, 10), mostWait)
	timer := time.NewTimer(wait/4 + rand.N(wait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place makes an edit in any shard that takes it, the newest first, or in a new one.
func (r *Ring) place(ctx context.Context, e edit) error {
	for n := range attempts {
		if err := pause(ctx, n); err != nil {
			return err
		}
		if err := r.readShard(ctx, 0); err != nil {
			return err
		}
		r.mu.Lock()
		none, count := r.shards[0].doc == nil, len(r.shards)
		r.mu.Unlock()
		if none {
			// The first key of all. A crash after it: as after a move, above.
			if err := r.begin(ctx, 0, e); !errors.Is(err, rotation.ErrSecretExists) {
				return err
			}
			continue // somebody was faster
		}
		for shard := count - 1; shard >= 0; shard-- {
			err := r.change(ctx, shard, e)
			if !passes(err) && (shard == 0 || !absent(err) && !errors.Is(err, rotation.ErrBadSecret)) {
				return err
			}
		}
		if count >= maxShards {
			return fmt.Errorf("%w: there are as many as keyturn keeps: revoke what nobody uses", ErrInvalid)
		}
		return r.grow(ctx, count, e)
	}
	return ErrBusy
}

// passes reports that another shard may take what this one did not.
func passes(err error) bool {
	return errors.Is(err, errFull) || errors.Is(err, rotation.ErrVersionQuota)
}

// grow makes the edit in the next shard, and then lets shard 0 name it. A crash between: the new shard stands and does not count;
// the next one that grows finds it and goes on from there.
func (r *Ring) grow(ctx context.Context, shard int, e edit) error {
	err := r.begin(ctx, shard, e)
	if errors.Is(err, rotation.ErrSecretExists) {
		if err = r.change(ctx, shard, e); errors.Is(err, rotation.ErrNoSecret) {
			err = ErrBusy // it was made a moment ago, and a read may be from before
		}
	}
	if err != nil && !errors.Is(err, errFull) {
		return err
	}
	full := err
	err = r.change(ctx, 0, func(d *document) error {
		if d.Shards > shard {
			return errDone
		}
		d.Shards = shard + 1
		return nil
	})
	switch {
	case err != nil:
		return err
	case full != nil:
		return r.grow(ctx, shard+1, e)
	}
	return r.readShard(ctx, shard)
}

// begin makes a shard that holds this edit.
func (r *Ring) begin(ctx context.Context, shard int, e edit) error {
	doc := &document{V: 1, Keys: []keptKey{}}
	if shard == 0 {
		doc.Shards = 1
	}
	if err := e(doc); err != nil && !errors.Is(err, errDone) {
		return err
	}
	value, err := doc.encode()
	if err != nil {
		return err
	}
	if err := r.c.Vault.Create(ctx, shard, value); err != nil {
		if rotation.Definite(err) || !errors.Is(err, rotation.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w: %w", rotation.ErrSecretExists, err) // it may: look
	}
	return r.readShard(ctx, shard)
}

// add is the edit that adds a key.
func (r *Ring) add(k keptKey) edit {
	return func(d *document) error {
		switch {
		case d.find(k.ID) != nil:
			return errDone
		case !d.room(k, r.clock()):
			return errFull
		}
		d.Keys = append(d.Keys, k)
		return nil
	}
}

// mark is the edit that revokes a key, in its own shard or in another one.
func (r *Ring) mark(id string) edit {
	return func(d *document) error {
		at := r.clock().Unix()
		switch k := d.find(id); {
		case k != nil && k.Revoked != 0, slices.ContainsFunc(d.Others, func(o deadline) bool { return o.ID == id }):
			return errDone
		case k != nil:
			k.Revoked = at
		default:
			d.Others = append(d.Others, deadline{id, at})
		}
		return nil
	}
}
