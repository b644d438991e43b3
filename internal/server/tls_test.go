package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes a certificate of a name and its key.
func certify(t *testing.T, cert, key, name string, until time.Time) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// served is the name in the certificate that a visitor is shown, over TLS or whatever else the visitor insists on.
func served(t *testing.T, c *Certificate, most uint16) (string, error) {
	t.Helper()
	here, there := net.Pipe()
	defer func() { _, _ = here.Close(), there.Close() }()
	go func() { _ = tls.Server(there, c.TLS()).Handshake() }()
	visitor := tls.Client(here, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most}) //nolint:gosec // a test
	if err := visitor.Handshake(); err != nil {
		return "", err
	}
	return visitor.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// A renewed certificate is served without anybody being told; half of it, or none, leaves the one of before.
func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	later := time.Now().Add(24 * time.Hour)
	if _, err := LoadCertificate(cert, key); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without files: %v", err)
	}
	certify(t, cert, key, "first", later)
	c, err := LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	is := func(when, want string) {
		t.Helper()
		_, err := c.again()
		if good := when == "at first" || when == "with the other half"; (err == nil) != good {
			t.Errorf("%s: %v", when, err)
		}
		if got, err := served(t, c, tls.VersionTLS13); err != nil || got != want {
			t.Errorf("%s: %q is served, %v", when, got, err)
		}
	}
	is("at first", "first")
	if changed, err := c.again(); changed || err != nil {
		t.Errorf("nothing changed, and it says %v, %v", changed, err)
	}
	certify(t, cert, filepath.Join(dir, "next.key"), "second", later.Add(time.Minute))
	is("with half of the next one", "first")
	if err := os.Rename(filepath.Join(dir, "next.key"), key); err != nil {
		t.Fatal(err)
	}
	is("with the other half", "second")
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	is("with nonsense in its place", "second")
	certify(t, cert, key, "third", time.Now().Add(-time.Minute))
	is("with one that ran out", "second")
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	is("when it is gone", "second")
	if _, err := served(t, c, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestWatchOfCertificatesEnds(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	certify(t, cert, key, "first", time.Now().Add(time.Hour))
	c, err := LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Watch(ctx, slog.New(slog.DiscardHandler))
}
