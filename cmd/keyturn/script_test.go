package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keyturn": main})
}

// TestScript plays testdata/script: the real program, as a process, against a simulated AWS of each script's own. The command
// `aws` of the scripts is what people do there, and what goes wrong.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			s, err := newStage()
			if err != nil {
				return err
			}
			env.Defer(s.close)
			env.Values[stageKey{}] = s
			id, secret := s.world.RotatorKey()
			env.Vars = append(env.Vars, "AWS_ENDPOINT_URL="+s.endpoint, "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret,
				"AWS_EC2_METADATA_DISABLED=true", "SECRET="+secret, "TERM=xterm-256color")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"aws": act, "code": code, "damage": damage, "newer": newer, "ready": ready,
		},
	})
}

type stageKey struct{}

// stage is one script's AWS.
type stage struct {
	world    *awssim.World
	endpoint string
	server   *http.Server

	mu    sync.Mutex
	ahead time.Duration     // of AWS's clock before this machine's
	fails map[string]string // operation → error code
	drops map[string]bool   // operations whose answers are lost
	slow  map[string]time.Duration
}

func newStage() (*stage, error) {
	s := &stage{fails: map[string]string{}, drops: map[string]bool{}, slow: map[string]time.Duration{}}
	s.world = awssim.New(awssim.Config{Seed: 1, Clock: s.now, OnCall: s.fate, Violation: func(text string) { panic(text) }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.endpoint, s.server = "http://"+listener.Addr().String(), &http.Server{Handler: s.world}
	go func() { _ = s.server.Serve(listener) }() // ends with close
	return s, nil
}

func (s *stage) close() { _ = s.server.Close() }

func (s *stage) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *stage) fate(c *awssim.Call) awssim.Fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.Rotator {
		return awssim.Fate{}
	}
	return awssim.Fate{FailBefore: s.fails[c.Operation], DropReply: s.drops[c.Operation], Delay: s.slow[c.Operation]}
}

// act is the scripts' command `aws`.
func act(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(stageKey{}).(*stage)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: aws ACT [ARGUMENT…]")
	}
	p := s.world.People()
	arg := func(i int) string {
		if i >= len(args) {
			ts.Fatalf("aws %s: an argument is missing", args[0])
		}
		return args[i]
	}
	var err error
	switch args[0] {
	case "user": // NAME [TAG=VALUE]…: a user of the path /service/
		tags := map[string]string{}
		for _, a := range args[2:] {
			k, v, _ := strings.Cut(a, "=")
			tags[k] = v
		}
		err = p.CreateUser(arg(1), "/service/", tags)
	case "admin": // NAME
		err = p.CreateUser(arg(1), "/service/", nil, "AdministratorAccess")
	case "users": // COUNT
		n, _ := strconv.Atoi(arg(1))
		for i := range n {
			ts.Check(p.CreateUser("user-"+strconv.Itoa(i), "/service/", nil))
		}
	case "key": // USER
		_, _, err = p.CreateAccessKey(arg(1))
	case "tag-user": // USER TAG=VALUE
		k, v, _ := strings.Cut(arg(2), "=")
		err = p.TagUser(arg(1), map[string]string{k: v})
	case "secret": // NAME VALUE
		err = p.CreateSecret(arg(1), arg(2), nil)
	case "delete-secret": // NAME
		err = p.DeleteSecret(arg(1))
	case "untag-secret": // NAME TAG
		err = p.UntagSecret(arg(1), arg(2))
	case "deny": // ACTION: of the rotator
		id, _ := s.world.RotatorKey()
		for _, u := range s.world.Users() {
			for _, k := range s.world.Keys(u.Name) {
				if k.ID == id {
					err = p.Deny(u.Name, arg(1))
				}
			}
		}
	case "disable-region":
		p.DisableRegion(arg(1))
	case "break-kms":
		p.SetKMSBroken(true)
	case "fail": // OPERATION CODE; CODE "ok" ends it
		s.set(func() {
			delete(s.fails, arg(1))
			if arg(2) != "ok" {
				s.fails[arg(1)] = arg(2)
			}
		})
	case "drop": // OPERATION: it takes effect and its answer is lost
		s.set(func() { s.drops[arg(1)] = true })
	case "slow": // OPERATION DURATION
		d, e := time.ParseDuration(arg(2))
		err = e
		s.set(func() { s.slow[arg(1)] = d })
	case "calm":
		s.set(func() { s.fails, s.drops = map[string]string{}, map[string]bool{} })
	case "clock": // DURATION: AWS's clock moves on
		d, e := time.ParseDuration(arg(1))
		err = e
		s.set(func() { s.ahead += d })
	case "keys": // USER COUNT: it has so many keys
		if got := strconv.Itoa(len(s.world.Keys(arg(1)))); got != arg(2) {
			ts.Fatalf("%s has %s keys, not %s", arg(1), got, arg(2))
		}
	case "calls": // OPERATION COUNT: so many were made until now
		if got := strconv.FormatInt(s.world.Counts()[arg(1)], 10); got != arg(2) {
			ts.Fatalf("%s %s calls, not %s: %v", got, arg(1), arg(2), s.world.Counts())
		}
	default:
		ts.Fatalf("aws %s: there is no such act", args[0])
	}
	ts.Check(err)
}

func (s *stage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// code runs a command that must end with an exit code: code N COMMAND [ARGUMENT…].
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARGUMENT…]")
	}
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, not %s", got, args[0])
	}
}

// damage overwrites the middle of a database file.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	for i := 100; i < len(text); i++ {
		text[i] = byte(i * 7)
	}
	ts.Check(os.WriteFile(path, text, 0o600))
}

// newer makes a database one that a later keyturn has written.
func newer(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	ts.Check(err)
}

// ready waits for a ready file, checks who may read it, and takes its endpoint and credentials.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for {
		info, err := os.Stat(path)
		if err != nil {
			time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
			continue
		}
		if info.Mode().Perm() != 0o600 {
			ts.Fatalf("the ready file has mode %v", info.Mode())
		}
		break
	}
	var r readyFile
	text, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(json.Unmarshal(text, &r))
	ts.Setenv("AWS_ENDPOINT_URL", r.Endpoint)
	ts.Setenv("AWS_ACCESS_KEY_ID", r.KeyID)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", r.Secret)
}

func TestEveryReasonHasASentence(t *testing.T) {
	text, err := os.ReadFile("../../internal/rotation/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		if _, value, ok := strings.Cut(line, " Reason = \""); ok {
			found++
			if reason := strings.TrimSuffix(value, "\""); sentences[rotation.Reason(reason)] == "" {
				t.Errorf("the reason %q has no sentence for people in words.go", reason)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d reasons were found in reason.go", found)
	}
}
