package agent

import (
	"crypto/rand"
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

// Place is where an agent is. It writes it beside its token, and holds a lock on the file for as long as it lives.
type Place struct {
	PID       int    `json:"pid"`
	URL       string `json:"agent_url"`
	TokenFile string `json:"token_file"`
}

// ErrNone: no agent runs.
var ErrNone = errors.New("no keyturn agent runs")

// DefaultTokenFile is the token's place where nothing else is said: in the folder that the system clears when its user leaves, else in
// the user's cache folder.
func DefaultTokenFile(env func(string) string) (string, error) {
	if dir := env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "keyturn", "token"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for the agent's token: %w; name one with --token-file", err)
	}
	return filepath.Join(dir, "keyturn", "token"), nil
}

// Token reads the token, or makes one. A file that others can read or change is refused, and so is one that is somebody else's.
func Token(path string) (string, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the folder of the agent's token cannot be made: %w", err)
	}
	if err := private(dir, 0o022); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return readToken(path)
	}
	if err != nil {
		return "", fmt.Errorf("the agent's token cannot be written: %w", err)
	}
	token := rand.Text() + rand.Text()
	_, err = f.WriteString(token) // no newline: SDKs refuse a token file that has one
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path)
		return "", fmt.Errorf("the agent's token cannot be written: %w", err)
	}
	return token, nil
}

// shortest is the least length of a token that somebody else has made.
const shortest = 20

func readToken(path string) (string, error) {
	if err := private(path, 0o077); err != nil {
		return "", err
	}
	text, err := readSmall(path)
	if err != nil {
		return "", fmt.Errorf("the agent's token cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < shortest || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("the file %s holds no token: one line of %d characters at least, without spaces; remove it, and a new one is made",
			path, shortest)
	}
	return token, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4096))
}

// private refuses what others can see or change, as far as the bits of mode that are named go.
func private(path string, bits fs.FileMode) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir() && !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case info.Mode().Perm()&bits != 0:
		fix := "chmod 600 " + path
		if info.IsDir() {
			fix = "chmod 700 " + path
		}
		return fmt.Errorf("%s has mode %#o, and others than its owner could read or change what keeps them out: %s", path, info.Mode().Perm(), fix)
	}
	return ownedByUs(path, info)
}

// placeFile is where an agent with this token leaves word.
func placeFile(token string) string { return filepath.Join(filepath.Dir(token), "agent.json") }

// Announce leaves word of where an agent is, and says so to whoever looks until the process ends or calls what it gives. It fails when
// another agent with the same folder runs.
func Announce(p Place) (undo func(), err error) {
	path := placeFile(p.TokenFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the agent cannot leave word where it is: %w", err)
	}
	got := lock(f)
	for n := 0; n < 20 && !got; n++ { // whoever looks for an agent holds it for a moment
		time.Sleep(10 * time.Millisecond)
		got = lock(f)
	}
	if !got {
		_ = f.Close()
		other, _ := Find(p.TokenFile)
		return nil, fmt.Errorf("an agent runs already, as process %d at %s: stop it, or name another place with --token-file", other.PID, other.URL)
	}
	text, err := json.Marshal(p)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the agent cannot leave word where it is: %w", err)
	}
	return func() {
		_ = f.Truncate(0)
		_ = f.Close() // the lock goes with it
	}, nil
}

// Find gives the agent that runs with this token; ErrNone when none does. What a dead one left counts for nothing: its address may be
// somebody else's by now, and the token would be shown to them.
func Find(token string) (Place, error) {
	path := placeFile(token)
	err := private(path, 0o077)
	if errors.Is(err, fs.ErrNotExist) {
		return Place{}, ErrNone
	}
	if err != nil {
		return Place{}, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|noFollow, 0)
	if err != nil {
		return Place{}, err
	}
	defer f.Close()
	if !locked(f) {
		return Place{}, ErrNone
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	var p Place
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.URL == "" {
		return Place{}, ErrNone // it is just being started or stopped
	}
	return p, nil
}
