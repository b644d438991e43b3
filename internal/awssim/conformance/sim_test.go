package conformance

import (
	"net/http/httptest"
	"testing"

	"github.com/keyturn/keyturn/internal/awssim"
)

// startSim serves a new simulator on a socket, as tools outside the process see it: no delays, no rates, no faults.
func startSim(t *testing.T) *emulator {
	t.Helper()
	world := awssim.New(awssim.Config{
		Account: "123456789012", Regions: []string{region, "eu-west-1"}, Rates: awssim.Rates{Unlimited: true},
		Violation: func(rule string) { t.Errorf("the simulator calls a case a broken safety rule: %s", rule) },
	})
	server := httptest.NewServer(world)
	t.Cleanup(server.Close)
	id, secret := world.RotatorKey()
	return &emulator{
		name: "awssim", endpoint: server.URL, id: id, secret: secret, differed: map[string]int{},
		verify: world.People().VerifyIdentity,
		stack: func(name, user string) error {
			_, err := world.People().CreateStack(region, name, user)
			return err
		},
		deny: func(user, action string) {
			if err := world.People().Deny(user, action); err != nil {
				t.Error(err)
			}
		},
	}
}
