//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// allowed: our own user, and root, who could do everything anyway.
func allowed(c net.Conn, self int) error {
	uid, known, err := peer(c)
	switch {
	case err != nil:
		return fmt.Errorf("a connection to the daemon's socket was refused: who it is cannot be told: %w", err)
	case known && uid != self && uid != 0:
		return fmt.Errorf("a connection to the daemon's socket was refused: it is user %d's, and only user %d's and root's are taken", uid, self)
	}
	return nil
}

// genuine: a client talks to whoever owns the socket, and to that one only if it may be the daemon's user.
func genuine(c net.Conn, path string, socket os.FileInfo) error {
	st, ok := socket.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("its owner cannot be told")
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	of, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the owner of its folder cannot be told")
	}
	if err := trusted(os.Geteuid(), int(st.Uid), int(of.Uid), folder.Mode()); err != nil {
		return err
	}
	uid, known, err := peer(c)
	if err == nil && known && uid != int(st.Uid) && uid != 0 {
		err = fmt.Errorf("user %d answers there, and it is user %d's", uid, st.Uid)
	}
	return err
}

// trusted: a user asks its own daemon. Root asks anybody's, as the folder lets nobody else in; where it lets everybody in, as /tmp does,
// whoever came first could answer that a leaked key is revoked.
func trusted(self, owner, folder int, mode os.FileMode) error {
	switch {
	case owner == self:
	case self != 0:
		return fmt.Errorf("it is user %d's", owner)
	case mode.Perm()&0o002 != 0 && owner != folder:
		return fmt.Errorf("it is user %d's, in a folder where every user can put one; run this command as the daemon's user, or name a "+
			"place in a folder of its own as \"socket\" in the configuration", owner)
	}
	return nil
}
