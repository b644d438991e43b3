package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/keyturn/keyturn/internal/kinds"
)

// watchers counts who follows events.
type watchers struct {
	mu    sync.Mutex
	all   int
	byKey map[string]int
}

// enter takes a place, which leave gives back.
func (ws *watchers) enter(key string) (leave func(), err error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	switch {
	case ws.all >= watchersAtOnce:
		return nil, fmt.Errorf("%w: %d follow the events already, which is as many as may; try again later", kinds.ErrTooFast, ws.all)
	case ws.byKey[key] >= watchersAKey:
		return nil, fmt.Errorf("%w: %d follow the events with this API key already, which is as many as may; end one of them", kinds.ErrTooFast,
			ws.byKey[key])
	}
	if ws.byKey == nil {
		ws.byKey = map[string]int{}
	}
	ws.all++
	ws.byKey[key]++
	return func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		ws.all--
		if ws.byKey[key]--; ws.byKey[key] == 0 {
			delete(ws.byKey, key)
		}
	}, nil
}

// Close lets nobody wait any longer: streams end, and a question that waits for something to happen is answered. What is at work goes on.
func (s *Server) Close() { s.closing() }

func (s *Server) closed() bool { return s.open.Err() != nil }

// untilClosed is a context that ends with the server as well.
func (s *Server) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.open, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
