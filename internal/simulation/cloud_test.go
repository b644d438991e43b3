package simulation

import (
	"context"
	"net/http"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// newCloud gives a process its SDK clients, which reach the simulator without a socket.
func (p *process) newCloud(id, secret string) *awscloud.Account {
	a, err := awscloud.Load(context.Background(), awscloud.Config{
		Regions: p.w.regions, IgnoreEnvironment: true, Endpoint: "http://127.0.0.1:4566",
		AccessKeyID: id, SecretAccessKey: rotation.NewSensitive(secret), Random: p.w.rng.Float64,
		HTTPClient: &http.Client{Transport: &wire{p, p.w.sim.Transport()}}, SecretName: "keyturn/{{.User}}/key",
		Existing: p.w.existing,
	})
	if err != nil {
		panic(err)
	}
	return a
}

// session is the user's AWS for one run.
func (w *world) session(p *process) reconcile.Cloud {
	s, err := p.cloud.Session(awscloud.Subject{User: w.user, Path: "/service/", UserID: w.userID})
	if err != nil {
		panic(err)
	}
	return s
}

// wire is the network as a process sees it: after death nothing is sent, and nothing is heard.
type wire struct {
	p    *process
	next http.RoundTripper
}

func (t *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.p.dead.Load() {
		return nil, errDead
	}
	res, err := t.next.RoundTrip(r)
	if t.p.dead.Load() {
		if err == nil {
			_ = res.Body.Close()
		}
		return nil, errDead
	}
	return res, err
}
