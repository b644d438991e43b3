package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long the write-ahead log may be. SQLite begins it anew only when everything in it is in the file and nobody reads an older
// state from it: a program that never ends reading makes it grow with every change.
const (
	usualLog = logPages * pageSize // it is left alone
	longLog  = 4 * usualLog        // somebody should know
	mostLog  = 64 * usualLog       // about 1 GB: nothing more is recorded, so nothing is done, and the disk does not fill up
)

// A checkpoint that wants the log for itself waits so long for readers and writers, who wait for it meanwhile.
const foldPatience = 100 * time.Millisecond

// Checkpoint folds the log into the file and cuts it off when it has grown, and gives its length in bytes; so it does with
// that of the access records. A daemon calls it every
// minute. When somebody's reading has kept it long the error is [ErrLog]; up to about 1 GB, recording goes on all the same. Writers
// wait for it a fraction of a second at most.
func (s *Store) Checkpoint(ctx context.Context) (int64, error) {
	f, err := s.current(ctx)
	if err != nil {
		return 0, s.fail(foldingLog, err)
	}
	log, err := f.checkpoint(ctx)
	if s.accesses.isOpen() {
		f, e := s.accesses.current(ctx)
		if e == nil {
			_, e = f.checkpoint(ctx)
		}
		err = errors.Join(err, s.accesses.fail(foldingLog, e))
	}
	return log, err
}

const foldingLog = "folding the log into the database"

func (f *file) checkpoint(ctx context.Context) (int64, error) {
	const doing = foldingLog
	log, _ := f.lookAgain()
	if log <= usualLog {
		return log, nil
	}
	if err := f.fold(ctx); err != nil && kindOf(err) != ErrLocked {
		return log, f.fail(doing, f.saw(err))
	}
	if log, _ = f.lookAgain(); log > longLog {
		return log, f.fail(doing, f.tooLong(log))
	}
	return log, nil
}

// shorten is for a log that has become too long to go on: nil once it is shorter.
func (f *file) shorten(log int64) error {
	if time.Since(f.folded) < time.Second { // one that reads for hours is not asked a thousand times a second
		return f.tooLong(log)
	}
	f.folded = time.Now()
	if err := f.fold(context.Background()); err != nil && kindOf(err) != ErrLocked {
		return err
	}
	if log, _ = f.lookAgain(); log > f.mostLog {
		return f.tooLong(log)
	}
	return nil
}

func (f *file) tooLong(log int64) error {
	return &FileError{Path: f.path, Kind: ErrLog, Cause: fmt.Errorf("%d MB", log>>20)}
}

// fold writes into the file what readers allow, beside the writers; and cuts the log off when that was everything.
func (f *file) fold(ctx context.Context) (err error) {
	db, err := connect(Options{Path: f.path, BusyTimeout: foldPatience}, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, pages, done int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done); err != nil || done < pages {
		return err
	}
	return db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
}
