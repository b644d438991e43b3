package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyturn/keyturn/internal/daemon"
)

// A daemon is another process: there is nothing to wait on but what it shows. What never comes ends the script after this time.
const (
	patience = 30 * time.Second
	between  = 20 * time.Millisecond
)

func await(ts *testscript.TestScript, what string, there func() (bool, string)) {
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(between) {
		ok, saw := there()
		if ok {
			return
		}
		last = saw
	}
	ts.Fatalf("%s did not come within %s; at last it was %s", what, patience, last)
}

// up waits for a daemon's ready file, checks who may read it, and sets PID, PAGES and SOCKET: up FILE.
func up(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	var p daemon.Place
	await(ts, "the ready file "+args[0], func() (bool, string) {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &p) == nil && p.Listen != "", string(text)
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		ts.Fatalf("the ready file has mode %v, %v", info.Mode(), err)
	}
	ts.Setenv("PID", strconv.Itoa(p.PID))
	ts.Setenv("PAGES", p.Listen)
	ts.Setenv("SOCKET", p.Socket)
}

// page waits until a page answers with a status and a text: page PATH STATUS REGEXP.
func page(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[2])
	await(ts, fmt.Sprint(args), func() (bool, string) {
		res, err := http.Get("http://" + ts.Getenv("PAGES") + args[0])
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && strconv.Itoa(res.StatusCode) == args[1] && want.Match(text), fmt.Sprint(res.StatusCode, " ", string(text))
	})
}

// logged waits until a file holds so many lines that match: logged FILE COUNT REGEXP.
func logged(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)^.*" + args[2] + ".*$")
	await(ts, fmt.Sprint(args), func() (bool, string) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strconv.Itoa(len(want.FindAll(text, -1))) == args[1], string(text)
	})
}

// signalled sends a signal to a process: signalled NAME PID.
func signalled(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(syscall.Kill(pid, map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[args[0]]))
}

// called waits until so many calls of an operation have come in, whether they were answered or not: called OPERATION COUNT.
func called(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(stageKey{}).(*stage)
	await(ts, fmt.Sprint(args), func() (bool, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strconv.Itoa(s.begun[args[0]]) == args[1], fmt.Sprint(s.begun)
	})
}
