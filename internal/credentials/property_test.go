package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// act is one thing that happens, so long after the one before.
type act struct {
	After time.Duration
	Kind  string
	Span  time.Duration // of a read from now on; or until the Expiration from now on
}

var kinds = []string{"get", "get", "get", "get", "drop", "look", "promote", "revoke", "down", "up", "slow", "life", "withhold"}

func acts(t *rapid.T) []act {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
		ms := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Millisecond
		}
		a := act{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
		a.After = ms(rapid.SampledFrom([]int{0, 50, 3_000, 100_000}).Draw(t, "scale"), "after")
		switch a.Kind {
		case "slow":
			a.Span = ms(rapid.SampledFrom([]int{50, 5_000}).Draw(t, "scale"), "span")
		case "life":
			a.Span = 2*time.Second + ms(rapid.SampledFrom([]int{10_000, 600_000}).Draw(t, "scale"), "span")
		}
		return a
	}), 5, 60).Draw(t, "acts")
}

// read is one read of AWS.
type read struct {
	began, seq int // in the order of all things
	over       bool
}

// play is a cache over a make-believe AWS of one user, and what is known of both.
type play struct {
	cache *credentials.Cache
	user  rotation.User

	mu       sync.Mutex
	seq      int // counts everything that happens
	version  int
	dead     map[string]bool
	span     time.Duration // that a read takes
	life     time.Duration
	down     bool
	withhold bool
	calm     time.Time        // since when AWS has answered every read within a second; zero: it does not
	reads    map[string]*read // by their secret
	dropped  int              // seq of the last Drop, or of what is like it
	heard    int              // seq of the last news that end reads under way
	given    fleet.Credential // the one with the latest Expiration that was given out since lost
	lost     int              // seq of what ended that it may be given out
	log      []string
	wrong    string
}

func (p *play) note(format string, args ...any) {
	p.seq++
	p.log = append(p.log, fmt.Sprintf("%s %3d ", time.Now().Format("04:05.000"), p.seq)+fmt.Sprintf(format, args...))
}

func (p *play) fail(format string, args ...any) {
	p.note(format, args...)
	if p.wrong == "" {
		p.wrong = p.log[len(p.log)-1]
	}
}

// lose notes that what was given out is not to be given out any more.
func (p *play) lose() { p.given, p.lost = fleet.Credential{}, p.seq }

func keyID(version int) string     { return fmt.Sprintf("K%d", version) }
func versionID(version int) string { return fmt.Sprintf("v%d", version) }

// read is AWS: what it answers is from when it was asked.
func (p *play) read(ctx context.Context, u rotation.User, _ fleet.Credential) (fleet.Credential, error) {
	p.mu.Lock()
	p.note("a read of %s begins", keyID(p.version))
	r := &read{began: p.seq, seq: p.seq}
	secret := fmt.Sprint("read ", p.seq)
	under := 0
	for _, other := range p.reads {
		if !other.over && other.began > p.heard {
			under++
		}
	}
	if under > 0 {
		p.fail("%d reads are under way already, and nothing was heard since", under)
	}
	p.reads[secret] = r
	at := time.Now().Truncate(time.Second)
	c := fleet.Credential{User: u, AccessKeyID: keyID(p.version), SecretAccessKey: rotation.NewSensitive(secret), VersionID: versionID(p.version),
		At: at, Expiration: at.Add(p.life)}
	down, withhold, span := p.down, p.withhold || p.dead[c.AccessKeyID], p.span
	p.mu.Unlock()
	timer := time.NewTimer(span)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r.over = true
	switch {
	case err != nil:
	case down:
		err = &rotation.CallError{Operation: "DescribeSecret", Kind: rotation.ErrUnavailable}
	case withhold:
		err = &fleet.WithheldError{User: u, Reason: rotation.ReasonRevoke, Detail: "test"}
		if r.began > p.heard { // or it is nobody's any more
			p.lose()
			p.dropped = p.seq
		}
	}
	p.note("the %s ends: %v", secret, err)
	if err != nil {
		return fleet.Credential{}, err
	}
	return c, nil
}

