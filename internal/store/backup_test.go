package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keyturn/keyturn/internal/rotation"
)

// A backup that is made while many write is one moment of the database: whole, sound, for its owner only, and a database to go on with.
func TestBackupWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := openAt(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprintf("%d-%d", i, n), Action: rotation.Verify})
				if err == nil {
					err = s.End(t.Context(), id, t0, rotation.Done, "", "")
				}
				if err != nil {
					t.Errorf("writing beside a backup: %v", err)
					return
				}
			}
		})
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	before := 0
	for range 3 {
		size := must(Backup(t.Context(), path, to, true))(t)
		info := must(os.Stat(to))(t)
		same(t, []any{info.Size(), info.Mode()}, []any{size, os.FileMode(0o600)})
		h := must(Examine(t.Context(), to))(t)
		if int(h.Events) < before {
			t.Errorf("%d events, %d in the backup before", h.Events, before)
		}
		before = int(h.Events)
	}
	cancel()
	all.Wait()
	if entries := must(os.ReadDir(filepath.Dir(to)))(t); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	ok(t, s.SetSetting(t.Context(), "name", "value"))
	_ = must(Backup(t.Context(), path, to, true))(t)
	restored := openAt(t, to)
	same(t, must(restored.Setting(t.Context(), "name"))(t), "value")
	same(t, must(restored.Newest(t.Context()))(t), must(s.Newest(t.Context()))(t))
	begin(t, restored, alice, "run", rotation.Verify)
}

func TestBackupRefuses(t *testing.T) {
	path := written(t)
	dir := filepath.Dir(path)
	other := filepath.Join(dir, "other")
	ok(t, os.WriteFile(other, []byte("mine"), 0o644))
	ok(t, os.Symlink(path, filepath.Join(dir, "link")))
	rubbish := filepath.Join(dir, "rubbish")
	ok(t, os.WriteFile(rubbish, []byte(strings.Repeat("this is no database ", 50)), 0o600))
	for name, c := range map[string]struct {
		from, to string
		replace  bool
		kind     error
		says     string
	}{
		"a file that exists":   {path, other, false, ErrTarget, "--force"},
		"the database":         {path, path, true, ErrTarget, "in use as the database itself"},
		"a link to it":         {path, filepath.Join(dir, "link"), true, ErrTarget, "in use as the database itself"},
		"a folder":             {path, dir, true, ErrTarget, "is a folder"},
		"a folder that is not": {path, filepath.Join(dir, "no", "file"), false, ErrTarget, "no such file"},
		"of no database":       {filepath.Join(dir, "none"), filepath.Join(dir, "copy"), false, ErrMissing, "`keyturn run` makes it"},
		"of another file":      {rubbish, filepath.Join(dir, "copy"), false, ErrNotOurs, "not a keyturn database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Backup(t.Context(), c.from, c.to, c.replace)
			if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %v that says %q, got %v", c.kind, c.says, err)
			}
		})
	}
	same(t, string(must(os.ReadFile(other))(t)), "mine")
	_ = must(Backup(t.Context(), path, other, true))(t) // unless that is asked for
	_ = must(Examine(t.Context(), other))(t)
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a database was made to be copied")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A backup for which there is no room leaves the one before, and says where room is wanted.
func TestRealDiskFullOfBackups(t *testing.T) {
	dir := mount(t, "-t", "tmpfs", "-o", "size=1m", "none")
	path := written(t)
	to := filepath.Join(dir, "copy.db")
	_ = must(Backup(t.Context(), path, to, false))(t)
	had := must(os.ReadFile(to))(t)
	free := fill(t, dir)
	_, err := Backup(t.Context(), path, to, true)
	if !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "free some space in "+dir) {
		t.Errorf("a full disk gives %v", err)
	}
	same(t, string(must(os.ReadFile(to))(t)) == string(had), true)
	free()
	_ = must(Backup(t.Context(), path, to, true))(t)
}

func TestExamine(t *testing.T) {
	path := written(t)
	s := openAt(t, path)
	ok(t, s.SetRecheck(t.Context(), bob, t0))
	_ = must(s.Begin(t.Context(), rotation.Event{At: after(1), User: bob, Run: "died", Action: rotation.CreateKey}))(t)
	h := must(Examine(t.Context(), path))(t)
	if h.Size == 0 || h.Log == 0 || h.Schema != h.Known {
		t.Errorf("%+v", h)
	}
	h.Size, h.Log, h.Schema, h.Known = 0, 0, 0, 0
	same(t, h, Health{Path: path, Users: 1, Events: 201, Open: 1, Oldest: t0, Newest: unstamp(stamp(after(1)))})
}

func TestExamineFindsDamage(t *testing.T) {
	path := written(t)
	b := must(os.ReadFile(path))(t)
	for i := len(b) - 8000; i < len(b)-4000; i++ {
		b[i] = 0xee
	}
	ok(t, os.WriteFile(path, b, 0o600))
	h, err := Examine(t.Context(), path)
	if !errors.Is(err, ErrCorrupt) || len(h.Problems) == 0 || h.Schema == 0 {
		t.Errorf("%v, %+v", err, h)
	}
	if _, err := Backup(t.Context(), path, path+".copy", false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged database was backed up: %v", err)
	}
	same(t, must(os.ReadFile(path))(t), b)
}
