package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/keyturn/keyturn/internal/daemon"
)

// readyFile is what --ready-file writes: where the simulated AWS is, and with which credentials. Programs read it.
type readyFile struct {
	Endpoint string `json:"aws_endpoint"`
	KeyID    string `json:"aws_access_key_id"`
	Secret   string `json:"aws_secret_access_key"`
}

// forget removes the ready file of one that was killed, so that whoever waits for a new one does not find it. What is no ready file is left
// alone, and so never replaced: a slip of the hand must not cost anybody the configuration, the database, or /dev/null.
func forget(path string) error {
	text, err := readReady(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef("the ready file %s cannot be written: %v", path, err)
	case len(text) > 0 && !isReady(text): // mktemp makes an empty one
		return usagef("the ready file %s cannot be written: a file is there that keyturn did not write; remove it, or name another one", path)
	}
	_ = os.Remove(path) // what cannot be removed cannot be replaced either, which writing it says
	return nil
}

// forgetOwn removes a ready file that this process wrote, and not that of another one which has taken its place.
func forgetOwn(path string) {
	text, err := readReady(path)
	var p daemon.Place
	if err == nil && json.Unmarshal(text, &p) == nil && p.PID == os.Getpid() {
		_ = os.Remove(path) // nobody is there any more
	}
}

// readReady reads what may be a ready file; one that is longer is none.
func readReady(path string) ([]byte, error) {
	const most = 64 << 10
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// isReady reports whether a text is what writeWhole writes for programs that wait: a daemon's place, an agent's, or the simulated AWS.
func isReady(text []byte) bool {
	var is struct {
		Socket   string `json:"socket"`
		Endpoint string `json:"aws_endpoint"`
		Agent    string `json:"agent_url"`
	}
	return json.Unmarshal(text, &is) == nil && (is.Socket != "" || is.Endpoint != "" || is.Agent != "")
}

// write writes the file, whole or not at all, for its owner only.
func (r readyFile) write(path string) error { return writeWhole(path, r) }

// writeWhole writes a value as JSON into a file that only its owner can read, whole or not at all.
func writeWhole(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*") // mode 0600
	if err != nil {
		return usagef("the ready file %s cannot be written: %v", path, err)
	}
	_, err = f.Write(append(text, '\n'))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the ready file %s: %w", path, err)
	}
	return nil
}
