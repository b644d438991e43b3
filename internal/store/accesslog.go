package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Commits begin so far apart, so that a busy server has many accesses in each; a lone access is committed at once.
const commitGap = time.Millisecond

// mostTogether bounds what waits for a commit, when the disk stands still: beyond, nothing is recorded.
const mostTogether = 1 << placeBits

// ErrBusy: so many accesses wait for the disk that no more are taken.
var ErrBusy = errors.New("the disk is too slow for so many accesses")

// accessLog is the file of access records. Whoever records is served by one goroutine, which lives while there is work.
type accessLog struct {
	place
	most     int64 // bytes
	searches turns

	opening sync.Mutex
	queue   sync.Mutex
	next    *batch // takes accesses; nil: none waits
	working bool
	worker  sync.WaitGroup

	// The worker's:
	names   map[name]int64 // as far as they are known; of namesOf
	namesOf *file
	began   time.Time // the last commit
	commits int       // since the size was last looked at
}

// batch is what is committed together.
type batch struct {
	reads []Access
	done  chan struct{} // closed when err is final
	err   error
}

func (l *accessLog) prepare(o Options) {
	l.most = o.AccessBytes
	if l.most == 0 {
		l.most = 1 << 30
	}
	l.searches = make(turns, scanTurns)
	o.Path, o.durable = AccessPath(o.Path), true
	o.BusyTimeout = min(o.BusyTimeout, 2*time.Second) // somebody waits for a credential
	l.place.opts, l.place.schema = o, schema{mark: accessID, steps: accessMigrations}
}

// opened gives the open file, and opens it the first time.
func (l *accessLog) opened(ctx context.Context) (*file, error) {
	if l.isOpen() {
		return l.current(ctx)
	}
	l.opening.Lock()
	defer l.opening.Unlock()
	if l.turn != nil { // another goroutine was faster, or it is closed
		return l.current(ctx)
	}
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	return l.current(ctx)
}

func (l *accessLog) isOpen() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.file != nil
}

func (l *accessLog) close() error {
	l.worker.Wait()
	return l.place.close()
}

func (l *accessLog) record(a Access) error {
	l.queue.Lock()
	b := l.next
	if b == nil {
		b = &batch{done: make(chan struct{})}
		l.next = b
	}
	if len(b.reads) == mostTogether {
		l.queue.Unlock()
		return ErrBusy
	}
	b.reads = append(b.reads, a)
	if !l.working {
		l.working = true
		l.worker.Go(l.work)
	}
	l.queue.Unlock()
	<-b.done
	return b.err
}

// work commits until nothing waits.
func (l *accessLog) work() {
	for {
		if rest := commitGap - time.Since(l.began); rest > 0 {
			time.Sleep(rest)
		}
		l.queue.Lock()
		b := l.next
		if b == nil {
			l.working = false
			l.queue.Unlock()
			return
		}
		l.next = nil
		l.queue.Unlock()
		l.began = time.Now()
		if b.err = l.commit(b); errors.Is(b.err, ErrMoved) {
			b.err = l.commit(b) // into the file that the path leads to now
		}
		close(b.done)
	}
}

const insertBatchSQL = `
INSERT INTO batches (id, reads) SELECT CASE WHEN $1 > n.id THEN $1 ELSE n.id END, $2
FROM (SELECT coalesce(max(id), 0) + 1 AS id FROM batches) n`

// commit writes a batch as one row. A crash before it is over leaves none of it.
func (l *accessLog) commit(b *batch) error {
	ctx := context.Background()
	f, err := l.opened(ctx)
	if err != nil {
		return err
	}
	var prepared [3]*sql.Stmt
	for i, query := range []string{insertBatchSQL, addNameSQL, nameSQL} {
		if prepared[i], err = f.stmt(ctx, f.write, query); err != nil {
			return err
		}
	}
	if l.namesOf != f || l.names == nil || len(l.names) > mostNames {
		l.names, l.namesOf = map[name]int64{}, f
	}
	last, blob, unknown := encode(b.reads, l.names)
	err = f.saw(f.writer.do(&change{alone: true, whole: len(unknown) > 0, run: func(in func(*sql.Stmt) *sql.Stmt) error {
		if len(unknown) > 0 {
			for _, n := range unknown {
				delete(l.names, n) // the numbers of a transaction that was given up are nobody's
			}
			if err := l.learn(ctx, in(prepared[1]), in(prepared[2]), unknown); err != nil {
				return err
			}
			last, blob, _ = encode(b.reads, l.names)
		}
		_, err := in(prepared[0]).ExecContext(ctx, last, blob)
		return err
	}}))
	if err != nil {
		l.names = nil // new ones were not kept
		return err
	}
	l.shed(ctx, f)
	return nil
}

// mostNames bounds the names that are remembered: what is beyond is asked of the file again.
const mostNames = 200_000

const (
	addNameSQL = `INSERT INTO names (kind, account, name) VALUES ($1, $2, $3) ON CONFLICT (kind, account, name) DO NOTHING`
	nameSQL    = `SELECT id FROM names WHERE kind = $1 AND account = $2 AND name = $3`
)

// learn gives numbers to names.
func (l *accessLog) learn(ctx context.Context, add, ask *sql.Stmt, names []name) error {
	for _, n := range names {
		if l.names[n] != 0 {
			continue // it came twice
		}
		if _, err := add.ExecContext(ctx, n.kind, text(n.account), text(n.text)); err != nil {
			return err
		}
		var number int64
		if err := ask.QueryRowContext(ctx, n.kind, text(n.account), text(n.text)).Scan(&number); err != nil {
			return fmt.Errorf("reading the number of %q: %w", n.text, err)
		}
		l.names[n] = number
	}
	return nil
}
