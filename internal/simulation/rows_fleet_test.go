package simulation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// town is an account with many users and a fleet that looks after them: the real configuration file, discovery, database and
// passes, every thirty seconds.
type town struct {
	t      *testing.T
	sim    *awssim.World
	dir    string
	users  []string
	fate   func(*awssim.Call) awssim.Fate
	db     *store.Store
	fleet  *fleet.Fleet
	opened int

	mu     sync.Mutex
	last   map[string]reconcile.Result
	sum    fleet.Summary
	broken []string
}

const townConfig = `region: us-east-1
users:
  include: [{path: "/service/"}]
schedule: {rotate_every: %s, deactivate_after: %s, delete_after: %s}
concurrency: %d
`

// inTown makes the users and hands them over.
func inTown(t *testing.T, users, pages int, play func(*town)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := &town{t: t, dir: dir, last: map[string]reconcile.Result{}}
		n.sim = awssim.New(awssim.Config{Account: account, Seed: 5, PageSize: pages, Staleness: staleness,
			Propagation: 3 * time.Second, SecretMark: mark,
			OnCall: func(c *awssim.Call) awssim.Fate {
				if n.fate != nil && c.Rotator {
					return n.fate(c)
				}
				return awssim.Fate{}
			},
			Violation: func(s string) {
				n.mu.Lock()
				defer n.mu.Unlock()
				n.broken = append(n.broken, s)
			}})
		for i := range users {
			name := fmt.Sprintf("svc-%03d", i)
			n.users = append(n.users, name)
			if err := n.sim.People().CreateUser(name, "/service/", nil); err != nil {
				t.Fatal(err)
			}
			n.sim.Care(name, awssim.Care{SecretName: "keyturn/" + name + "/key", Grace: 2 * time.Minute, Retention: 3 * time.Minute,
				Quarantine: 5 * time.Minute, VerifySuccesses: 2})
		}
		time.Sleep(2 * staleness) // nobody's answer may be from before the users were made
		play(n)
		for _, s := range n.broken {
			t.Error(s)
		}
		if n.db != nil {
			if err := n.db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// usualConfig is the mission's schedule.
func usualConfig(concurrency int) string {
	return fmt.Sprintf(townConfig, "10m", "12m", "15m", concurrency)
}

// start begins a new process, as after a restart or on another host; without the database, it begins with an empty one.
func (n *town) start(text string, lost bool) {
	n.t.Helper()
	if n.db != nil {
		if err := n.db.Close(); err != nil {
			n.t.Fatal(err)
		}
	}
	if lost || n.opened == 0 {
		n.opened++
	}
	file := filepath.Join(n.dir, "keyturn.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		n.t.Fatal(err)
	}
	id, secret := n.sim.RotatorKey()
	c := fleet.AWS(cfg)
	c.IgnoreEnvironment, c.Endpoint = true, "http://127.0.0.1:4566"
	c.AccessKeyID, c.SecretAccessKey = id, rotation.NewSensitive(secret)
	c.HTTPClient = &http.Client{Transport: n.sim.Transport()}
	cloud, err := awscloud.Load(context.Background(), c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.db, err = store.Open(context.Background(), store.Options{
		Path: filepath.Join(n.dir, fmt.Sprintf("keyturn-%d.db", n.opened)), Settle: cfg.Settle.D()})
	if err != nil {
		n.t.Fatal(err)
	}
	if n.fleet, err = fleet.New(fleet.Wire(cloud, n.db, cfg)); err != nil {
		n.t.Fatal(err)
	}
}

// live makes a pass every thirty seconds.
func (n *town) live(span time.Duration) {
	n.t.Helper()
	for until := time.Now().Add(span); time.Now().Before(until); time.Sleep(30 * time.Second) {
		sum, err := n.fleet.Run(context.Background(), fleet.Pass{DueOnly: true, OnResult: func(r reconcile.Result) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.last[r.User.Name] = r
		}})
		if err != nil {
			n.t.Fatalf("the pass failed: %v", err)
		}
		n.sum = sum
	}
}

// current is the key that consumers of a user read, and how old it is; "" when it does not work.
func (n *town) current(user string) (id string, age time.Duration) {
	s := n.sim.Secret("keyturn/" + user + "/key")
	if s == nil || s.Stage(rotation.StageCurrent) == nil {
		return "", 0
	}
	for _, k := range n.sim.Keys(user) {
		if k.ID == s.Stage(rotation.StageCurrent).KeyID && k.Status == "Active" {
			return k.ID, time.Since(k.Created)
		}
	}
	return "", 0
}

// rotated fails the test for each user whose current key does not work, or is older than the schedule and a few minutes allow.
func (n *town) rotated(when string, oldest time.Duration, but ...string) {
	n.t.Helper()
	for _, user := range n.users {
		id, age := n.current(user)
		if (id == "" || age > oldest) && !strings.Contains(strings.Join(but, " "), user) {
			n.t.Errorf("%s: the current key %q of %s is %s old: %s, %v", when, id, user, age, n.last[user].Reason, n.last[user].Err)
		}
	}
}

// TestRowOneUserFails: one user fails: everyone before and after it is looked after as if nothing were wrong, and the failure is
// told with its user and the missing permission.
func TestRowOneUserFails(t *testing.T) {
	for _, concurrency := range []int{1, 16} {
		t.Run(fmt.Sprint("concurrency ", concurrency), func(t *testing.T) {
			inTown(t, 8, 0, func(n *town) {
				n.fate = func(c *awssim.Call) awssim.Fate {
					switch {
					case c.User == "svc-000" && c.Operation == "CreateAccessKey": // the first in every order
						return awssim.Fate{FailBefore: awssim.AccessDenied}
					case c.User == "svc-003" && c.Operation == "ListAccessKeys":
						return awssim.Fate{DropReply: true}
					case c.User == "svc-005":
						return awssim.Fate{Throttle: true}
					}
					return awssim.Fate{}
				}
				bad := []string{"svc-000", "svc-003", "svc-005"}
				n.start(usualConfig(concurrency)+"blast_radius: {failing: 0%}\n", false) // three of eight would stop everybody
				n.live(5 * time.Minute)
				n.rotated("after five minutes", 6*time.Minute, bad...)
				n.live(40 * time.Minute)
				n.rotated("after 45 minutes", 13*time.Minute, bad...)
				if n.sum.Failed != len(bad) || n.sum.OK() || n.sum.Users != 8 {
					t.Errorf("three of eight users fail, and the summary says %+v", n.sum)
				}
				for user, word := range map[string]string{"svc-000": "allow iam:CreateAccessKey", "svc-003": "ListAccessKeys",
					"svc-005": "throttled"} {
					if err := n.last[user].Err; err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), user) {
						t.Errorf("the failure of %s is told as %v, without %q", user, err, word)
					}
				}
				n.fate = nil
				n.live(40 * time.Minute)
				n.rotated("after the trouble", 13*time.Minute)
			})
		})
	}
}

