package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// as runs a function as another user, on a thread that ends with it.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("the tests of CI run as root: only root can become another user")
		}
		t.Skip("NOT RUN: who may connect to the daemon's socket: only root can become another user, and this is not root")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked, so the thread ends here
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); e != 0 {
			t.Errorf("becoming user %d: %v", uid, e)
			return
		}
		do()
	}()
	<-done
}

// reachable lets other users into a test's folder.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// knock connects with a system call of this thread's; package net may use another one.
func knock(path string) (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		_ = syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

func TestOtherUsersAreKeptOut(t *testing.T) {
	path := filepath.Join(reachable(t), "k.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	l.Refused = func(err error) { refused <- err }
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	defer func() {
		_ = l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept gave another user's connection: %v", err)
		}
	}()
	as(t, nobody, func() {
		if _, err := knock(path); !errors.Is(err, syscall.EACCES) {
			t.Errorf("another user connects: %v", err)
		}
		if _, err := connect(t.Context(), path); err == nil {
			t.Error("another user's client connects")
		}
	})
	if err := os.Chmod(path, 0o666); err != nil { // by a person, by mistake
		t.Fatal(err)
	}
	as(t, nobody, func() {
		fd, err := knock(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer syscall.Close(fd)
		if err := <-refused; !strings.Contains(err.Error(), "it is user 65534's") {
			t.Errorf("refused with %v", err)
		}
	})
}

func TestANotherUsersDaemonIsNamed(t *testing.T) {
	dir := reachable(t)
	path := filepath.Join(dir, "k.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	as(t, nobody, func() {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		info, _ := os.Stat(path)
		if err := genuine(nil, path, info); err == nil || !strings.Contains(err.Error(), "it is user 0's") {
			t.Errorf("a client of another user: %v", err)
		}
	})
	var denied *deniedError
	if err := newClient(path, nil).explain(t.Context(), &deniedError{path}); !errors.As(err, &denied) || !strings.Contains(err.Error(), "sudo") {
		t.Error(err)
	}
}

// TestAnImpostorIsNotTalkedTo: the socket is root's, and another user answers.
func TestAnImpostorIsNotTalkedTo(t *testing.T) {
	dir := reachable(t)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "k.sock")
	var fd int
	as(t, nobody, func() {
		var err error
		if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
			if err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err == nil {
				err = syscall.Listen(fd, 1)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	defer syscall.Close(fd)
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t.Context(), path); err == nil || !strings.Contains(err.Error(), "user 65534 answers there, and it is user 0's") {
		t.Errorf("an impostor: %v", err)
	}
}
