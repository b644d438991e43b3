package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// A power cut cannot be had here: what stands between it and a record is that SQLite waits for the disk at each commit.
func TestAccessesAreDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := openAt(t, path)
	gave(t, s, access("key", alice, 0))
	var synchronous int
	var mode string
	ok(t, s.accesses.file.write.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous))
	ok(t, s.accesses.file.write.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
	same(t, []any{synchronous, mode}, []any{2, "wal"}) // FULL
	same(t, must(os.Stat(AccessPath(path)))(t).Mode().Perm(), os.FileMode(0o600))
	same(t, AccessPath("/var/lib/keyturn/keyturn.db"), "/var/lib/keyturn/keyturn-access.db")
	same(t, AccessPath("odd.name/db"), "odd.name/db-access")
}

// The files of one database cannot be taken for each other.
func TestAccessFileIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := must(Open(t.Context(), Options{Path: path}))(t)
	gave(t, s, access("key", alice, 0))
	ok(t, s.Close())
	refused(t, AccessPath(path), ErrNotOurs, "another program's")
	ok(t, os.Rename(path, AccessPath(path)))
	s = openAt(t, path)
	if err := s.RecordAccess(t.Context(), access("key", alice, 0)); !errors.Is(err, ErrNotOurs) {
		t.Errorf("recorded in the wrong file: %v", err)
	}
	if err := s.OpenAccesses(t.Context()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("opened the wrong file: %v", err)
	}
	if _, err := s.Accesses(t.Context(), AccessQuery{}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("read from the wrong file: %v", err)
	}
	ok(t, os.Remove(AccessPath(path)))
	gave(t, s, access("key", alice, 0))
}

// childReads records accesses from many connections at once and prints what was answered, until it is killed.
func childReads(path string) {
	s := childOpens(path)
	for i := range 24 {
		go func() {
			for n := 0; ; n++ {
				caller := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				if err := s.RecordAccess(context.Background(), access(caller, alice, time.Duration(n)*time.Millisecond)); err != nil {
					panic(err)
				}
				_, _ = fmt.Printf("%s\n", caller) // one write call: whole, or not at all
			}
		}()
	}
	select {}
}

// A process is killed while many read: whatever was answered is on record.
func TestKilledWhileManyRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	answered := map[string]bool{}
	for range 4 {
		cmd := child(t, "reads", path)
		out := must(cmd.StdoutPipe())(t)
		ok(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			answered[lines.Text()] = true
			if n == 1000 {
				ok(t, cmd.Process.Kill()) // what it said before is read all the same
			}
		}
		_ = cmd.Wait() // says that it was killed
	}
	s := openAt(t, path)
	on := map[string]bool{}
	for _, l := range must(s.Accesses(t.Context(), AccessQuery{Limit: 1 << 20}))(t) {
		on[l.Caller] = true
	}
	ok(t, s.accesses.file.quickCheck(t.Context()))
	for caller := range answered {
		if !on[caller] {
			t.Errorf("%s was answered and is not on record", caller)
		}
	}
	if len(answered) < 4000 {
		t.Errorf("only %d were answered", len(answered))
	}
}

// Whatever happens to the file, a second later accesses are recorded in what the path leads to, and the database is left alone.
func TestAccessFileLostWhileOpen(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, path string){
		"deleted":          func(t *testing.T, path string) { ok(t, os.Remove(path)) },
		"deleted with all": func(t *testing.T, path string) { removeAll(t, path, "", "-wal", "-shm") },
		"moved away":       func(t *testing.T, path string) { ok(t, os.Rename(path, path+".aside")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "keyturn.db")
				told := ""
				s := must(Open(t.Context(), Options{Path: path, OnMoved: func(path string) { told = path }}))(t)
				defer func() { ok(t, s.Close()) }()
				gave(t, s, access("before", alice, 0), access("before", bob, 0))
				begin(t, s, alice, "r", rotation.Verify)
				lose(t, AccessPath(path))
				time.Sleep(time.Second)
				gave(t, s, access("after", bob, time.Minute)) // bob's number in the new file is another one
				same(t, told, AccessPath(path))
				same(t, fmt.Sprint(reads(t, s, AccessQuery{})), fmt.Sprint([]Access{access("after", bob, time.Minute)}))
				same(t, len(must(s.Events(t.Context(), Query{}))(t)), 1)
				other := openAt(t, path) // another process sees the same
				same(t, len(reads(t, other, AccessQuery{User: bob})), 1)
			})
		})
	}
}

