package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
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
	// AccessBytes bounds the file of access records: the oldest are removed for new ones. Zero: 1 GiB.
	AccessBytes int64
	// OnMoved is told the path after a file was found deleted, moved away or replaced, and was opened or made anew. Nil: nobody is.
	OnMoved func(path string)

	durable bool // what is recorded survives a power cut
}

// Store is an open database. It may be used by many goroutines; several Stores, in several processes, may share one file.
type Store struct {
	place
	settle atomic.Int64     // Options.Settle to begin with, nanoseconds
	runs   map[string]*file // where each run of this Store holds its lease; guarded by mu

	accesses accessLog
	uses     uses
	scans    turns
}

// Open opens the database, makes it when there is none, and brings an older one up to date. A file that is damaged, newer
// than this program or not keyturn's is refused with a *[FileError] and left as it is. The file of access records beside it is opened
// when it is first needed.
func Open(ctx context.Context, o Options) (*Store, error) { return openWith(ctx, o, migrations) }

func openWith(ctx context.Context, o Options, migrations fs.FS) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("opening the database: no path was given; set \"database\" in the configuration")
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	s := &Store{place: place{opts: o, schema: schema{mark: applicationID, steps: migrations}}, runs: map[string]*file{}, scans: make(turns, scanTurns)}
	s.settle.Store(int64(o.Settle))
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	s.accesses.prepare(o)
	return s, nil
}

// LowerSettle has leases from now on count no more than d as the part in which their holder changes nothing. It never raises that
// part: a run with the settings from before may take its lease anew, and what is counted too short is safe.
func (s *Store) LowerSettle(d time.Duration) {
	for {
		was := s.settle.Load()
		if int64(d) >= was || s.settle.CompareAndSwap(was, int64(d)) {
			return
		}
	}
}

// Close waits for what is under way and closes the files. Leases stand until they end.
func (s *Store) Close() error {
	s.uses.wait()
	return errors.Join(s.accesses.close(), s.place.close())
}

// fail words an error of the database: what failed, on what, why, and what to do.
func fail(doing, path string, err error) error {
	var known *FileError
	switch kind := kindOf(err); {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return fmt.Errorf("%s: %w", doing, err)
	case kind == ErrDisk:
		return fmt.Errorf("%s: %w", doing, &FileError{Path: path, Kind: diskTrouble(path), Cause: err})
	case kind != nil:
		return fmt.Errorf("%s: %w", doing, &FileError{Path: path, Kind: kind, Cause: err})
	}
	return fmt.Errorf("%s in the database %s: %w", doing, path, err)
}
