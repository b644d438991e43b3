package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// counter serves container credentials from keyturn's own cache, over what AWS says, as stale as it may say it; without a socket.
type counter struct {
	cache *credentials.Cache
	user  rotation.User
}

func newCounter(c *clients) *counter {
	return &counter{user: c.w.user, cache: credentials.New(credentials.Config{
		Read: func(_ context.Context, u rotation.User, _ fleet.Credential) (fleet.Credential, error) {
			got, err := c.serve()
			for tries := 0; err != nil && tries < 10 && c.rest(time.Second); tries++ {
				got, err = c.serve() // a version that one stale answer names and another does not know
			}
			return fleet.Credential{User: u, AccessKeyID: got.key.ID, SecretAccessKey: got.key.Secret, Expiration: got.until, At: time.Now(),
				VersionID: rotation.VersionID(got.key.ID)}, err
		},
	})}
}

// RoundTrip answers as GET /v1/container does.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	got, err := c.cache.Get(r.Context(), c.user)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": "unavailable", "message": err.Error()})
		return w.Result(), nil
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"AccessKeyId": got.AccessKeyID, "SecretAccessKey": got.SecretAccessKey.Reveal(), "Token": "",
		"Expiration": got.Expiration.UTC().Format(time.RFC3339)})
	return w.Result(), nil
}

// Do is for the SDK's own provider.
func (c *counter) Do(r *http.Request) (*http.Response, error) { return c.RoundTrip(r) }

// sdk signs calls with what the SDK's own cache gives, every forty seconds or so, and in the last moment of each Expiration. The cache has
// no window: it gives credentials out until that very moment.
func (c *clients) sdk(kind string, provider aws.CredentialsProvider, seed uint64) {
	rng := rand.New(rand.NewPCG(c.w.seed, seed))
	cache := aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 0 })
	c.wg.Go(func() {
		for next := time.Second; c.rest(next); {
			got, err := cache.Retrieve(c.ctx)
			if err == nil {
				err = call(c.w.sim, "us-east-1", got.AccessKeyID, got.SecretAccessKey)
			}
			c.note(kind, err)
			next = 20*time.Second + time.Duration(rng.Int64N(int64(40*time.Second)))
			if left := time.Until(got.Expires) - time.Millisecond; left > 0 && left < next {
				next = left
			}
		}
	})
}

// TestRowSDKs: a thousand rotations, and consumers that get their keys through the SDK's own cache, which uses each to the last moment of its
// Expiration: from the SDK's container provider, and from this project's client. No call fails.
func TestRowSDKs(t *testing.T) {
	const rotations = 1000
	row(t, options{stale: staleness, propagation: 10 * time.Second}, func(w *world) {
		w.settled()
		c := newClients(w)
		counter := newCounter(c)
		own, err := client.New(client.Config{URL: "https://keyturn.test", User: username, APIKey: "k", HTTPClient: &http.Client{Transport: counter}})
		if err != nil {
			t.Fatal(err)
		}
		c.sdk("client", own, 4)
		c.sdk("container", endpointcreds.New("http://127.0.0.1/v1/container/"+username, func(o *endpointcreds.Options) { o.HTTPClient = counter }), 5)
		deactivated := 0
		w.fault = func(_ *world, call *awssim.Call) awssim.Fate {
			if call.Operation == "UpdateAccessKey" {
				deactivated++
			}
			return awssim.Fate{}
		}
		w.play(time.Now().Add(rotations*10*time.Minute*102/100 + time.Hour))
		c.stop()
		c.wg.Wait()
		own.Close()
		counter.cache.Close()
		for kind, failed := range c.failed {
			w.fail("%d calls of %s failed, the first %s", len(failed), kind, failed[0])
		}
		if w.promoted < rotations || deactivated < rotations-1 {
			w.fail("%d rotations and %d deactivations only", w.promoted, deactivated)
		}
		fmt.Fprintf(os.Stdout, "%d rotations under %d calls through aws.CredentialsCache without a window: %d failed\n", w.promoted, c.calls,
			len(c.failed["client"])+len(c.failed["container"]))
	})
}
