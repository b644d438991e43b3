//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Replacing is for backups: a device stays a device, and a database that somebody has open is no backup; its log would be taken for the
// copy's.
func TestBackupReplacesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyturn.db")
	openAt(t, path)
	pipe, device, live := filepath.Join(dir, "pipe"), filepath.Join(dir, "device"), filepath.Join(dir, "live.db")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink("/dev/null", device)); err != nil {
		t.Fatal(err)
	}
	openAt(t, live)
	for to, want := range map[string]string{pipe: "not a regular file", device: "not a regular file", live: "is open, or was not closed"} {
		before := must(os.Lstat(to))(t)
		if _, err := Backup(t.Context(), path, to, true); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
		if !os.SameFile(before, must(os.Lstat(to))(t)) {
			t.Errorf("%s was replaced", to)
		}
	}
}
