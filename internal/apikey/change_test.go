package apikey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

func list(t testing.TB, r *Ring) []Key {
	t.Helper()
	keys, err := r.List(bg)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Many writers at once, through an AWS that loses answers: every key that was given out is there and good, and every revoke holds.
func TestWritersAtOnceLoseNothing(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			v := newVault()
			v.delay = 20 * time.Millisecond
			random := rand.New(rand.NewPCG(seed, 1))
			var dice sync.Mutex
			v.fault = func(string, int) outcome {
				dice.Lock()
				defer dice.Unlock()
				if n := random.IntN(40); n < 4 {
					return outcome(n)
				}
				return fine
			}
			var mu sync.Mutex
			live, revoked := map[string]string{}, map[string]string{}
			var wait sync.WaitGroup
			for range 4 {
				r := NewRing(Config{Vault: v})
				wait.Go(func() {
					for i := range 8 {
						k, text, err := r.Create(bg, spec("ci"))
						if err != nil {
							continue // AWS failed, and said so
						}
						gone := i%4 == 3 && r.Revoke(bg, k.ID) == nil
						if !gone && i%4 == 2 {
							if next, text, err := r.Rotate(bg, k.ID, "test", time.Hour); err == nil {
								mu.Lock()
								live[next.ID] = text.Reveal()
								mu.Unlock()
							}
						}
						mu.Lock()
						if gone {
							revoked[k.ID] = text.Reveal()
						} else if i%4 < 3 {
							live[k.ID] = text.Reveal()
						}
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			v.fail(nil)
			time.Sleep(time.Minute)
			r := NewRing(Config{Vault: v})
			keys := list(t, r)
			for shard, d := range v.shards {
				doc, err := readDocument(d.Value)
				if err != nil {
					t.Fatal(err)
				}
				seen := map[string]bool{}
				for _, k := range doc.Keys {
					if seen[k.ID] {
						t.Fatalf("a key stands twice in shard %d", shard)
					}
					seen[k.ID] = true
				}
			}
			if len(live) < 8 {
				t.Fatalf("only %d keys were made", len(live))
			}
			for id, text := range live {
				if k, err := r.Get(bg, id); err != nil || k.Over(time.Now()) {
					t.Fatalf("lost one of %d: %v", len(keys), err)
				}
				accepted(t, r, text)
			}
			for _, text := range revoked {
				refusedWith(t, r, text, ErrUnknown)
			}
		})
	}
}

// The process dies before, in or after every single call of a change, in each of the ways in which a call can end. What stood before
// stands, the next change goes through, and a key whose text was given out is good.
func TestCrashAnywhereIsHarmless(t *testing.T) {
	change := map[string]func(context.Context, *Ring, string) (string, error){
		"create": func(ctx context.Context, r *Ring, _ string) (string, error) {
			_, text, err := r.Create(ctx, spec("new"))
			return text.Reveal(), err
		},
		"rotate": func(ctx context.Context, r *Ring, id string) (string, error) {
			_, text, err := r.Rotate(ctx, id, "test", time.Hour)
			return text.Reveal(), err
		},
		"revoke": func(ctx context.Context, r *Ring, id string) (string, error) { return "", r.Revoke(ctx, id) },
	}
	for _, standing := range []int{0, 1, createdADay, 2 * createdADay} { // none, room in the shard, a full one, two full ones
		from := newVault()
		texts := map[string]string{}
		target := ""
		for range standing {
			k, text := create(t, NewRing(Config{Vault: from}), spec("old"))
			texts[k.ID] = text
			if target == "" {
				target = k.ID
			}
		}
		for name, act := range change {
			if standing == 0 && name != "create" {
				continue
			}
			for at := range 8 {
				for _, how := range []outcome{refused, unheard, lost} {
					synctest.Test(t, func(t *testing.T) {
						v := newVault()
						maps.Copy(v.shards, from.shards)
						ctx, die := context.WithCancel(bg)
						defer die()
						n := 0
						v.fail(func(string, int) outcome {
							n++
							if n-1 < at {
								return fine
							}
							die()
							return how
						})
						text, err := act(ctx, NewRing(Config{Vault: v}), target)
						v.fail(nil)
						time.Sleep(time.Minute)

						after := NewRing(Config{Vault: v})
						if err == nil && text != "" {
							accepted(t, after, text)
						}
						for id, text := range texts {
							if id == target && name == "revoke" {
								if err == nil {
									refusedWith(t, after, text, ErrUnknown)
								}
								continue
							}
							accepted(t, after, text)
						}
						_, text = create(t, after, spec("later"))
						accepted(t, after, text)
						if target != "" {
							if err := after.Revoke(bg, target); err != nil {
								t.Fatal(err)
							}
							refusedWith(t, after, texts[target], ErrUnknown)
						}
						if keys := list(t, after); len(keys) < standing+1 || len(keys) > standing+2 {
							t.Fatalf("%s, dead at call %d (%d): %d keys of %d", name, at, how, len(keys), standing)
						}
					})
				}
			}
		}
	}
}

func TestRotationOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRing(Config{Vault: newVault()})
		k, old := create(t, r, Spec{Name: "ci", Consumer: "ci", Lives: 10 * 24 * time.Hour, By: "one"})
		time.Sleep(24 * time.Hour)
		next, text, err := r.Rotate(bg, k.ID, "two", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if next.Consumer != "ci" || next.Follows != k.ID || next.By != "two" || next.Expires.Sub(next.Created) != 10*24*time.Hour {
			t.Fatalf("%+v", next)
		}
		accepted(t, r, old)
		accepted(t, r, text.Reveal())
		time.Sleep(time.Hour)
		refusedWith(t, r, old, ErrUnknown)
		accepted(t, r, text.Reveal())
		if _, _, err := r.Rotate(bg, k.ID, "two", time.Hour); !errors.Is(err, ErrRevoked) {
			t.Fatal(err)
		}
		if _, _, err := r.Rotate(bg, "0000000000", "two", time.Hour); !errors.Is(err, ErrNoKey) {
			t.Fatal(err)
		}
		if _, _, err := r.Rotate(bg, next.ID, "two", -time.Hour); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
		// The overlap never makes a key live longer.
		if _, _, err := r.Rotate(bg, next.ID, "two", 1000*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if k, _ := r.Get(bg, next.ID); !k.Expires.Equal(next.Expires) {
			t.Fatalf("%s became %s", next.Expires, k.Expires)
		}
		if err := r.Revoke(bg, "0000000000"); !errors.Is(err, ErrNoKey) {
			t.Fatal(err)
		}
	})
}

// Keys that were over for 30 days are forgotten when something changes, and not before.
func TestOldKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRing(Config{Vault: newVault()})
		s := spec("old")
		s.Lives = time.Hour
		old, _ := create(t, r, s)
		gone, _ := create(t, r, spec("revoked"))
		if err := errors.Join(r.Revoke(bg, gone.ID), r.Revoke(bg, gone.ID)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		k, _ := create(t, r, spec("new"))
		if got := list(t, r); len(got) != 3 || got[0].Revoked.IsZero() == got[1].Revoked.IsZero() {
			t.Fatalf("%+v", got)
		}
		time.Sleep(2 * time.Hour)
		next, _ := create(t, r, spec("newer"))
		if got, want := ids(list(t, r)), ids([]Key{k, next}); !slices.Equal(got, want) {
			t.Fatalf("of %s and %s too: %v are left, not %v", old.ID, gone.ID, got, want)
		}
	})
}

