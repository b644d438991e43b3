package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/keyturn/keyturn/internal/rotation"
)

// together lets changes pile up behind a transaction of somebody else, so that they share one, and gives what each of them ended with.
func together(t *testing.T, s *Store, changes ...func() error) []error {
	t.Helper()
	other := must(s.file.write.BeginTx(context.Background(), nil))(t)
	errs := make([]error, len(changes))
	var all sync.WaitGroup
	for i, change := range changes {
		all.Go(func() { errs[i] = change() })
	}
	synctest.Wait() // everyone is in line
	ok(t, other.Rollback())
	all.Wait()
	return errs
}

// recorded counts the events on record.
func recorded(t *testing.T, s *Store) (n int) {
	t.Helper()
	ok(t, s.file.write.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n))
	return n
}

// Many changes at once are all recorded, each with an id of its own; and one that cannot be made is nobody else's failure.
func TestChangesShareATransaction(t *testing.T) {
	for name, path := range map[string]string{"memory": Memory, "file": filepath.Join(t.TempDir(), "keyturn.db")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openAt(t, path)
				ids := make([]int64, 3*mostChanges)
				changes := make([]func() error, len(ids))
				for i := range ids {
					changes[i] = func() (err error) {
						ids[i], err = s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprint(i), Action: rotation.CreateKey})
						return err
					}
				}
				const bad = 70
				changes[bad] = func() error {
					_, err := s.exec(t.Context(), "INSERT INTO outcomes (event, at, outcome, key_id, detail) VALUES (999999, 0, 'done', '', '')")
					return err
				}
				seen := map[int64]bool{}
				for i, err := range together(t, s, changes...) {
					switch {
					case i == bad:
						if err == nil {
							t.Error("an outcome of no event was recorded")
						}
					case err != nil || seen[ids[i]]:
						t.Errorf("change %d: id %d, seen before: %v, %v", i, ids[i], seen[ids[i]], err)
					}
					seen[ids[i]] = true
				}
				same(t, recorded(t, s), len(ids)-1)
			})
		})
	}
}

// A change of several statements is made whole or not at all.
func TestChangeOfSeveralStatements(t *testing.T) {
	s := openAt(t, Memory)
	good := must(s.file.stmt(t.Context(), s.file.write, setSettingSQL))(t)
	bad := must(s.file.stmt(t.Context(), s.file.write, endSQL))(t)
	err := s.file.writer.do(&change{whole: true, run: func(in func(*sql.Stmt) *sql.Stmt) error {
		if _, err := in(good).Exec("name", "value"); err != nil {
			return err
		}
		_, err := in(bad).Exec() // its values are missing
		return err
	}})
	if err == nil {
		t.Error("a statement without its values was run")
	}
	same(t, must(s.Setting(t.Context(), "name"))(t), "")
}

// When the disk is full, every change of the transaction is refused, and none of those that were refused is on record.
func TestFullDiskRefusesEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, filepath.Join(t.TempDir(), "keyturn.db"))
		_ = must(s.file.write.ExecContext(t.Context(), "PRAGMA max_page_count = 16"))(t)
		long := make([]byte, 2000)
		for i := range long {
			long[i] = 'x'
		}
		var changes []func() error
		for i := range 40 {
			changes = append(changes, func() error {
				_, err := s.Begin(t.Context(), rotation.Event{At: t0, User: alice, Run: fmt.Sprint(i), Action: rotation.CreateKey, Detail: string(long)})
				return err
			})
		}
		fine := 0
		for _, err := range together(t, s, changes...) {
			switch {
			case err == nil:
				fine++
			case !errors.Is(err, ErrFull):
				t.Errorf("want %v, got %v", ErrFull, err)
			}
		}
		if fine == 0 || fine == len(changes) {
			t.Errorf("%d of %d were recorded on a disk with room for some", fine, len(changes))
		}
		same(t, recorded(t, s), fine)
	})
}
