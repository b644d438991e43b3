package apikey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// vault is Secrets Manager as far as a ring sees it. It checks that nobody loses a change: a document may only take the place of the
// one that it was made from.
type vault struct {
	mu      sync.Mutex
	shards  map[int]Document
	deleted map[int]bool
	delay   time.Duration                        // of every call
	fault   func(call string, shard int) outcome // nil: none
	calls   []string
	puts    map[int]int // versions made, by shard
	quota   int         // of them; 0: none
	begun   int         // calls
}

// outcome is how a call fails.
type outcome int

const (
	fine    outcome = iota
	refused         // no effect, and AWS says so
	unheard         // no effect, and nobody knows
	lost            // an effect, and nobody knows
)

func newVault() *vault {
	return &vault{shards: map[int]Document{}, deleted: map[int]bool{}, puts: map[int]int{}}
}

func awsError(kind error, definite bool) error {
	return &rotation.CallError{Service: "secretsmanager", Operation: "Test", Target: "a shard", Kind: kind, Definite: definite}
}

func (v *vault) begin(ctx context.Context, call string, shard int) (outcome, error) {
	v.mu.Lock()
	v.calls = append(v.calls, fmt.Sprint(call, shard))
	delay, fault := v.delay, v.fault
	v.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return 0, awsError(rotation.ErrUnavailable, false)
		}
	}
	if fault != nil {
		return fault(call, shard), nil
	}
	return fine, ctx.Err()
}

func (o outcome) before() error {
	switch o {
	case refused:
		return awsError(rotation.ErrUnavailable, true)
	case unheard:
		return awsError(rotation.ErrUnavailable, false)
	}
	return nil
}

func (o outcome) after() error {
	if o == lost {
		return awsError(rotation.ErrUnavailable, false)
	}
	return nil
}

func (v *vault) Read(ctx context.Context, shard int) (Document, error) {
	o, err := v.begin(ctx, "read", shard)
	if err == nil {
		err = errors.Join(o.before(), o.after())
	}
	if err != nil {
		return Document{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted[shard] {
		return Document{}, awsError(rotation.ErrPendingDeletion, true)
	}
	d, ok := v.shards[shard]
	if !ok {
		return Document{}, awsError(rotation.ErrNoSecret, true)
	}
	return Document{d.Version, slices.Clone(d.Value)}, nil
}

func (v *vault) Create(ctx context.Context, shard int, value []byte) error {
	o, err := v.begin(ctx, "create", shard)
	if err == nil {
		err = o.before()
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted[shard] {
		return awsError(rotation.ErrPendingDeletion, true)
	}
	if _, ok := v.shards[shard]; ok {
		return awsError(rotation.ErrSecretExists, true)
	}
	v.shards[shard] = Document{"first", slices.Clone(value)}
	return o.after()
}

func (v *vault) Replace(ctx context.Context, shard int, from, to string, value []byte) error {
	o, err := v.begin(ctx, "replace", shard)
	if err == nil {
		err = o.before()
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.quota > 0 && v.puts[shard] >= v.quota {
		return awsError(rotation.ErrVersionQuota, true)
	}
	v.puts[shard]++
	if v.shards[shard].Version != from {
		return awsError(rotation.ErrConflict, true)
	}
	if len(value) > MaxDocument {
		panic("more than Secrets Manager takes")
	}
	v.shards[shard] = Document{to, slices.Clone(value)}
	return o.after()
}

// count is how many calls there were since, and begins to count anew.
func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.calls) - v.begun
	v.begun = len(v.calls)
	return n
}

func (v *vault) fail(f func(call string, shard int) outcome) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fault = f
}
