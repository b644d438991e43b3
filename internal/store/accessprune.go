package store

import (
	"context"
	"database/sql"
	"time"
)

const forgetBatchesSQL = `DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE id < $1 ORDER BY id LIMIT $2)`

// PruneAccesses removes access records from before a time: at most so many batches, in one transaction. More is true when there may be
// more: call it again, a little later. A crash in it removes nothing.
func (s *Store) PruneAccesses(ctx context.Context, before time.Time, most int) (more bool, err error) {
	const doing = "removing old access records"
	l := &s.accesses
	if !l.there() {
		return false, nil
	}
	f, err := l.opened(ctx)
	if err != nil {
		return false, l.fail(doing, err)
	}
	n, err := f.exec(ctx, forgetBatchesSQL, moment(before), most)
	return n == int64(most), l.fail(doing, err)
}

// The size is looked at every so many commits; the file may grow beyond its bound by what they hold.
const (
	shedEvery = 128
	shedMost  = 4 * shedEvery // batches at once, so that nobody waits long
)

const oldBatchesSQL = `SELECT id, length(reads) FROM batches ORDER BY id LIMIT $1`

const forgetUntilSQL = `DELETE FROM batches WHERE id <= $1`

// shed removes the oldest batches while the file is too large; new ones take their place in it. The records that were committed before
// it stand, whatever comes of it: a file that can only grow meets the end of the disk, and nothing is recorded then.
func (l *accessLog) shed(ctx context.Context, f *file) {
	if l.commits++; l.commits%shedEvery == 0 {
		_ = f.saw(f.shed(ctx, l.most))
	}
}

func (f *file) shed(ctx context.Context, most int64) error {
	var used int64
	err := f.write.QueryRowContext(ctx, "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, "+
		"pragma_freelist_count f, pragma_page_size s").Scan(&used)
	excess := used - most
	if err != nil || excess <= 0 {
		return err
	}
	excess += most / 32
	var last int64
	err = f.query(ctx, func(r *sql.Rows) error {
		var id, size int64
		err := r.Scan(&id, &size)
		if excess > 0 {
			last = id
		}
		excess -= size
		return err
	}, oldBatchesSQL, shedMost)
	if err == nil {
		_, err = f.exec(ctx, forgetUntilSQL, last)
	}
	return err
}
