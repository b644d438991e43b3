package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Memory is the Options.Path of a database that lives in memory and ends with its Store.
const Memory = ":memory:"

// Options say which database to open, and how.
type Options struct {
	// Path of the SQLite file, required. Its folder must exist and be on a local disk; the file is made with mode 0600 when it
	// does not. [Memory] keeps everything in memory.
	Path string
	// Settle is the last part of every lease taken through this Store, in which its holder changes nothing. Zero: a holder may
	// change AWS up to the end of its lease, which is safe and makes the user of a run that died wait longer.
	Settle time.Duration
	// BusyTimeout is how long a write waits for another process's; the local clock measures it. Zero: 10 s.
	BusyTimeout time.Duration
}

// Store is an open database. It may be used by many goroutines; several Stores, in several processes, may share one file.
type Store struct {
	path   string
	settle time.Duration
	write  *sql.DB // one connection: SQLite has one writer at a time, and waiting here is fair
	read   *sql.DB // read-only connections beside it; the writer itself for Memory

	mu       sync.Mutex
	prepared map[*sql.DB]map[string]*sql.Stmt
}

// Open opens the database, makes it when there is none, and brings an older one up to date. A file that is damaged, newer
// than this program or not keyturn's is refused with a *[FileError] and left as it is.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("opening the database: no path was given; set \"database\" in the configuration")
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	s := &Store{path: o.Path, settle: o.Settle, prepared: map[*sql.DB]map[string]*sql.Stmt{}}
	if err := s.open(ctx, o, migrations); err != nil {
		_ = s.Close() // the first error says more
		return nil, err
	}
	return s, nil
}

// Close waits for what is under way and closes the file. Leases stand until they end.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close()) // last: the last one out folds the WAL into the file
	}
	return s.fail("closing", errors.Join(errs...))
}

// stmt prepares a query once per pool.
func (s *Store) stmt(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	st := s.prepared[db][query]
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, placeholders(query))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared[db] == nil {
		s.prepared[db] = map[string]*sql.Stmt{}
	}
	if had := s.prepared[db][query]; had != nil {
		_ = st.Close() // another goroutine was faster
		return had, nil
	}
	s.prepared[db][query] = st
	return st, nil
}

// exec runs a changing statement and gives the number of rows that it changed. A context that can end would cost two goroutines
// and a third of the time for each statement; these take a fraction of a millisecond, so it is asked before them only.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := s.stmt(ctx, s.write, query)
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r, err := st.ExecContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// returning runs a changing statement that answers with one row, or none (sql.ErrNoRows). The context counts as in exec.
func (s *Store) returning(ctx context.Context, dest []any, query string, args ...any) error {
	st, err := s.stmt(ctx, s.write, query)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return st.QueryRowContext(context.WithoutCancel(ctx), args...).Scan(dest...)
}

// query reads rows and hands each to scan; no connection is held when it returns.
func (s *Store) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	st, err := s.stmt(ctx, s.read, query)
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
