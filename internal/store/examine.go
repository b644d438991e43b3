package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Health is what an examination of a database found.
type Health struct {
	Path   string
	Schema int64 // its number
	Known  int64 // the number of this program's own
	Size   int64 // bytes
	Log    int64 // bytes of the write-ahead log beside it
	Users  int64
	Events int64
	// Accesses are those on record, in a file of access records. Users are then those whose credentials were given.
	Accesses int64
	Open     int64     // events without an outcome: under way, or their runs died
	Oldest   time.Time // event, or access; zero: there is none
	Newest   time.Time
	// Problems are what SQLite found damaged, a sentence each; none: it is sound.
	Problems []string
}

const mostProblems = 20

const countsSQL = `
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events), (SELECT count(*) FROM events) - (SELECT count(*) FROM outcomes),
	coalesce((SELECT at FROM events ORDER BY id LIMIT 1), 0), coalesce((SELECT at FROM events ORDER BY id DESC LIMIT 1), 0)`

// Examine reads the whole database at path, while others use it, and changes nothing. A damaged one is reported as far as it can be
// read, with an [ErrCorrupt]; a newer one with an [ErrNewer].
func Examine(ctx context.Context, path string) (Health, error) {
	return examine(ctx, path, schema{applicationID, migrations}, func(db *sql.DB, h *Health) error {
		var oldest, newest int64
		err := db.QueryRowContext(ctx, countsSQL).Scan(&h.Users, &h.Events, &h.Open, &oldest, &newest)
		h.Oldest, h.Newest = unstamp(oldest), unstamp(newest)
		return err
	})
}

// ExamineAccesses is Examine for the access records of the database at path; an [ErrMissing] when there are none.
func ExamineAccesses(ctx context.Context, path string) (Health, error) {
	return examine(ctx, AccessPath(path), schema{accessID, accessMigrations}, func(db *sql.DB, h *Health) error {
		return countAccesses(ctx, db, h)
	})
}

func examine(ctx context.Context, path string, sc schema, count func(*sql.DB, *Health) error) (h Health, err error) {
	const doing = "examining"
	h.Path = path
	if _, h.Known, err = steps(sc.steps); err != nil {
		return h, err
	}
	db, err := existing(path, "&_query_only=1")
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if info, err := os.Stat(path); err == nil {
		h.Size = info.Size()
	}
	if info, err := os.Stat(path + "-wal"); err == nil {
		h.Log = info.Size()
	}
	damaged := func(err error) (Health, error) {
		if kind := kindOf(err); kind != ErrCorrupt || len(h.Problems) == 0 {
			if kind != ErrCorrupt {
				return h, fail(doing, path, err)
			}
			h.Problems = append(h.Problems, err.Error())
		}
		return h, &FileError{Path: path, Kind: ErrCorrupt, Cause: errors.New(h.Problems[0])}
	}
	if h.Schema, err = schemaOf(ctx, path, sc.mark, db); err != nil {
		if errors.Is(err, ErrCorrupt) {
			return damaged(err)
		}
		return h, err
	}
	if h.Problems, err = problems(ctx, db); err != nil {
		return damaged(err)
	}
	err = count(db, &h)
	switch {
	case len(h.Problems) > 0:
		return h, &FileError{Path: path, Kind: ErrCorrupt, Cause: errors.New(h.Problems[0])}
	case h.Schema > h.Known:
		return h, newer(path, h.Schema, h.Known) // and its tables may be others
	case err != nil:
		return damaged(err)
	}
	return h, nil
}

func newer(path string, found, known int64) error {
	return &FileError{Path: path, Kind: ErrNewer, Cause: fmt.Errorf("it has schema %d, this program knows up to %d", found, known)}
}

// countAccesses reads every batch. One that cannot be read is a problem.
func countAccesses(ctx context.Context, db *sql.DB, h *Health) (err error) {
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM names WHERE kind = ?", userName).Scan(&h.Users); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT id, reads FROM batches ORDER BY id")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		var blob sql.RawBytes
		if err := rows.Scan(&id, &blob); err != nil {
			return err
		}
		err := decode(blob, func(r read) {
			if h.Accesses++; h.Accesses == 1 {
				h.Oldest = unstamp(r.at)
			}
			h.Newest = unstamp(r.at)
		})
		if err != nil && len(h.Problems) < mostProblems {
			h.Problems = append(h.Problems, fmt.Sprintf("row %d of batches: %v", id, err))
		}
	}
	return rows.Err()
}

// problems has SQLite look for damage, and for outcomes of no event.
func problems(ctx context.Context, db *sql.DB) (out []string, err error) {
	for _, query := range []string{
		fmt.Sprintf("PRAGMA integrity_check(%d)", mostProblems),
		"SELECT 'row ' || rowid || ' of ' || \"table\" || ' belongs to no row of ' || parent FROM pragma_foreign_key_check",
	} {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return out, err
		}
		for rows.Next() && len(out) < mostProblems {
			var said string
			if err := rows.Scan(&said); err != nil {
				return out, errors.Join(err, rows.Close())
			}
			if said != "ok" {
				out = append(out, strings.Join(strings.Fields(said), " "))
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return out, err
		}
	}
	return out, nil
}
