package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// refused opens the file, wants the kind of refusal, an error that names the path, and every byte as it was.
func refused(t *testing.T, path string, kind error, words ...string) {
	t.Helper()
	before, _ := os.ReadFile(path)
	s, err := Open(t.Context(), Options{Path: path, BusyTimeout: time.Millisecond})
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s was opened, want %v", path, kind)
	}
	var fe *FileError
	if !errors.As(err, &fe) || !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	for _, w := range append(words, path) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is more than one line: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file was changed")
	}
}

// written makes a database with some history and closes it.
func written(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := must(Open(t.Context(), Options{Path: path}))(t)
	for i := range 200 {
		end(t, s, begin(t, s, alice, fmt.Sprintf("run%d", i), rotation.Verify), rotation.Done, "")
	}
	ok(t, s.Close())
	return path
}

func TestNewFileIsPrivateAndCloseLeavesOneFile(t *testing.T) {
	path := written(t)
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 600", info.Mode().Perm())
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSideFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	begin(t, openAt(t, path), alice, "run", rotation.Verify)
	for _, side := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + side)
		ok(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %o, want 600", side, info.Mode().Perm())
		}
	}
}

func TestRefusesMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not-there")
	refused(t, filepath.Join(dir, "keyturn.db"), ErrNoAccess, "the folder "+dir+" does not exist")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}
}

func TestRefusesFolder(t *testing.T) { refused(t, t.TempDir(), ErrNotOurs, "not a regular file") }

func TestRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	ok(t, os.WriteFile(path, []byte("region: us-east-1\n"), 0o600))
	refused(t, path, ErrNotOurs, "not a keyturn database")

	path = filepath.Join(t.TempDir(), "other.db")
	db := must(connect(Options{Path: path}, ""))(t)
	_ = must(db.ExecContext(t.Context(), "CREATE TABLE users (id)"))(t)
	ok(t, db.Close())
	refused(t, path, ErrNotOurs, "another program's")
}

func TestRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off in the header": func(b []byte) []byte { return b[:50] },
		"cut off in a page":     func(b []byte) []byte { return b[:len(b)-6000] },
		"a page overwritten": func(b []byte) []byte {
			for i := len(b) - 8000; i < len(b)-4000; i++ {
				b[i] = 0xee
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := written(t)
			b, err := os.ReadFile(path)
			ok(t, err)
			ok(t, os.WriteFile(path, damage(b), 0o600))
			refused(t, path, ErrCorrupt, "move the file", "AWS holds the state")

			ok(t, os.Rename(path, path+".bad")) // what the error tells to do works
			begin(t, openAt(t, path), alice, "run", rotation.Verify)
		})
	}
}

func TestDamageFoundLaterIsNamed(t *testing.T) {
	path := written(t)
	s := openAt(t, path)
	b, err := os.ReadFile(path)
	ok(t, err)
	for i := 4096; i < len(b); i++ {
		b[i] = 0xee
	}
	ok(t, os.WriteFile(path, b, 0o600))
	if _, err := s.Events(t.Context(), Query{Limit: 1000}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Fatalf("reading a damaged page: %v", err)
	}
}

func TestRefusesNewerSchema(t *testing.T) {
	path := written(t)
	s := must(Open(t.Context(), Options{Path: path}))(t)
	_ = must(s.exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, 1)"))(t)
	ok(t, s.Close())
	refused(t, path, ErrNewer, "schema 7", "newer keyturn")
}

// openOn opens a file with other migrations than the embedded ones.
func openOn(t *testing.T, path string, fsys fs.FS) (*Store, error) {
	t.Helper()
	return openWith(t.Context(), Options{Path: path}, fsys)
}

func nextSchema(t *testing.T, second string) fstest.MapFS {
	t.Helper()
	next := fstest.MapFS{}
	for _, name := range must(fs.Glob(migrations, "*.sql"))(t) {
		next[name] = &fstest.MapFile{Data: must(fs.ReadFile(migrations, name))(t)}
	}
	next[fmt.Sprintf("%05d_more.sql", len(next)+1)] = &fstest.MapFile{Data: []byte(second)}
	return next
}

func TestUpdatesOlderSchema(t *testing.T) {
	fsys := nextSchema(t, "-- +goose Up\nALTER TABLE users ADD COLUMN shoe_size BIGINT NOT NULL DEFAULT 42;\n")
	path := written(t)
	// Two processes update it at once: one does, the other finds it done.
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			s, err := openOn(t, path, fsys)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		ok(t, <-errs)
	}
	s, err := openOn(t, path, fsys)
	ok(t, err)
	defer func() { _ = s.Close() }()
	if v := must(s.file.version(t.Context(), s.file.write))(t); v != int64(len(fsys)) {
		t.Fatalf("schema %d, want %d", v, len(fsys))
	}
	_ = must(s.file.write.ExecContext(t.Context(), "SELECT shoe_size FROM users"))(t)
	var n int
	ok(t, s.file.write.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n))
	same(t, n, 200)

	// A new file and an updated one have the same schema.
	fresh, err := openOn(t, filepath.Join(t.TempDir(), "new.db"), fsys)
	ok(t, err)
	defer func() { _ = fresh.Close() }()
	same(t, schemaText(t, fresh), schemaText(t, s))
}

