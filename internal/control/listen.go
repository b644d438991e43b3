//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package control

import (
	"net"
	"os"
)

// Listener accepts the connections of the daemon's own user, and of root.
type Listener struct {
	net.Listener
	path string
	made os.FileInfo // the socket as it was made
	lock *os.File
	// Refused is told of every connection that was turned away. May be nil; set it before Accept.
	Refused func(error)
}

// Listen makes the socket. A socket that a dead daemon left is replaced; a living one, and anything that is no socket, is left as it is
// and the error says so.
func Listen(path string) (*Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	lock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	l := &Listener{path: path, lock: lock}
	if err = clear(path); err == nil {
		l.Listener, err = bind(path)
	}
	if err == nil {
		l.made, err = os.Lstat(path)
	}
	if err != nil {
		_ = l.Close() // the first error says more
		return nil, err
	}
	return l, nil
}

// Accept gives the next connection of somebody who may have one.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err = allowed(c, os.Geteuid()); err == nil {
			return c, nil
		}
		_ = c.Close()
		if l.Refused != nil {
			l.Refused(err)
		}
	}
}

// Close stops listening, removes the socket if it is still the one that was made, and gives the lock back.
func (l *Listener) Close() error {
	var err error
	if l.Listener != nil {
		err = l.Listener.Close()
	}
	if there, e := os.Lstat(l.path); e == nil && l.made != nil && os.SameFile(there, l.made) {
		_ = os.Remove(l.path) // else the next daemon replaces it
	}
	if l.lock != nil {
		_ = os.Remove(l.lock.Name()) // while it is held: whoever opened it meanwhile sees that it is gone
		_ = l.lock.Close()
		l.lock = nil
	}
	return err
}
