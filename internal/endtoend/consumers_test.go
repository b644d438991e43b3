package endtoend

import (
	"flag"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

var patronRotations = flag.Int("consumers.rotations", 15, "how many keys each real client has to go through")

// The schedule of the patrons: short, so that there are many rotations. AWS's times, and Expirations, have whole seconds, of which the
// grace has four here.
const (
	patronSchedule = `schedule: {rotate_every: 6m, deactivate_after: 10m20s, delete_after: 10m50s}
settle: 10s
run_deadline: 55s
http_timeout: 20s
verify: {timeout: 15s}
`
	patronGrace, patronRetention = 260 * time.Second, 30 * time.Second
)

// patronSpeed is the speed at which this machine can keep up: a credential_process fetches a key and ends, then botocore looks at the time,
// and refuses for good what has expired meanwhile. A machine that is busy with other things gets more of it.
func patronSpeed(t *testing.T, k kit) float64 {
	t.Helper()
	var worst time.Duration
	for range 5 {
		began := time.Now()
		if err := exec.Command(k.python, "-c", "import boto3").Run(); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(began))
	}
	speed := 60.0
	switch {
	case worst > 3*time.Second:
		speed = 15
	case worst > time.Second:
		speed = 30
	}
	t.Logf("Python with boto3 starts in %s at worst: at speed %g", worst.Round(time.Millisecond), speed)
	return speed
}

// mostGap is for how long nobody may listen while keyturn is restarted. A second is promised; a machine that does much else at the same
// time needs longer to start a process.
const mostGap = 3 * time.Second

