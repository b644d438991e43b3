package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
	"github.com/keyturn/keyturn/internal/store"
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
			env.Values[standInKey{}] = &standIn{}
			id, secret := s.world.RotatorKey()
			env.Vars = append(env.Vars, "AWS_ENDPOINT_URL="+s.endpoint, "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret,
				"AWS_EC2_METADATA_DISABLED=true", "SECRET="+secret, "TERM=xterm-256color")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"access": access, "aws": act, "code": code, "damage": damage, "key": key, "newer": newer, "ready": ready, "until": until,
			"up": up, "page": page, "logged": logged, "signalled": signalled, "called": called, "api": apiCall, "keep": keep, "alike": alike,
			"keyid": keyID, "userid": userID, "fromfile": fromFile, "insist": insist,
			"server": server, "agentup": agentUp, "fetch": fetch, "gone": gone, "memory": memory,
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
	begun map[string]int // calls of keyturn's that have come in, by operation
}

func newStage() (*stage, error) {
	s := &stage{fails: map[string]string{}, drops: map[string]bool{}, slow: map[string]time.Duration{},
		begun: map[string]int{}}
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
	s.begun[c.Operation]++
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
	case "use": // USER SERVICE: its newest key, now
		keys := s.world.Keys(arg(1))
		err = p.UseKey(keys[len(keys)-1].ID, arg(2), "eu-west-1")
	case "inline": // USER DOCUMENT: its policy
		err = p.PutUserPolicy(arg(1), "inline", arg(2))
	case "console": // USER: it gets a password
		err = p.SetConsolePassword(arg(1))
	case "root-key":
		err = p.CreateRootKey("iam")
	case "stack": // NAME USER: a CloudFormation stack that makes a key of the user
		_, err = p.CreateStack("us-east-1", arg(1), arg(2))
	case "delete-user": // NAME
		err = p.DeleteUser(arg(1))
	case "tag-user": // USER TAG=VALUE
		k, v, _ := strings.Cut(arg(2), "=")
		err = p.TagUser(arg(1), map[string]string{k: v})
	case "secret": // NAME VALUE
		err = p.CreateSecret(arg(1), arg(2), nil)
	case "put": // NAME VALUE: a person writes a value
		err = p.PutSecretValue(arg(1), arg(2))
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
		s.set(func() { s.fails, s.drops, s.slow = map[string]string{}, map[string]bool{}, map[string]time.Duration{} })
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

// key sets a variable to the id of an access key: key VAR USER current, or key VAR USER N for the Nth that stands.
func key(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: key VARIABLE USER current|N")
	}
	w := ts.Value(stageKey{}).(*stage).world
	id := ""
	if n, err := strconv.Atoi(args[2]); err == nil {
		id = w.Keys(args[1])[n-1].ID
	} else {
		id = w.Secret("keyturn/" + args[1] + "/key").Stage("AWSCURRENT").KeyID
	}
	ts.Setenv(args[0], id)
}

// until waits for a text in a file that another process writes.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	await(ts, args[1], func() (bool, string) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1]), string(text)
	})
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

// access records that callers read the credentials of a user, as the server does before it sends one: access DATABASE USER CALLER...
func access(ts *testscript.TestScript, _ bool, args []string) {
	db, err := store.Open(context.Background(), store.Options{Path: ts.MkAbs(args[0])})
	ts.Check(err)
	for i, caller := range args[2:] {
		ts.Check(db.RecordAccess(context.Background(), store.Access{
			At: time.Now().Add(time.Duration(i) * time.Second), Caller: caller, User: rotation.User{Account: "111122223333", Name: args[1]},
			AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Route: "GET /v1/credentials/{user}", From: netip.MustParseAddr("192.0.2.7"),
		}))
	}
	ts.Check(db.Close())
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
	var r readyFile
	await(ts, "the ready file "+args[0], func() (bool, string) {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &r) == nil, string(text)
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		ts.Fatalf("the ready file has mode %v, %v", info.Mode(), err)
	}
	ts.Setenv("AWS_ENDPOINT_URL", r.Endpoint)
	ts.Setenv("AWS_ACCESS_KEY_ID", r.KeyID)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", r.Secret)
}

// keyID sets a variable to the id of the API key with a name: keyid VARIABLE NAME.
func keyID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keyid VARIABLE NAME")
	}
	var doc struct {
		Keys []struct{ ID, Name string } `json:"keys"`
	}
	ts.Check(json.Unmarshal([]byte(ts.Value(stageKey{}).(*stage).world.Secret("keyturn/api-keys/0").Stage("AWSCURRENT").Value), &doc))
	for _, k := range doc.Keys {
		if k.Name == args[1] {
			ts.Setenv(args[0], k.ID)
			return
		}
	}
	ts.Fatalf("there is no API key %s", args[1])
}

// userID sets a variable to the unique id of a user: userid VARIABLE USER.
func userID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: userid VARIABLE USER")
	}
	for _, u := range ts.Value(stageKey{}).(*stage).world.Users() {
		if u.Name == args[1] {
			ts.Setenv(args[0], u.ID)
			return
		}
	}
	ts.Fatalf("there is no user %s", args[1])
}

// fromFile sets a variable to the text of a file, without the end of its line: fromfile VARIABLE FILE.
func fromFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fromfile VARIABLE FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// insist runs a command until it ends well: insist COMMAND [ARGUMENT…].
func insist(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: insist COMMAND [ARGUMENT…]")
	}
	await(ts, strings.Join(args, " "), func() (bool, string) {
		err := ts.Exec(args[0], args[1:]...)
		return err == nil, fmt.Sprint(err)
	})
}
