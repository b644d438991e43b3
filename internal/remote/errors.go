package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

// problem is what a keyturn says of what cannot be done (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
	Answer      *api.Answer      `json:"answer"`
	UnknownUser *api.UnknownUser `json:"unknown_user"`
}

// refused is the error of an answer that is none of success.
func (c *Client) refused(res *http.Response, text []byte, q request) error {
	var p problem
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if kind != "application/problem+json" || json.Unmarshal(text, &p) != nil || p.Code == "" {
		if res.StatusCode == http.StatusBadRequest && strings.Contains(string(text), "HTTP request to an HTTPS server") {
			return setup("%s speaks TLS: set %s to https://%s", c.base.Host, URLVariable, c.base.Host)
		}
		return c.stranger(res)
	}
	if q.also != nil && q.also(&p) {
		return nil
	}
	err := c.errorOf(&p)
	if after, e := strconv.Atoi(res.Header.Get("Retry-After")); e == nil && errors.Is(err, kinds.ErrTooFast) {
		if d := time.Duration(after) * time.Second; d <= longestPause {
			return &tooFastError{err, d}
		}
	}
	return err
}

// errorOf is what an error was before it was sent, as far as errors.Is and errors.As can tell.
func (c *Client) errorOf(p *problem) error {
	e := &remoteError{text: p.Detail, kind: kinds.ByCode(p.Code).Sentinel}
	for _, wrong := range p.Errors {
		e.text += "; " + strings.TrimPrefix(wrong.Location+": ", ": ") + wrong.Message
	}
	switch {
	case p.Code == "unknown-user":
		unknown := &fleet.UnknownUserError{}
		if u := p.UnknownUser; u != nil {
			unknown = &fleet.UnknownUserError{Name: u.Name, Why: u.Why, Nearest: u.Nearest, Unseen: u.Unseen}
			e.text = unknown.Error()
		}
		e.kind = unknown
	case p.Code == "withheld":
		e.kind = &fleet.WithheldError{Reason: rotation.Reason(p.Reason), Detail: p.Detail}
	case p.Code == "blocked":
		e.kind = &kinds.BlockedError{Reason: rotation.Reason(p.Reason), Detail: p.Detail}
	case errors.Is(e.kind, apikey.ErrUnknown) && c.cfg.Prove != nil:
		return setup("%s: %s", c.where(), e.text)
	case errors.Is(e.kind, apikey.ErrUnknown):
		return setup("%s does not accept the API key in %s: it is unknown, expired, revoked, or not allowed from here", c.where(), KeyVariable)
	case errors.Is(e.kind, kinds.ErrForbidden):
		return setup("%s: %s", c.where(), e.text)
	}
	return e
}

// remoteError is an error of the server's: its text, and its kind.
type remoteError struct {
	text string
	kind error // nil: unexpected
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

// explain words what came instead of an answer.
func (c *Client) explain(ctx context.Context, q request, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error // it repeats method and URL
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		dns       *net.DNSError
		op        *net.OpError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return setup("there is no host %s: see that %s is right", c.base.Hostname(), URLVariable)
	case errors.As(err, &authority):
		return setup("the certificate of %s is signed by nobody whom this machine trusts: install its authority, or name it in SSL_CERT_FILE", c.base.Host)
	case errors.As(err, &hostname):
		return setup("the certificate of %s is another host's: set %s to the name that stands in it", c.base.Host, URLVariable)
	case errors.As(err, &invalid), errors.As(err, &verify):
		return setup("the certificate of %s is not valid (%v)", c.base.Host, err)
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return setup("%s does not speak TLS: set %s to the address where keyturn serves https", c.base.Host, URLVariable)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no keyturn answers at %s (connection refused): see that `keyturn serve` runs there, and that %s is right", c.where(),
			URLVariable)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%s cannot be reached (%w): see that `keyturn serve` runs there, and that %s is right", c.where(), op.Err, URLVariable)
	case q.method != http.MethodGet && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)):
		return fmt.Errorf("%s went away before it answered (%w); what was asked may have been begun: `keyturn events` tells", c.where(), err)
	}
	return fmt.Errorf("asking %s: %w", c.where(), err)
}
