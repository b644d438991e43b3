package client_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/client"
)

func TestNewRefuses(t *testing.T) {
	good := client.Config{URL: "https://keyturn.test", User: "u", APIKey: "k"}
	for want, change := range map[string]func(*client.Config){
		"URL is empty":               func(c *client.Config) { c.URL = "" },
		"is no address":              func(c *client.Config) { c.URL = "keyturn.test:8443" },
		"(not readable)":             func(c *client.Config) { c.URL = "https://a b:%%" },
		"in the open":                func(c *client.Config) { c.URL = "http://keyturn.test" },
		"more than scheme":           func(c *client.Config) { c.URL = "https://me:hush@keyturn.test" },
		"User is empty":              func(c *client.Config) { c.User = "" },
		"either Config.APIKey":       func(c *client.Config) { c.APIKey = "" },
		"APIKey or Config.APIKeyFil": func(c *client.Config) { c.APIKeyFile = "f" },
		"Config.Show or an":          func(c *client.Config) { c.Show = func(context.Context) (string, error) { return "", nil } },
		"HTTPClient or":              func(c *client.Config) { c.HTTPClient, c.CAFile = http.DefaultClient, "f" },
		"reading Config.CAFile":      func(c *client.Config) { c.CAFile = "/nowhere" },
		"no certificate":             func(c *client.Config) { c.CAFile = "config_test.go" },
	} {
		c := good
		change(&c)
		if _, err := client.New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, and it should say %q", err, want)
		}
	}
	for _, url := range []string{"http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://keyturn.test/path/"} {
		c := good
		c.URL = url
		if _, err := client.New(c); err != nil {
			t.Error(err)
		}
	}
}

// What is shown is asked for at each request, and what cannot be had is said.
func TestShow(t *testing.T) {
	var shown []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Get("Authorization"))
		fmt.Fprintf(w, `{"AccessKeyId":"AKIA","SecretAccessKey":"hush","Token":"","Expiration":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	defer s.Close()
	n := 0
	for range 2 {
		p, err := client.New(client.Config{URL: s.URL, User: "u", Show: func(context.Context) (string, error) {
			n++
			return fmt.Sprint("proof", n), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Retrieve(context.Background()); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	if strings.Join(shown, " ") != "proof1 proof2" {
		t.Errorf("%q", shown)
	}
	p, err := client.New(client.Config{URL: s.URL, User: "u", Show: func(context.Context) (string, error) { return "", errors.New("no AWS credentials") }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Retrieve(context.Background()); err == nil || !strings.Contains(err.Error(), "no AWS credentials") {
		t.Error(err)
	}
}

// Over TLS the server has to be known, and where it redirects to is not followed.
func TestTLS(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/away") {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"AKIA","SecretAccessKey":"hush","Token":"","Expiration":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	defer s.Close()
	s.Config.ErrorLog = nil
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(user, ca string) error {
		p, err := client.New(client.Config{URL: s.URL, User: user, APIKey: "k", CAFile: ca})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		_, err = p.Retrieve(t.Context())
		return err
	}
	if err := get("u", ca); err != nil {
		t.Error(err)
	}
	if err := get("away", ca); err == nil || !strings.Contains(err.Error(), "307") || elsewhere > 0 {
		t.Errorf("%v; %d requests went elsewhere", err, elsewhere)
	}
}

// An answer that is not understood is never quoted.
func TestNothingIsQuoted(t *testing.T) {
	for _, body := range []string{`{"AccessKeyId":"AKIA","SecretAccessKey":"hush"}`, `{"SecretAccessKey":"hush","Expiration":7}`, `hush`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		var mu sync.Mutex
		var told []string
		p, err := client.New(client.Config{URL: s.URL, User: "u", APIKey: "the-api-key", OnError: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err.Error())
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = p.Retrieve(ctx)
		cancel()
		p.Close()
		s.Close()
		if all := fmt.Sprint(err, told); err == nil || strings.Contains(all, "hush") || strings.Contains(all, "the-api-key") || len(told) == 0 {
			t.Errorf("%s: %s", body, all)
		}
	}
}
