package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

// account is a simulated AWS with a history.
type account struct {
	keyturn, folder string
	world           *awssim.World
	server          *http.Server
	endpoint        string

	mu     sync.Mutex
	ago    time.Duration // AWS's clock is so far behind this machine's
	denied string        // a user whose keys keyturn may not list
}

const configuration = `region: us-east-1
users:
  include: [{path: "/service/"}]
schedule: {rotate_every: 90d, deactivate_after: 97d, delete_after: 127d}
settle: 10s
verify: {interval: 0s}
`

func openAccount(keyturn, folder string) (*account, error) {
	a := &account{keyturn: keyturn, folder: folder}
	a.world = awssim.New(awssim.Config{Seed: 7, Clock: a.now, OnCall: a.fate})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a.endpoint, a.server = "http://"+l.Addr().String(), &http.Server{Handler: a.world, ReadHeaderTimeout: time.Minute}
	go func() { _ = a.server.Serve(l) }() // ends with close
	return a, os.WriteFile(filepath.Join(folder, "keyturn.yaml"), []byte(configuration), 0o600)
}

func (a *account) close() { _ = a.server.Close() }

func (a *account) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(-a.ago)
}

func (a *account) fate(c *awssim.Call) awssim.Fate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.Rotator && c.User == a.denied && c.Operation == "ListAccessKeys" {
		return awssim.Fate{FailBefore: awssim.AccessDenied}
	}
	return awssim.Fate{}
}

func (a *account) set(ago time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ago = ago
}

func (a *account) env() []string {
	id, secret := a.world.RotatorKey()
	return []string{"AWS_ENDPOINT_URL=" + a.endpoint, "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_EC2_METADATA_DISABLED=true", "LANG=C.UTF-8", "HOME=" + a.folder}
}

// step is what happens so many days before today.
type step struct {
	day int
	act func(p *awssim.People) error
}

// play lets 200 days pass, with a pass of keyturn every few days.
func (a *account) play(ctx context.Context) error {
	user := func(name string) func(*awssim.People) error {
		return func(p *awssim.People) error { return p.CreateUser(name, "/service/", nil) }
	}
	withKeys := func(name string, n int) func(*awssim.People) error {
		return func(p *awssim.People) error {
			if err := p.CreateUser(name, "/service/", nil); err != nil {
				return err
			}
			for range n {
				id, _, err := p.CreateAccessKey(name)
				if err != nil {
					return err
				}
				if err := p.UseKey(id, "s3", "us-east-1"); err != nil {
					return err
				}
			}
			return nil
		}
	}
	steps := []step{
		{178, user("billing-export")}, {172, user("ci-deploy")}, {168, user("metrics-push")}, {160, user("mail-relay")},
		{151, user("backup-nightly")}, {140, user("image-resize")}, {131, user("search-index")}, {124, user("shop-frontend")},
		{112, user("payroll-batch")}, {103, user("invoice-bot")}, {96, user("warehouse-etl")}, {95, user("partner-sftp")},
		{88, user("log-shipper")}, {64, user("video-encode")}, {47, user("report-mailer")}, {29, user("feature-flags")},
		{5, withKeys("legacy-crm", 1)}, {4, withKeys("vendor-import", 2)}, {2, user("geo-lookup")},
		{60, func(p *awssim.People) error { _, _, err := p.CreateAccessKey("partner-sftp"); return err }},
		{101, user("data-export")},
	}
	for day := 178; day >= 0; day-- {
		a.set(time.Duration(day)*24*time.Hour + 2*time.Minute)
		acted := false
		for _, s := range steps {
			if s.day == day {
				if err := s.act(a.world.People()); err != nil {
					return err
				}
				acted = true
			}
		}
		if day%3 != 0 && !acted {
			continue
		}
		if day < 4 {
			if err := a.useOld(ctx, "data-export"); err != nil {
				return err
			}
		}
		if day == 0 {
			a.mu.Lock()
			a.denied = "payroll-batch"
			a.mu.Unlock()
		}
		if _, err := a.run(ctx, "run"); err != nil {
			return err
		}
		if day == 21 {
			if _, err := a.run(ctx, "pause", "backup-nightly", "--why", "release freeze", "--yes"); err != nil {
				return err
			}
		}
	}
	a.set(0)
	return nil
}

// useOld uses the key that a user's current one replaced, as a consumer does that never reads again.
func (a *account) useOld(ctx context.Context, user string) error {
	out, err := a.run(ctx, "status", user, "--json")
	if err != nil {
		return err
	}
	var all []struct {
		Keys []struct{ ID, Class string }
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	for _, u := range all {
		for _, k := range u.Keys {
			if k.Class == "previous" {
				err = errors.Join(err, a.world.People().UseKey(k.ID, "s3", "us-east-1"))
			}
		}
	}
	return err
}

// run is one command of keyturn's; users that are blocked are no failure.
func (a *account) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, a.keyturn, args...)
	cmd.Dir, cmd.Env = a.folder, append(os.Environ(), a.env()...)
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 3 {
		return nil, fmt.Errorf("keyturn %v: %w", args, err)
	}
	return out, nil
}

// serve starts the daemon, and gives what ends it.
func (a *account) serve(ctx context.Context) (func(), error) {
	ready := filepath.Join(a.folder, "ready.json")
	cmd := exec.CommandContext(ctx, a.keyturn, "serve", "--listen", "127.0.0.1:0", "--ready-file", ready)
	cmd.Dir, cmd.Env = a.folder, append(slices.Clone(os.Environ()), a.env()...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	for range 100 {
		if _, err := os.Stat(ready); err == nil {
			return end, sleep(ctx, 3*time.Second) // what is due is done
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			break
		}
	}
	end()
	return nil, fmt.Errorf("keyturn serve did not come up")
}
