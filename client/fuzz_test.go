package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answering is a transport that always gives one answer.
type answering struct {
	status     int
	retryAfter string
	body       string
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Retry-After": {a.retryAfter}}, Body: io.NopCloser(strings.NewReader(a.body)),
		Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// FuzzAnswer: whatever a server, or something that claims to be one, answers, credentials are whole and good for a while yet, and an error
// never repeats a secret.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "", `{"AccessKeyId":"AKIA0","SecretAccessKey":"s3cr3t-canary","Expiration":"2999-01-01T00:00:00Z"}`)
	f.Add(200, "", `{"AccessKeyId":"AKIA0","SecretAccessKey":"s3cr3t-canary","Expiration":"s3cr3t-canary"}`)
	f.Add(429, "7", `{"code":"too-fast","detail":"wait"}`)
	f.Add(503, "-1", `<html>`)
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		if status < 200 || status > 599 || status >= 300 && status < 400 {
			return // net/http's own business
		}
		p := &Provider{config: Config{APIKey: "keyturn_x"}, url: "http://127.0.0.1/", http: &http.Client{Transport: answering{status, retryAfter, body}}}
		c, err := p.fetch(t.Context())
		var e *Error
		switch {
		case err == nil && (status != http.StatusOK || c.AccessKeyID == "" || c.SecretAccessKey == "" || !c.CanExpire || !c.Expires.After(time.Now())):
			t.Fatalf("%d %q gave %s until %s", status, body, c.AccessKeyID, c.Expires)
		case err != nil && status == http.StatusOK && strings.Contains(body, "s3cr3t-canary") && strings.Contains(err.Error(), "s3cr3t-canary"):
			t.Fatalf("an error repeats a secret: %v", err)
		case errors.As(err, &e) && (e.RetryAfter < 0 || e.RetryAfter > time.Hour || strings.ContainsAny(e.Message, "\n\r")):
			t.Fatalf("%+v", e)
		}
	})
}
