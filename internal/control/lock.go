//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package control

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lock takes the lock that says who may listen. The file goes away with it, so what was locked may be a file that is gone already:
// then once more.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("the daemon's socket cannot be made: %w; give keyturn's user write access to the folder, or name "+
				"another place as \"socket\" in the configuration", err)
		}
		if err := owned(f); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("the daemon's socket cannot be made: the file %s %w; remove it, or name another place as \"socket\" in the "+
				"configuration", path, err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			holder := make([]byte, 20)
			n, _ := f.ReadAt(holder, 0) // as much as there is
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, &InUseError{Path: strings.TrimSuffix(path, ".lock"), PID: number(holder[:n])}
			}
			return nil, fmt.Errorf("the daemon's socket cannot be made: locking %s: %w", path, err)
		}
		mine, err := f.Stat()
		there, e := os.Lstat(path)
		if err == nil && e == nil && os.SameFile(mine, there) {
			if err = f.Truncate(0); err == nil {
				_, err = f.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
			}
			if err != nil {
				_ = f.Close()
				return nil, fmt.Errorf("the daemon's socket cannot be made: writing %s: %w", path, err)
			}
			return f, nil
		}
		_ = f.Close() // it was removed between opening and locking
	}
}

// owned refuses a lock file that somebody else can hold, or that is another name of a file with something in it: in a folder such as /tmp
// others can make it first.
func owned(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch self := os.Geteuid(); {
	case !ok:
		return errors.New("cannot be told apart from others")
	case !info.Mode().IsRegular():
		return errors.New("is no regular file")
	case st.Nlink > 1:
		return errors.New("is another name of some other file")
	case self != 0 && int(st.Uid) != self: // what another user's daemon left is no hindrance for root
		return fmt.Errorf("is user %d's", st.Uid)
	}
	return nil
}

// number is the process that a lock names; empty when it is none.
func number(text []byte) string {
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
