package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// reader is another program that has begun to read, and does not end. It gives how to end it.
func reader(t *testing.T, path string) (end func()) {
	t.Helper()
	db := must(connect(Options{Path: path}, ""))(t)
	tx := must(db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true}))(t)
	var n int
	ok(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n))
	return func() { ok(t, errors.Join(tx.Rollback(), db.Close())) }
}

// write records until the log has grown by so many bytes, or nothing more is recorded.
func write(t *testing.T, s *Store, bytes int64) error {
	t.Helper()
	detail := strings.Repeat("x", 3000)
	for grown := int64(0); grown < bytes; grown += 4 * pageSize { // about so much each
		if _, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprint(grown), Detail: detail}); err != nil {
			return err
		}
	}
	return nil
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	return must(os.Stat(path + "-wal"))(t).Size()
}

func TestLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := openAt(t, path)
	ok(t, write(t, s, 4*usualLog))
	if size := logSize(t, path); size > 2*usualLog {
		t.Errorf("the log has %d bytes without a reader", size)
	}
}

// A reader that never ends makes the log grow; what it holds back is folded and cut off once it does end.
func TestLogIsCutOffAfterALongReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	s := openAt(t, path)
	begin(t, s, alice, "r", rotation.Verify)
	end := reader(t, path)
	ok(t, write(t, s, 2*usualLog))
	size, err := s.Checkpoint(t.Context())
	ok(t, err)
	if size <= usualLog {
		t.Fatalf("the reader holds nothing back: %d bytes", size)
	}
	begin(t, s, alice, "r", rotation.Verify) // recording goes on beside it
	end()
	size, err = s.Checkpoint(t.Context())
	ok(t, err)
	same(t, []int64{size, logSize(t, path)}, []int64{0, 0})
	begin(t, s, alice, "r", rotation.Verify)
}

// Beyond its bound nothing is recorded, so nothing is done; it goes on by itself a second after the reader has ended.
func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyturn.db")
		s := openAt(t, path)
		const bound = 4 << 20
		s.file.mostLog = bound
		begin(t, s, alice, "r", rotation.Verify)
		end := reader(t, path)
		var err error
		for i := 0; err == nil && i < 100; i++ {
			err = write(t, s, bound/4)
			time.Sleep(lookEvery)
		}
		if !errors.Is(err, ErrLog) || !strings.Contains(err.Error(), "another program reads the file") {
			t.Fatalf("a log of %d bytes ended with %v", logSize(t, path), err)
		}
		size := logSize(t, path)
		if size > 2*bound {
			t.Errorf("the log grew to %d bytes, twice its bound", size)
		}
		for range 5 {
			if _, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: "r"}); !errors.Is(err, ErrLog) {
				t.Errorf("want %v, got %v", ErrLog, err)
			}
			time.Sleep(time.Second)
		}
		same(t, logSize(t, path), size)
		end()
		begin(t, s, alice, "r", rotation.Verify)
		if size := logSize(t, path); size > bound/4 {
			t.Errorf("the log has %d bytes still", size)
		}
	})
}
