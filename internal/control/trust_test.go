//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheLockIsOurs: in a folder such as /tmp others can make the lock first, hold it, write into it, or have it be another name of a
// file that is ours.
func TestTheLockIsOurs(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := errors.Join(os.WriteFile(mine, []byte("precious"), 0o600), os.Link(mine, filepath.Join(dir, "k.sock.lock"))); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(filepath.Join(dir, "k.sock"))
	if err == nil {
		_ = l.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("a lock that is another name of a file: %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "precious" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestWhoHoldsTheLockIsANumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(path+".lock", []byte("1\x1b[2J); rm -rf /"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Listen(path)
	var used *InUseError
	if !errors.As(err, &used) || used.PID != "" {
		t.Errorf("who holds the lock: %q", err)
	}
}

// TestWhoseSocketRootTrusts: root asks any daemon, but in a folder where everybody can put up a socket only the one of whoever owns it.
func TestWhoseSocketRootTrusts(t *testing.T) {
	for _, c := range []struct {
		self, socket, folder int
		mode                 os.FileMode
		trusted              bool
	}{
		{self: 0, socket: 7, folder: 7, mode: 0o700, trusted: true},
		{self: 0, socket: 0, folder: 0, mode: 0o1777, trusted: true},
		{self: 0, socket: 7, folder: 0, mode: 0o775, trusted: true}, // root lets a group in
		{self: 0, socket: 7, folder: 7, mode: 0o1777, trusted: true},
		{self: 0, socket: 7, folder: 0, mode: 0o1777},
		{self: 7, socket: 7, folder: 0, mode: 0o1777, trusted: true},
		{self: 7, socket: 8, folder: 8, mode: 0o755},
		{self: 7, socket: 0, folder: 0, mode: 0o755},
	} {
		if err := trusted(c.self, c.socket, c.folder, c.mode); (err == nil) != c.trusted {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
