package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Config says which server, and with which key.
type Config struct {
	URL string             // of the server; a path is put before the API's own. Needed.
	Key rotation.Sensitive // the API key. Needed without Prove.
	// Prove makes what is shown instead of an API key, anew for each request: a proof of an AWS identity. Nil: the key is shown.
	Prove func(context.Context) (rotation.Sensitive, error)
	// Version of this program, for the server's log. Empty: none is told.
	Version string
	// HTTP sends the requests. Nil: over connections of its own.
	HTTP http.RoundTripper
}

// Client is a Desk on another machine. It may be used by many goroutines.
type Client struct {
	base *url.URL
	cfg  Config
	http *http.Client
}

var _ fleet.Desk = (*Client)(nil)

// SetupError: the URL or the API key is not one that could work, or the server does not accept it. The command line counts it as a
// mistake of usage.
type SetupError struct{ text string }

// Error is one sentence.
func (e *SetupError) Error() string { return e.text }

func setup(format string, args ...any) error { return &SetupError{fmt.Sprintf(format, args...)} }

// The variables that the errors name.
const (
	URLVariable = "KEYTURN_URL"
	KeyVariable = "KEYTURN_API_KEY" //nolint:gosec // the variable's name
)

// New makes a client. Nothing is sent yet.
func New(c Config) (*Client, error) {
	u, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	key := c.Key.Reveal()
	if key == "" && c.Prove == nil {
		return nil, setup("%s is set, and %s is not: put the API key there, or unset %s to work on this machine", URLVariable, KeyVariable,
			URLVariable)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, setup("%s is no API key: it holds a space, a line's end or another character that none has", KeyVariable)
	}
	transport := c.HTTP
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost, t.ResponseHeaderTimeout = 8, 0 // a request may be answered when a rotation is done
		transport = t
	}
	return &Client{base: u, cfg: c, http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// parse takes a server's URL.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, setup("%s is not a URL like https://keyturn.example.com or http://127.0.0.1:9317", URLVariable)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, setup("%s takes no name, password, query or fragment: the API key goes into %s", URLVariable, KeyVariable)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, setup("%s says http://, and %s is another machine: anybody on the way could read the API key, so use https://", URLVariable,
			u.Hostname())
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// maxAnswer bounds what is read of one answer.
const maxAnswer = 128 << 20

// request is one request and where its answer goes.
type request struct {
	method string
	path   []string // segments after /v1, not escaped
	query  url.Values
	body   any // nil: none
	into   any // nil: the answer has no body
	// also takes the answer of a request that was not carried out; nil: it is an error.
	also func(*problem) bool
}

// send sends a request. One that came too fast was not looked at, so it is sent again when the server says that it may be.
func (c *Client) send(ctx context.Context, q request) error {
	for try := 1; ; try++ {
		err := c.once(ctx, q)
		var fast *tooFastError
		if !errors.As(err, &fast) || try == triesTooFast {
			return err
		}
		timer := time.NewTimer(fast.after)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// triesTooFast are enough for a limit that is shared with others; a server asks for no longer wait than longestPause, or it is an error.
const (
	triesTooFast = 10
	longestPause = 10 * time.Second
)

// tooFastError: the server's limit was met, and says when it is over.
type tooFastError struct {
	error
	after time.Duration
}

// Unwrap gives what the server said.
func (e *tooFastError) Unwrap() error { return e.error }

func (c *Client) once(ctx context.Context, q request) error {
	u := *c.base
	raw := c.base.EscapedPath() + "/v1"
	for _, s := range q.path {
		raw += "/" + url.PathEscape(s)
	}
	u.Path, _ = url.PathUnescape(raw) // it was escaped a moment ago
	u.RawPath, u.RawQuery = raw, q.query.Encode()
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, u.String(), body)
	if err != nil {
		return setup("%s is not a URL that can be used", URLVariable)
	}
	shown := c.cfg.Key
	if c.cfg.Prove != nil {
		if shown, err = c.cfg.Prove(ctx); err != nil {
			return setup("%v", err)
		}
	}
	r.Header.Set("X-API-Key", shown.Reveal())
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", strings.TrimSuffix("keyturn/"+c.cfg.Version, "/"))
	if q.method != http.MethodGet {
		r.GetBody = nil // sent once: whether the first time took effect would be unknown
		r.Header.Set("Idempotency-Key", rand.Text())
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return c.explain(ctx, q, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.explain(ctx, q, err)
	case len(text) > maxAnswer:
		return fmt.Errorf("the answer of %s has more than %d MB: ask for fewer users", c.base.Host, maxAnswer>>20)
	case res.StatusCode >= 300:
		return c.refused(res, text, q)
	case q.into == nil:
		return nil
	}
	if kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";"); kind != "application/json" || json.Unmarshal(text, q.into) != nil {
		return c.stranger(res)
	}
	return nil
}

// stranger: what answers is no keyturn.
func (c *Client) stranger(res *http.Response) error {
	if to := res.Header.Get("Location"); res.StatusCode >= 300 && res.StatusCode < 400 {
		if u, err := url.Parse(to); err == nil && u.Host != "" {
			to = u.Scheme + "://" + u.Host
		}
		return setup("%s answers that it is elsewhere (%d, %s), and no redirect is followed with an API key: set %s to where keyturn is", c.base.Host,
			res.StatusCode, to, URLVariable)
	}
	return setup("what answers at %s (%s) is no keyturn, or one of another version: see that %s is right", c.where(), res.Status, URLVariable)
}

// where is the server as errors name it.
func (c *Client) where() string { return c.base.String() }

// longPoll is the longest that one request waits for something. Proxies end connections on which nothing happens, most of them after a
// minute.
const longPoll = 25 * time.Second
