package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"
)

// writer puts changes that come at the same time into one transaction. SQLite has one writer at a time, and each transaction costs
// locks, and a page of the WAL for each page that it touches: a burst of runs touches the same pages again and again.
//
// A change is answered only after the transaction that holds it is committed, so a caller may rely on it as on one of its own.
type writer struct {
	db  *sql.DB
	may func() error // asked before every transaction

	mu    sync.Mutex
	busy  bool // somebody commits
	queue []*change
}

// change is one statement to be run in some transaction, or several to be run in one.
type change struct {
	// run runs prepared statements, each as in gives it, and keeps what they say; it may be called again after a transaction that was
	// given up.
	run   func(in func(*sql.Stmt) *sql.Stmt) error
	whole bool // several statements
	alone bool // it does not wait for others: what comes at the same time is in it already
	err   error
	turn  chan bool // true: it is yours to commit for all in the queue; false: it is done
}

// mostChanges bounds a transaction, so that nobody waits for a long one.
const mostChanges = 64

// do runs a change. When nobody is at work it is committed at once; else with others, by whoever is first in line.
func (w *writer) do(c *change) error {
	w.mu.Lock()
	w.queue = append(w.queue, c)
	if w.busy {
		c.turn = make(chan bool, 1)
		w.mu.Unlock()
		if !<-c.turn {
			return c.err
		}
	} else {
		w.busy = true
		w.mu.Unlock()
	}
	if !c.alone {
		// On a machine with nothing else to do this is nothing; on a busy one others reach the queue meanwhile.
		runtime.Gosched()
	}
	w.mu.Lock()
	n := min(len(w.queue), mostChanges)
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	w.mu.Unlock()

	w.commit(batch)

	w.mu.Lock()
	if len(w.queue) > 0 {
		w.queue[0].turn <- true
	} else {
		w.busy, w.queue = false, nil
	}
	w.mu.Unlock()
	for _, other := range batch {
		if other != c {
			other.turn <- false
		}
	}
	return c.err
}

// commit runs a batch in one transaction. When anything in it fails, none of it has happened, and each change is run on its own:
// one caller's failure is nobody else's. Only a lock is everybody's: to wait for it again, one after the other, would take minutes.
func (w *writer) commit(batch []*change) {
	err := w.may()
	if err == nil && len(batch) > 1 {
		if err = w.together(batch); err == nil {
			return
		}
		if kindOf(err) != ErrLocked {
			err = nil
		}
	}
	for _, c := range batch {
		switch c.err = err; {
		case err != nil:
		case c.whole:
			c.err = w.together([]*change{c})
		default:
			c.err = c.run(func(st *sql.Stmt) *sql.Stmt { return st })
		}
	}
}

func (w *writer) together(batch []*change) error {
	tx, err := w.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	for _, c := range batch {
		// A statement that changes nothing, or answers with no row, is no failure of the transaction.
		if c.err = c.run(tx.Stmt); c.err != nil && (c.whole || kindOf(c.err) != nil) {
			return errors.Join(c.err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		_, _ = w.db.Exec("ROLLBACK") //nolint:noctx // whatever was asked for is over. SQLite may have left it open; when it has not, this says so
		return err
	}
	return nil
}
