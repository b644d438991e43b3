package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyturn/keyturn/internal/agent"
)

// standIn is a keyturn server of a script's own, whose answers and absences the script decides.
type standIn struct {
	listener net.Listener
	server   *http.Server

	mu    sync.Mutex
	life  time.Duration
	code  string // of its refusals; "": it gives credentials
	asked int
}

type standInKey struct{}

// The API key and the secret that must never be seen where they do not belong.
const (
	standInAPIKey = "keyturn_standin000_HUSH"
	standInSecret = "HUSHsecretaccesskey"
)

// server is the scripts' command `server`:
//
//	server up LIFE      it serves, and its credentials live for so long; sets KEYTURN_URL, KEYTURN_API_KEY, APIKEY and HUSH
//	server down         nobody listens any more
//	server refuses CODE it answers 400 with this code
//	server asked N      it was asked so often since the last time
func server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server up LIFE|down|refuses CODE|asked N")
	}
	s, _ := ts.Value(standInKey{}).(*standIn)
	switch args[0] {
	case "up":
		life, err := time.ParseDuration(args[1])
		ts.Check(err)
		s.mu.Lock()
		s.life, s.code = life, ""
		s.mu.Unlock()
		s.start(ts)
	case "down":
		ts.Check(s.server.Close())
		s.server = nil
	case "refuses":
		s.mu.Lock()
		s.code = args[1]
		s.mu.Unlock()
	case "asked":
		s.mu.Lock()
		defer s.mu.Unlock()
		if got := strconv.Itoa(s.asked); got != args[1] {
			ts.Fatalf("the server was asked %s times, not %s", got, args[1])
		}
		s.asked = 0
	}
}

func (s *standIn) start(ts *testscript.TestScript) {
	if s.server != nil {
		return
	}
	address := "127.0.0.1:0"
	if s.listener != nil {
		address = s.listener.Addr().String() // where it was
	}
	var err error
	s.listener, err = net.Listen("tcp", address)
	ts.Check(err)
	s.server = &http.Server{Handler: s}
	go func(server *http.Server) { _ = server.Serve(s.listener) }(s.server)
	ts.Defer(func() {
		if s.server != nil {
			_ = s.server.Close()
		}
	})
	ts.Setenv("KEYTURN_URL", "http://"+s.listener.Addr().String())
	ts.Setenv("KEYTURN_API_KEY", standInAPIKey)
	ts.Setenv("APIKEY", standInAPIKey)
	ts.Setenv("HUSH", "HUSH")
}

// ServeHTTP answers as /v1/container does.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	code := s.code
	if r.Header.Get("Authorization") != standInAPIKey {
		code = "unknown-key"
	}
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": "as the script said"})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{
		"AccessKeyId":     fmt.Sprintf("AKIA%s%d", strings.ToUpper(strings.TrimPrefix(r.URL.Path, "/v1/container/")), s.asked),
		"SecretAccessKey": standInSecret, "Token": "", "Expiration": time.Now().Add(s.life).UTC().Format(time.RFC3339)})
}

// agentUp waits for an agent's ready file and sets PID, AGENT and TOKENFILE: agentup FILE.
func agentUp(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	var p agent.Place
	await(ts, "the ready file "+args[0], func() (bool, string) {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &p) == nil && p.URL != "", string(text)
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		ts.Fatalf("the ready file has mode %v, %v", info.Mode(), err)
	}
	ts.Setenv("PID", strconv.Itoa(p.PID))
	ts.Setenv("AGENT", p.URL)
	ts.Setenv("TOKENFILE", p.TokenFile)
}

// fetch asks an address as an SDK does: fetch URL TOKENFILE STATUS TEXT [HEADER=VALUE]…; "-" is no token.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, fmt.Sprint(args), func() (bool, string) {
		req, err := http.NewRequest(http.MethodGet, args[0], nil)
		ts.Check(err)
		if args[1] != "-" {
			req.Header.Set("Authorization", strings.TrimSpace(ts.ReadFile(args[1])))
		}
		for _, h := range args[4:] {
			k, v, _ := strings.Cut(h, "=")
			if k == "Host" {
				req.Host = v
			} else {
				req.Header.Set(k, v)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && strconv.Itoa(res.StatusCode) == args[2] && strings.Contains(string(body), args[3]),
			fmt.Sprint(res.StatusCode, " ", string(body))
	})
}

// gone waits until no file of a folder has a suffix any more: gone FOLDER SUFFIX.
func gone(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, fmt.Sprint(args), func() (bool, string) {
		files, err := os.ReadDir(args[0])
		ts.Check(err)
		var left []string
		for _, f := range files {
			if strings.HasSuffix(f.Name(), args[1]) {
				left = append(left, f.Name())
			}
		}
		return len(left) == 0, fmt.Sprint(left)
	})
}

// memory makes a folder on a tmpfs and sets XDG_RUNTIME_DIR.
func memory(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := os.MkdirTemp("/dev/shm", "keyturn-script-")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	ts.Setenv("XDG_RUNTIME_DIR", dir)
}
