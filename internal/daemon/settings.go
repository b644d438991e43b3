package daemon

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/config"
)

// settingsFile is the configuration file, watched: it is polled every second, which needs no help of the system's and works on every
// disk, for links, and for editors that put a new file in the old one's place.
type settingsFile struct {
	path  string
	speed float64 // divides what it says; 0: nothing does
	// taken is what the file held when it was last taken or refused; there is nothing to be said of it again.
	taken [sha256.Size]byte
	seen  look      // at the last poll
	since time.Time // it has looked like that
}

// look is what tells one state of a file from another without reading it.
type look struct {
	info os.FileInfo // nil: it is not there, or cannot be looked at
	err  string
}

func (a look) same(b look) bool {
	if a.info == nil || b.info == nil {
		return a.info == nil && b.info == nil && a.err == b.err
	}
	return os.SameFile(a.info, b.info) && a.info.ModTime().Equal(b.info.ModTime()) && a.info.Size() == b.info.Size()
}

// rest is for how long a file must look the same before it is read. Whoever writes it in parts, or removes it to put another one in its
// place, is not done before: half a file can be a valid one, and mean something else.
const rest = time.Second

// newSettingsFile watches a file from what it holds now. Whoever loaded it just before has this: a change in between shows as one.
func newSettingsFile(path string, text []byte, speed float64) *settingsFile {
	return &settingsFile{path: path, speed: speed, taken: sha256.Sum256(text)}
}

// poll gives the settings when the file has changed and come to rest, or the error for which it cannot be taken: an [config.Error].
// Each state of the file is told of once. All is nil when there is nothing to tell.
func (f *settingsFile) poll(now time.Time) (*config.Config, error) {
	at := lookAt(f.path)
	if !at.same(f.seen) || f.since.IsZero() {
		f.seen, f.since = at, now
		return nil, nil
	}
	if now.Sub(f.since) < rest {
		return nil, nil
	}
	text, err := config.Text(f.path)
	if !lookAt(f.path).same(at) {
		return nil, nil // somebody is at it: the next poll sees that, too
	}
	return f.take(text, err, false)
}

func lookAt(path string) look {
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return look{info: info}
	case errors.Is(err, fs.ErrNotExist):
		return look{err: "none"}
	}
	return look{err: err.Error()}
}

// read takes the file as it is now, and tells of it in any case: a person asks.
func (f *settingsFile) read() (*config.Config, error) {
	text, err := config.Text(f.path)
	return f.take(text, err, true)
}

// take tells of what the file holds, unless it was told of last time.
func (f *settingsFile) take(text []byte, err error, again bool) (*config.Config, error) {
	sum := sha256.Sum256(text)
	if err != nil {
		sum = sha256.Sum256([]byte("\x00" + err.Error())) // unlike any text that parses
	}
	if sum == f.taken && !again {
		return nil, nil
	}
	f.taken = sum
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse(f.path, text)
	if err == nil && f.speed != 0 {
		cfg, err = cfg.Speed(f.speed)
	}
	return cfg, err
}
