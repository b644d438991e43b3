package endtoend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/demo"
)

const (
	region  = "us-east-1"
	account = "123456789012"
)

// binary is keyturn, built once.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(consumerVariable) != "" {
		goConsumer(os.Stdin, os.Stdout)
		return
	}
	dir, err := os.MkdirTemp("", "keyturn-endtoend-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "keyturn")
	build := exec.Command("go", "build", "-o", binary, "github.com/keyturn/keyturn/cmd/keyturn")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build cmd/keyturn: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// The default schedule, which every speed divides.
const (
	rotateEvery     = 10 * time.Minute
	deactivateAfter = 12 * time.Minute
	deleteAfter     = 15 * time.Minute
	quarantine      = 5 * time.Minute
	staleness       = 3 * time.Second
	propagation     = 8 * time.Second
)

// world is a simulated AWS on a socket, in this process; keyturn's daemons are processes beside it.
type world struct {
	t        *testing.T
	speed    float64
	dir      string
	sim      *awssim.World
	endpoint string
	env      []string
	users    []string
	audience *demo.Audience
	audible  context.Context
	silence  context.CancelFunc

	grace, retention time.Duration       // before the speed
	listen           string              // of daemons
	watch            func(*http.Request) // is told of every request to AWS; nil: nobody is

	mu       sync.Mutex
	hold     *hold
	ago      time.Duration
	down     string            // a service of AWS that fails; "": none does
	promoted func(user string) // acts in the moment after a promotion; nil: nobody does
}

func newWorld(t *testing.T, speed float64, more string) *world {
	w := &world{t: t, speed: speed, dir: t.TempDir(), grace: deactivateAfter - rotateEvery, retention: deleteAfter - deactivateAfter,
		listen: "127.0.0.1:0"}
	w.sim = awssim.New(awssim.Config{
		Account: account, Regions: []string{region}, Speed: speed, Seed: 7, Propagation: propagation, Staleness: staleness, Clock: w.now,
		Rates: awssim.Rates{Unlimited: true}, OnCall: w.onCall, Violation: func(text string) { t.Errorf("safety rule broken: %s", text) },
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.watch != nil {
			w.watch(r)
		}
		w.sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.endpoint = server.URL
	w.past(time.Hour) // the reader's key has propagated long ago
	people := w.sim.People()
	w.must(people.CreateUser("reader", "/others/", nil, "SecretsManagerReadWrite"))
	readerID, readerSecret, err := people.CreateAccessKey("reader")
	w.must(err)
	w.past(0)
	id, secret := w.sim.RotatorKey()
	w.env = []string{"AWS_ENDPOINT_URL=" + w.endpoint, "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_EC2_METADATA_DISABLED=true", "HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	w.write("keyturn.yaml", `region: us-east-1
users:
  include: [{path: "/service/"}]
jitter: 0
pace: {iam: 0, sts: 0, secret_writes: 0, secret_tags: 0, secret_reads: 0}
`+more)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 128
	t.Cleanup(transport.CloseIdleConnections)
	w.audience = &demo.Audience{
		Endpoint: w.endpoint, Region: region, Keep: w.scaled(deactivateAfter-rotateEvery) * 2 / 5, Every: 150 * time.Millisecond,
		Reader: aws.Credentials{AccessKeyID: readerID, SecretAccessKey: readerSecret}, Settled: w.scaled(staleness) + 10*time.Millisecond,
		Client:  &http.Client{Transport: transport, Timeout: 10 * time.Second},
		Trouble: func(user string, err error) { t.Errorf("a consumer of %s failed: %v", user, err) },
	}
	w.audible, w.silence = context.WithCancel(context.Background())
	t.Cleanup(func() { w.silence(); w.audience.Leave() })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / w.speed) }

func (w *world) write(name, text string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(-w.ago)
}

func (w *world) past(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ago = d
}

func secretName(user string) string { return "keyturn/" + user + "/key" }

// enter makes a user, which from now on is under care, and whose consumers begin with its first key.
func (w *world) enter(user string) {
	w.t.Helper()
	w.past(w.scaled(staleness)) // no answer may be from before
	w.must(w.sim.People().CreateUser(user, "/service/", nil))
	w.past(0)
	w.sim.Care(user, awssim.Care{SecretName: secretName(user), Grace: w.scaled(w.grace),
		Retention: w.scaled(w.retention), Quarantine: w.scaled(quarantine), VerifySuccesses: 2})
	w.users = append(w.users, user)
}

// seat gives a user's consumers a seat once there is a key to read.
func (w *world) seat(user string) {
	w.t.Helper()
	w.until("the first key of "+user, func() string {
		if s := w.sim.Secret(secretName(user)); s == nil || s.Stage("AWSCURRENT") == nil {
			return "no current version"
		}
		return ""
	})
	w.audience.Seat(w.audible, user, secretName(user), 2)
}

// until waits for something that must come; bounded, as every loop here.
func (w *world) until(what string, missing func() string) {
	w.t.Helper()
	w.patiently(3*time.Minute, what, missing)
}

func (w *world) patiently(patience time.Duration, what string, missing func() string) {
	w.t.Helper()
	for began := time.Now(); ; {
		why := missing()
		if why == "" {
			return
		}
		if w.t.Failed() {
			w.t.FailNow()
		}
		if time.Since(began) > patience {
			w.t.Fatalf("%s did not come: %s", what, why)
		}
		pause(20 * time.Millisecond)
	}
}

// pause lets other processes do something.
func pause(d time.Duration) { <-time.After(d) }

// settled waits until every user was rotated again since a moment, and has nothing but its current and its previous key.
func (w *world) settled(since time.Time) {
	w.t.Helper()
	for _, user := range w.users {
		w.until("a rotation of "+user, func() string {
			secret := w.sim.Secret(secretName(user))
			if secret == nil || secret.Stage("AWSCURRENT") == nil {
				return "no current version"
			}
			current, previous := secret.Stage("AWSCURRENT").KeyID, ""
			if v := secret.Stage("AWSPREVIOUS"); v != nil {
				previous = v.KeyID
			}
			fresh := false
			for _, k := range w.sim.Keys(user) {
				switch {
				case k.ID == current && k.Status != "Active":
					return "the current key " + k.ID + " is " + k.Status
				case k.ID == current:
					fresh = k.Created.After(since)
				case k.ID != previous:
					return "there is the key " + k.ID + ", " + k.Status
				}
			}
			if !fresh {
				return "the current key is from before"
			}
			return ""
		})
	}
	if n := w.audience.Failures(); n > 0 {
		w.t.Errorf("%d consumer calls failed", n)
	}
	w.t.Logf("%d users, %d consumer calls, %d failed, calls of keyturn: %v", len(w.users), w.audience.Calls(), w.audience.Failures(),
		w.sim.RotatorCounts())
}

// daemon is one process of `keyturn serve`.
type daemon struct {
	w     *world
	name  string
	cmd   *exec.Cmd
	log   string
	ready string
	ended chan struct{}
	err   error
}

// start starts a daemon; it may not be ready yet when it returns.
func (w *world) start(name string, args ...string) *daemon {
	w.t.Helper()
	d := &daemon{w: w, name: name, log: filepath.Join(w.dir, name+".log"), ready: filepath.Join(w.dir, name+".ready"), ended: make(chan struct{})}
	_ = os.Remove(d.ready)
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	d.cmd = exec.Command(binary, append([]string{"serve", "--speed", fmt.Sprint(w.speed), "--listen", w.listen, "--ready-file", d.ready}, args...)...)
	d.cmd.Dir, d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = w.dir, w.env, log, log
	w.must(d.cmd.Start())
	go func() {
		d.err = d.cmd.Wait()
		_ = log.Close()
		close(d.ended)
	}()
	w.t.Cleanup(func() {
		d.kill()
		if w.t.Failed() {
			text, _ := os.ReadFile(d.log)
			w.t.Logf("log of %s:\n%s", name, tail(string(text), 60))
		}
	})
	return d
}

// kill ends the process as a crash does, and waits until it is gone.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// serving waits for the ready file.
func (d *daemon) serving() (ready struct{ Listen, Socket string }) {
	d.w.t.Helper()
	d.w.until(d.name+" serving", func() string {
		text, err := os.ReadFile(d.ready)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			select {
			case <-d.ended:
				log, _ := os.ReadFile(d.log)
				d.w.t.Fatalf("%s ended: %v\n%s", d.name, d.err, tail(string(log), 30))
			default:
			}
			return "no ready file"
		case err != nil:
			return err.Error()
		}
		if err := json.Unmarshal(text, &ready); err != nil {
			return err.Error()
		}
		return ""
	})
	return ready
}

// reads waits for a file that another process writes, and reads it.
func (w *world) reads(path string, v any) {
	w.t.Helper()
	w.until(path, func() string {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

// says waits for a text in the daemon's log.
func (d *daemon) says(text string) {
	d.w.t.Helper()
	d.w.until(fmt.Sprintf("%q in the log of %s", text, d.name), func() string {
		log, err := os.ReadFile(d.log)
		if err != nil {
			return err.Error()
		}
		if !strings.Contains(string(log), text) {
			return "its last lines are\n" + tail(string(log), 5)
		}
		return ""
	})
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
