package simulation

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// stalling is a journal whose process stands still right after it has taken a lease: stopped, or waiting for its disk.
type stalling struct {
	reconcile.Journal
	stall time.Duration
}

func (s *stalling) Acquire(ctx context.Context, u rotation.User, h string, now, until time.Time) (rotation.Lease, error) {
	lease, err := s.Journal.Acquire(ctx, u, h, now, until)
	time.Sleep(s.stall)
	return lease, err
}

// TestStallAfterLease: a lease is over some time after it was asked for, whatever the process did meanwhile. One that stalled
// before its first call does nothing, as the user may be another run's by then; one that lost a few seconds goes on.
func TestStallAfterLease(t *testing.T) {
	for stall, acts := range map[time.Duration]bool{5 * time.Second: true, 3 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(5, options{})
			w.live()
			w.play(w.start.Add(9 * time.Minute))
			time.Sleep(2 * time.Minute) // the key is due
			p := w.newProcess("stalled", &stalling{w.journal, stall})
			res := w.pass(p)
			if done := len(res.Actions) > 0; done != acts {
				t.Errorf("after a stall of %s, with a lease of %s, the run took %d steps: %v", stall, w.limits.Lease(), len(res.Actions), res.Err)
			}
			p.cancel()
			w.proc.cancel()
		})
	}
}

// TestFieldNamesExchanged: with the names of two fields exchanged in the configuration, the secret of a stored key is read where its
// id should be. No word of the run may repeat it.
func TestFieldNamesExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5, options{})
		w.fault = func(w *world, c *awssim.Call) awssim.Fate {
			if c.Operation == "PutSecretValue" && w.promoted > 0 {
				return awssim.Fate{After: w.proc.kill}
			}
			return awssim.Fate{}
		}
		w.live()
		w.play(w.start.Add(11 * time.Minute))
		w.fault = nil
		w.boot()
		fields := awscloud.DefaultFields()
		fields.AccessKeyID, fields.SecretAccessKey = fields.SecretAccessKey, fields.AccessKeyID
		id, secret := w.sim.RotatorKey()
		var err error
		if w.proc.cloud, err = awscloud.Load(t.Context(), awscloud.Config{
			Regions: w.regions, IgnoreEnvironment: true, Endpoint: "http://127.0.0.1:4566", AccessKeyID: id,
			SecretAccessKey: rotation.NewSensitive(secret), SecretName: "keyturn/{{.User}}/key", Fields: fields,
			HTTPClient: &http.Client{Transport: &wire{w.proc, w.sim.Transport()}},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.proc.cloud.Identity(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		res := w.pass(w.proc)
		if res.Reason != rotation.ReasonPendingHopeless {
			t.Errorf("the pending key was not looked at: %s %v", res.Reason, res.Err)
		}
		said := fmt.Sprintf("%s %v %s", res.Detail, res.Err, strings.Join(w.trace, "\n"))
		for _, k := range w.sim.Keys(username) {
			if strings.Contains(said, k.Secret) {
				t.Errorf("the secret of %s is in the words of a run: %s", k.ID, res.Detail)
			}
		}
		w.proc.cancel()
	})
}
