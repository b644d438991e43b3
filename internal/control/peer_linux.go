package control

import (
	"errors"
	"net"
	"syscall"
)

// peer asks the kernel which user the other end of a connection belonged to when it was made.
func peer(c net.Conn) (uid int, known bool, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false, errors.New("it is no Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var cred *syscall.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err == nil {
		err = e
	}
	if err != nil {
		return 0, false, err
	}
	return int(cred.Uid), true, nil
}
