//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxPath is how long the path of a Unix socket may be: what the kernel's address holds, less the byte that ends it.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

func checkPath(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("the path of the daemon's socket, %s, has %d characters, and this system allows %d: name a shorter one as "+
			"\"socket\" in the configuration", path, len(path), maxPath)
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the daemon's socket %s cannot be made: the folder %s does not exist; make it, or name another place as "+
			"\"socket\" in the configuration", path, dir)
	case err != nil:
		return fmt.Errorf("the daemon's socket %s cannot be made: %w", path, err)
	case info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("the daemon's socket %s is not made: every user of this machine can write to the folder %s, and could put "+
			"another socket there; take that right away (chmod o-w), or name another place as \"socket\" in the configuration", path, dir)
	}
	return nil
}

// clear removes the socket of a dead daemon. We hold the lock, so nobody of ours listens; whoever answers all the same stays.
func clear(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the daemon's socket cannot be made: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("the daemon's socket cannot be made: %s is no socket, and was left as it is; name another place as \"socket\" in "+
			"the configuration", path)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return &InUseError{Path: path}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the socket that a dead daemon left cannot be replaced: %w", err)
	}
	return nil
}

// bind makes the socket private before anybody can connect to it: one that is bound and not listened on refuses everyone.
func bind(path string) (_ net.Listener, err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("the daemon's socket cannot be made: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { _ = f.Close() }() // FileListener has a copy of it
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, fmt.Errorf("the daemon's socket %s cannot be made: %w", path, err)
	}
	if err = os.Chmod(path, 0o600); err == nil {
		err = syscall.Listen(fd, syscall.SOMAXCONN)
	}
	var l net.Listener
	if err == nil {
		l, err = net.FileListener(f)
	}
	if err != nil {
		_ = os.Remove(path)
		return nil, fmt.Errorf("the daemon's socket %s cannot be made: %w", path, err)
	}
	return l, nil
}
