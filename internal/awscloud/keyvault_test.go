package awscloud_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

var keySpec = apikey.Spec{Name: "ci", Consumer: account + ":ci", By: "test"}

func ring(t testing.TB, w *awssim.World) *apikey.Ring {
	a := simulated(t, w, func(c *awscloud.Config) { c.Pace = awscloud.DefaultPace(); c.Tags = map[string]string{"team": "ci"} })
	return apikey.NewRing(apikey.Config{Vault: a.KeyVault("keyturn/api-keys")})
}

// API keys live in Secrets Manager through the real SDK: made, read by another process, rotated, revoked.
func TestAPIKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		one, two := ring(t, w), ring(t, w)
		key, text, err := one.Create(bg, keySpec)
		ok(t, err)
		from := netip.MustParseAddr("192.0.2.1")
		c := must(two.Authenticate(bg, text.Reveal(), from))(t)
		if c.ID != key.ID || !c.May(apikey.ReadCredentials, rotation.User{Account: account, Name: "ci"}) {
			t.Fatalf("%+v", c)
		}
		next, _, err := two.Rotate(bg, key.ID, "test", time.Minute)
		ok(t, err)
		ok(t, two.Revoke(bg, next.ID))
		if keys := must(one.List(bg))(t); len(keys) != 2 || keys[0].Expires.Sub(keys[0].Created) != time.Minute && keys[1].Expires.Sub(keys[1].Created) != time.Minute {
			t.Fatalf("%+v", keys)
		}
		s := w.Secret("keyturn/api-keys/0")
		if strings.Contains(s.Stage("AWSCURRENT").Value, text.Reveal()[20:]) || s.Stage("KEYTURN_NEXT").Value != s.Stage("AWSCURRENT").Value {
			t.Fatal("the document holds a key, or stands in the wrong place")
		}
		time.Sleep(10 * time.Second) // a read that is under way ends
	})
}

// One key right after the other, while AWS still answers as before the first: none of them fails.
func TestAPIKeysRightAfterTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(20) {
			w := newWorld(awssim.Config{Seed: seed, Staleness: 2 * time.Second})
			for range 6 {
				_, _, err := ring(t, w).Create(bg, keySpec) // as another process each
				ok(t, err)
			}
			time.Sleep(10 * time.Second)
			if keys := must(ring(t, w).List(bg))(t); len(keys) != 6 {
				t.Fatalf("%d keys", len(keys))
			}
		}
	})
}

// Creators at once, in several processes, while AWS throttles, fails and loses answers: every key that was given out counts.
func TestAPIKeysOfManyWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dice sync.Mutex
		var calm bool
		random := rand.New(rand.NewPCG(1, 2))
		w := newWorld(awssim.Config{VersionLimit: 1000, Staleness: 2 * time.Second, OnCall: func(c *awssim.Call) awssim.Fate {
			dice.Lock()
			defer dice.Unlock()
			if calm {
				return awssim.Fate{}
			}
			switch random.IntN(12) {
			case 0:
				return awssim.Fate{FailBefore: awssim.Throttling}
			case 1:
				return awssim.Fate{DropReply: true}
			case 2:
				return awssim.Fate{FailAfter: awssim.ServiceFailure}
			case 3:
				return awssim.Fate{DropBefore: true}
			}
			return awssim.Fate{}
		}})
		var mu sync.Mutex
		texts := map[string]string{}
		var wait sync.WaitGroup
		const writers, each = 4, 3
		for range writers {
			r := ring(t, w)
			wait.Go(func() {
				for made, tries := 0, 0; made < each && tries < 50; tries++ {
					k, text, err := r.Create(bg, keySpec)
					if err != nil {
						continue
					}
					made++
					mu.Lock()
					texts[k.ID] = text.Reveal()
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if len(texts) < writers*each {
			t.Fatalf("only %d keys were made", len(texts))
		}
		dice.Lock()
		calm = true
		dice.Unlock()
		time.Sleep(time.Minute)
		r := ring(t, w)
		for id, text := range texts {
			if c, err := r.Authenticate(bg, text, netip.Addr{}); err != nil || c.ID != id {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
	})
}

func TestAPIKeysThatAWSRefuses(t *testing.T) {
	w := newWorld(awssim.Config{})
	r := ring(t, w)
	_, _, err := r.Create(bg, keySpec)
	ok(t, err)
	who := must(simulated(t, w).Identity(bg))(t)
	rotator := who.ARN[strings.LastIndexByte(who.ARN, '/')+1:]
	for _, action := range []string{"GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"} {
		ok(t, w.People().Deny(rotator, "secretsmanager:"+action))
		_, _, err := r.Create(bg, keySpec)
		if e := failed(t, err, rotation.ErrDenied, true); e.Action != "secretsmanager:"+action || !strings.Contains(err.Error(), "keyturn/api-keys/0") {
			t.Fatalf("%v", err)
		}
		ok(t, w.People().Allow(rotator, "secretsmanager:"+action))
	}
	ok(t, w.People().DeleteSecret("keyturn/api-keys/0"))
	_, _, err = r.Create(bg, keySpec)
	if !errors.Is(err, rotation.ErrPendingDeletion) || !strings.Contains(fmt.Sprint(err), "restore") {
		t.Fatal(err)
	}
}
