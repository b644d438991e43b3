package awsidentity

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

// Whoever was let in goes on without another proof, for a quarter of an hour, and while the settings name it.
func TestAgainWithoutAnotherProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w, ci := simulated(t)
		asked := w.Counts()["GetCallerIdentity"]
		keys := 0
		again := v.AgainOr(func(context.Context, string, netip.Addr) (*apikey.Caller, error) {
			keys++
			return nil, apikey.ErrUnknown
		})
		text := sign(t, ci)
		signed := time.Now()
		was, err := v.Authenticate(bg, text)
		if err != nil {
			t.Fatal(err)
		}
		counts := func() *apikey.Caller {
			c, err := again(bg, was, text, netip.Addr{})
			if err != nil && !errors.Is(err, apikey.ErrUnknown) {
				t.Fatal(err)
			}
			return c
		}
		named := (*v.known.Load())
		for _, after := range []time.Duration{0, 2 * time.Minute, 14*time.Minute + 50*time.Second} {
			time.Sleep(time.Until(signed.Add(after)))
			if c := counts(); c == nil || c.ID != was.ID || c.Name != was.Name || !c.Has(apikey.ReadCredentials) || !c.Expires.Equal(was.Expires) {
				t.Fatalf("after %s: %+v", after, c)
			}
		}
		var narrow []Identity
		for _, id := range named {
			one := *id
			one.Scopes = []apikey.Scope{apikey.ReadMetrics}
			narrow = append(narrow, one)
		}
		if err := v.Allow(narrow); err != nil {
			t.Fatal(err)
		}
		if c := counts(); c == nil || c.Has(apikey.ReadCredentials) || !c.Has(apikey.ReadMetrics) {
			t.Errorf("it may do what the settings of before let it: %+v", c)
		}
		if err := v.Allow(nil); err != nil {
			t.Fatal(err)
		}
		if c := counts(); c != nil {
			t.Errorf("nobody is let in any more: %+v", c)
		}
		if err := v.Allow(narrow); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if c := counts(); c != nil {
			t.Errorf("%s after it was signed: %+v", time.Since(signed), c)
		}
		if n := w.Counts()["GetCallerIdentity"] - asked; n != 1 || keys > 0 {
			t.Errorf("STS was asked %d times, the API keys %d times", n, keys)
		}
		if _, err := again(bg, was, "keyturn_key", netip.Addr{}); err == nil || keys != 1 {
			t.Errorf("an API key: %v, %d", err, keys)
		}
	})
}
