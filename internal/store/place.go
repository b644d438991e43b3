package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// place is a path and the file that is open there. When the path leads to another file, that one is opened.
type place struct {
	opts   Options
	schema schema

	mu   sync.RWMutex
	file *file // nil before it was opened, and once it is closed
	away bool  // it is not at its path any more, and closed

	turn   chan struct{} // whoever opens the file anew holds it
	tried  time.Time     // when that was last tried, and
	broken error         // what came of it; guarded by turn
}

// open opens the file for the first time.
func (p *place) open(ctx context.Context) error {
	f, err := openFile(ctx, p.opts, p.schema)
	if err == nil {
		p.turn = make(chan struct{}, 1)
		p.mu.Lock()
		p.file = f
		p.mu.Unlock()
	}
	return err
}

func (p *place) close() error {
	p.mu.Lock()
	f := p.file
	p.file = nil
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.close()
}

// exec runs a changing statement and gives the number of rows that it changed.
func (p *place) exec(ctx context.Context, query string, args ...any) (int64, error) {
	f, err := p.current(ctx)
	if err != nil {
		return 0, err
	}
	return f.exec(ctx, query, args...)
}

// query reads rows and hands each to scan; no connection is held when it returns.
func (p *place) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	f, err := p.current(ctx)
	if err != nil {
		return err
	}
	return f.query(ctx, scan, query, args...)
}

// fail words an error of the database: what failed, on what, why, and what to do.
func (p *place) fail(doing string, err error) error { return fail(doing, p.opts.Path, err) }

var errClosed = errors.New("it was closed")

// A database that cannot be opened is tried again so much later.
const reopenEvery = time.Second

// current gives the open file, while the path leads to it: a change that is recorded in a file that nobody will find is not
// recorded. When it does not, the path's file is opened, or made.
func (p *place) current(ctx context.Context) (*file, error) {
	p.mu.RLock()
	f, closed := p.file, p.away
	p.mu.RUnlock()
	if f == nil {
		return nil, errClosed
	}
	if !closed {
		if _, moved := f.look(); moved == nil {
			return f, nil
		}
	}
	return p.reopen(ctx, f)
}

// reopen opens the path's file in place of old, unless another goroutine has: they come one by one.
func (p *place) reopen(ctx context.Context, old *file) (*file, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	f, away := p.file, p.away
	p.away = p.file == old
	p.mu.Unlock()
	switch {
	case f == nil:
		return nil, errClosed
	case f != old:
		return f, nil
	case p.broken != nil && time.Since(p.tried) < reopenEvery:
		return nil, p.broken
	case !away:
		old.abandon()
	}
	f, err := openFile(context.WithoutCancel(ctx), p.opts, p.schema)
	if p.broken, p.tried = err, time.Now(); err != nil {
		return nil, err
	}
	f.number = old.number + 1
	p.mu.Lock()
	closed := p.file == nil
	if !closed {
		p.file, p.away = f, false
	}
	p.mu.Unlock()
	if closed {
		return nil, errors.Join(errClosed, f.close())
	}
	if p.opts.OnMoved != nil {
		p.opts.OnMoved(p.opts.Path)
	}
	return f, nil
}
