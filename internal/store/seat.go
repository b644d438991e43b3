package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// seatTimes are the times of a seat. Each process measures them with its own monotonic clock, on which a step of the machine's clock
// does not show, and compares them with none of another process.
type seatTimes struct {
	beat  time.Duration // the holder gives a sign of life so often
	trust time.Duration // and trusts in having the seat for so long after it began to give the last one
	dead  time.Duration // a holder without a sign of life for so long has lost it: longer than trust
	ask   time.Duration // those who stand by look so often
}

// A holder that stands still is replaced after dead + ask at the latest, one that died after ask.
var usualSeat = seatTimes{beat: 5 * time.Second, trust: 15 * time.Second, dead: 20 * time.Second, ask: 2 * time.Second}

// Seat is the right to be the daemon of a database: one has it, the others stand by. It protects no user, leases do: it keeps two from
// doing the same work. See the package's comment on seats.
type Seat struct {
	store  *Store
	holder string
	times  seatTimes

	mu     sync.Mutex
	until  time.Time // trusted until then; monotonic
	silent bool      // the last sign of life could not be written

	lock *os.File // nil: not held
	lost chan struct{}
	stop chan struct{} // closed, once, to end keep
	once sync.Once
	done chan struct{} // closed once keep has ended; nil: never begun
}

// Seat gives a seat that is still to be taken. Holder names this process, uniquely over all processes and restarts.
func (s *Store) Seat(holder string) *Seat {
	return &Seat{store: s, holder: holder, times: usualSeat, lost: make(chan struct{}), stop: make(chan struct{})}
}

// seatRow is what the database says of the seat; the zero one when it says nothing.
type seatRow struct {
	holder string
	beat   int64
	locked bool
	known  bool
}

const seatName = "daemon"

const seatSQL = `SELECT holder, beat, locked FROM seats WHERE name = $1`

const takeSeatSQL = `
INSERT INTO seats (name, holder, beat, locked) VALUES ($1, $2, 0, $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat = seats.beat + 1, locked = excluded.locked
WHERE seats.holder = $4 AND seats.beat = $5`

// A new database has no row: then the holder of before writes itself down.
const beatSQL = `
INSERT INTO seats (name, holder, beat, locked) VALUES ($1, $2, 0, $3)
ON CONFLICT (name) DO UPDATE SET beat = seats.beat + 1, locked = excluded.locked
WHERE seats.holder = excluded.holder`

const leaveSeatSQL = `UPDATE seats SET holder = '', beat = beat + 1, locked = 0 WHERE name = $1 AND holder = $2`

// Take stands by until the seat is taken, or the context ends. A database that cannot be used is no reason to give up: wait, which may
// be nil, is told who has the seat, or why that is not known, whenever this changes.
func (t *Seat) Take(ctx context.Context, wait func(holder string, err error)) error {
	var last string
	var seen seatRow
	var since time.Time
	for {
		row, err := t.row(ctx)
		if row != seen || since.IsZero() || err != nil {
			seen, since = row, time.Now()
		}
		taken := false
		if err == nil {
			taken, err = t.try(ctx, row, time.Since(since) >= t.times.dead)
		}
		if taken {
			t.done = make(chan struct{})
			go t.keep()
			return nil
		}
		if now := row.holder + fmt.Sprint(err); wait != nil && now != last && ctx.Err() == nil {
			last = now
			wait(row.holder, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("standing by for the seat of the database %s: %w", t.store.opts.Path, ctx.Err())
		case <-time.After(t.times.ask):
		}
	}
}

func (t *Seat) row(ctx context.Context) (row seatRow, err error) {
	err = t.store.query(ctx, func(r *sql.Rows) error {
		row.known = true
		return r.Scan(&row.holder, &row.beat, &row.locked)
	}, seatSQL, seatName)
	return row, t.store.fail("reading who has the seat", err)
}

// try takes the seat when nobody has it, when its holder had the lock and has it no more, or when its holder gave no sign of life. A
// crash after this: the lock is free, and the next one takes over.
func (t *Seat) try(ctx context.Context, row seatRow, silent bool) (bool, error) {
	t.grip()
	free := row.known && row.holder == "" || t.lock != nil && (!row.known || row.locked) || silent
	if !free {
		t.loosen() // for the holder, which may be without: it took over from one that only stood still
		return false, nil
	}
	began := time.Now()
	n, err := t.store.exec(ctx, takeSeatSQL, seatName, t.holder, t.lock != nil, row.holder, row.beat)
	if err != nil || n == 0 {
		t.loosen()
		return false, t.store.fail("taking the seat", err)
	}
	t.trust(began)
	return true, nil
}

// keep gives signs of life until the seat is lost or given up.
func (t *Seat) keep() {
	defer close(t.done)
	for every := t.times.beat; ; {
		select {
		case <-t.stop:
			return
		case <-time.After(every):
		}
		began := time.Now()
		t.grip()
		n, err := t.store.exec(context.Background(), beatSQL, seatName, t.holder, t.lock != nil)
		switch {
		case err != nil:
			t.mu.Lock()
			t.silent = true // trust runs out meanwhile
			t.mu.Unlock()
			every = t.times.beat / 5
		case n == 0:
			t.trust(time.Time{})
			t.loosen()
			close(t.lost)
			return
		default:
			every = t.times.beat
			t.trust(began)
		}
	}
}

func (t *Seat) trust(began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until, t.silent = time.Time{}, false
	if !began.IsZero() {
		t.until = began.Add(t.times.trust)
	}
}

// Held reports whether the seat is certainly ours now. It is false from the first moment of a process that stood still for long, and while
// the database cannot be written; it can become true again until Lost says otherwise.
func (t *Seat) Held() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.until)
}

// May reports whether something new may be begun: ask before it. The seat is certainly ours, or no sign of life can be written: whatever is
// begun then finds and says that nothing can be recorded, and should it be another's all the same, leases protect each user.
func (t *Seat) May() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silent || time.Now().Before(t.until)
}

// Lost is closed when another has taken the seat. Finish what was begun, under its leases, and begin nothing: to stand by again, take a
// new Seat.
func (t *Seat) Lost() <-chan struct{} { return t.lost }

// GiveUp leaves the seat to whoever stands by, at once. Call it when nothing is under way any more.
func (t *Seat) GiveUp() error {
	if t.done == nil {
		return nil // never taken
	}
	t.end()
	t.trust(time.Time{})
	_, err := t.store.exec(context.Background(), leaveSeatSQL, seatName, t.holder)
	t.loosen() // after that: a free lock with our name in the row means that we died
	return t.store.fail("giving up the seat", err)
}

// end has no more signs of life given.
func (t *Seat) end() {
	t.once.Do(func() { close(t.stop) })
	<-t.done
}

// grip takes the lock on the file beside the database if it is free. That file stays when the database is replaced; when it is itself,
// the new one is locked.
func (t *Seat) grip() {
	if t.store.opts.Path == Memory {
		return
	}
	path := t.store.opts.Path + "-seat"
	if t.lock != nil {
		now, err := os.Stat(path)
		if have, e := t.lock.Stat(); errors.Join(err, e) == nil && os.SameFile(now, have) {
			return
		}
		t.loosen()
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return // signs of life do without
	}
	if !lockFile(f) {
		_ = f.Close() // nothing was written
		return
	}
	t.lock = f
}

func (t *Seat) loosen() {
	if t.lock != nil {
		_ = t.lock.Close() // which frees the lock
		t.lock = nil
	}
}
