package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says where credentials come from, and for whom.
type Config struct {
	// URL is the keyturn server's, such as https://keyturn.example.com:8443, or an agent's, such as http://127.0.0.1:7911. Required.
	// Plain http is refused but to this machine itself, as it would carry the API key and the credentials in the open.
	URL string
	// User is whose credentials are wanted: the IAM user's name, or account:name where several accounts have that name. Required.
	User string
	// APIKey is an API key whose scopes include credentials:read for this user, or an agent's token. APIKeyFile names a file that holds
	// it, which is read anew for each request, so that the key can be replaced while the program runs. Exactly one of the two is required,
	// or Show.
	APIKey, APIKeyFile string
	// Show gives what is shown instead, anew for each request: an API key that is kept elsewhere, or a proof of an AWS identity. It must be
	// quick, and may be called from several goroutines. Nil: the API key is shown.
	Show func(context.Context) (string, error)
	// CAFile names a file of certificates in PEM form, of which one must have signed the server's. Empty: those of the system.
	CAFile string
	// HTTPClient sends the requests, and CAFile has to be empty then. It must not follow redirects with the API key to other hosts. Nil:
	// a client of its own, which follows none, and gives each request 5 seconds.
	HTTPClient *http.Client
	// OnError is told of each fetch that fails, which harms nobody as long as there are valid credentials. It may be called from
	// several goroutines; nil: nobody is told. No error holds a secret.
	OnError func(error)
}

// requestTimeout is what one request may take. A server answers from its memory; botocore would wait 2 seconds.
const requestTimeout = 5 * time.Second

// validate gives the URL that credentials are fetched from.
func (c Config) validate() (string, error) {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return "", errors.New("keyturn client: Config.URL is empty: give the address of the keyturn server or agent")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("keyturn client: Config.URL %q is no address: give one such as https://keyturn.example.com:8443", redacted(u, c.URL))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("keyturn client: Config.URL %q has more than scheme, host and path", redacted(u, c.URL))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fmt.Errorf("keyturn client: Config.URL %q would send the API key in the open: use https, or http to 127.0.0.1", c.URL)
	case c.User == "":
		return "", errors.New("keyturn client: Config.User is empty: name the IAM user whose credentials are wanted")
	case c.Show != nil && (c.APIKey != "" || c.APIKeyFile != ""):
		return "", errors.New("keyturn client: give either Config.Show or an API key")
	case c.Show == nil && (c.APIKey == "") == (c.APIKeyFile == ""):
		return "", errors.New("keyturn client: give either Config.APIKey or Config.APIKeyFile")
	case c.HTTPClient != nil && c.CAFile != "":
		return "", errors.New("keyturn client: give either Config.HTTPClient or Config.CAFile")
	}
	return strings.TrimSuffix(u.String(), "/") + "/v1/container/" + segment(c.User), nil
}

// redacted is an address without the password that may stand in it.
func redacted(u *url.URL, text string) string {
	if u == nil {
		return "(not readable)"
	}
	if u.User == nil {
		return text
	}
	return u.Redacted()
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// client is the HTTP client that was given, or one of its own.
func (c Config) client() (*http.Client, error) {
	if c.HTTPClient != nil {
		return c.HTTPClient, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("keyturn client: reading Config.CAFile: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("keyturn client: Config.CAFile %s holds no certificate in PEM form", c.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// key is the API key to send now.
func (c Config) key(ctx context.Context) (string, error) {
	if c.Show != nil {
		return c.Show(ctx)
	}
	if c.APIKeyFile == "" {
		return c.APIKey, nil
	}
	text, err := os.ReadFile(c.APIKeyFile)
	if err != nil {
		return "", fmt.Errorf("reading the API key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsAny(key, "\r\n") {
		return "", fmt.Errorf("the file %s does not hold one API key on one line", c.APIKeyFile)
	}
	return key, nil
}

// segment is a user in a path. IAM allows . and .. as names, which mean something else there; the colon stands for no account.
func segment(user string) string {
	if user == "." || user == ".." {
		user = ":" + user
	}
	return url.PathEscape(user)
}