// openHouse makes a world with keyturn in it, and everybody who will be invited under care.
func openHouse(t *testing.T, k kit, users []string, settings string) (*house, *daemon) {
	t.Helper()
	w := newWorld(t, patronSpeed(t, k), settings)
	w.grace, w.retention = patronGrace, patronRetention
	h := &house{w: w, used: map[string]map[string]int{}}
	w.watch = h.watch
	for _, user := range users {
		w.enter(user)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.listen = l.Addr().String() // the same one after a restart
	w.must(l.Close())
	d := w.start("daemon")
	d.serving()
	h.api = "http://" + w.listen
	for _, user := range users {
		w.until("the first key of "+user, func() string {
			if s := w.sim.Secret(secretName(user)); s == nil || s.Stage("AWSCURRENT") == nil {
				return "no current version"
			}
			return ""
		})
	}
	h.keyFiles()
	return h, d
}

// TestConsumers: real clients with their own retries and nothing else sign calls through many rotations, while keyturn is restarted, while
// Secrets Manager fails for a minute, and, those behind the agent, while keyturn is dead for 30 seconds. Not one call fails.
//
// At such a speed credentials have seconds to live, and SDKs, which renew them 5 to 15 minutes before that, ask for each call anew.
func TestConsumers(t *testing.T) {
	k := newKit(t)
	type seat struct {
		client string
		by     way
		every  time.Duration
	}
	const often, seldom, cli = 400 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second
	var seats []seat
	for _, client := range []string{clientGo, clientPython, clientJS} {
		seats = append(seats, seat{client, container, often}, seat{client, process, seldom}, seat{client, agentContainer, often},
			seat{client, agentProcess, seldom})
	}
	seats = append(seats, seat{clientCLI, container, cli}, seat{clientCLI, process, cli})
	if k.debian != "" {
		seats = append(seats, seat{clientDebian, container, cli}, seat{clientDebian, agentProcess, cli})
	} else {
		t.Log("NOT RUN: the aws CLI of Debian, which `make tools` can fetch on Debian alone")
		seats = append(seats, seat{clientCLI, agentProcess, cli})
	}
	var users []string
	for _, s := range seats {
		users = append(users, (&house{}).nameOf(s.client, s.by))
	}
	h, d := openHouse(t, k, users, patronSchedule)
	w := h.w
	h.startAgent()
	for _, s := range seats {
		h.invite(k, s.client, s.by, s.every)
	}
	end := h.begin()
	share := func(n int) { h.through(n, 10*time.Minute+time.Duration(*patronRotations)*time.Minute) }

	share(*patronRotations / 5)
	gap := h.restart(&d)
	t.Logf("restarted: nobody listened for %s", gap.Round(time.Millisecond))
	if gap > mostGap {
		t.Errorf("restarted, keyturn listened again only after %s", gap)
	}
	share(2 * *patronRotations / 5)
	w.mu.Lock()
	w.down = "secretsmanager"
	w.mu.Unlock()
	pause(w.scaled(time.Minute))
	w.mu.Lock()
	w.down = ""
	w.mu.Unlock()
	share(3 * *patronRotations / 5)
	h.doors.Lock() // who goes to the server itself waits, and finishes first what is under way
	d.kill()
	pause(w.scaled(30 * time.Second))
	d = w.start("daemon")
	d.serving()
	h.doors.Unlock()
	share(*patronRotations + 1)
	end()
	h.report()
	for _, text := range h.failures() {
		t.Error(text)
	}
}

// TestConsumersWithoutGrace is the control: an old key that dies in the moment in which its successor is promoted is still in the hands of
// consumers, and their calls fail. A test that cannot see this proves nothing.
func TestConsumersWithoutGrace(t *testing.T) {
	k := newKit(t)
	var users []string
	for _, client := range []string{clientGo, clientPython} {
		users = append(users, (&house{}).nameOf(client, agentContainer))
	}
	h, _ := openHouse(t, k, users, patronSchedule)
	w := h.w
	h.startAgent()
	for _, client := range []string{clientGo, clientPython} {
		h.invite(k, client, agentContainer, 50*time.Millisecond)
	}
	w.mu.Lock()
	w.promoted = func(user string) { // somebody takes the old key away
		current := w.sim.Secret(secretName(user)).Stage("AWSCURRENT").KeyID
		for _, key := range w.sim.Keys(user) {
			if key.ID != current && key.Status == "Active" {
				_ = w.sim.People().SetKeyStatus(user, key.ID, "Inactive")
			}
		}
	}
	w.mu.Unlock()
	end := h.begin()
	w.until("a failed call", func() string {
		if len(h.failures()) == 0 {
			return "every call went well, without any grace"
		}
		return ""
	})
	end()
	t.Logf("without a grace, as it must: %s", h.failures()[0])
}

// begin has everybody call until end.
func (h *house) begin() (end func()) {
	stop := make(chan struct{})
	done := make(chan struct{}, len(h.patrons))
	for _, p := range h.patrons {
		go func() { p.work(h, stop); done <- struct{}{} }()
	}
	return func() {
		close(stop)
		for range h.patrons {
			<-done
		}
	}
}

// restart ends keyturn as an administrator does and starts it again; it gives for how long nobody listened.
func (h *house) restart(d **daemon) time.Duration {
	w := h.w
	w.t.Helper()
	var last, first time.Time
	listening, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for gone := false; ; pause(5 * time.Millisecond) {
			c, err := net.DialTimeout("tcp", w.listen, time.Second)
			switch {
			case err != nil:
				gone = true
			case gone:
				_ = c.Close()
				first = time.Now()
				return
			default:
				_ = c.Close()
				last = time.Now()
			}
			select {
			case <-listening:
				return
			default:
			}
		}
	}()
	w.must((*d).cmd.Process.Signal(syscall.SIGTERM))
	<-(*d).ended
	*d = w.start("daemon")
	(*d).serving()
	pause(100 * time.Millisecond)
	close(listening)
	<-over
	if first.IsZero() {
		return 0
	}
	return first.Sub(last)
}

// outage is the fate of a call while a service is down.
func (w *world) outage(c *awssim.Call) (awssim.Fate, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down == c.Service {
		return awssim.Fate{FailBefore: awssim.ServiceUnavailable}, true
	}
	if c.Operation == "UpdateSecretVersionStage" && w.promoted != nil {
		promoted := w.promoted
		return awssim.Fate{After: func() { promoted(c.User) }}, true
	}
	return awssim.Fate{}, false
}
