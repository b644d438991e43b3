package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// line is one connection. Requests have their turns on the connections, each at its time; one whose connection still waits for the answer
// before is sent as soon as that has come.
type line struct {
	fd   int
	next time.Time // when the request that is under way, or the next one, was to be sent
	busy bool
	in   []byte // of its answer
}

// send sends until the context ends, and gives what each answered request took from the moment when it was to be sent. It is one thread with
// one epoll, because the clients share two cores with the server that is measured: with a goroutine for each connection they took half
// as much CPU again. It looks at the time once a millisecond, and whatever a request is late by that counts.
func (p *pace) send(ctx context.Context, began time.Time) (took []time.Duration, err error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	defer func() { _ = unix.Close(poll) }()
	gap := time.Second / time.Duration(p.PerSecond)
	lines := make([]line, p.Connections)
	for i := range lines {
		l := &lines[i]
		if l.fd, err = p.dial(); err != nil {
			return nil, err
		}
		defer func() { _ = unix.Close(l.fd) }()
		l.next = began.Add(gap * time.Duration(i))
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, l.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			return nil, fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	took = make([]time.Duration, 0, int(p.For/gap)+1)
	random := rand.New(rand.NewPCG(1, 0))
	write := func(l *line) error {
		text := p.request(random.IntN(p.Users), p.Keys[random.IntN(len(p.Keys))])
		n, err := unix.Write(l.fd, []byte(text))
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		l.busy = true
		return nil
	}
	turn := 0 // whose time comes next
	ready, answer := make([]unix.EpollEvent, len(lines)), make([]byte, 64<<10)
	for ctx.Err() == nil {
		for now := time.Now(); !began.Add(gap * time.Duration(turn)).After(now); turn++ {
			if l := &lines[turn%len(lines)]; !l.busy {
				if err := write(l); err != nil {
					return nil, err
				}
			}
		}
		n, err := unix.EpollWait(poll, ready, 1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("epoll_wait: %w", err)
		}
		for _, e := range ready[:max(0, n)] {
			l := &lines[e.Fd]
			n, err := unix.Read(l.fd, answer)
			if err == nil && n == 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return nil, fmt.Errorf("reading an answer: %w", err)
			}
			l.in = append(l.in, answer[:n]...)
			whole, err := answered(l.in)
			if err != nil {
				return nil, err
			}
			if !whole {
				continue
			}
			now := time.Now()
			took = append(took, now.Sub(l.next))
			l.in, l.busy, l.next = l.in[:0], false, l.next.Add(gap*time.Duration(len(lines)))
			if began.Add(gap * time.Duration(turn)).After(l.next) { // its turn came and went
				if err := write(l); err != nil {
					return nil, err
				}
			}
		}
	}
	return took, nil
}

func (p *pace) dial() (fd int, err error) {
	to, err := netip.ParseAddrPort(p.Address)
	if err == nil && !to.Addr().Is4() {
		err = errors.New("not an address of IPv4")
	}
	if err != nil {
		return 0, fmt.Errorf("connecting to %s: %w", p.Address, err)
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("connecting to %s: %w", p.Address, err)
	}
	return fd, nil
}

// answered tells whether an answer is whole, which must be a good one with a length.
func answered(in []byte) (bool, error) {
	const good, length = "HTTP/1.1 200", "\r\nContent-Length: "
	if !bytes.HasPrefix(in, []byte(good)[:min(len(in), len(good))]) {
		return false, fmt.Errorf("the answer is %q", in)
	}
	head, body, ended := bytes.Cut(in, []byte("\r\n\r\n"))
	if !ended {
		return false, nil
	}
	_, rest, _ := bytes.Cut(head, []byte(length))
	size, _, _ := bytes.Cut(rest, []byte("\r\n"))
	n, err := strconv.Atoi(string(size))
	if err != nil || len(body) > n {
		return false, fmt.Errorf("%d bytes follow a head that gives no such length: %q", len(body), head)
	}
	return len(body) == n, nil
}
