package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/daemon"
)

// A ready file that is named by a slip of the hand may be the configuration, or a device.
func TestAReadyFileTakesNoOtherFilesPlace(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	folder, link := filepath.Join(dir, "folder"), filepath.Join(dir, "link")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := at("keyturn.yaml", "users: {include: [{name: x}]}\n")
	if err := os.Symlink(cfg, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cfg, link, folder, at("list.json", "[1]"), at("keyturn.db", "SQLite format 3\x00")} {
		if err := writable(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
	for _, path := range []string{at("mktemp", ""), at("dead.json", `{"pid":1,"listen":"","socket":"/s"}`), at("sim.json",
		`{"aws_endpoint":"http://127.0.0.1:1"}`)} {
		if err := writable(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s of a dead one is there still", path)
		}
	}
}

// A daemon that stands by may have been given the same ready file.
func TestOnlyItsOwnReadyFileIsRemovedAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "up.json")
	for _, c := range []struct {
		pid  int
		stay bool
	}{{os.Getpid() + 1, true}, {os.Getpid(), false}} {
		if err := writeWhole(path, daemon.Place{PID: c.pid, Socket: "/s"}); err != nil {
			t.Fatal(err)
		}
		forgetOwn(path)
		if _, err := os.Stat(path); (err == nil) != c.stay {
			t.Errorf("process %d's: %v", c.pid, err)
		}
	}
}
