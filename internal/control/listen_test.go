package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTheSocketIsItsOwnersFromTheBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".lock"} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	_, err = Listen(path)
	var used *InUseError
	if !errors.As(err, &used) || used.PID != fmt.Sprint(os.Getpid()) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second daemon on a living socket: %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the living socket is gone: %v", err)
	} else {
		_ = c.Close()
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestADeadDaemonsSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNobody) {
		t.Errorf("a client of a dead daemon hears %v", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNobody) {
		t.Errorf("a client hears %v where no daemon runs", err)
	}
}

func TestWhatIsNotOursStays(t *testing.T) {
	dir := t.TempDir()
	living := filepath.Join(dir, "living.sock")
	other, err := net.Listen("unix", living) // of a program that knows nothing of our lock
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file := filepath.Join(dir, "file.sock")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.sock")
	if err := os.Symlink(living, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		living:                                   "answers on the socket " + living + " already",
		file:                                     file + " is no socket",
		link:                                     link + " is no socket",
		filepath.Join(open, "k.sock"):            "every user of this machine can write to the folder " + open,
		filepath.Join(dir, "none", "k.sock"):     "the folder " + filepath.Join(dir, "none") + " does not exist",
		dir + "/" + strings.Repeat("x", maxPath): fmt.Sprintf("has %d characters, and this system allows %d", len(dir)+1+maxPath, maxPath),
	} {
		l, err := Listen(path)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", path, err, want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if c, err := net.Dial("unix", living); err != nil {
		t.Errorf("the living socket is gone: %v", err)
	} else {
		_ = c.Close()
	}
}

// TestOnlyOneListens: of many that begin at once where a dead one left its socket.
func TestOnlyOneListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.sock")
	for range 20 {
		dead, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		dead.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = dead.Close()
		var all sync.WaitGroup
		var won atomic.Pointer[Listener]
		var winners, other atomic.Int32
		for range 8 {
			all.Go(func() {
				l, err := Listen(path)
				var used *InUseError
				switch {
				case err == nil:
					winners.Add(1)
					won.Store(l)
				case !errors.As(err, &used):
					other.Add(1)
					t.Error(err)
				}
			})
		}
		all.Wait()
		if winners.Load() != 1 || other.Load() > 0 {
			t.Fatalf("%d listen", winners.Load())
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		_ = won.Load().Close()
	}
}
