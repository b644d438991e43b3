package daemon

import (
	"net"
	"net/netip"
	"sync"
)

// boundedListener lets so many visitors in at a time; the others wait at the door. No address has more than its share of the room, or one
// that holds connections and sends nothing would keep everybody else out; who has it already is turned away.
type boundedListener struct {
	net.Listener
	room   chan struct{} // holds one for each that is in
	closed chan struct{}
	once   sync.Once

	share  int                   // of one address
	spared func(netip.Addr) bool // addresses that stand for many, and have no share of their own

	mu   sync.Mutex
	from map[netip.Addr]int // who is in
}

func bounded(l net.Listener, most, share int, spared func(netip.Addr) bool) net.Listener {
	return &boundedListener{Listener: l, room: make(chan struct{}, most), closed: make(chan struct{}), share: share, spared: spared,
		from: map[netip.Addr]int{}}
}

// Accept is part of net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.room
			return nil, err
		}
		if leave, ok := l.enter(peer(c)); ok {
			return &visitor{Conn: c, leave: sync.OnceFunc(func() {
				leave()
				<-l.room
			})}, nil
		}
		_ = c.Close() // whoever it is has connections that work
	}
}

// peer is where a connection comes from; the zero address when that is no address.
func peer(c net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// enter counts a visitor in, unless its address has its share.
func (l *boundedListener) enter(a netip.Addr) (leave func(), ok bool) {
	if !a.IsValid() || a.IsLoopback() || l.spared != nil && l.spared(a) {
		return func() {}, true
	}
	if a.Is6() { // one machine has a network of 64 bits
		p, _ := a.Prefix(64) // 64 is fine for every IPv6 address
		a = p.Addr()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[a] >= l.share {
		return nil, false
	}
	l.from[a]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.from[a]--; l.from[a] == 0 {
			delete(l.from, a)
		}
	}, true
}

// Close is part of net.Listener.
func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// visitor is a connection that makes room when it is closed.
type visitor struct {
	net.Conn
	leave func()
}

// Close is part of net.Conn.
func (v *visitor) Close() error {
	err := v.Conn.Close()
	v.leave()
	return err
}
