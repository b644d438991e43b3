package awscloud

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// wire sends requests and hears what every answer says of the time, failed ones too.
type wire struct {
	next interface {
		Do(*http.Request) (*http.Response, error)
	}
	clock      *clock
	allowPlain bool
	calls      *atomic.Int64
}

var errPlain = errors.New("the endpoint is plain http beyond this machine: use https")

// Do is what the SDK calls, once per attempt.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	if !w.allowPlain && plainBeyondLoopback(r.URL) {
		return nil, errPlain
	}
	c := callOf(r.Context())
	if c != nil {
		c.sending()
	}
	w.calls.Add(1)
	resp, err := w.next.Do(r)
	if err != nil {
		var op *net.OpError
		if c != nil && errors.As(err, &op) && op.Op == "dial" {
			c.sent = false // no connection, so nothing left this machine
		}
		return resp, err
	}
	if c != nil {
		c.status = resp.StatusCode
	}
	if date := answered(resp); !date.IsZero() {
		w.clock.hear(date)
		if c != nil {
			c.hear(date)
		}
	}
	return resp, nil
}

// answered is the Date of an answer; zero when it has none, or came out of some cache on the way.
func answered(resp *http.Response) time.Time {
	if resp.Header.Get("Age") != "" {
		return time.Time{}
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

// idle is for how long an unused connection is kept: shorter than AWS keeps it, so that a request is not sent into a connection
// that is just being closed. net/http never repeats a POST that it began to write, so that would be a lost call.
const idle = 15 * time.Second

// httpClient sends the requests: what the caller gave, or a pool of our own on the SDK's transport (proxy and AWS_CA_BUNDLE
// included).
func httpClient(c Config, base aws.Config) interface {
	Do(*http.Request) (*http.Response, error)
} {
	if c.HTTPClient != nil {
		return c.HTTPClient
	}
	built, ok := base.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		built = awshttp.NewBuildableClient()
	}
	t := built.GetTransport()
	t.IdleConnTimeout = idle
	t.MaxIdleConnsPerHost = 2 * c.Concurrency
	t.MaxIdleConns = 8 * c.Concurrency
	t.DialContext = (&net.Dialer{Timeout: c.HTTPTimeout, KeepAlive: idle}).DialContext
	if proxy := t.Proxy; proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" {
				return nil, nil // plain http is for this machine only, and a proxy could be anywhere
			}
			return proxy(r)
		}
	}
	if c.IgnoreEnvironment {
		t.Proxy = nil
	}
	return &http.Client{
		Transport: t,
		// A redirect would send the request, and its effect, a second time.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// timeoutError is an attempt that took longer than the HTTP time-out: retryable, outcome unknown.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no whole answer within %s", e.after) }

// Timeout lets the SDK try again.
func (e *timeoutError) Timeout() bool { return true }