// TestRowMoreThanOnePage: there is more than one page of users, of keys and of versions: all of them are looked after.
func TestRowMoreThanOnePage(t *testing.T) {
	t.Run("users", func(t *testing.T) {
		inTown(t, 130, 7, func(n *town) {
			n.start(usualConfig(16), false)
			n.live(4 * time.Minute)
			n.rotated("after four minutes", 5*time.Minute)
			first := map[string]string{}
			for _, user := range n.users {
				first[user], _ = n.current(user)
			}
			n.live(12 * time.Minute)
			if n.sum.Users != 130 {
				t.Errorf("a pass counts %d of 130 users", n.sum.Users)
			}
			for user, id := range first {
				if now, _ := n.current(user); now == id {
					t.Errorf("%s was not rotated", user)
				}
			}
		})
	})
	t.Run("keys and versions", func(t *testing.T) {
		row(t, options{pages: 1}, func(w *world) {
			w.settled()
			keys := map[string]bool{}
			w.every(10*time.Second, func() {
				for _, k := range w.sim.Keys(username) {
					keys[k.ID] = true
				}
				if all := w.sim.Keys(username); len(all) == 2 && all[0].Status == "Active" && w.now().Sub(all[0].Created) > 16*time.Minute {
					w.fail("the key %s, on another page than %s, was forgotten", all[0].ID, all[1].ID)
				}
			})
			w.untilMinute(125)
			if len(keys) < 12 {
				w.fail("%d keys in 125 minutes: %s", len(keys), w.last.Reason)
			}
			w.notStuck(w.schedule.RotateEvery)
			if n := w.sim.RotatorCounts()["ListSecretVersionIds"]; n != 0 {
				w.fail("an undisturbed life lists versions %d times", n)
			}
			// A person's edits take the labels off the key's own version: it is known all the same, on whatever page it is.
			w.agenda = nil
			current, _ := w.key(w.currentKey())
			for n := range 3 {
				_ = w.sim.People().PutSecretValue(secretName, fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q,"n":%d}`, current.ID,
					current.Secret, n))
			}
			time.Sleep(time.Minute)
			w.live()
			w.play(time.Now().Add(4 * time.Hour))
			for _, k := range w.last.Keys {
				if k.Class == rotation.ClassForeign {
					w.fail("the key %s is stored, on another page, and counts as foreign", k.ID)
				}
			}
			w.notStuck(w.schedule.RotateEvery)
		})
	})
}

// TestRowFailoverOrRestart: the rotator is restarted, or another host takes over, with or without its database, at any moment of
// the cycle: nothing is forgotten, nothing comes early, and an edited schedule counts from the next pass on.
func TestRowFailoverOrRestart(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("database lost ", lost), func(t *testing.T) {
			inTown(t, 6, 0, func(n *town) {
				n.start(usualConfig(16), false)
				n.live(20 * time.Minute)
				for i := range 30 {
					n.start(usualConfig(16), lost)
					n.live(time.Duration(30+20*i) * time.Second)
					n.rotated(fmt.Sprint("process ", i), 16*time.Minute)
					for _, user := range n.users {
						for _, k := range n.sim.Keys(user) {
							if age := time.Since(k.Created); age > 25*time.Minute {
								t.Errorf("process %d: the key %s of %s is forgotten: %s old and %s", i, k.ID, user, age, k.Status)
							}
						}
					}
				}
			})
		})
	}
	t.Run("schedule edited", func(t *testing.T) {
		inTown(t, 3, 0, func(n *town) {
			n.start(fmt.Sprintf(townConfig, "90d", "97d", "104d", 16), false)
			n.live(3 * time.Hour)
			before := map[string]string{}
			for _, user := range n.users {
				before[user], _ = n.current(user)
			}
			n.start(usualConfig(16), false)
			n.live(65 * time.Minute) // the longest time between two looks
			after := map[string]string{}
			for _, user := range n.users {
				if after[user], _ = n.current(user); after[user] == before[user] {
					t.Errorf("the schedule of %s is ten minutes by now, and its key is the same", user)
				}
			}
			// Consumers of the first key were promised the long grace: the schedule's edit does not take that back.
			for user, id := range before {
				if k := n.sim.Keys(user)[0]; k.ID != id || k.Status != "Active" {
					t.Errorf("the key %s of %s, promised for seven days, is gone", id, user)
				}
			}
			n.live(10 * time.Minute)
			if !maps.Equal(after, currents(n)) {
				t.Errorf("a third key was made: %v, %v", after, currents(n))
			}
		})
	})
}

func currents(n *town) map[string]string {
	out := map[string]string{}
	for _, user := range n.users {
		out[user], _ = n.current(user)
	}
	return out
}
