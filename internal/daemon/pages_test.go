package daemon

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
)

// crowded is a listener at whose door somebody always waits.
type crowded struct{ net.Listener }

func (crowded) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}
func (crowded) Close() error { return nil }

// TestVisitorsCannotTakeAllFiles: anybody on this machine may connect to the pages, and each connection is an open file.
func TestVisitorsCannotTakeAllFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bounded(crowded{}, 2, 1, nil)
		var in []net.Conn
		var over error
		go func() {
			for over == nil && len(in) < 10 {
				var c net.Conn
				if c, over = l.Accept(); over == nil {
					in = append(in, c)
				}
			}
		}()
		var seen []int
		look := func() {
			synctest.Wait()
			seen = append(seen, len(in))
		}
		look()
		_ = in[0].Close()
		look()
		_ = in[0].Close() // again, which makes no more room
		look()
		_ = in[1].Close()
		look()
		if !slices.Equal(seen, []int{2, 3, 3, 4}) {
			t.Errorf("let in, two at a time: %v", seen)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !errors.Is(over, net.ErrClosed) {
			t.Errorf("who waits for room at the end hears %v", over)
		}
	})
}

// caller is a connection from somewhere.
type caller struct {
	net.Conn
	from string
}

func (c caller) RemoteAddr() net.Addr {
	at, _ := net.ResolveTCPAddr("tcp", c.from)
	return at
}

// queue is a listener at whose door these wait, one after the other.
type queue struct {
	net.Listener
	from []string
}

func (q *queue) Accept() (net.Conn, error) {
	if len(q.from) == 0 {
		return nil, net.ErrClosed
	}
	at := q.from[0]
	q.from = q.from[1:]
	c, _ := net.Pipe()
	return caller{c, at}, nil
}

// TestOneAddressCannotKeepOthersOut: who holds its share of the connections is turned away, and everybody behind it is let in.
func TestOneAddressCannotKeepOthersOut(t *testing.T) {
	proxies := []netip.Addr{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("2001:db8:0:2::1")}
	l := bounded(&queue{from: []string{"203.0.113.7:1", "203.0.113.7:2", "203.0.113.7:3", "203.0.113.8:1", "[2001:db8::1]:1", "[2001:db8::2]:1",
		"[2001:db8::3]:1", "[2001:db8:0:1::1]:1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "[::1]:1", "[::1]:2", "[::1]:3", "192.0.2.80:1",
		"192.0.2.80:2", "192.0.2.80:3", "[2001:db8:0:2::1]:1", "[2001:db8:0:2::1]:2", "[2001:db8:0:2::1]:3"}}, 100, 2, func(a netip.Addr) bool { return slices.Contains(proxies, a) })
	in := map[string][]net.Conn{}
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		at := peer(c)
		if at.Is6() && !at.IsLoopback() {
			at = netip.PrefixFrom(at, 64).Masked().Addr()
		}
		in[at.String()] = append(in[at.String()], c)
	}
	for at, want := range map[string]int{"203.0.113.7": 2, "203.0.113.8": 1, "2001:db8::": 2, "2001:db8:0:1::": 1, "127.0.0.1": 3, "::1": 3, "192.0.2.80": 3,
		"2001:db8:0:2::": 3} {
		if len(in[at]) != want {
			t.Errorf("%s: %d are in, not %d", at, len(in[at]), want)
		}
	}
	b := l.(*boundedListener) //nolint:errcheck // it is one
	for _, all := range in {
		for _, c := range all {
			_, _ = c.Close(), c.Close()
		}
	}
	if len(b.from) != 0 || len(b.room) != 0 {
		t.Errorf("all have left, and %v are counted, %d in the room", b.from, len(b.room))
	}
}