// A shard that had its hundred changes of the day takes no more. A revoke holds all the same, and new keys go elsewhere.
func TestVersionQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r, other := NewRing(Config{Vault: v}), NewRing(Config{Vault: v})
		var keys []Key
		var texts []string
		for range createdADay + 2 {
			k, text := create(t, r, spec("ci"))
			keys, texts = append(keys, k), append(texts, text)
		}
		v.mu.Lock()
		v.quota = 1
		v.mu.Unlock()
		time.Sleep(time.Minute)
		// Both shards are over it; the third is new, but shard 0 cannot name it: that fails, and says why.
		if err := r.Revoke(bg, keys[0].ID); !errors.Is(err, rotation.ErrVersionQuota) {
			t.Fatal(err)
		}
		accepted(t, other, texts[0])
		v.mu.Lock()
		v.quota, v.puts[1] = 10, 0
		v.puts[0] = 10
		v.mu.Unlock()
		if err := r.Revoke(bg, keys[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := r.Revoke(bg, keys[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		refusedWith(t, other, texts[0], ErrUnknown)
		refusedWith(t, r, texts[0], ErrUnknown)
		accepted(t, other, texts[1])
		if k, err := other.Get(bg, keys[0].ID); err != nil || k.Revoked.IsZero() {
			t.Fatal(k, err)
		}
		// A rotation across two shards: the old one cannot be shortened now, and that is said beside the new key.
		k, text, err := r.Rotate(bg, keys[1].ID, "test", 0)
		if !errors.Is(err, rotation.ErrVersionQuota) || k.ID == "" || text.IsZero() {
			t.Fatal(k, err)
		}
		accepted(t, r, text.Reveal())
		accepted(t, r, texts[1])
	})
}

// A key whose shard takes no more changes is revoked by a mark in another shard. It never becomes good again, however much is forgotten.
func TestRevokedElsewhereStaysRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		s := spec("ci")
		s.Lives = LongestLife
		leaked, text := create(t, r, s)
		for range createdADay + 1 {
			create(t, r, spec("other"))
		}
		v.mu.Lock()
		v.quota, v.puts[0], v.puts[1] = 10, 10, 0
		v.mu.Unlock()
		if err := r.Revoke(bg, leaked.ID); err != nil {
			t.Fatal(err)
		}
		v.mu.Lock()
		v.quota = 0
		v.mu.Unlock()
		for range 4 { // quarters of a year, with changes of every shard
			time.Sleep(91 * 24 * time.Hour)
			for range createdADay + 1 {
				create(t, r, spec("other"))
			}
			time.Sleep(10 * time.Second)
			refusedWith(t, r, text, ErrUnknown)
			refusedWith(t, NewRing(Config{Vault: v}), text, ErrUnknown)
		}
	})
}

