package awsidentity

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOneAddressDoesNotTakeAllTurns: anybody can have STS asked about proofs that are no good, and STS may be slow. Others get in all the same.
func TestOneAddressDoesNotTakeAllTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		slow := transport(func(r *http.Request) (*http.Response, error) {
			if asked.Add(1); strings.Contains(r.URL.RawQuery, strings.Repeat("f", 64)) {
				return reply(200, "text/xml", good)(r)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		v, err := New(Config{Region: home, ServerID: server, Identities: []Identity{ciUser}, Transport: slow})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		show := v.Or(nil)
		now, turned := time.Now(), atomic.Int32{}
		for i := range 4 * atOnce {
			from := netip.MustParseAddr([]string{"2001:db8::1", "2001:db8::2"}[i%2]) // of one network
			text := written(usual, query(now.Add(-time.Duration(i%2)*time.Second), string("0123456789abcdef"[i/2%15])))
			go func() {
				if _, err := show(bg, text, from); errors.Is(err, apikey.ErrUnproven) && strings.Contains(err.Error(), "from this address") {
					turned.Add(1)
				}
			}()
		}
		synctest.Wait()
		if asked.Load() > fromOne || turned.Load() < 3*atOnce {
			t.Errorf("STS is asked %d questions of one network at once, and %d are turned away", asked.Load(), turned.Load())
		}
		if c, err := show(bg, written(usual, query(now, "f")), netip.MustParseAddr("203.0.113.7")); err != nil || c == nil {
			t.Errorf("somebody else: %v", err)
		}
		time.Sleep(timeout + time.Second)
		if len(v.from.by) != 0 {
			t.Errorf("all is over, and %v are counted", v.from.by)
		}
	})
}
