package apikey

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

var (
	bg   = context.Background()
	here = netip.MustParseAddr("192.0.2.7")
	ci   = rotation.User{Account: "123456789012", Name: "ci"}
)

func spec(name string) Spec {
	return Spec{Name: name, Scopes: []Scope{ReadCredentials}, Users: []string{"*"}, By: "test"}
}

func create(t testing.TB, r *Ring, s Spec) (Key, string) {
	t.Helper()
	k, text, err := r.Create(bg, s)
	if err != nil {
		t.Fatal(err)
	}
	return k, text.Reveal()
}

func accepted(t testing.TB, r *Ring, text string) *Caller {
	t.Helper()
	c, err := r.Authenticate(bg, text, here)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func refusedWith(t testing.TB, r *Ring, text string, want error) {
	t.Helper()
	if c, err := r.Authenticate(bg, text, here); !errors.Is(err, want) || c != nil {
		t.Fatalf("want %v, got %v, %v", want, c, err)
	}
}

// retold is a key's text with another secret: the id stands.
func retold(text string) string {
	other := text[:len(Prefix)+idLength+1] + randomDigits(secretLength)
	return other + checksum(other)
}

func unknown() string { _, text := newText(); return text.Reveal() }

func TestKeyOpensWhatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		made, r := NewRing(Config{Vault: v}), NewRing(Config{Vault: v})
		k, text := create(t, made, Spec{Name: "ci", Scopes: []Scope{Rotate, ReadCredentials}, Users: []string{"ci", "123456789012/prod-*"}, By: "arn"})
		c := accepted(t, r, text)
		if c.ID != k.ID || c.Name != "ci" || !c.Expires.Equal(k.Created.Add(90*24*time.Hour)) {
			t.Fatalf("%+v", c)
		}
		for _, want := range []struct {
			scope   Scope
			account string
			user    string
			may     bool
		}{
			{ReadCredentials, "123456789012", "ci", true}, {ReadCredentials, "999999999999", "ci", true}, {Rotate, "123456789012", "prod-db", true},
			{Rotate, "999999999999", "prod-db", false}, {ReadCredentials, "123456789012", "ci2", false}, {Operate, "123456789012", "ci", false},
			{Admin, "123456789012", "ci", false}, {ExportCredentials, "123456789012", "ci", false},
		} {
			if got := c.May(want.scope, rotation.User{Account: want.account, Name: want.user}); got != want.may {
				t.Errorf("%s of %s:%s: %t", want.scope, want.account, want.user, got)
			}
		}
		_, text = create(t, made, Spec{Name: "boss", Scopes: []Scope{Admin}})
		if c := accepted(t, made, text); !c.Has(Admin) || c.Has(ReadCredentials) || c.May(ReadCredentials, ci) || c.May(Admin, ci) {
			t.Fatal("an admin key does more than keys")
		}
		_, text = create(t, made, Spec{Name: "app", Consumer: "123456789012/ci"})
		if c := accepted(t, made, text); !c.May(ReadCredentials, ci) || c.May(ReadCredentials, rotation.User{Account: "999999999999", Name: "ci"}) || len(c.Scopes) != 1 {
			t.Fatalf("a consumer's key: %+v", c)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRing(Config{Vault: newVault()})
		refusedWith(t, r, unknown(), ErrUnknown) // before there is any key at all
		_, text := create(t, r, Spec{Name: "ci", Scopes: []Scope{ReadMetrics}, Lives: time.Hour,
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}})
		accepted(t, r, text)
		refusedWith(t, r, unknown(), ErrUnknown)
		refusedWith(t, r, retold(text), ErrUnknown)
		for _, bad := range []string{"", "keyturn_", text[1:], text + "0", " " + text, strings.ToUpper(text), text[:len(text)-1] + "é"} {
			refusedWith(t, r, bad, ErrMalformed)
			refusedWith(t, r, bad, ErrUnknown)
		}
		for from, in := range map[string]bool{"192.0.2.255": true, "::ffff:192.0.2.1": true, "2001:db8::1%eth0": true, "192.0.3.1": false, "2001:db9::1": false} {
			if _, err := r.Authenticate(bg, text, netip.MustParseAddr(from)); (err == nil) != in || err != nil && !errors.Is(err, ErrUnknown) {
				t.Errorf("from %s: %v", from, err)
			}
		}
		if _, err := r.Authenticate(bg, text, netip.Addr{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("from nowhere: %v", err)
		}
		time.Sleep(time.Hour - time.Second)
		accepted(t, r, text)
		time.Sleep(time.Second)
		refusedWith(t, r, text, ErrUnknown)
	})
}

