package simulation

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// tap stands between commands and the daemon's socket, and captures what passes, both ways.
func (p *program) tap(from, to string) {
	l, err := net.Listen("unix", from)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			caller, err := l.Accept()
			if err != nil {
				return // closed
			}
			daemon, err := net.Dial("unix", to)
			if err != nil {
				_ = caller.Close()
				continue
			}
			pass := func(into, out net.Conn) {
				_, _ = io.Copy(io.MultiWriter(into, p.c.writer("the daemon's socket")), out)
				_ = into.Close()
			}
			go pass(daemon, caller)
			go pass(caller, daemon)
		}
	}()
}

// daemon runs `keyturn serve` and every command that acts through it, and captures its log, its socket, its pages, a backup made
// meanwhile, and what the list of processes says.
func (p *program) daemon() {
	t := p.t
	sockets := t.TempDir()
	own, tapped := filepath.Join(sockets, "own"), filepath.Join(sockets, "tap")
	for name, socket := range map[string]string{"daemon.yaml": own, "keyturn.yaml": tapped} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(programConfig+"socket: "+socket+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.tap(tapped, own)
	up := filepath.Join(p.dir, "up.json")
	serve := exec.Command(p.bin, "serve", "--config", "daemon.yaml", "--listen", "127.0.0.1:0", "--ready-file", up, "--verbose")
	serve.Dir, serve.Env = p.dir, p.env
	serve.Stdout, serve.Stderr = p.c.writer("stdout of serve"), p.c.writer("log of serve")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait()
	}()
	var place struct{ Listen string }
	for text := []byte(nil); place.Listen == ""; text, _ = os.ReadFile(up) {
		_ = json.Unmarshal(text, &place) // again until it is there and whole
		if serve.ProcessState != nil || t.Failed() {
			t.Fatal("the daemon did not come up")
		}
		<-time.After(20 * time.Millisecond)
	}
	p.later(11 * time.Minute)
	// What is asked for meets what the daemon does by itself at the same time: a slot may be taken, for minutes. What it says then does as well.
	asked := func(args ...string) []string { return append(args, "--wait", "20s") }
	for _, args := range [][]string{
		{"status", "--json"}, {"plan", "--json"}, asked("rotate", username, "--json"), {"events", "--json"}, {"top", "--once", "--json"},
		{"top", "--once"}, asked("pause", username, "--why", "a release"), asked("resume", username, "--why", "it is over"),
		asked("rollback", username, "--yes"), asked("resume", username, "--why", "it works"),
		asked("revoke", username, "--key", p.sim.Keys(username)[0].ID, "--yes"),
		asked("adopt", "two-before", "--retire", p.sim.Keys("two-before")[0].ID, "--yes"),
		{"db", "backup", "copy.db"}, {"db", "check", "--json"}, {"scan", "--json"}, {"scan", "--csv", "--all"},
	} {
		p.later(2 * time.Minute)
		p.run(args...)
		p.processes()
	}
	p.api("http://" + place.Listen)
	for _, page := range []string{"healthz", "readyz", "metrics"} {
		resp, err := http.Get("http://" + place.Listen + "/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(p.c.writer("pages"), resp.Body)
		_ = resp.Body.Close()
	}
}

// daemonPlaces must hold something afterwards.
var daemonPlaces = []string{"the daemon's socket", "log of serve", "pages", "list of processes", "file copy.db", "stdout of top",
	"file keyturn-access.db", "rows of batches", "rows of key_uses", "error bodies of the API", "answers of the API", "streams of the API",
	"stdout of accesses", "stdout of connect", "stdout of events", "stdout of scan", "stdout of rollback", "stdout of revoke"}
