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
	"syscall"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// A SQLite file bears one of these marks ("ktrn", "ktra"): it is keyturn's database, or the file of access records beside it. They may
// never change.
const (
	applicationID = 0x6b74726e
	accessID      = 0x6b747261
)

// A file up to this size is checked at every open (a few milliseconds); one whose last user did not close it, up to the second.
// Beyond, damage shows when a damaged page is read.
const (
	checkAlways  = 1 << 20
	checkUnclean = 64 << 20
)

// The write-ahead log is folded into the file every logPages pages.
const (
	logPages = 4000
	pageSize = 4096
)

// placeholders turns $1 into SQLite's ?1. Queries hold no other dollar sign.
func placeholders(query string) string { return strings.ReplaceAll(query, "$", "?") }

// connect gives a pool; it opens no connection yet. The WAL is folded into the file every 16 MB instead of 4: each time costs two
// waits for the disk. A log that has grown beyond that, behind a reader, is cut back when it is begun anew.
func connect(o Options, more string) (*sql.DB, error) {
	dsn := "file::memory:"
	if o.Path != Memory {
		abs, err := filepath.Abs(o.Path)
		if err != nil {
			return nil, err
		}
		dsn = (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	}
	synchronous := "NORMAL"
	if o.durable {
		synchronous = "FULL"
	}
	dsn += fmt.Sprintf("?_busy_timeout=%d&_synchronous=%s&_foreign_keys=1&_defensive=1&_dqs=0&_error_rc=1&_pragma=wal_autocheckpoint(%d)"+
		"&_pragma=journal_size_limit(%d)&%s", max(o.BusyTimeout.Milliseconds(), 1), synchronous, logPages, logPages*pageSize, more)
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
func (f *file) quickCheck(ctx context.Context) error {
	var said string
	if err := f.write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		return f.fail("checking", err)
	}
	if said != "ok" {
		return &FileError{Path: f.path, Kind: ErrCorrupt, Cause: errors.New(strings.Join(strings.Fields(said), " "))}
	}
	return nil
}

// useWAL switches the file to write-ahead logging, which stays with the file. SQLite does not wait here for another process that
// is at the same: we do.
func (f *file) useWAL(ctx context.Context, patience time.Duration) error {
	var mode string
	for began := time.Now(); ; {
		err := f.write.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
		if err == nil {
			break
		}
		if kindOf(err) != ErrLocked || time.Since(began) >= patience {
			return f.fail("opening", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	if mode != "wal" {
		return &FileError{Path: f.path, Kind: ErrDisk, Cause: fmt.Errorf("it cannot be switched from journal mode %q to WAL", mode)}
	}
	return nil
}

// kindOf maps SQLite's result codes to the sentinels, once; nil for other errors.
func kindOf(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	if e.Code() == lib.SQLITE_IOERR_SHMSIZE { // there is no room for the file beside it that ends in -shm
		return ErrFull
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

// diskTrouble asks the operating system what is wrong with the disk, since SQLite tells too little: a disk that fails is often made
// read-only first.
func diskTrouble(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keyturn-*")
	if err == nil {
		_, err = f.Write([]byte{0})
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	switch {
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC):
		return ErrFull
	}
	return ErrDisk
}
