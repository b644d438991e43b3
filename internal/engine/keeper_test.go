package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// A fleet on River, in real time: every user gets its key, has it replaced, and loses the old one. The ten-minute schedule is 100 times
// faster. A run that a busy machine keeps from ending in time is tried again: nothing here depends on how fast it goes.
func TestKeeperOnRiver(t *testing.T) {
	const users, speed = 20, 100
	world := awssim.New(awssim.Config{Speed: speed, Rates: awssim.Rates{Unlimited: true}, Violation: func(s string) { t.Error(s) }})
	cfg := config.Default()
	cfg.Region, cfg.Users.Include, cfg.Jitter, cfg.Pace = "us-east-1", []config.Match{{Path: "/service/"}}, 0, config.Pace{}
	cfg, err := cfg.Speed(speed)
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTPTimeout, cfg.RunDeadline = config.Duration(20*time.Second), config.Duration(2*time.Second)
	for i := range users {
		name := fmt.Sprintf("user-%03d", i)
		if err := world.People().CreateUser(name, "/service/", nil); err != nil {
			t.Fatal(err)
		}
		world.Care(name, awssim.Care{SecretName: "keyturn/" + name + "/key", Grace: 1200 * time.Millisecond, Retention: 1800 * time.Millisecond,
			VerifySuccesses: 2})
	}
	db, err := store.Open(t.Context(), store.Options{Path: store.Memory, Settle: cfg.Settle.D()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lives := map[string][2]int{} // keys made and deleted, by user
	complete := 0
	k, err := fleet.NewKeeper(ctx, fleet.KeeperConfig{Settings: cfg, Store: db, Engine: river(t),
		Load: func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error) {
			id, secret := world.RotatorKey()
			c.IgnoreEnvironment, c.Endpoint = true, "http://aws.invalid"
			c.AccessKeyID, c.SecretAccessKey = id, rotation.NewSensitive(secret)
			c.HTTPClient = &http.Client{Transport: world.Transport()}
			return awscloud.Load(ctx, c)
		},
		OnSweep: func(s fleet.Sweep) {
			if s.Err != nil {
				t.Errorf("discovery: %v", s.Err)
			}
		},
		OnResult: func(l fleet.Looked) {
			if l.Late < 0 {
				t.Errorf("%s was looked at %s early", l.Result.User, -l.Late)
			}
			life := lives[l.Result.User.Name]
			if life[1] >= 1 {
				return
			}
			for _, a := range l.Result.Actions {
				switch a.Kind {
				case rotation.CreateKey:
					life[0]++
				case rotation.DeleteKey:
					life[1]++
				}
			}
			if lives[l.Result.User.Name] = life; life[1] >= 1 {
				if complete++; complete == users {
					cancel()
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Run(ctx); err != nil { // until every user has lost its first key
		t.Fatal(err)
	}
	if complete != users {
		t.Errorf("%d of %d users have seen a whole life of a key: %v", complete, users, lives)
	}
}
