package control

import (
	"context"
	"net"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// fakeDesk says what a test tells it to. A method that is not set must not be called.
type fakeDesk struct {
	states  func(ctx context.Context, names ...string) ([]fleet.State, error)
	plan    func(ctx context.Context, steps int, names ...string) ([]fleet.Ahead, error)
	foresee func(ctx context.Context, a fleet.Ask) (fleet.Foresight, error)
	do      func(ctx context.Context, a fleet.Ask) (fleet.Answer, error)
	events  func(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error)
	watch   func(ctx context.Context, v fleet.View) (fleet.Snapshot, error)
}

func (d *fakeDesk) States(ctx context.Context, names ...string) ([]fleet.State, error) {
	return d.states(ctx, names...)
}
func (d *fakeDesk) Plan(ctx context.Context, steps int, names ...string) ([]fleet.Ahead, error) {
	return d.plan(ctx, steps, names...)
}
func (d *fakeDesk) Foresee(ctx context.Context, a fleet.Ask) (fleet.Foresight, error) {
	return d.foresee(ctx, a)
}
func (d *fakeDesk) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) { return d.do(ctx, a) }
func (d *fakeDesk) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	return d.events(ctx, q)
}
func (d *fakeDesk) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	return d.watch(ctx, v)
}

// serve answers for a desk on a socket of the test's own, and gives a client of it.
func serve(t *testing.T, d fleet.Desk) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(d, About{Version: "v1.2.3", PID: 4711}, nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// pipes is a listener whose connections are made in memory, so that a test's time may be virtual.
type pipes struct {
	next chan net.Conn
	done chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) connect(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.next <- theirs:
		return ours, nil
	case <-p.done:
		return nil, ErrNobody
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// virtual is a server and its client in a bubble; end shuts both down.
func virtual(t *testing.T, d fleet.Desk) (s *Server, p *pipes, c *Client, end func()) {
	t.Helper()
	p = newPipes()
	s = NewServer(d, About{}, nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(p) }()
	c = newClient("pipe", p.connect)
	return s, p, c, func() {
		c.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// filled makes a value of which no part is zero, so that a part which is lost on the way shows.
func filled[T any]() (v T) {
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, *n*1000, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Interface: // an error, which only its own process has
	case reflect.String:
		v.SetString("text <" + string(rune('a'+*n%26)) + "> – \"é\"")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	default:
		panic("a Desk's types hold a " + v.Type().String() + ", which this test does not fill")
	}
}
