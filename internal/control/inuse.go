package control

import "fmt"

// InUseError: another daemon listens on the socket.
type InUseError struct {
	Path string
	PID  string // of that daemon; empty: unknown
}

// Error is one sentence.
func (e *InUseError) Error() string {
	who := "another keyturn"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("%s answers on the socket %s already: stop it, or name another place as \"socket\" in the configuration", who, e.Path)
}