// The file has its bound: the oldest records make room for new ones, and so has its log.
func TestAccessFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	const bound = 1 << 20
	s := must(Open(t.Context(), Options{Path: path, AccessBytes: bound}))(t)
	defer func() { ok(t, s.Close()) }()
	var all sync.WaitGroup
	const clients, each = 500, 400
	for c := range clients {
		all.Go(func() {
			for i := range each {
				if err := s.RecordAccess(context.Background(), access(fmt.Sprint("key-", c), alice, time.Duration(i)*time.Second)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	file, log := must(os.Stat(AccessPath(path)))(t).Size(), logSize(t, AccessPath(path))
	if file > 2*bound || log > 2*usualLog {
		t.Errorf("the file has %d bytes, its log %d", file, log)
	}
	found := must(s.Accesses(t.Context(), AccessQuery{Limit: clients * each}))(t)
	if len(found) < 20_000 || len(found) >= clients*each {
		t.Errorf("%d of %d are left", len(found), clients*each)
	}
	last := 0
	for _, l := range found {
		if l.At.Equal(after((each - 1) * time.Second)) {
			last++
		}
	}
	same(t, last, clients) // of the newest none is missing
}

// On a disk that is really full no access is recorded, so no credential is given; it goes on by itself when there is space again.
func TestAccessOnRealDiskFull(t *testing.T) {
	dir := mount(t, "-t", "tmpfs", "-o", "size=2m", "none")
	s := openAt(t, filepath.Join(dir, "keyturn.db"))
	answered := 0
	record := func(i int) error {
		u := rotation.User{Account: alice.Account, Name: fmt.Sprint(strings.Repeat("x", 50), i)} // a new name each: rows of two tables
		err := s.RecordAccess(t.Context(), access("key", u, 0))
		if err == nil {
			answered++
		}
		return err
	}
	for i := range 20 {
		ok(t, record(i))
	}
	for round := range 3 {
		free := fill(t, dir)
		full := 0
		for i := range 300 {
			if err := record(1000*(round+1) + i); err != nil {
				if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "no credential given, that cannot be recorded") {
					t.Fatalf("a full disk gives %v", err)
				}
				full++
			}
		}
		if full < 100 {
			t.Fatalf("only %d of 300 were refused on a full disk", full)
		}
		_ = must(s.Accesses(t.Context(), AccessQuery{Limit: 1}))(t) // reading goes on
		free()
		ok(t, record(5000*(round+1)))
	}
	same(t, len(reads(t, s, AccessQuery{Limit: 10_000})), answered)
	ok(t, s.accesses.file.quickCheck(t.Context()))
}

// While another program locks the file, accesses wait for it a little, then they are refused; however many wait, there is a bound.
func TestAccessFileLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		gave(t, s, access("before", alice, 0))
		other := must(connect(Options{Path: AccessPath(path)}, "_txlock=immediate"))(t)
		lock := must(other.BeginTx(t.Context(), nil))(t)
		began := time.Now()
		var mu sync.Mutex
		busy := 0
		var all sync.WaitGroup
		for range 2*mostTogether + 100 {
			all.Go(func() {
				switch err := s.RecordAccess(context.Background(), access("key", alice, time.Second)); {
				case errors.Is(err, ErrBusy):
					mu.Lock()
					busy++
					mu.Unlock()
				case !errors.Is(err, ErrLocked):
					t.Errorf("a locked file gives %v", err)
				}
			})
		}
		all.Wait()
		if d := time.Since(began); d > 10*time.Second || busy == 0 {
			t.Errorf("they waited %s, and %d were refused at once", d, busy)
		}
		ok(t, lock.Rollback())
		ok(t, other.Close())
		gave(t, s, access("after", alice, 0))
		same(t, len(reads(t, s, AccessQuery{})), 2)
	})
}

// A search beside those who record sees whole batches, in order, and holds nobody up.
func TestAccessesReadWhileWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s, other := openAt(t, path), openAt(t, path)
	gave(t, s, access("first", alice, 0))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for c := range 16 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := s.RecordAccess(context.Background(), access(fmt.Sprint("key-", c), alice, time.Duration(i)*time.Second)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := 0
	for range 50 {
		found := must(other.Accesses(t.Context(), AccessQuery{Limit: 1 << 20}))(t)
		if len(found) < seen {
			t.Errorf("%d are on record, %d were before", len(found), seen)
		}
		seen = len(found)
	}
	cancel()
	all.Wait()
	to, size, err := BackupAccesses(t.Context(), path, filepath.Join(t.TempDir(), "copy.db"), false)
	ok(t, err)
	same(t, filepath.Base(to), "copy-access.db")
	same(t, must(os.Stat(to))(t).Size(), size)
	h := must(ExamineAccesses(t.Context(), filepath.Join(filepath.Dir(to), "copy.db")))(t)
	if int(h.Accesses) < seen || h.Users != 1 {
		t.Errorf("the copy has %d accesses of %d users, %d were seen before", h.Accesses, h.Users, seen)
	}
}

// A transaction with new names fails, for the sake of another change in it, and is made again: the names of the first try are nobody's.
func TestAccessNamesOfATransactionThatFails(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "keyturn.db"))
	first := access("first", alice, 0)
	gave(t, s, first)
	w := s.accesses.file.writer
	w.mu.Lock()
	w.busy = true // somebody commits
	w.mu.Unlock()
	inLine := func(n int) {
		for have := 0; have < n; runtime.Gosched() {
			w.mu.Lock()
			have = len(w.queue)
			w.mu.Unlock()
		}
	}
	var all sync.WaitGroup
	second := access("second", bob, time.Second)
	all.Go(func() { ok(t, s.RecordAccess(context.Background(), second)) })
	inLine(1)
	all.Go(func() {
		if w.do(&change{whole: true, run: func(func(*sql.Stmt) *sql.Stmt) error { return errors.New("it fails") }}) == nil {
			t.Error("the other change did not fail")
		}
	})
	inLine(2)
	w.mu.Lock()
	w.queue[0].turn <- true
	w.mu.Unlock()
	all.Wait()
	third := access("third", eve, 2*time.Second)
	gave(t, s, third)
	if got := reads(t, s, AccessQuery{}); !slices.Equal(got, []Access{third, second, first}) {
		t.Errorf("on record: %+v", got)
	}
}

// Two search the records at a time; the others wait for their turn, and whoever goes away leaves.
func TestAccessSearchesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := must(Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "keyturn.db")}))(t)
		defer func() { ok(t, s.Close()) }()
		gave(t, s, access("first", alice, 0))
		for range scanTurns {
			leave := must(s.accesses.searches.enter(t.Context()))(t)
			defer leave()
		}
		within, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Accesses(within, AccessQuery{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third search, beside two: %v", err)
		}
	})
}
