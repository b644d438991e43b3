package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is the server's certificate, read from its files again whenever they change, so that whoever renews it needs to tell nobody.
// It may be used by many goroutines.
type Certificate struct {
	mu        sync.Mutex
	cert, key string // paths
	seen      [2]fileLook
	pair      *tls.Certificate
}

// fileLook is what tells one state of a file from another without reading it.
type fileLook struct {
	changed time.Time
	size    int64
}

// certificateEvery is how often the files are looked at.
const certificateEvery = time.Second

// LoadCertificate reads the files of a certificate, with its chain, and of its key.
func LoadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{}
	return c, c.Use(cert, key)
}

// Use takes other files, or the same ones anew. On an error the certificate of before stays.
func (c *Certificate) Use(cert, key string) error {
	seen := [2]fileLook{lookAt(cert), lookAt(key)}
	pair, err := readPair(cert, key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.cert, c.key, c.pair, c.seen = cert, key, pair, seen
	}
	return err
}

func lookAt(path string) fileLook {
	info, err := os.Stat(path)
	if err != nil {
		return fileLook{}
	}
	return fileLook{info.ModTime(), info.Size()}
}

func readPair(cert, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the API's certificate cannot be read: %w", err)
	case err != nil:
		return nil, fmt.Errorf("the API's certificate %s and its key %s cannot be used: %w", cert, key, err)
	case time.Now().After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("the API's certificate %s ran out on %s: renew it", cert, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// Watch reads the files again when they change, until the context ends. While they cannot be used the certificate of before serves on,
// and the log says so once.
func (c *Certificate) Watch(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(certificateEvery)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch changed, err := c.again(); {
		case err != nil && err.Error() != said:
			said = err.Error()
			log.Error("the certificate of before serves on: " + said)
		case changed && err == nil:
			said = ""
			log.Info("the API's new certificate is taken")
		}
	}
}

// again reads the files if they look different, or did not fit together when they last did: they are two, and change one by one.
func (c *Certificate) again() (changed bool, err error) {
	c.mu.Lock()
	cert, key, seen := c.cert, c.key, c.seen
	c.mu.Unlock()
	if seen == [2]fileLook{lookAt(cert), lookAt(key)} {
		return false, nil
	}
	return true, c.Use(cert, key)
}

// TLS is the configuration of a listener: TLS 1.2 and newer, with whatever certificate is there at each handshake.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.pair, nil
		}}
}
