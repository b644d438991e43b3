package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// systemd is the other end of the protocol.
func systemd(t *testing.T, env map[string]string) (*Notifier, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	get := func(k string) string {
		if k == "NOTIFY_SOCKET" {
			return path
		}
		return env[k]
	}
	return NewNotifier(get), func() string {
		got := make([]byte, 4096)
		n, err := c.Read(got)
		if err != nil {
			t.Fatal(err)
		}
		return string(got[:n])
	}
}

func TestSystemdIsToldInItsOwnWords(t *testing.T) {
	n, heard := systemd(t, map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())})
	if n.Watchdog != 30*time.Second {
		t.Errorf("the watchdog wants to hear within %s", n.Watchdog)
	}
	before := monotonic().Microseconds()
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return n.Ready("12 users\nunder care") }, `^READY=1\nSTATUS=12 users under care$`},
		{func() error { return n.Status("x") }, `^STATUS=x$`},
		{n.Alive, `^WATCHDOG=1$`},
		{n.Reloading, `^RELOADING=1\nMONOTONIC_USEC=(\d+)$`},
		{func() error { return n.Stopping("y") }, `^STOPPING=1\nSTATUS=y$`},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		got := heard()
		m := regexp.MustCompile(c.want).FindStringSubmatch(got)
		if m == nil {
			t.Errorf("told %q, want %s", got, c.want)
		} else if len(m) > 1 {
			if at, _ := strconv.ParseInt(m[1], 10, 64); at < before || at > monotonic().Microseconds() {
				t.Errorf("the reload began at %d, and now is %d", at, monotonic().Microseconds())
			}
		}
	}
}

func TestNobodyIsToldWithoutSystemd(t *testing.T) {
	n := NewNotifier(func(string) string { return "" })
	if n != nil || n.Ready("") != nil || n.Alive() != nil {
		t.Error("somebody was told")
	}
	other, _ := systemd(t, map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"})
	if other.Watchdog != 0 {
		t.Error("the watchdog of another process is fed")
	}
}

// TestASystemdThatDoesNotListenStopsNothing: its queue is full, and a daemon that waited for room could not end.
func TestASystemdThatDoesNotListenStopsNothing(t *testing.T) {
	n, _ := systemd(t, nil)
	n.within = time.Millisecond
	var err error
	for i := 0; err == nil && i < 1<<20; i++ { // more than any queue holds
		err = n.Status(strings.Repeat("x", 1000))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("telling a full queue: %v", err)
	}
}
