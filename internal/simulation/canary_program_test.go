package simulation

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

const programConfig = `region: us-east-1
users:
  include: [{path: "/service/"}]
settle: 10s
verify: {interval: 0s, timeout: 5s}
pace: {iam: 0, sts: 0, secret_writes: 0, secret_tags: 0, secret_reads: 0}
`

// program is the real binary against a simulated AWS over TCP. What it writes is captured, and what it did is counted.
type program struct {
	t        *testing.T
	c        *captured
	sim      *awssim.World
	bin, dir string
	env      []string

	mu    sync.Mutex
	ahead time.Duration
	fate  func(*awssim.Call) awssim.Fate
	exits map[int]int
}

// startProgram builds the binary, and makes five users: an ordinary one, one with a key from before, one with two, one whose
// secret is somebody else's, and one whom a person's value will block.
func startProgram(t *testing.T, c *captured) *program {
	p := &program{t: t, c: c, bin: filepath.Join(t.TempDir(), "keyturn"), dir: t.TempDir(), exits: map[int]int{}}
	build := exec.Command("go", "build", "-o", p.bin, "github.com/keyturn/keyturn/cmd/keyturn")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build cmd/keyturn: %v\n%s", err, out)
	}
	p.sim = awssim.New(awssim.Config{Account: account, Seed: 3, SecretMark: mark, Clock: p.now, OnCall: p.onCall,
		Rates: awssim.Rates{Unlimited: true}})
	server := httptest.NewServer(p.sim)
	t.Cleanup(server.Close)
	people := p.sim.People()
	for i, name := range []string{username, "one-before", "two-before", "taken", "blocked"} {
		if err := people.CreateUser(name, "/service/", nil); err != nil {
			t.Fatal(err)
		}
		for range min(i, 2) {
			if i < 3 {
				_, _, _ = people.CreateAccessKey(name)
			}
		}
	}
	_ = people.CreateSecret("keyturn/taken/key", `{"SecretAccessKey":"`+mark+`","AccessKeyId":"AKIATAKENTAKENTAKEN0"}`, nil)
	id, secret := p.sim.RotatorKey()
	p.env = []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_EC2_METADATA_DISABLED=true", "HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color"}
	if err := os.WriteFile(filepath.Join(p.dir, "keyturn.yaml"), []byte(programConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *program) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.ahead)
}

func (p *program) onCall(c *awssim.Call) awssim.Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fate == nil {
		return awssim.Fate{}
	}
	return p.fate(c)
}

// trouble sets what happens to calls from now on; nil ends it.
func (p *program) trouble(fate func(*awssim.Call) awssim.Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fate = fate
}

// later moves AWS's clock on.
func (p *program) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead += d
}

