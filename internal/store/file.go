package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// file is an open database file: its connections, and which file on the disk it is.
type file struct {
	path   string
	mark   int64   // that every file of its schema bears
	number int64   // how many files this Store had open before it
	write  *sql.DB // one connection: SQLite has one writer at a time
	writer *writer // takes all changes to write
	read   *sql.DB // read-only connections beside it; the writer itself for Memory

	main, log, shm os.FileInfo // the file and those beside it, as they were opened; nil for Memory
	logFile        *os.File    // for a lock among all that have this file open; nil for Memory

	damage  atomic.Pointer[FileError] // met since; nothing is changed any more
	mostLog int64                     // bytes; beyond, nothing is changed
	folded  time.Time                 // when the log was last folded for being too long; the writer's

	pruning sync.Mutex
	pruned  int64 // the last event that Prune has looked at; 0: it is at the beginning

	mu       sync.Mutex
	prepared map[*sql.DB]map[string]*sql.Stmt
	looked   time.Time // at the path, and what was seen
	logSize  int64
	moved    *FileError
}

// openFile connects to the file and leaves it at this program's schema. Nothing is written before the file is known to be keyturn's
// and not newer.
func openFile(ctx context.Context, o Options, sc schema) (_ *file, err error) {
	const doing = "opening"
	f := &file{path: o.Path, mark: sc.mark, mostLog: mostLog, prepared: map[*sql.DB]map[string]*sql.Stmt{}}
	check := false
	if o.Path != Memory {
		if check, err = inspect(o.Path); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			_ = f.close() // the first error says more
		}
	}()
	if f.write, err = connect(o, "_txlock=immediate"); err != nil {
		return nil, f.fail(doing, err)
	}
	f.write.SetMaxOpenConns(1)
	f.writer = &writer{db: f.write, may: f.mayChange}
	f.read = f.write
	if o.Path != Memory {
		if f.read, err = connect(o, "_query_only=1&_pragma=cache_size(-512)"); err != nil {
			return nil, f.fail(doing, err)
		}
		f.read.SetMaxOpenConns(4)
		f.read.SetMaxIdleConns(4)
	}
	if check {
		if err := f.quickCheck(ctx); err != nil {
			return nil, err
		}
	}
	if err := f.fit(ctx, o, sc.steps); err != nil {
		return nil, err
	}
	if o.Path == Memory {
		return f, nil
	}
	if f.logFile, err = os.Open(f.path + "-wal"); err == nil {
		f.log, err = f.logFile.Stat()
	}
	if err == nil {
		f.main, err = os.Stat(f.path)
	}
	if err == nil {
		f.shm, err = os.Stat(f.path + "-shm")
	}
	if err != nil { // gone in this moment
		return nil, &FileError{Path: f.path, Kind: ErrMoved, Cause: err}
	}
	return f, nil
}

func (f *file) close() error {
	var errs []error
	if f.logFile != nil {
		errs = append(errs, f.logFile.Close())
	}
	if f.read != nil && f.read != f.write {
		errs = append(errs, f.read.Close())
	}
	if f.write != nil {
		errs = append(errs, f.write.Close()) // last: the last one out folds the log into the file
	}
	return f.fail("closing", errors.Join(errs...))
}

// lookEvery is how often the path is looked at: each time costs two system calls, and every statement asks.
const lookEvery = 500 * time.Millisecond

// look says whether the path still leads to the file that is open, and how long its log is, as of lookEvery ago or later. What
// cannot be looked at says nothing.
func (f *file) look() (log int64, moved *FileError) {
	if f.main == nil {
		return 0, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.looked.IsZero() || now.Sub(f.looked) >= lookEvery {
		f.looked = now
		f.logSize, f.moved = f.lookNow()
	}
	return f.logSize, f.moved
}

// lookAgain is look as of now.
func (f *file) lookAgain() (log int64, moved *FileError) {
	f.mu.Lock()
	f.looked = time.Time{}
	f.mu.Unlock()
	return f.look()
}

func (f *file) lookNow() (log int64, moved *FileError) {
	for _, at := range []struct {
		path   string
		opened os.FileInfo
	}{{f.path, f.main}, {f.path + "-wal", f.log}} {
		now, err := os.Stat(at.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return 0, &FileError{Path: f.path, Kind: ErrMoved, Cause: fmt.Errorf("%s is gone", at.path)}
		case err != nil:
		case !os.SameFile(now, at.opened):
			return 0, &FileError{Path: f.path, Kind: ErrMoved, Cause: fmt.Errorf("%s is another file", at.path)}
		default:
			log = now.Size() // of the last one
		}
	}
	return log, nil
}

// mayChange is asked before every transaction, by one goroutine at a time. A record in a file that nobody will find is none, and
// neither is one in a damaged file. No record, no action.
func (f *file) mayChange() error {
	log, moved := f.look()
	if moved != nil {
		return moved
	}
	if e := f.damage.Load(); e != nil {
		return e
	}
	if log > f.mostLog {
		return f.shorten(log)
	}
	return nil
}

// saw remembers damage. A change could be written next to it, and a lease be read from it: nothing is changed any more until the
// file is another one.
func (f *file) saw(err error) error {
	if kind := kindOf(err); kind == ErrCorrupt || kind == ErrNotOurs {
		f.damage.CompareAndSwap(nil, &FileError{Path: f.path, Kind: ErrCorrupt, Cause: err})
	}
	return err
}

func (f *file) fail(doing string, err error) error { return fail(doing, f.path, err) }

// stmt prepares a query once per pool.
func (f *file) stmt(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	f.mu.Lock()
	st := f.prepared[db][query]
	f.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, placeholders(query))
	if err != nil {
		return nil, f.saw(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.prepared[db] == nil {
		f.prepared[db] = map[string]*sql.Stmt{}
	}
	if had := f.prepared[db][query]; had != nil {
		_ = st.Close() // another goroutine was faster
		return had, nil
	}
	f.prepared[db][query] = st
	return st, nil
}

// exec runs a changing statement and gives the number of rows that it changed. A context that can end would cost two goroutines
// and a third of the time for each statement; these take a fraction of a millisecond, so it is asked before them only.
func (f *file) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := f.change(ctx, query, func(ctx context.Context, st *sql.Stmt) error {
		r, err := st.ExecContext(ctx, args...)
		if err == nil {
			n, err = r.RowsAffected()
		}
		return err
	})
	return n, err
}

// returning runs a changing statement that answers with one row, or none (sql.ErrNoRows). The context counts as in exec.
func (f *file) returning(ctx context.Context, dest []any, query string, args ...any) error {
	return f.change(ctx, query, func(ctx context.Context, st *sql.Stmt) (err error) {
		rows, err := st.QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		if !rows.Next() {
			return cmp.Or(rows.Err(), sql.ErrNoRows)
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		rows.Next() // to the end: SQLite looks only there whether the log has grown and must be folded
		return rows.Err()
	})
}

func (f *file) change(ctx context.Context, query string, run func(context.Context, *sql.Stmt) error) error {
	st, err := f.stmt(ctx, f.write, query)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	return f.saw(f.writer.do(&change{run: func(in func(*sql.Stmt) *sql.Stmt) error { return run(ctx, in(st)) }}))
}

// query reads rows and hands each to scan; no connection is held when it returns.
func (f *file) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	defer func() { err = f.saw(err) }()
	st, err := f.stmt(ctx, f.read, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