// Full shards: another one follows, no document grows beyond what Secrets Manager takes, and every key is good.
func TestShardsGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		var users []string
		for i := range 50 {
			users = append(users, fmt.Sprintf("%012d:%s-%d", i, strings.Repeat("u", 60), i))
		}
		var texts []string
		for range 60 {
			_, text := create(t, r, Spec{Name: strings.Repeat("n", 64), Scopes: []Scope{ReadCredentials}, Users: users})
			texts = append(texts, text)
		}
		if len(v.shards) < 4 {
			t.Fatalf("%d shards", len(v.shards))
		}
		fresh := NewRing(Config{Vault: v})
		for _, text := range texts {
			accepted(t, fresh, text)
		}
		for _, k := range list(t, r) {
			if err := r.Revoke(bg, k.ID); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		for _, text := range texts {
			refusedWith(t, fresh, text, ErrUnknown)
		}
	})
}

// A shard that is full has room left to revoke every key in it.
func TestFullShardTakesRevokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		for i := range 400 {
			if i%createdADay == 0 {
				time.Sleep(25 * time.Hour)
			}
			create(t, r, Spec{Name: "app", Consumer: "123456789012:app", By: "arn:aws:iam::123456789012:user/boss"})
		}
		if len(v.shards) != 2 {
			t.Fatalf("%d shards", len(v.shards))
		}
		for _, k := range list(t, r) {
			if err := r.Revoke(bg, k.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What a newer keyturn, or a person, put there is never written over.
func TestForeignDocumentIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, value := range []string{`{"v":2,"keys":[]}`, `{"v":1,"keys":[],"more":1}`, `hunter2`, ``, `{"v":1,"keys":[]}{}`,
			`{"v":1,"keys":[{"id":"0123456789","sha256":"AAAA","name":"x","created":1,"expires":1}]}`} {
			v := newVault()
			v.shards[0] = Document{"theirs", []byte(value)}
			r := NewRing(Config{Vault: v})
			_, _, err := r.Create(bg, spec("ci"))
			if !errors.Is(err, rotation.ErrBadSecret) || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("%s: %v", value, err)
			}
			if v.shards[0].Version != "theirs" {
				t.Fatalf("%s was written over", value)
			}
			refusedWith(t, r, unknown(), ErrUnavailable)
		}
	})
}

// Only the SHA-256 of a key is kept.
func TestDocumentHoldsNoKey(t *testing.T) {
	v := newVault()
	r := NewRing(Config{Vault: v})
	k, text := create(t, r, spec("ci"))
	if _, _, err := r.Rotate(bg, k.ID, "test", time.Hour); err != nil {
		t.Fatal(err)
	}
	secret := text[len(Prefix)+idLength+1 : textLength-sumLength]
	if value := string(v.shards[0].Value); strings.Contains(value, secret) || !strings.Contains(value, k.ID) {
		t.Fatal("the document is not what it should be")
	}
}
