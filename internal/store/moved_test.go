package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Whatever happens to the file while it is open, a second later the store works on what the path leads to, and knows nothing of a past
// that this one does not tell.
func TestFileLostWhileOpen(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, path string){
		"deleted":                 func(t *testing.T, path string) { ok(t, os.Remove(path)) },
		"deleted with its log":    func(t *testing.T, path string) { removeAll(t, path, "", "-wal", "-shm") },
		"moved away":              func(t *testing.T, path string) { ok(t, os.Rename(path, path+".aside")) },
		"replaced by another one": func(t *testing.T, path string) { ok(t, os.Rename(written(t), path)) },
		"folder made anew": func(t *testing.T, path string) {
			ok(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".aside"))
			ok(t, os.Mkdir(filepath.Dir(path), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "folder", "keyturn.db")
				ok(t, os.Mkdir(filepath.Dir(path), 0o700))
				told := 0
				s := must(Open(t.Context(), Options{Path: path, Settle: testSettle, OnMoved: func(string) { told++ }}))(t)
				defer func() { ok(t, s.Close()) }()
				acquire(t, s, alice, "daemon/old", 0, 3*time.Minute)
				id := begin(t, s, alice, "old", rotation.CreateKey)
				lose(t, path)
				time.Sleep(time.Second)

				if l := acquire(t, s, alice, "daemon/new", 0, 3*time.Minute); !l.Taken || !l.Quiet.IsZero() {
					t.Fatalf("the new file claims to know the past: %+v", l)
				}
				same(t, told, 1)
				// The run from before may go on with nothing, and its end is not taken for another's.
				if _, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "old", Action: rotation.Promote}); !errors.Is(err, rotation.ErrLeaseLost) || !errors.Is(err, ErrMoved) {
					t.Errorf("a run without a lease began with %v", err)
				}
				next := begin(t, s, alice, "new", rotation.CreateKey)
				if err := s.End(t.Context(), id, t0, rotation.Done, "AKIAOLD", ""); !errors.Is(err, ErrMoved) {
					t.Errorf("the end of an event of another file was recorded: %v", err)
				}
				if err := s.Finish(t.Context(), alice, "daemon/old", rotation.Standing{At: t0}); !errors.Is(err, rotation.ErrLeaseLost) {
					t.Errorf("a run without a lease ended with %v", err)
				}
				end(t, s, next, rotation.Done, "AKIANEW")
				same(t, must(s.Witness(t.Context(), alice, "new"))(t).CreatedID, "AKIANEW")
				ok(t, s.Finish(t.Context(), alice, "daemon/new", rotation.Standing{At: t0}))

				// It is a sound file of its own, for everybody.
				ok(t, s.Close())
				other := must(Open(t.Context(), Options{Path: path}))(t)
				ok(t, other.file.quickCheck(t.Context()))
				same(t, must(other.Events(t.Context(), Query{Limit: 1}))(t)[0].Outcome, rotation.Done)
				ok(t, other.Close())
			})
		})
	}
}

func removeAll(t *testing.T, path string, ends ...string) {
	t.Helper()
	for _, end := range ends {
		ok(t, os.Remove(path+end))
	}
}

// Two processes have the file open when it is replaced. The first to notice does not mix what the other still has of the old one, in the
// files beside it, into the new one.
func TestFileReplacedUnderTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		a, b := openAt(t, path), openAt(t, path)
		for i := range 300 {
			begin(t, a, alice, fmt.Sprint("a", i), rotation.Verify)
			begin(t, b, bob, fmt.Sprint("b", i), rotation.Verify)
		}
		ok(t, os.Rename(written(t), path))
		time.Sleep(time.Second)
		for i, s := range []*Store{a, b, a, b} {
			same(t, len(must(s.Events(t.Context(), Query{Limit: 1000}))(t)), 200+i)
			begin(t, s, alice, fmt.Sprint("later", i), rotation.Verify)
			ok(t, s.file.quickCheck(t.Context()))
		}
	})
}

// What was moved away is whole: the log was folded into it.
func TestMovedFileIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		for i := range 100 {
			begin(t, s, alice, fmt.Sprint(i), rotation.Verify)
		}
		ok(t, os.Rename(path, path+".aside"))
		time.Sleep(time.Second)
		same(t, len(must(s.Events(t.Context(), Query{}))(t)), 0)
		aside := openAt(t, path+".aside")
		same(t, len(must(aside.Events(t.Context(), Query{Limit: 1000}))(t)), 100)
	})
}

// Nothing is recorded while the path leads to what cannot be a database; as soon as it does again, everything goes on.
func TestFileReplacedByRubbish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		rubbish := path + ".rubbish"
		ok(t, os.WriteFile(rubbish, []byte("this is no database"), 0o600))
		ok(t, os.Rename(rubbish, path))
		time.Sleep(time.Second)
		for range 3 {
			if _, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "r"}); !errors.Is(err, ErrNotOurs) {
				t.Fatalf("recorded in rubbish: %v", err)
			}
			if _, err := s.Events(t.Context(), Query{}); !errors.Is(err, ErrNotOurs) {
				t.Fatalf("read from rubbish: %v", err)
			}
			time.Sleep(time.Second)
		}
		ok(t, os.Remove(path))
		time.Sleep(time.Second)
		begin(t, s, alice, "r", rotation.Verify)
	})
}

// Many runs at once, while the file is deleted again and again: each call ends with a record or with an error, and the store is
// usable to the end.
func TestFileLostUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		for i := range 8 {
			go func() {
				recorded := 0
				for n := 0; ctx.Err() == nil; n++ {
					u := rotation.User{Account: alice.Account, Name: fmt.Sprint(i)}
					holder := fmt.Sprintf("p/%d-%d", i, n)
					now := time.Now()
					if l, err := s.Acquire(ctx, u, holder, now, now.Add(time.Minute)); err == nil && l.Taken {
						if id, err := s.Begin(ctx, rotation.Event{At: now, User: u, Run: runOf(holder), Action: rotation.Verify}); err == nil {
							recorded++
							_ = s.End(ctx, id, now, rotation.Done, "", "")
						}
						_ = s.Finish(ctx, u, holder, rotation.Standing{At: now})
					}
					time.Sleep(37 * time.Millisecond)
				}
				done <- recorded
			}()
		}
		for range 6 {
			time.Sleep(1100 * time.Millisecond)
			_ = os.Remove(path)
		}
		time.Sleep(time.Second)
		cancel()
		for range 8 {
			if <-done < 100 {
				t.Error("a worker stood still")
			}
		}
		begin(t, s, alice, "last", rotation.Verify)
		ok(t, s.file.quickCheck(t.Context()))
	})
}
