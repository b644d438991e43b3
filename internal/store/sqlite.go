package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// applicationID marks a SQLite file as keyturn's ("ktrn"). It may never change.
const applicationID = 0x6b74726e

// A file up to this size is checked at every open (a few milliseconds); one whose last user did not close it, up to the second.
// Beyond, damage shows when a damaged page is read.
const (
	checkAlways  = 1 << 20
	checkUnclean = 64 << 20
)

// placeholders turns $1 into SQLite's ?1. Queries hold no other dollar sign.
func placeholders(query string) string { return strings.ReplaceAll(query, "$", "?") }

// open connects to the file and leaves it at this program's schema. Nothing is written before the file is known to be keyturn's
// and not newer.
func (s *Store) open(ctx context.Context, o Options, fsys fs.FS) error {
	const doing = "opening"
	check := false
	if o.Path != Memory {
		var err error
		if check, err = inspect(o.Path); err != nil {
			return err
		}
	}
	var err error
	if s.write, err = connect(o, "_txlock=immediate"); err != nil {
		return s.fail(doing, err)
	}
	s.write.SetMaxOpenConns(1)
	s.read = s.write
	if o.Path != Memory {
		if s.read, err = connect(o, "_query_only=1"); err != nil {
			return s.fail(doing, err)
		}
		s.read.SetMaxOpenConns(4)
		s.read.SetMaxIdleConns(4)
	}
	if check {
		if err := s.quickCheck(ctx); err != nil {
			return err
		}
	}
	return s.fit(ctx, o, fsys)
}

// connect gives a pool; it opens no connection yet. The WAL is folded into the file every 16 MB instead of 4: each time costs two
// waits for the disk.
func connect(o Options, more string) (*sql.DB, error) {
	dsn := "file::memory:"
	if o.Path != Memory {
		abs, err := filepath.Abs(o.Path)
		if err != nil {
			return nil, err
		}
		dsn = (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	}
	dsn += fmt.Sprintf("?_busy_timeout=%d&_synchronous=NORMAL&_foreign_keys=1&_defensive=1&_dqs=0&_error_rc=1&_pragma=wal_autocheckpoint(4000)&%s",
		max(o.BusyTimeout.Milliseconds(), 1), more)
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// inspect looks at the file before SQLite does, and makes an empty one where none is. It tells whether to check it.
func inspect(path string) (check bool, err error) {
	refuse := func(kind, cause error) (bool, error) {
		return false, &FileError{Path: path, Kind: kind, Cause: cause}
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return refuse(ErrNotOurs, errors.New("it is not a regular file"))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(ErrNoAccess, fmt.Errorf("the folder %s does not exist", filepath.Dir(path)))
	case err != nil && isReadOnly(path):
		return refuse(ErrReadOnly, err)
	case err != nil:
		return refuse(ErrNoAccess, err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return refuse(ErrNoAccess, err)
	}
	header := make([]byte, 100)
	n, err := io.ReadFull(f, header)
	switch {
	case n == 0 && (err == nil || errors.Is(err, io.EOF)):
		return false, nil // empty or new
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(ErrDisk, err)
	case !bytes.HasPrefix(header[:n], []byte("SQLite format 3\x00")):
		return refuse(ErrNotOurs, errors.New("it does not begin as a SQLite file does"))
	case n < len(header):
		return refuse(ErrCorrupt, errors.New("it was cut off"))
	}
	_, wal := os.Stat(path + "-wal")
	return info.Size() <= checkAlways || wal == nil && info.Size() <= checkUnclean, nil
}

// isReadOnly reports whether the file is there and can be read.
func isReadOnly(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// quickCheck has SQLite look for damage.
func (s *Store) quickCheck(ctx context.Context) error {
	var said string
	if err := s.write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		return s.fail("checking", err)
	}
	if said != "ok" {
		return &FileError{Path: s.path, Kind: ErrCorrupt, Cause: errors.New(strings.Join(strings.Fields(said), " "))}
	}
	return nil
}

// useWAL switches the file to write-ahead logging, which stays with the file.
func (s *Store) useWAL(ctx context.Context) error {
	var mode string
	if err := s.write.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return s.fail("opening", err)
	}
	if mode != "wal" {
		return &FileError{Path: s.path, Kind: ErrDisk, Cause: fmt.Errorf("it cannot be switched from journal mode %q to WAL", mode)}
	}
	return nil
}

// kindOf maps SQLite's result codes to the sentinels, once; nil for other errors.
func kindOf(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Code() & 0xff { // the rest is detail
	case lib.SQLITE_CORRUPT:
		return ErrCorrupt
	case lib.SQLITE_NOTADB:
		return ErrNotOurs
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return ErrReadOnly
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return ErrLocked
	case lib.SQLITE_FULL:
		return ErrFull
	case lib.SQLITE_CANTOPEN:
		return ErrNoAccess
	case lib.SQLITE_IOERR:
		return ErrDisk
	}
	return nil
}
