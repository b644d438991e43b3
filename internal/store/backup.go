package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrTarget is a file that a backup cannot be written to.
var ErrTarget = errors.New("the backup cannot be written there")

// targetError says why, and what to do.
type targetError struct{ text string }

func (e *targetError) Error() string { return e.text }
func (e *targetError) Unwrap() error { return ErrTarget }

// existing gives connections to a file that must be there, of whatever schema. Nothing is written to it; but the last one out folds its
// log into it, as ever.
func existing(path, more string) (*sql.DB, error) {
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, &FileError{Path: path, Kind: ErrMissing}
	} else if err == nil && !info.Mode().IsRegular() {
		return nil, &FileError{Path: path, Kind: ErrNotOurs, Cause: errors.New("it is not a regular file")}
	}
	db, err := connect(Options{Path: path, BusyTimeout: 10 * time.Second}, "mode=rw"+more)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// schemaOf is the number of a database's schema, whether this program knows it or not.
func schemaOf(ctx context.Context, path string, mark int64, db *sql.DB) (int64, error) {
	v, err := (&file{path: path, mark: mark}).version(ctx, db)
	if err == nil && v == 0 {
		err = &FileError{Path: path, Kind: ErrNotOurs, Cause: errors.New("it is empty")}
	}
	return v, err
}

// Backup copies the database at from, as it is at one moment, to a file of its own, and gives its size in bytes. Others may use the
// database meanwhile, and wait for nothing. The copy appears under its name whole and checked, or not at all; only its owner can read it.
// A file that is there already is replaced when that is asked for.
//
// The access records are copied by [BackupAccesses].
func Backup(ctx context.Context, from, to string, replace bool) (size int64, err error) {
	if err := checkTarget(from, to, replace); err != nil {
		return 0, err
	}
	return backup(ctx, applicationID, from, to)
}

// BackupAccesses copies the access records of the database at from as [Backup] does, to the file that belongs to a database at to, and
// gives that file; "" when there are none.
func BackupAccesses(ctx context.Context, from, to string, replace bool) (path string, size int64, err error) {
	from, path = AccessPath(from), AccessPath(to)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	if err := checkTarget(from, path, replace); err != nil {
		return "", 0, err
	}
	size, err = backup(ctx, accessID, from, path)
	return path, size, err
}

func backup(ctx context.Context, mark int64, from, to string) (size int64, err error) {
	doing := fmt.Sprintf("backing up the database %s to %s", from, to)
	fail := func(err error) (int64, error) { return 0, fail(doing, from, err) }
	db, err := existing(from, "")
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	schema, err := schemaOf(ctx, from, mark, db)
	if err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*") // mode 0600
	if err != nil {
		return 0, &targetError{fmt.Sprintf("%s: %v", doing, err)}
	}
	defer func() { _ = os.Remove(f.Name()) }() // what is left of it, unless it was renamed
	defer func() { _ = f.Close() }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", f.Name()); err != nil {
		return 0, failCopy(doing, from, to, err)
	}
	if err := checkCopy(ctx, f.Name(), mark, schema); err != nil {
		return 0, fmt.Errorf("%s: the copy: %w", doing, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return 0, &targetError{fmt.Sprintf("%s: %v", doing, err)}
	}
	// A crash before this may leave the folder without the file, or with the one before.
	if dir, err := os.Open(filepath.Dir(to)); err == nil {
		_ = dir.Sync() // not every file system can
		_ = dir.Close()
	}
	return info.Size(), nil
}

func checkTarget(from, to string, replace bool) error {
	there, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return checkSides(to)
	}
	if err != nil {
		return &targetError{fmt.Sprintf("the backup cannot be written to %s: %v", to, err)}
	}
	accesses := AccessPath(from)
	for _, own := range []string{from, from + "-wal", from + "-shm", from + "-seat", accesses, accesses + "-wal", accesses + "-shm"} {
		live, err := os.Stat(own)
		if at, e := os.Stat(to); err == nil && e == nil && os.SameFile(live, at) {
			return &targetError{fmt.Sprintf("%s is in use as the database itself: name another file for the backup", to)}
		}
	}
	switch {
	case there.IsDir():
		return &targetError{fmt.Sprintf("%s is a folder: name a file in it for the backup", to)}
	case !replace:
		return &targetError{fmt.Sprintf("%s exists already: name another file for the backup, or give --force to replace it", to)}
	}
	if at, err := os.Stat(to); err == nil && !at.Mode().IsRegular() {
		return &targetError{fmt.Sprintf("%s is not a regular file: name another file for the backup", to)}
	}
	return checkSides(to)
}

// checkSides refuses a place where SQLite would take the log of another database for the copy's.
func checkSides(to string) error {
	for _, side := range []string{"-wal", "-journal"} { // SQLite would take it for the copy's
		if _, err := os.Lstat(to + side); err == nil {
			return &targetError{fmt.Sprintf("%s is a database that is open, or was not closed (%s is there): name another file for the backup",
				to, to+side)}
		}
	}
	return nil
}

// failCopy tells whose disk is full: SQLite says it of either.
func failCopy(doing, from, to string, err error) error {
	if kind := kindOf(err); kind == ErrFull || kind == ErrDisk {
		return &targetError{fmt.Sprintf("%s: the copy cannot be written (%v); free some space in %s, or name another place", doing, err,
			filepath.Dir(to))}
	}
	return fail(doing, from, err)
}

// checkCopy has SQLite read all of it.
func checkCopy(ctx context.Context, path string, mark, schema int64) (err error) {
	db, err := existing(path, "&_query_only=1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	f := &file{path: path, write: db}
	if err := f.quickCheck(ctx); err != nil {
		return err
	}
	if v, err := schemaOf(ctx, path, mark, db); err != nil || v != schema {
		return errors.Join(err, fmt.Errorf("it has schema %d, not %d", v, schema))
	}
	return nil
}