// Another server revokes. Under steady traffic and after any silence the key is refused within 10 s.
func TestRevokedIsRefusedEverywhereWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, silence := range []time.Duration{10 * time.Millisecond, 700 * time.Millisecond, 4 * time.Second, 8999 * time.Millisecond,
			9999 * time.Millisecond, 10001 * time.Millisecond, time.Hour, -10001 * time.Millisecond} {
			v := newVault()
			v.delay = 30 * time.Millisecond
			one, two := NewRing(Config{Vault: v}), NewRing(Config{Vault: v})
			k, text := create(t, one, spec("ci"))
			accepted(t, two, text)
			if silence < 0 { // it was read in the very moment before
				silence = -silence
			} else {
				time.Sleep(3 * time.Second)
				accepted(t, two, text)
			}
			if err := one.Revoke(bg, k.ID); err != nil {
				t.Fatal(err)
			}
			refusedWith(t, one, text, ErrUnknown)
			revoked := time.Now()
			for {
				time.Sleep(silence)
				_, err := two.Authenticate(bg, text, here)
				if errors.Is(err, ErrUnknown) {
					break
				}
				if since := time.Since(revoked); err != nil || since > 10*time.Second {
					t.Fatalf("asking every %s: %s after the revoke: %v", silence, since, err)
				}
			}
			time.Sleep(time.Minute)
			refusedWith(t, two, text, ErrUnknown)
		}
	})
}

// A key that another process made is good at once, or within 5 s when a wrong key was shown just before.
func TestNewKeyIsGoodSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		one, two := NewRing(Config{Vault: v}), NewRing(Config{Vault: v})
		_, text := create(t, one, spec("ci"))
		accepted(t, two, text)
		time.Sleep(5 * time.Second)
		_, text = create(t, one, spec("next"))
		accepted(t, one, text)
		accepted(t, two, text)
		_, text = create(t, one, spec("third"))
		refusedWith(t, two, text, ErrUnknown)
		time.Sleep(5 * time.Second)
		accepted(t, two, text)
	})
}

// Whoever shows keys that do not exist, ids and shards that do not exist included, causes no more calls than nobody.
func TestUnknownKeysCauseNoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		_, text := create(t, r, spec("ci"))
		accepted(t, r, text)
		v.count()
		for range 100 {
			for range 50 {
				refusedWith(t, r, unknown(), ErrUnknown)
				refusedWith(t, r, retold(text), ErrUnknown)
				refusedWith(t, r, "keyturn_nonsense", ErrMalformed)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := v.count(); n > 2 {
			t.Fatalf("%d calls in ten seconds", n)
		}
		v.fail(func(string, int) outcome { return refused })
		time.Sleep(10 * time.Second)
		for range 1000 {
			refusedWith(t, r, unknown(), ErrUnavailable)
		}
		if n := v.count(); n > 1 {
			t.Fatalf("%d calls while AWS fails", n)
		}
	})
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		k, text := create(t, r, spec("ci"))
		gone, dead := create(t, r, spec("revoked"))
		if err := r.Revoke(bg, gone.ID); err != nil {
			t.Fatal(err)
		}
		v.fail(func(string, int) outcome { return unheard })
		began := time.Now()
		for time.Since(began) < outage-time.Second {
			asked := time.Now()
			accepted(t, r, text)
			refusedWith(t, r, dead, ErrUnknown)
			if time.Since(began) > 10*time.Second {
				// It may have been made meanwhile: nobody knows.
				refusedWith(t, r, unknown(), ErrUnavailable)
				refusedWith(t, r, retold(text), ErrUnavailable)
			}
			if time.Since(asked) > 0 {
				t.Fatal("a request waited though AWS fails at once")
			}
			time.Sleep(990 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		refusedWith(t, r, text, ErrUnavailable)
		if _, err := r.Authenticate(bg, text, here); !errors.Is(err, rotation.ErrUnavailable) {
			t.Fatalf("the reason is missing: %v", err)
		}
		v.fail(nil)
		time.Sleep(5 * time.Second)
		if c := accepted(t, r, text); c.ID != k.ID {
			t.Fatal(c)
		}
		cold := NewRing(Config{Vault: v})
		v.fail(func(string, int) outcome { return refused })
		refusedWith(t, cold, text, ErrUnavailable)
		v.fail(nil)
		refusedWith(t, cold, text, ErrUnavailable) // at most one read every 5 s
		time.Sleep(5 * time.Second)
		accepted(t, cold, text)
	})
}

