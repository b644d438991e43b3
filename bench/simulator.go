package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// world says what the simulator's process begins with.
type world struct {
	Users  int           // their names are those of userName
	Stored bool          // each has a key and a secret that holds it; otherwise neither
	Care   bool          // the safety rules watch them, on the default schedule
	Rates  bool          // AWS's request rates; otherwise the buckets are counted and never empty
	Offset time.Duration // of the simulator's clock
	Speed  float64       // divides every duration, in the simulator and in what Care means; 0: 1
}

func userName(i int) string         { return fmt.Sprintf("app-%04d", i) }
func secretName(user string) string { return "keyturn/" + user + "/key" }
func isUser(name string) bool       { return strings.HasPrefix(name, "app-") }
func secretValue(id, secret, user string) string {
	return fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q,"UserName":%q}`, id, secret, user)
}

// ready is the simulator's first line.
type ready struct{ Endpoint, Control, KeyID, Secret string }

// report is what the simulator saw since its last reset. Calls about the users leave out what keyturn asks about itself and about
// the account as a whole.
type report struct {
	Calls, Throttled int64
	UserCalls        map[string]int64 // by operation
	MostPerUser      int64            // calls about the user with the most of them
	Violations       []string         // since the beginning
	Promoted         []time.Time      // when each user's AWSCURRENT last moved
	Late             []time.Duration  // of each CreateAccessKey after its current key was due, ascending
	FirstChange      time.Time        // when the first changing call about a user came, by this machine's clock
}

// settings are changed while the simulator serves.
type settings struct{ Offset, Delay time.Duration }

// served is the simulator's process.
type served struct {
	world  *awssim.World
	users  int
	offset atomic.Int64
	delay  atomic.Int64

	mu         sync.Mutex
	calls      map[string]int64
	byUser     map[string]int64
	violations []string
	late       []time.Duration
	first      time.Time
	schedule   rotation.Schedule
}

// simulator serves a world until its standard input ends.
func simulator(ctx context.Context, arg string) error {
	var w world
	if err := json.Unmarshal([]byte(arg), &w); err != nil {
		return err
	}
	s := &served{users: w.Users, calls: map[string]int64{}, byUser: map[string]int64{}}
	s.offset.Store(int64(w.Offset))
	if w.Speed == 0 {
		w.Speed = 1
	}
	usual := config.Default().Schedule
	s.schedule = rotation.Schedule{RotateEvery: w.scaled(usual.RotateEvery.Interval.D()), JitterShare: float64(config.Default().Jitter)}
	s.world = awssim.New(awssim.Config{
		Speed: w.Speed, Seed: 1, Rates: rates(w.Rates), OnCall: s.call,
		Clock: func() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) },
		Violation: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.violations = append(s.violations, text)
		},
	})
	if err := s.seed(w); err != nil {
		return err
	}
	control := http.NewServeMux()
	control.HandleFunc("POST /set", s.set)
	control.HandleFunc("POST /reset", s.reset)
	control.HandleFunc("GET /report", s.report)
	aws, err := listen(s.world)
	if err != nil {
		return err
	}
	ctl, err := listen(control)
	if err != nil {
		return err
	}
	id, secret := s.world.RotatorKey()
	if err := json.NewEncoder(os.Stdout).Encode(ready{aws, ctl, id, secret}); err != nil {
		return err
	}
	return untilLeft()
}

// listen serves on a free port of this machine.
func listen(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		err := (&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
		fmt.Fprintln(os.Stderr, "bench: serving:", err)
		os.Exit(1)
	}()
	return "http://" + l.Addr().String(), nil
}

// untilLeft returns when the process that started this one is gone or has no more use for it.
func untilLeft() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func rates(aws bool) awssim.Rates {
	if aws {
		return awssim.Rates{}
	}
	r := awssim.Rate{PerSecond: 1e9}
	return awssim.Rates{IAMWrite: r, IAMRead: r, STS: r, SecretWrite: r, SecretTag: r, SecretGet: r, SecretDescribe: r,
		SecretList: r, SecretOther: r}
}

func (s *served) seed(w world) error {
	people := s.world.People()
	for i := range w.Users {
		user := userName(i)
		if err := people.CreateUser(user, "/service/", map[string]string{"keyturn:managed": "true"}); err != nil {
			return err
		}
		if w.Stored {
			id, secret, err := people.CreateAccessKey(user)
			if err != nil {
				return err
			}
			if err := people.CreateSecret(secretName(user), secretValue(id, secret, user), nil); err != nil {
				return err
			}
		}
		if w.Care {
			s.world.Care(user, awssim.Care{SecretName: secretName(user), Grace: w.scaled(2 * time.Minute),
				Retention: w.scaled(3 * time.Minute), Quarantine: w.scaled(5 * time.Minute), VerifySuccesses: 2})
		}
	}
	return nil
}

func (w world) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / w.Speed) }

// call counts, and delays as asked.
func (s *served) call(c *awssim.Call) awssim.Fate {
	if isUser(c.User) {
		late, rotation := s.lateness(c)
		s.mu.Lock()
		s.calls[c.Operation]++
		s.byUser[c.User]++
		if rotation {
			s.late = append(s.late, late)
		}
		if s.first.IsZero() && changes(c.Operation) {
			s.first = time.Now()
		}
		s.mu.Unlock()
	}
	return awssim.Fate{Delay: time.Duration(s.delay.Load())}
}

func changes(operation string) bool {
	for _, reads := range []string{"Get", "List", "Describe"} {
		if strings.HasPrefix(operation, reads) {
			return false
		}
	}
	return true
}

// lateness is how long after the newest key of its user was due a new one is asked for, by its CreateDate, which has whole seconds; false
// for other calls and first keys.
func (s *served) lateness(c *awssim.Call) (time.Duration, bool) {
	if c.Operation != "CreateAccessKey" {
		return 0, false
	}
	keys := s.world.Keys(c.User)
	if len(keys) == 0 {
		return 0, false
	}
	k := keys[len(keys)-1]
	return c.At.Sub(s.schedule.Due(rotation.Key{ID: k.ID, Created: k.Created.Truncate(time.Second)})), true
}

func (s *served) set(w http.ResponseWriter, r *http.Request) {
	var in settings
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.offset.Store(int64(in.Offset))
	s.delay.Store(int64(in.Delay))
}

func (s *served) reset(http.ResponseWriter, *http.Request) {
	s.world.ResetCounts()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.byUser)
	s.late, s.first = nil, time.Time{}
}

func (s *served) report(w http.ResponseWriter, _ *http.Request) {
	out := report{UserCalls: map[string]int64{}}
	for _, n := range s.world.Counts() {
		out.Calls += n
	}
	for _, n := range s.world.ThrottledCounts() {
		out.Throttled += n
	}
	for i := range s.users {
		if secret := s.world.Secret(secretName(userName(i))); secret != nil {
			out.Promoted = append(out.Promoted, secret.CurrentSince)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for op, n := range s.calls {
		out.UserCalls[op] = n
	}
	for _, n := range s.byUser {
		out.MostPerUser = max(out.MostPerUser, n)
	}
	out.Violations, out.FirstChange, out.Late = s.violations, s.first, slices.Sorted(slices.Values(s.late))
	_ = json.NewEncoder(w).Encode(out) // a reader that went away asks again
}
