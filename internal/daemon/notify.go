package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier tells systemd how the daemon is doing, by the protocol of sd_notify(3). The nil Notifier tells nobody.
type Notifier struct {
	socket string
	within time.Duration // for systemd to take what it is told; 0: for as long as it takes
	// Watchdog is within which time systemd wants to hear that all is well; zero: it does not ask.
	Watchdog time.Duration
}

// NewNotifier reads what systemd put into the environment; nil when it did not start this process.
func NewNotifier(getenv func(string) string) *Notifier {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	n := &Notifier{socket: socket, within: 2 * time.Second}
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if pid := getenv("WATCHDOG_PID"); err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.Watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Ready tells that the daemon is up, or that a reload is over.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+status) }

// Status tells a person how it is going.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + status) }

// Alive feeds the watchdog.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Reloading tells that a reload has begun; Ready ends it. Type=notify-reload wants to know when, on the kernel's monotonic clock.
func (n *Notifier) Reloading() error {
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Stopping tells that the daemon is going down.
func (n *Notifier) Stopping(status string) error { return n.send("STOPPING=1", "STATUS="+status) }

// send is one datagram, so that what belongs together arrives together.
func (n *Notifier) send(lines ...string) error {
	if n == nil {
		return nil
	}
	for i, l := range lines {
		lines[i] = strings.ReplaceAll(l, "\n", " ") // a line is a statement of its own
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	if n.within > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(n.within)) // its queue may be full for as long as it stands still
	}
	_, err = c.Write([]byte(strings.Join(lines, "\n")))
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}
