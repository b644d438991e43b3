package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// ErrNobody: no daemon listens on the socket, or there is none. Commands then work on the database directly.
var ErrNobody = errors.New("no daemon runs")

// Client is the daemon's Desk, seen from another process. It may be used by many goroutines.
type Client struct {
	path  string
	http  *http.Client
	about About
}

var _ fleet.Desk = (*Client)(nil)

// Dial finds the daemon on a socket and asks who it is. Its error is [ErrNobody] when none runs; any other one means that a daemon may
// run, and says what to do.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := newClient(path, func(ctx context.Context) (net.Conn, error) { return connect(ctx, path) })
	if err := c.greet(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func newClient(path string, connect func(context.Context) (net.Conn, error)) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConns: 4,
		IdleConnTimeout: idleTime / 2,
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx) }}}}
}

// greet asks who answers.
func (c *Client) greet(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, aboutTime)
	defer cancel()
	about, err := call[About](bounded, c, methodAbout, none{})
	switch {
	case err == nil:
		c.about = about
	case ctx.Err() == nil && bounded.Err() != nil:
		return fmt.Errorf("the daemon on the socket %s did not answer within %s: it is stopped or overloaded; end it, or wait and "+
			"try again", c.path, aboutTime)
	}
	return err
}

// About is who answered when the client was made.
func (c *Client) About() About { return c.about }

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// connect opens a connection to the daemon, and to nobody who put up a socket in its place.
func connect(ctx context.Context, path string) (net.Conn, error) {
	if len(path) > maxPath {
		return nil, ErrNobody // no daemon could listen there
	}
	info, err := os.Stat(path)
	var conn net.Conn
	if err == nil {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
		return nil, ErrNobody
	case errors.Is(err, fs.ErrPermission):
		return nil, &deniedError{path}
	default:
		return nil, err
	}
	if err := genuine(conn, path, info); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("the socket %s is not used: %w", path, err)
	}
	return conn, nil
}

// deniedError: the daemon is another user's.
type deniedError struct{ path string }

// Error is one sentence.
func (e *deniedError) Error() string {
	return fmt.Sprintf("the daemon's socket %s belongs to another user: run this command as that user, or as root (sudo)", e.path)
}

// ErrGone: the daemon took a request and went away before it answered; what was asked may have been begun.
var ErrGone = errors.New("the daemon went away before it answered")

// goneError: the daemon took a request and did not answer it.
type goneError struct {
	path string
	err  error
}

// Error is one sentence.
func (e *goneError) Error() string {
	return fmt.Sprintf("the daemon on the socket %s went away before it answered (%v); what was asked may have been begun: `keyturn events` "+
		"tells", e.path, e.err)
}

func (e *goneError) Unwrap() []error { return []error{ErrGone, e.err} }

// call is one request and its answer.
func call[Out any](ctx context.Context, c *Client, method string, in any) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://keyturn"+prefix+method, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.GetBody = nil // sent once: whether the first time took effect would be unknown
	res, err := c.http.Do(r)
	if err != nil {
		return out, c.explain(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return out, c.explain(ctx, err)
	case len(text) > maxAnswer:
		return out, fmt.Errorf("the daemon's answer has more than %d MB: ask for fewer users", maxAnswer>>20)
	}
	var a answer[Out]
	if err := json.Unmarshal(text, &a); err != nil {
		return out, fmt.Errorf("what answers on the socket %s is no keyturn of this version (%w); restart the daemon", c.path, err)
	}
	if a.Error != nil {
		return out, a.Error.error()
	}
	return a.Result, nil
}

// explain words what came instead of an answer.
func (c *Client) explain(ctx context.Context, err error) error {
	var denied *deniedError
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNobody):
		return ErrNobody
	case errors.As(err, &denied):
		return denied
	case errors.As(err, &op) && op.Op != "dial" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &goneError{c.path, errors.Unwrap(err)}
	}
	return fmt.Errorf("asking the daemon: %w", errors.Unwrap(err))
}

// States is Desk's.
func (c *Client) States(ctx context.Context, names ...string) ([]fleet.State, error) {
	return call[[]fleet.State](ctx, c, methodStates, statesIn{names})
}

// Plan is Desk's.
func (c *Client) Plan(ctx context.Context, steps int, names ...string) ([]fleet.Ahead, error) {
	return call[[]fleet.Ahead](ctx, c, methodPlan, planIn{steps, names})
}

// Foresee is Desk's.
func (c *Client) Foresee(ctx context.Context, a fleet.Ask) (fleet.Foresight, error) {
	return call[fleet.Foresight](ctx, c, methodForesee, a)
}

// Do is Desk's. When the daemon goes away meanwhile, what was asked may have been begun, and the error says so.
func (c *Client) Do(ctx context.Context, a fleet.Ask) (fleet.Answer, error) {
	return call[fleet.Answer](ctx, c, methodDo, a)
}

// Events is Desk's. A long wait is many short ones.
func (c *Client) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
	for until := time.Now().Add(q.Wait); ; q.Wait = time.Until(until) {
		found, err := call[[]fleet.Happening](ctx, c, methodEvents, bounded(q))
		if err != nil || len(found) > 0 || !time.Now().Before(until) {
			return found, err
		}
	}
}

// Watch is Desk's.
func (c *Client) Watch(ctx context.Context, v fleet.View) (fleet.Snapshot, error) {
	return call[fleet.Snapshot](ctx, c, methodWatch, v)
}
