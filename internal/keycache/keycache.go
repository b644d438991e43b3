// Package keycache keeps credentials between two runs of `keyturn credential-process`, for those who ask for it: on a file system in
// memory alone, for the owner alone, and until the Expiration.
package keycache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Entry is what is kept.
type Entry struct {
	AccessKeyID     string
	SecretAccessKey string
	Expiration      time.Time
	Fetched         time.Time
}

// Cache is a folder.
type Cache struct{ dir string }

// Open makes the folder below $XDG_RUNTIME_DIR. It refuses one that others can look into, and one on a disk: what is deleted there is not
// gone.
func Open(env func(string) string) (*Cache, error) {
	runtime := env("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(runtime) {
		return nil, errors.New("--cache needs XDG_RUNTIME_DIR, the folder in memory that a login has; leave --cache out, or run `keyturn agent`")
	}
	dir := filepath.Join(runtime, "keyturn", "credentials")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for --cache cannot be made: %w", err)
	}
	c := &Cache{dir}
	if err := inMemory(dir); err != nil {
		return nil, fmt.Errorf("--cache keeps credentials in memory only, and %s %w; leave --cache out, or run `keyturn agent`", runtime, err)
	}
	for _, d := range []string{filepath.Dir(dir), dir} {
		info, err := os.Lstat(d)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ours(info) {
			return nil, fmt.Errorf("the folder %s for --cache is not its owner's alone: chmod 700 it, or remove it", d)
		}
	}
	return c, nil
}

const suffix = ".json"

// file is the file of one user at one server. The name tells neither.
func (c *Cache) file(server, user string) string {
	sum := sha256.Sum256([]byte(server + "\x00" + user))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:12])+suffix)
}

// Get gives what is kept and not expired.
func (c *Cache) Get(server, user string) (Entry, bool) {
	e, err := read(c.file(server, user))
	return e, err == nil && time.Now().Before(e.Expiration)
}

func read(path string) (e Entry, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return e, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !ours(info) {
		return e, errors.New("not ours")
	}
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close()
	err = json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&e)
	return e, err
}

// Put keeps credentials, whole or not at all.
func (c *Cache) Put(server, user string, e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keeping credentials: %w", err)
	}
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), c.file(server, user))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("keeping credentials: %w", err)
	}
	return nil
}

// Drop forgets a user's.
func (c *Cache) Drop(server, user string) { _ = os.Remove(c.file(server, user)) }

// Sweep removes what has expired and what cannot be read, and says when the next one expires; the zero time when nothing is left.
func (c *Cache) Sweep() (next time.Time) {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return time.Time{}
	}
	for _, f := range files {
		path := filepath.Join(c.dir, f.Name())
		if strings.HasPrefix(f.Name(), ".new-") { // being written, or left by a run that died
			if info, err := f.Info(); err == nil && time.Since(info.ModTime()) > time.Minute {
				_ = os.Remove(path)
			}
			continue
		}
		if !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		e, err := read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil || !time.Now().Before(e.Expiration):
			_ = os.Remove(path)
		case next.IsZero() || e.Expiration.Before(next):
			next = e.Expiration
		}
	}
	return next
}

// Keep sweeps at each Expiration until nothing is left. One process does it at a time; it returns at once when another one does.
func (c *Cache) Keep() {
	for {
		undo, ok := c.guard()
		if !ok {
			return
		}
		for next := c.Sweep(); !next.IsZero(); next = c.Sweep() {
			time.Sleep(min(time.Until(next), time.Minute)) // the clock may be set meanwhile
		}
		undo()
		if c.Sweep().IsZero() { // what was put since the last look found a guard
			return
		}
	}
}

// Guarded reports whether a process keeps watch.
func (c *Cache) Guarded() bool {
	f, err := c.watch()
	if err != nil {
		return false
	}
	defer f.Close()
	return locked(f)
}

func (c *Cache) guard() (undo func(), ok bool) {
	f, err := c.watch()
	if err != nil {
		return nil, false
	}
	got := lock(f)
	for n := 0; n < 20 && !got; n++ { // whoever asks whether it is guarded holds it for a moment
		time.Sleep(5 * time.Millisecond)
		got = lock(f)
	}
	if !got {
		_ = f.Close()
		return nil, false
	}
	return func() { _ = f.Close() }, true
}

func (c *Cache) watch() (*os.File, error) {
	return os.OpenFile(filepath.Join(c.dir, "watch.lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