// AWS takes the requests and never answers: whoever shows a known key waits less than an SDK's 2 s.
func TestKnownKeysDoNotWaitForAnAWSThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		_, text := create(t, r, spec("ci"))
		accepted(t, r, text)
		v.mu.Lock()
		v.delay = time.Hour
		v.mu.Unlock()
		for range 100 {
			asked := time.Now()
			accepted(t, r, text)
			if waited := time.Since(asked); waited > patienceKnown {
				t.Fatalf("waited %s", waited)
			}
			time.Sleep(3 * time.Second)
		}
		time.Sleep(time.Minute) // the read under way ends
	})
}

// One shard that cannot be read takes no keys of the others with it.
func TestShardsFailAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		r := NewRing(Config{Vault: v})
		var texts []string
		for range createdADay + 1 {
			_, text := create(t, r, spec("ci"))
			texts = append(texts, text)
		}
		first, second := texts[0], texts[createdADay]
		v.fail(func(_ string, shard int) outcome {
			if shard == 1 {
				return refused
			}
			return fine
		})
		for range 200 {
			time.Sleep(6 * time.Second)
			accepted(t, r, first)
		}
		refusedWith(t, r, second, ErrUnavailable)
		v.fail(nil)
		time.Sleep(6 * time.Second)
		accepted(t, r, second)

		// A person puts nonsense into one, and later throws all away.
		v.mu.Lock()
		good := v.shards[1]
		v.shards[1] = Document{"edited", []byte(`{"AccessKeyId":"AKIA"}`)}
		v.mu.Unlock()
		time.Sleep(20 * time.Minute)
		accepted(t, r, first)
		if _, err := r.Authenticate(bg, second, here); !errors.Is(err, rotation.ErrBadSecret) || strings.Contains(err.Error(), "AKIA") {
			t.Fatal(err)
		}
		v.mu.Lock()
		v.shards[1] = good
		v.deleted[0] = true
		v.mu.Unlock()
		time.Sleep(10 * time.Second)
		refusedWith(t, r, first, ErrUnknown)
		refusedWith(t, r, second, ErrUnknown)
	})
}

func TestHotPathAllocatesNothing(t *testing.T) {
	r := NewRing(Config{Vault: newVault()})
	_, text := create(t, r, Spec{Name: "ci", Consumer: "123456789012:ci", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if n := testing.AllocsPerRun(1000, func() {
		c, err := r.Authenticate(bg, text, here)
		if err != nil || !c.May(ReadCredentials, ci) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	v := newVault()
	r := NewRing(Config{Vault: v})
	var texts []string
	for range 100 {
		_, text := create(b, r, Spec{Name: "ci", Consumer: "123456789012:ci", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		texts = append(texts, text)
	}
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if c, err := r.Authenticate(bg, texts[i%len(texts)], here); err != nil || !c.May(ReadCredentials, ci) {
				b.Fatal(err)
			}
		}
	})
	for name, texts := range map[string][]string{"unknown": {unknown()}, "wrong": {retold(texts[0])}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if _, err := r.Authenticate(bg, texts[i%len(texts)], here); err == nil {
					b.Fatal("let in")
				}
			}
		})
	}
}

func ids(keys []Key) (out []string) {
	for _, k := range keys {
		out = append(out, k.ID)
	}
	slices.Sort(out)
	return out
}

// TestClockThatDoesNotKnowYet: before AWS has answered nobody knows its time. A key that is made then can be read again, and is good.
func TestClockThatDoesNotKnowYet(t *testing.T) {
	ring := NewRing(Config{Vault: newVault(), Now: func() time.Time { return time.Time{} }})
	_, text, err := ring.Create(t.Context(), spec("first"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Authenticate(t.Context(), text.Reveal(), netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Error(err)
	}
}