// A database of an earlier schema keeps its history, and where readers of it stood, and says no more than before of an open intent.
func TestUpdatesEverySchema(t *testing.T) {
	all := must(fs.Glob(migrations, "*.sql"))(t)
	for n := 1; n < len(all); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			early := fstest.MapFS{}
			for _, name := range all[:n] {
				early[name] = &fstest.MapFile{Data: must(fs.ReadFile(migrations, name))(t)}
			}
			updatesSchema(t, early)
		})
	}
}

func updatesSchema(t *testing.T, early fs.FS) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	old, err := openOn(t, path, early)
	ok(t, err)
	_ = must(old.file.write.ExecContext(t.Context(), `
		INSERT INTO events VALUES (7, 1, '123456789012', 'alice', 'run1', 'write-intent', 'due', '', '', ''),
			(9, 2, '123456789012', 'alice', 'run1', 'create-key', 'due', '', '', ''), (10, 3, '123456789012', 'bob', 'run2', 'verify', 'due', '', '', '');
		INSERT INTO outcomes VALUES (3, 7, 1, 'done', '', ''), (5, 9, 2, 'done', 'AKIANEW', '')`))(t)
	ok(t, old.Close())

	s := openAt(t, path)
	lines := must(s.Events(t.Context(), Query{}))(t)
	same(t, []int64{lines[0].ID, lines[1].ID, lines[2].ID}, []int64{10, 9, 7})
	ended := must(s.Ended(t.Context(), 3, 0))(t)
	same(t, []any{len(ended), ended[0].Seq, ended[0].KeyID}, []any{1, int64(5), "AKIANEW"})
	w := must(s.Witness(t.Context(), rotation.User{Account: "123456789012", Name: "alice"}, "run1"))(t)
	same(t, w, rotation.Witness{Intent: "run1", CreatedID: "AKIANEW"})
	if id := begin(t, s, alice, "run3", rotation.Verify); id != 11 {
		t.Errorf("the next event has the id %d, want 11", id)
	}
}

func schemaText(t *testing.T, s *Store) (out []string) {
	t.Helper()
	rows := must(s.file.write.QueryContext(t.Context(), "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY name"))(t)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		ok(t, rows.Scan(&line))
		out = append(out, line)
	}
	versions := must(s.file.write.QueryContext(t.Context(), "SELECT version_id FROM goose_db_version ORDER BY id"))(t)
	defer func() { _ = versions.Close() }()
	for versions.Next() {
		var v int
		ok(t, versions.Scan(&v))
		out = append(out, fmt.Sprintf("version %d", v))
	}
	return out
}

func TestFailedUpdateChangesNothing(t *testing.T) {
	path := written(t)
	_, err := openOn(t, path, nextSchema(t, "-- +goose Up\nCREATE TABLE more (id BIGINT);\nINSERT INTO nowhere VALUES (1);\n"))
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("a broken update ended with %v", err)
	}
	again := openAt(t, path)
	same(t, len(must(again.Events(t.Context(), Query{Limit: 1000}))(t)), 200)
	for _, line := range schemaText(t, again) {
		if strings.HasPrefix(line, "more:") {
			t.Error("half of the update was kept")
		}
	}
}

func TestManyMakeOneFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	type result struct {
		s   *Store
		err error
	}
	results := make(chan result, 8)
	for range cap(results) {
		go func() {
			s, err := Open(context.Background(), Options{Path: path})
			results <- result{s, err}
		}()
	}
	for range cap(results) {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
			continue
		}
		begin(t, r.s, alice, "run", rotation.Verify)
		defer func() { _ = r.s.Close() }()
	}
}

func TestDeletedFileIsMadeAnew(t *testing.T) {
	path := written(t)
	ok(t, os.Remove(path))
	s := openAt(t, path)
	same(t, len(must(s.Events(t.Context(), Query{}))(t)), 0)
	same(t, must(s.Witness(t.Context(), alice, "run1"))(t), rotation.Witness{})
	if l := acquire(t, s, alice, "r", 0, time.Minute); !l.Taken || !l.Quiet.IsZero() {
		t.Fatalf("a lost database claims to know the past: %+v", l)
	}
}

func TestErrorsOfAFailingDisk(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		s := openAt(t, filepath.Join(t.TempDir(), "keyturn.db"))
		_ = must(s.file.write.ExecContext(t.Context(), "PRAGMA max_page_count = 16"))(t)
		var err error
		for i := 0; err == nil && i < 100_000; i++ {
			_, err = s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprint(i), Detail: strings.Repeat("x", 500)})
		}
		if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free some space") {
			t.Fatalf("a full disk gives %v", err)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		path := written(t)
		s := openAt(t, path)
		_ = must(s.file.write.ExecContext(t.Context(), "PRAGMA query_only = 1"))(t)
		_, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "r"})
		if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "write access") {
			t.Fatalf("a read-only file gives %v", err)
		}
	})
	t.Run("locked", func(t *testing.T) {
		path := written(t)
		s := openAt(t, path)
		tx := must(s.file.write.BeginTx(t.Context(), nil))(t) // another program's long transaction
		defer func() { _ = tx.Rollback() }()
		other := must(Open(t.Context(), Options{Path: path, BusyTimeout: time.Millisecond}))(t)
		defer func() { _ = other.Close() }()
		_, err := other.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "r"})
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another program") {
			t.Fatalf("a locked file gives %v", err)
		}
		_ = must(other.Events(t.Context(), Query{}))(t) // reading goes on
	})
}
