package awscloud_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
)

// TestEveryAttemptIsToldOf: what came of each, retries included, under the quota that it counts against.
func TestEveryAttemptIsToldOf(t *testing.T) {
	answer := func(status int, body string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	ok := answer(200, `<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>`)
	fault := func(code string) string {
		return "<ErrorResponse><Error><Code>" + code + "</Code><Message>m</Message></Error></ErrorResponse>"
	}
	lost := func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	unsent := func() (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: errors.New("refused")} }
	for _, c := range []struct {
		answers []func() (*http.Response, error)
		want    []awscloud.Outcome
	}{
		{[]func() (*http.Response, error){ok}, []awscloud.Outcome{"ok"}},
		{[]func() (*http.Response, error){answer(400, fault("Throttling")), ok}, []awscloud.Outcome{"throttled", "ok"}},
		{[]func() (*http.Response, error){answer(404, fault("NoSuchEntity"))}, []awscloud.Outcome{"refused"}},
		{[]func() (*http.Response, error){answer(503, fault("ServiceUnavailable")), lost, ok}, []awscloud.Outcome{"failed", "lost", "ok"}},
		{[]func() (*http.Response, error){unsent, ok}, []awscloud.Outcome{"unsent", "ok"}},
	} {
		var got []awscloud.Attempt
		next := 0
		a := scripted(t, func(*http.Request) (*http.Response, error) { next++; return c.answers[next-1]() }, func(cfg *awscloud.Config) {
			cfg.OnAttempt = func(a awscloud.Attempt) { got = append(got, a) }
			cfg.MaxBackoff = time.Nanosecond
		})
		_, err := session(t, a, "u").ListAccessKeys(bg)
		if last := c.want[len(c.want)-1]; (last == "ok") != (err == nil) {
			t.Errorf("%v: %v", c.want, err)
		}
		var outcomes []awscloud.Outcome
		for _, g := range got {
			if outcomes = append(outcomes, g.Outcome); g.Quota != "iam" {
				t.Errorf("ListAccessKeys counts against %q", g.Quota)
			}
		}
		if !slices.Equal(outcomes, c.want) {
			t.Errorf("got %v, want %v", outcomes, c.want)
		}
	}
}
