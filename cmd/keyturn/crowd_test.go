package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// TestCrowd: fifty users are paused many at once; one that fails stops nobody, is told by name and permission, and makes the exit code 3.
// Each pause is a tag in AWS. Interrupted on its way, it says how many are paused.
func TestCrowd(t *testing.T) {
	const count = 50
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		atOnce, most := 0, 0
		world := awssim.New(awssim.Config{Seed: 1, Rates: awssim.Rates{Unlimited: true}, OnCall: func(c *awssim.Call) awssim.Fate {
			if c.Operation == "TagResource" && strings.Contains(c.SecretID, "user-07") {
				return awssim.Fate{FailBefore: awssim.AccessDenied}
			}
			return awssim.Fate{Delay: 20 * time.Millisecond}
		}})
		for i := range count {
			if err := world.People().CreateUser(fmt.Sprintf("user-%02d", i), "/service/", nil); err != nil {
				t.Fatal(err)
			}
		}
		d := deskIn(t, world)
		d.Desk = counting{d.Desk, func(n int) {
			mu.Lock()
			defer mu.Unlock()
			atOnce += n
			most = max(most, atOnce)
		}}
		var names []string
		states, err := d.everyone(t.Context())
		if err != nil || len(states) != count {
			t.Fatalf("%d users are under care, %v", len(states), err)
		}
		for _, s := range states {
			names = append(names, s.User.String())
		}
		crowd := func(ctx context.Context, kind rotation.RequestKind) (string, error) {
			var out strings.Builder
			c := crowd{wish: wish{patience: 10 * time.Minute, why: "release"}, kind: kind, all: true}
			err := c.each(ctx, &options{out: &printer{out: &out, err: &out}}, d, names)
			return out.String(), err
		}
		text, err := crowd(t.Context(), rotation.RequestPause)
		if exitCode(err) != exitUsers || !strings.Contains(text, "49 users paused, 1 not") ||
			!strings.Contains(text, "user-07") || !strings.Contains(text, "allow secretsmanager:TagResource") || strings.Count(text, "\n") != 2 {
			t.Errorf("%v\n%s", err, text)
		}
		if most < 10 || most > crowdAtOnce {
			t.Errorf("%d users were asked for at once", most)
		}
		for i := range count {
			name := fmt.Sprintf("user-%02d", i)
			tag := world.Secret("keyturn/" + name + "/key").Tags[rotation.TagPaused]
			if paused := strings.Contains(tag, "release"); paused == (name == "user-07") {
				t.Errorf("the tag of %s is %q", name, tag)
			}
		}
		time.Sleep(2 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err = crowd(ctx, rotation.RequestResume); exitCode(err) != exitUnexpected || !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "users resumed, the others are as they were") {
			t.Errorf("interrupted it says %v", err)
		}
		time.Sleep(4 * time.Minute)
		text, err = crowd(t.Context(), rotation.RequestResume) // those that are not paused by now are no failure
		if err != nil || !strings.Contains(text, " resumed, 0 not") {
			t.Errorf("%v\n%s", err, text)
		}
	})
}

// counting tells how many requests begin and end.
type counting struct {
	fleet.Desk
	count func(int)
}

func (c counting) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	c.count(1)
	defer c.count(-1)
	return c.Desk.Do(ctx, a)
}

// deskIn is this process's desk in a simulated account.
func deskIn(t *testing.T, world *awssim.World) *desk {
	t.Helper()
	cfg := config.Default()
	cfg.Region, cfg.Pace, cfg.Users.Include = "us-east-1", config.Pace{}, []config.Match{{Path: "/service/"}}
	db, err := store.Open(t.Context(), store.Options{Path: store.Memory, Settle: cfg.Settle.D()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	id, secret := world.RotatorKey()
	aws := fleet.AWS(cfg)
	aws.IgnoreEnvironment, aws.Endpoint, aws.AccessKeyID, aws.SecretAccessKey = true, "http://aws.invalid", id, rotation.NewSensitive(secret)
	aws.HTTPClient = &http.Client{Transport: world.Transport()}
	account, err := awscloud.Load(t.Context(), aws)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.New(fleet.Wire(account, db, cfg))
	if err != nil {
		t.Fatal(err)
	}
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: db, Fleet: func() *fleet.Fleet { return f }})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{Desk: office, close: func() {}}
}
