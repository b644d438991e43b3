package apikey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// atOnce is how many shards are read at the same time.
const atOnce = 8

// readAll reads every shard and takes in what it finds; a shard that cannot be read keeps its keys, which age. Shard 0 says how many
// there are.
func (r *Ring) readAll(ctx context.Context) error {
	errs := []error{r.readShard(ctx, 0)}
	if errs[0] != nil && r.count() == 0 {
		return errs[0]
	}
	n := max(r.count(), 1)
	errs = append(errs, make([]error, n-1)...)
	var wait sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := 1; i < n; i++ {
		slots <- struct{}{}
		wait.Go(func() {
			errs[i] = r.readShard(ctx, i)
			<-slots
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (r *Ring) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.shards)
}

// readShard reads one. A shard that does not exist, or that a person deleted, has no keys: that is how to end all of them at once.
func (r *Ring) readShard(ctx context.Context, shard int) error {
	began := time.Now()
	_, err := r.fetch(ctx, shard, began)
	if absent(err) {
		r.learn(shard, held{began: began, order: began})
		return nil
	}
	return err
}

func absent(err error) bool {
	return errors.Is(err, rotation.ErrNoSecret) || errors.Is(err, rotation.ErrPendingDeletion)
}

// fetch reads a shard and takes in what it finds.
func (r *Ring) fetch(ctx context.Context, shard int, began time.Time) (held, error) {
	got, err := r.c.Vault.Read(ctx, shard)
	if err != nil {
		return held{}, err
	}
	h := held{began: began, order: began, version: got.Version}
	if h.doc = r.same(shard, got.Version); h.doc == nil {
		if h.doc, err = readDocument(got.Value); err != nil {
			return held{}, fmt.Errorf("API keys, shard %d, version %s: %w", shard, got.Version, err)
		}
	}
	r.learn(shard, h)
	return h, nil
}

// same is the document of a version that was read before; versions never change.
func (r *Ring) same(shard int, version string) *document {
	r.mu.Lock()
	defer r.mu.Unlock()
	if shard < len(r.shards) && r.shards[shard].version == version {
		return r.shards[shard].doc
	}
	return nil
}

// learn takes in a shard, unless something later is known, and shows it to requests.
func (r *Ring) learn(shard int, h held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if shard >= len(r.shards) && shard > 0 {
		return // beyond what shard 0 names: not counted, so not valid
	}
	if len(r.shards) == 0 {
		r.shards = make([]held, 1)
	}
	if h.order.Before(r.shards[shard].order) {
		return
	}
	changed := r.shards[shard].version != h.version || r.shards[shard].doc != h.doc
	r.shards[shard] = h
	if shard == 0 {
		n := 1
		if h.doc != nil {
			n = max(h.doc.Shards, 1)
		}
		changed = changed || n != len(r.shards)
		for len(r.shards) < n {
			r.shards = append(r.shards, held{})
		}
		r.shards = r.shards[:n]
	}
	if s := r.now.Load(); s != nil && !changed {
		r.now.Store(s.renew(r.shards))
		return
	}
	r.now.Store(assemble(r.shards))
}