// get is a consumer.
func (p *play) get() {
	p.mu.Lock()
	p.note("a get begins")
	began, dropped, dead, had, at := p.seq, p.dropped, p.deadNow(), p.given, time.Now()
	p.mu.Unlock()
	c, err := p.cache.Get(context.Background(), p.user)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.note("the get of %d gives %s %s %v", began, c.AccessKeyID, c.SecretAccessKey.Reveal(), err)
	holds := p.lost < began && !had.SecretAccessKey.IsZero() && now.Add(time.Second).Before(had.Expiration)
	took := now.Sub(at)
	if holds && took > 1100*time.Millisecond {
		p.fail("the get of %d took %s, and something good was there", began, took)
	}
	if err != nil {
		if c.AccessKeyID != "" || !c.SecretAccessKey.IsZero() {
			p.fail("the get of %d gives a credential and an error", began)
		}
		if holds {
			p.fail("the get of %d fails, though %s is good until %s", began, had.AccessKeyID, had.Expiration.Format("04:05"))
		}
		var withheld *fleet.WithheldError
		if !p.calm.IsZero() && at.Sub(p.calm) > 31*time.Second && !errors.As(err, &withheld) {
			p.fail("the get of %d fails, though AWS answers", began)
		}
		return
	}
	switch r := p.reads[c.SecretAccessKey.Reveal()]; {
	case r == nil:
		p.fail("the get of %d gives what was never read", began)
	case r.began < dropped:
		p.fail("the get of %d gives what was read at %d, before it was dropped at %d", began, r.began, dropped)
	case !now.Before(c.Expiration):
		p.fail("the get of %d gives what expired at %s", began, c.Expiration.Format("04:05"))
	case slices.Contains(dead, c.AccessKeyID):
		p.fail("the get of %d gives a dead key", began)
	}
	if p.given.Expiration.Before(c.Expiration) && p.reads[c.SecretAccessKey.Reveal()].began > p.dropped && !p.dead[c.AccessKeyID] {
		p.given = c
	}
}

func (p *play) deadNow() (ids []string) {
	for id := range p.dead {
		ids = append(ids, id)
	}
	return ids
}

// usable are the keys that a run sees: the last two, but for dead ones.
func (p *play) usable() (ids []string) {
	for v := max(1, p.version-1); v <= p.version; v++ {
		if !p.dead[keyID(v)] {
			ids = append(ids, keyID(v))
		}
	}
	return ids
}

// tell is a run that tells what it sees.
func (p *play) tell() {
	p.mu.Lock()
	version, usable := versionID(p.version), p.usable()
	p.note("heard %s %v", version, usable)
	p.heard = p.seq // before, as it begins a read by itself
	p.mu.Unlock()
	p.cache.Heard(p.user, version, usable)
}

func (p *play) do(a act) {
	p.mu.Lock()
	p.note("%s %s", a.Kind, a.Span)
	tell := false
	switch a.Kind {
	case "slow":
		p.span = a.Span
	case "life":
		p.life = a.Span
	case "down":
		p.down = true
	case "up":
		p.down, p.withhold = false, false
	case "withhold":
		p.withhold = true
	case "promote":
		p.version++
		tell = true
	case "revoke": // the current key, and its successor is made at once
		p.dead[keyID(p.version)] = true
		if p.given.AccessKeyID == keyID(p.version) {
			p.lose()
		}
		p.version++
		tell = true
	case "look":
		tell = true
	}
	if p.down || p.withhold || p.span >= time.Second {
		p.calm = time.Time{}
	} else if p.calm.IsZero() {
		p.calm = time.Now()
	}
	if p.version > 1 { // what is older than the previous key is gone
		for v := 1; v < p.version-1; v++ {
			p.dead[keyID(v)] = true
			if p.given.AccessKeyID == keyID(v) {
				p.lose()
			}
		}
	}
	p.mu.Unlock()
	switch {
	case tell:
		p.tell()
	case a.Kind == "drop":
		p.mu.Lock()
		p.lose()
		p.dropped, p.heard = p.seq, p.seq
		p.mu.Unlock()
		p.cache.Drop(p.user)
	case a.Kind == "get":
		go p.get()
	}
}

// TestAnyInterleaving: whatever happens in whatever order, nothing is given out past its Expiration, nothing that was read before a drop, no
// dead key; there is one read at a time; and whoever could be given something good is, without a long wait.
func TestAnyInterleaving(t *testing.T) {
	for range 20 { // of rapid's hundred
		rapid.Check(t, anyInterleaving(t))
	}
}

func anyInterleaving(t *testing.T) func(*rapid.T) {
	return func(rt *rapid.T) {
		script := acts(rt)
		var p *play
		synctest.Test(t, func(*testing.T) {
			p = &play{user: rotation.User{Account: "123456789012", Name: "app"}, version: 1, dead: map[string]bool{}, span: 20 * time.Millisecond,
				life: 11 * time.Minute, reads: map[string]*read{}}
			p.cache = credentials.New(credentials.Config{Read: p.read})
			for _, a := range script {
				time.Sleep(a.After)
				synctest.Wait()
				p.do(a)
			}
			time.Sleep(40 * time.Second)
			p.cache.Close()
			synctest.Wait()
		})
		if p.wrong != "" {
			rt.Fatalf("%s\n%s", p.wrong, strings.Join(p.log, "\n"))
		}
	}
}
