//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package control

import (
	"errors"
	"net"
	"os"
)

// Listener is not to be had on this system.
type Listener struct {
	net.Listener
	Refused func(error)
}

// Listen refuses: this system has no sockets that the kernel keeps for their owner.
func Listen(string) (*Listener, error) {
	return nil, errors.New("the daemon's socket cannot be made on this system: commands work on the database directly")
}

const maxPath = 107

func genuine(net.Conn, string, os.FileInfo) error { return nil }
