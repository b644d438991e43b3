package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// mount mounts a file system of its own at a new folder. Only root may; the tests with bounds of SQLite's own run for everybody.
func mount(t *testing.T, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: a real full or failing disk needs root, to mount one")
	}
	at := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", append(args, at)...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount: %v: %s", err, out)
		}
		t.Skipf("NOT TESTED: root cannot mount here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return at
}

// fill takes all the space that is left, and gives how to free it.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f := must(os.Create(path))(t)
	defer func() { ok(t, f.Close()) }()
	for size := 1 << 20; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			if n == 0 {
				size /= 2
			}
		}
	}
	return func() { ok(t, os.Remove(path)) }
}

// On a disk that is really full, every record is refused with a sentence, whatever is on record stays, and everything goes on by
// itself when there is space again.
func TestRealDiskFull(t *testing.T) {
	dir := mount(t, "-t", "tmpfs", "-o", "size=2m", "none")
	path := filepath.Join(dir, "keyturn.db")
	s := openAt(t, path)
	answered := map[string]bool{}
	record := func(i int) error {
		run := fmt.Sprintf("run%d", i)
		id, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: run, Action: rotation.CreateKey, Detail: strings.Repeat("x", 500)})
		if err == nil {
			answered[run] = true
			err = s.End(t.Context(), id, t0, rotation.Done, "", "")
		}
		return err
	}
	for i := range 50 {
		ok(t, record(i))
	}
	for round := range 3 {
		free := fill(t, dir)
		full := 0
		for i := range 300 { // the log may have some room that it took before
			if err := record(1000*(round+1) + i); err != nil {
				if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free some space") {
					t.Fatalf("a full disk gives %v", err)
				}
				full++
			}
		}
		if full < 100 {
			t.Fatalf("only %d of 300 were refused on a full disk", full)
		}
		_, err := s.Acquire(t.Context(), bob, "run", t0, after(time.Minute))
		if !errors.Is(err, ErrFull) {
			t.Errorf("a lease on a full disk gives %v", err)
		}
		_ = must(s.Events(t.Context(), Query{Limit: 1}))(t) // reading goes on
		if _, err := Open(t.Context(), Options{Path: filepath.Join(dir, "other.db")}); !errors.Is(err, ErrFull) {
			t.Errorf("a new database on a full disk gives %v", err)
		}
		_ = os.Remove(filepath.Join(dir, "other.db"))
		free()
		ok(t, record(5000*(round+1)))
	}
	on := map[string]bool{}
	for _, l := range must(s.Events(t.Context(), Query{Limit: 10_000}))(t) {
		on[l.Run] = true
	}
	same(t, on, answered)
	ok(t, s.file.quickCheck(t.Context()))
}

// A disk that fails is made read-only by Linux: every record is refused. Once another one is mounted in its place everything goes on by
// itself.
func TestRealDiskReadOnly(t *testing.T) {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("NOT TESTED: a failing disk needs mkfs.ext4")
	}
	sh := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	ok(t, os.WriteFile(image, nil, 0o600))
	ok(t, os.Truncate(image, 8<<20))
	sh("mkfs.ext4", "-q", image)
	dir := mount(t, "-o", "loop,errors=remount-ro", image)
	s := must(Open(t.Context(), Options{Path: filepath.Join(dir, "keyturn.db")}))(t)
	begin(t, s, alice, "before", rotation.Verify)
	sh("mount", "-o", "remount,abort", dir)
	for range 3 {
		_, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "meanwhile"})
		if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "cannot be written") {
			t.Fatalf("a disk that became read-only gives %v", err)
		}
	}
	_ = must(s.Events(t.Context(), Query{}))(t) // reading goes on
	sh("mount", "-t", "tmpfs", "none", dir)
	defer sh("umount", "-l", dir)
	_, _ = s.file.lookAgain() // as happens by itself every half a second
	begin(t, s, alice, "after", rotation.Verify)
	same(t, len(must(s.Events(t.Context(), Query{}))(t)), 1)
	ok(t, s.Close())
}

// Another program that keeps the file locked costs each change its patience once, not once for each that waits before it; then
// everything goes on.
func TestLockedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		begin(t, s, alice, "before", rotation.Verify)
		other := must(connect(Options{Path: path}, "_txlock=immediate"))(t)
		lock := must(other.BeginTx(t.Context(), nil))(t)
		began := time.Now()
		var all sync.WaitGroup
		for i := range mostChanges + 1 {
			all.Go(func() {
				_, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprint(i)})
				if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another program") {
					t.Errorf("a locked file gives %v", err)
				}
			})
		}
		all.Wait()
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("they waited %s for a lock, with a patience of 10 s", d)
		}
		ok(t, lock.Rollback())
		ok(t, other.Close())
		begin(t, s, alice, "after", rotation.Verify)
	})
}

// Damage that is met while the file is open stops every change, so every action, until the file is moved away.
func TestDamageStopsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := written(t)
		s := openAt(t, path)
		b := must(os.ReadFile(path))(t)
		for i := len(b) / 2; i < len(b); i++ {
			b[i] = 0xee
		}
		ok(t, os.WriteFile(path, b, 0o600))
		if _, err := s.Events(t.Context(), Query{Limit: 1000}); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("reading a damaged page: %v", err)
		}
		for range 3 {
			_, err := s.Acquire(t.Context(), bob, "r", t0, after(time.Minute))
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "move the file") {
				t.Fatalf("a lease in a damaged file: %v", err)
			}
			time.Sleep(time.Second)
		}
		ok(t, os.Rename(path, path+".bad"))
		time.Sleep(time.Second)
		if l := acquire(t, s, bob, "r", 0, time.Minute); !l.Taken || !l.Quiet.IsZero() {
			t.Fatalf("the new file claims to know the past: %+v", l)
		}
	})
}
