//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package daemon

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/keyturn/keyturn/internal/config"
)

// TestWhatIsNoFileKeepsNobodyWaiting: reading a pipe that nobody writes to never ends, nor does reading some devices.
func TestWhatIsNoFileKeepsNobodyWaiting(t *testing.T) {
	f := watchFile(t, slow)
	for what, put := range map[string]func() error{
		"a pipe":   func() error { return syscall.Mkfifo(f.path, 0o600) },
		"a device": func() error { return os.Symlink("/dev/zero", f.path) },
	} {
		if err := errors.Join(os.Remove(f.path), put()); err != nil {
			t.Fatal(err)
		}
		var wrong *config.Error
		if c, err := f.tells(); c != nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v, %v", what, c, err)
		}
		if _, err := f.read(); err == nil {
			t.Errorf("%s is taken when somebody asks", what)
		}
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
		f.write(slow)
		if c, err := f.tells(); c == nil || err != nil {
			t.Errorf("after %s: %v, %v", what, c, err)
		}
	}
}
