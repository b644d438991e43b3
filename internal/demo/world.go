package demo

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// region is where the whole show takes place.
const region = "us-east-1"

// What the simulated AWS is like: keys take a while to propagate, and answers may be a little old. Speed divides both.
const (
	propagation = 8 * time.Second
	staleness   = 3 * time.Second
)

// world is the simulated AWS on a socket of this machine.
type world struct {
	sim      *awssim.World
	server   *http.Server
	endpoint string
	stale    time.Duration // how old an answer may be
	// guest is an administrator for the viewer's second terminal: what it does are acts of people.
	guestID, guestSecret string
	// reader stands for the role with which consumers read secrets.
	readerID, readerSecret string
}

// Users that belong to the theatre and not to the play.
const (
	guestUser  = "you"
	readerUser = "consumers-role"
)

// openWorld starts the simulated AWS. Request rates are lifted: they are per second, and here a second holds a minute's work.
func openWorld(speed float64, broken func(string)) (*world, error) {
	var ago time.Duration
	w := &world{sim: awssim.New(awssim.Config{
		Clock:   func() time.Time { return time.Now().Add(-ago) },
		Regions: []string{region}, Speed: speed, Seed: uint64(time.Now().UnixNano()),
		Propagation: propagation, Staleness: staleness, Rates: awssim.Rates{Unlimited: true}, Violation: broken,
	})}
	w.stale = time.Duration(float64(staleness)/speed) + time.Millisecond
	people := w.sim.People()
	ago = time.Hour // the theatre's own keys have propagated long ago
	for _, u := range []struct {
		name, policy string
		id, secret   *string
	}{
		{guestUser, "AdministratorAccess", &w.guestID, &w.guestSecret},
		{readerUser, "SecretsManagerReadWrite", &w.readerID, &w.readerSecret},
	} {
		if err := people.CreateUser(u.name, "/theatre/", nil, u.policy); err != nil {
			return nil, err
		}
		id, secret, err := people.CreateAccessKey(u.name)
		if err != nil {
			return nil, err
		}
		*u.id, *u.secret = id, secret
	}
	ago = 0
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the simulated AWS on 127.0.0.1: %w", err)
	}
	w.endpoint = "http://" + listener.Addr().String()
	w.server = &http.Server{Handler: w.sim, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.server.Serve(listener) }() // ends with Close, which is the only error it can have
	return w, nil
}

func (w *world) close() { _ = w.server.Close() }

// enter brings a user on stage, with its keys from before, and declares what care of it means: from then on the simulator
// judges every call of keyturn's about this user. No pass of keyturn's runs meanwhile.
func (w *world) enter(p part, s rotation.Schedule, l rotation.Limits) error {
	people := w.sim.People()
	tags := map[string]string{"keyturn:managed": "true"}
	if p.schedule != "" {
		tags["keyturn:schedule"] = p.schedule
	}
	if err := people.CreateUser(p.name, castPath, tags); err != nil {
		return err
	}
	care := awssim.Care{
		SecretName: secretName(p.name), Grace: s.Grace(), Retention: s.Retention(), Quarantine: l.Quarantine,
		VerifyRegions: []string{region}, VerifySuccesses: l.VerifySuccesses,
		// The viewer may do anything at any time; keyturn answers for what it does once it can have seen it.
		PeopleGrace: l.RunDeadline + l.Settle,
	}
	for range p.old {
		id, _, err := people.CreateAccessKey(p.name)
		if err != nil {
			return err
		}
		care.Legacy = append(care.Legacy, id)
	}
	w.sim.Care(p.name, care)
	return nil
}

func secretName(user string) string { return "keyturn/" + user + "/key" }

// totals are what keyturn did in the whole show, as the simulator saw it.
func (w *world) totals() totals {
	c := w.sim.RotatorCounts()
	return totals{
		rotations:     int(c["UpdateSecretVersionStage"]),
		deactivations: int(c["UpdateAccessKey"]),
		deletions:     int(c["DeleteAccessKey"]),
	}
}