// run runs the binary, captures both of its outputs and counts its exit code.
func (p *program) run(args ...string) (stdout string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // nothing that is asked for here waits for so long
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.exits[cmd.ProcessState.ExitCode()]++
	p.mu.Unlock()
	p.c.add("stdout of "+args[0], "%s", out.Bytes())
	p.c.add("stderr of "+args[0], "%s", errs.Bytes())
	if strings.Contains(errs.String(), "panic:") || cmd.ProcessState.ExitCode() < 0 {
		p.t.Errorf("keyturn %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.String()
}

// everything runs every command that looks or acts, in both forms. AWS's clock moves on in between, so that no run waits for what
// the one before changed to settle.
func (p *program) everything() {
	for _, args := range [][]string{
		{"plan"}, {"plan", "--json"}, {"run", "--verbose"}, {"run", "--json", "--verbose"}, {"run"}, {"status"}, {"status", "--json"},
		{"rotate", "two-before", "--json"}, {"config", "check", "--live"}, {"config", "check", "--live", "--json"},
	} {
		if args[0] == "run" {
			p.later(4 * time.Minute)
		}
		p.run(args...)
	}
}

// alone runs until the ordinary user has one key, a young one: then a rotation has to wait for nothing.
func (p *program) alone() {
	for range 9 {
		keys := p.sim.Keys(username)
		p.later(4 * time.Minute)
		if len(keys) == 1 && p.now().Sub(keys[0].Created) < 9*time.Minute {
			return
		}
		p.run("run")
	}
}

// TestCanaryProgram: neither output of any command of the real program, nor its database, holds a secret access key, its own
// credentials included, whatever AWS answers.
func TestCanaryProgram(t *testing.T) {
	t.Parallel()
	c := newCaptured()
	p := startProgram(t, c)
	for _, args := range [][]string{{"config", "check"}, {"config", "example"}, {"config", "schema"}, {"policy", "rotator"},
		{"policy", "guardrail"}, {"version"}, {"run", "--help"}, {"nonsense"}} {
		p.run(args...)
	}
	p.everything() // the first keys
	if first := p.sim.Keys(username); len(first) == 0 {
		t.Fatal("the program made no key: there is nothing to be found")
	}
	p.later(11 * time.Minute)
	p.everything() // rotations
	p.alone()
	p.run("rotate", username, "--verbose")
	met := map[string]int{}
	fates := []awssim.Fate{{FailBefore: "SignatureDoesNotMatch"}, {FailBefore: awssim.AccessDenied}, {DropReply: true},
		{FailAfter: awssim.ServiceFailure}}
	for i, operation := range []string{"CreateAccessKey", "PutSecretValue", "GetCallerIdentity", "UpdateSecretVersionStage", "TagResource",
		"UpdateAccessKey", "DeleteAccessKey", "GetSecretValue", "DescribeSecret", "ListAccessKeys", "GetAccountAuthorizationDetails",
		"CreateSecret"} {
		p.alone()
		if operation == "CreateSecret" {
			_ = p.sim.People().CreateUser("late", "/service/", nil)
		}
		if operation == "GetSecretValue" { // it reads values that people wrote
			current := p.sim.Secret(secretName).Stage("AWSCURRENT").Value
			_ = p.sim.People().PutSecretValue(secretName, current+" ")
		}
		p.trouble(func(c *awssim.Call) awssim.Fate {
			if c.Operation != operation || operation == "GetCallerIdentity" && c.Rotator {
				return awssim.Fate{}
			}
			met[operation]++
			return fates[i%len(fates)]
		})
		for _, wait := range []time.Duration{11 * time.Minute, 3 * time.Minute, 4 * time.Minute} { // due; its grace over; its retention
			p.later(wait)
			p.run("run", "--json", "--verbose")
		}
		p.trouble(nil)
	}
	if len(met) < 12 {
		t.Errorf("only calls of %v met their fates", met)
	}
	bad := map[string]int{username: 0, "blocked": len(badValues("", "")) - 2}
	values := map[string]string{}
	for user, n := range bad {
		s := p.sim.Secret("keyturn/" + user + "/key")
		if s == nil || s.Stage("AWSCURRENT") == nil {
			t.Fatalf("%s has no key by now: there is nothing to be found", user)
		}
		value := s.Stage("AWSCURRENT")
		values[user] = value.Value
		for _, k := range p.sim.Keys(user) {
			if k.ID == value.KeyID {
				_ = p.sim.People().PutSecretValue(s.Name, badValues(k.ID, k.Secret)[n])
			}
		}
	}
	p.later(6 * time.Minute)
	p.everything() // blocked by people's values
	for user, value := range values {
		_ = p.sim.People().PutSecretValue("keyturn/"+user+"/key", value+" ")
	}

	good := p.env
	p.env = append(append([]string{}, good...), "AWS_SECRET_ACCESS_KEY="+mark+"wrongwrongwrong1") // the last one counts
	p.everything()
	p.run("rotate", username)
	p.env = append(append([]string{}, good...), "AWS_ACCESS_KEY_ID="+mark) // the two swapped, as people do
	p.run("run")
	p.env = append(append([]string{}, good...), "AWS_ENDPOINT_URL=http://127.0.0.1:1")
	p.run("run", "--json")
	p.env = good
	p.everything()
	p.daemon()

	c.files(t, p.dir)
	if p.exits[0] < 20 || p.exits[2] < 2 || p.exits[3] < 20 {
		t.Errorf("exit codes %v: these runs prove little", p.exits)
	}
	places := []string{"file keyturn.db", "rows of events", "rows of users"}
	for _, command := range []string{"run", "rotate", "plan", "status", "config", "policy", "version"} {
		places = append(places, "stdout of "+command)
	}
	c.search(t, append(append(places, daemonPlaces...), "stderr of run", "stderr of rotate")...)
	fmt.Fprintf(os.Stdout, "canary: %v runs of the program by exit code\n", p.exits)
}
