package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/config"
)

const (
	slow = "users: {include: [{name: x}]}\n" +
		"schedule: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}\n"
	slower = "users: {include: [{name: x}]}\n" +
		"schedule: {rotate_every: 180d, deactivate_after: 187d, delete_after: 194d}\n"
)

// watchedFile is a file that is polled once a second of a clock of its own.
type watchedFile struct {
	*settingsFile
	t   *testing.T
	now time.Time
}

func watchFile(t *testing.T, text string) *watchedFile {
	t.Helper()
	f := &watchedFile{settingsFile: newSettingsFile(filepath.Join(t.TempDir(), "keyturn.yaml"), []byte(text), 0), t: t, now: time.Unix(1, 0)}
	f.write(text)
	f.quiet("as it was loaded", 3)
	return f
}

func (f *watchedFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *watchedFile) tick() (*config.Config, error) {
	f.now = f.now.Add(time.Second)
	return f.poll(f.now)
}

// quiet polls some times, and nothing may be told.
func (f *watchedFile) quiet(when string, times int) {
	f.t.Helper()
	for range times {
		if c, err := f.tick(); c != nil || err != nil {
			f.t.Errorf("%s: %v, %v", when, c, err)
		}
	}
}

// tells polls until something is told.
func (f *watchedFile) tells() (*config.Config, error) {
	f.t.Helper()
	for range 3 {
		if c, err := f.tick(); c != nil || err != nil {
			return c, err
		}
	}
	f.t.Error("nothing is told")
	return nil, nil
}

func TestAFileIsTakenOnceItRests(t *testing.T) {
	f := watchFile(t, slow)
	f.write(slower)
	if c, err := f.tells(); err != nil || c == nil || c.Schedule.RotateEvery.String() != "180d" {
		t.Errorf("%v, %v", c, err)
	}
	f.quiet("after it was taken", 5)
	if err := os.Chtimes(f.path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.quiet("touched", 5)
}

// TestHalfAFileIsNotTaken: the first half of this one is valid, and would have every user rotated each ten minutes.
func TestHalfAFileIsNotTaken(t *testing.T) {
	f := watchFile(t, slow)
	half, _, _ := strings.Cut(slower, "schedule:")
	for n := range 5 { // written in parts, one a second
		f.write(half + strings.Repeat("#", n) + "\n")
		f.quiet("while it is being written", 1)
	}
	f.write(slower)
	if c, err := f.tells(); err != nil || c == nil || c.Schedule.RotateEvery.String() != "180d" {
		t.Errorf("%v, %v", c, err)
	}
}

// TestPollsThatComeTogether: a process that stood still polls again and again at once.
func TestPollsThatComeTogether(t *testing.T) {
	f := watchFile(t, slow)
	f.write(slower)
	for range 5 {
		if c, err := f.poll(f.now); c != nil || err != nil {
			t.Errorf("a file that changed this moment: %v, %v", c, err)
		}
	}
}

// TestAFileThatIsPutInPlace: an editor writes another file and renames it, or removes the old one first.
func TestAFileThatIsPutInPlace(t *testing.T) {
	f := watchFile(t, slow)
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(f.path+".new", f.path); err != nil {
			t.Fatal(err)
		}
	}
	put(slower)
	if c, err := f.tells(); err != nil || c == nil {
		t.Errorf("%v, %v", c, err)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.quiet("removed a moment ago", 1)
	put(slow)
	if c, err := f.tells(); err != nil || c == nil || c.Schedule.RotateEvery.String() != "90d" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestWhatIsWrongIsToldOnce(t *testing.T) {
	f := watchFile(t, slow)
	refused := func(want string) {
		t.Helper()
		c, err := f.tells()
		var wrong *config.Error
		if c != nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", c, err, want)
		}
		f.quiet("after "+want, 5)
	}
	f.write(slow + "schedule: [\n")
	refused("keyturn.yaml:3: ")
	f.write(slow + "conccurency: 3\n")
	refused(`keyturn.yaml:3: unknown key "conccurency"`)
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	refused("there is no such file")
	if _, err := f.read(); err == nil || !strings.Contains(err.Error(), "there is no such file") {
		t.Errorf("whoever asks hears %v", err)
	}
	f.write(slow)
	if c, err := f.tells(); err != nil || c == nil {
		t.Errorf("mended: %v, %v", c, err)
	}
}

// TestAFileThatComesBackIsReadLikeAnyOther: what could not be read a moment ago may be half written, and its durations are divided, too.
func TestAFileThatComesBackIsReadLikeAnyOther(t *testing.T) {
	f := watchFile(t, slow)
	f.speed = 2
	if c, err := f.take(nil, &config.Error{Message: "gone"}, true); c != nil || err == nil {
		t.Errorf("one that could not be read: %v, %v", c, err)
	}
	if c, err := f.read(); err != nil || c == nil || c.Schedule.RotateEvery.String() != "45d" {
		t.Errorf("afterwards: %v, %v", c, err)
	}
}
