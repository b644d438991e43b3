package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// abandon closes a file that is not at its path any more. What its log holds is folded into it first, for whoever moved it away.
func (f *file) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = f.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // as far as it goes: the file is out of use
	f.clear()
	_ = f.close()
}

// clear removes the files beside the path if they are still this one's: SQLite would take them for the next one's. Other processes that
// had the file open do the same, so whoever does holds a lock on the log that they shared; without it nothing is removed, since it could
// be the next one's by then.
func (f *file) clear() {
	const tries = 100
	for range tries {
		if lockFile(f.logFile) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !lockFile(f.logFile) { // to hold it already is as good
		return
	}
	for side, opened := range map[string]os.FileInfo{"-wal": f.log, "-shm": f.shm} {
		if now, err := os.Stat(f.path + side); err == nil && os.SameFile(now, opened) {
			_ = os.Remove(f.path + side)
		}
	}
}

// Ids in two databases are not the same ids. Begin's caller gets the number of its file along, in the bits above those of the id.
const idBits = 48

func (f *file) id(raw int64) int64 { return raw | f.number<<idBits }

func (f *file) raw(id int64) (int64, error) {
	if id>>idBits != f.number {
		return 0, &FileError{Path: f.path, Kind: ErrMoved, Cause: fmt.Errorf("event %d was recorded in the one before", id&(1<<idBits-1))}
	}
	return id & (1<<idBits - 1), nil
}

// runOf is the run that holds a lease: the last word of its holder.
func runOf(holder string) string { return holder[strings.LastIndex(holder, "/")+1:] }

// joined remembers where a run holds its lease.
func (s *Store) joined(holder string, f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[runOf(holder)] = f
}

func (s *Store) left(holder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, runOf(holder))
}

// holds gives the open file for a record of a run; an error when the run's lease is in another one: somebody else may hold the user by
// now.
func (s *Store) holds(ctx context.Context, run string) (*file, error) {
	f, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if at := s.runs[run]; at != nil && at != f {
		return nil, fmt.Errorf("%w: %w", &FileError{Path: f.path, Kind: ErrMoved}, rotation.ErrLeaseLost)
	}
	return f, nil
}
