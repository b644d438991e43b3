package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/jub0bs/cors"
)

// Settings are what can change while a server runs. The zero value serves this machine only, without limits.
type Settings struct {
	// Public: other machines can reach the address. Then a request may name any host, unless Hosts are given.
	Public bool
	TLS    bool // browsers are told to stay with it
	// Hosts are names that a request may name beside this machine's own, without port.
	Hosts []string
	// TrustedProxies are networks whose X-Forwarded-For counts.
	TrustedProxies []netip.Prefix
	// CORSOrigins are web sites whose pages may call the API.
	CORSOrigins []string
	// Export allows GET /v1/credentials.
	Export             bool
	PerKey, PerAddress Limit
}

// inForce is what a request is held to.
type inForce struct {
	Settings
	hosts           map[string]bool // in lower case
	keyPolicy       []string
	addressPolicy   []string
	cors            func(http.Handler) http.Handler // nil: no origin may
	origins         *http.CrossOriginProtection
	strictTransport []string
	plainLoopback   bool
}

// Apply puts settings into force for requests that begin from now on. On an error nothing has changed.
func (s *Server) Apply(next Settings) error {
	f, err := prepare(next)
	if err == nil {
		s.settings.Store(f)
	}
	return err
}

// Check says why settings cannot be put into force; nil: they can.
func Check(next Settings) error {
	_, err := prepare(next)
	return err
}

func prepare(next Settings) (*inForce, error) {
	f := &inForce{Settings: next, hosts: map[string]bool{}, origins: http.NewCrossOriginProtection(),
		plainLoopback: !next.Public && !next.TLS}
	for _, h := range next.Hosts {
		f.hosts[strings.ToLower(strings.Trim(h, "[]"))] = true
	}
	if p := policyOf("key", next.PerKey); p != "" {
		f.keyPolicy = []string{p}
	}
	if p := policyOf("address", next.PerAddress); p != "" {
		f.addressPolicy = []string{p}
	}
	if next.TLS {
		f.strictTransport = []string{"max-age=31536000"}
	}
	for _, o := range next.CORSOrigins {
		if err := f.origins.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("api.cors_origins: %w", err)
		}
	}
	if len(next.CORSOrigins) == 0 {
		return f, nil
	}
	c := cors.Config{Origins: next.CORSOrigins, Methods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
		RequestHeaders:  []string{"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key"},
		ResponseHeaders: []string{"Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After"}, MaxAgeInSeconds: 600}
	c.DangerouslyTolerateInsecureOrigins = true // who writes http:// into the configuration means it
	m, err := cors.NewMiddleware(c)
	if err != nil {
		return nil, fmt.Errorf("api.cors_origins: %w", errors.Join(err))
	}
	f.cors = m.Wrap
	return f, nil
}

// names reports whether a request may name a host. On a loopback address only this machine's own names count: a web site can point a name
// of its own there, and its pages would be of the same origin as the API. Names only can be pointed, so that every literal address is fine
// where others may come in anyway.
func (f *inForce) names(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip.IsLoopback() || f.hosts[strings.ToLower(host)] || f.Public && (len(f.hosts) == 0 || ip != nil)
}

// local reports whether a program of this machine asks, and by an address that only this machine has. A proxy here asks for others: it
// says so in one of these fields, or names the host that it was asked for.
func local(r *http.Request, from netip.Addr) bool {
	for _, field := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip"} {
		if len(r.Header[field]) > 0 {
			return false
		}
	}
	return from.IsLoopback() && (&inForce{}).names(r.Host)
}

// HostOf is the host that a URL names; "" when it is none.
func HostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Hostname()
	}
	return ""
}
