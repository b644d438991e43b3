package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
)

// Server answers on the daemon's socket with what a Desk says.
type Server struct {
	http *http.Server
	// stopping ends when the server goes down: waiting ends then, and what is at work goes on.
	stopping context.Context
	stop     context.CancelFunc
}

// NewServer makes a server; Serve starts it. Log is told of what no caller hears; nil: nobody is.
func NewServer(desk fleet.Desk, about About, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{}
	s.stopping, s.stop = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	route(mux, methodAbout, func(context.Context, none) (About, error) { return about, nil })
	route(mux, methodStates, func(ctx context.Context, in statesIn) ([]fleet.State, error) { return desk.States(ctx, in.Names...) })
	route(mux, methodPlan, func(ctx context.Context, in planIn) ([]fleet.Ahead, error) {
		return desk.Plan(ctx, in.Steps, in.Names...)
	})
	route(mux, methodForesee, desk.Foresee)
	route(mux, methodDo, desk.Do)
	route(mux, methodEvents, func(ctx context.Context, q fleet.EventQuery) ([]fleet.Happening, error) {
		return s.events(ctx, desk, q)
	})
	route(mux, methodWatch, desk.Watch)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusNotFound, answer[*none]{Error: &fault{Code: kinds.Of(kinds.ErrWrongRequest).Code, Message: fmt.Sprintf(
			"%v: it knows no %s %s; the daemon and the command are of different versions, so restart the daemon", kinds.ErrWrongRequest,
			r.Method, r.URL.Path)}})
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: headTime, IdleTimeout: idleTime, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError)}
	return s
}

// Serve answers until Shutdown or Close; then its error is nil.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answering on the daemon's socket: %w", err)
	}
	return nil
}

// Shutdown takes no more requests, lets nobody wait for events any longer, and returns when what is at work is done. When the context
// ends before that, callers are cut off: their contexts end.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // whoever is still there had its time
	}
	return err
}

// events waits no longer than the server lives; that nothing happened is an answer.
func (s *Server) events(ctx context.Context, desk fleet.Desk, q fleet.EventQuery) ([]fleet.Happening, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(s.stopping, cancel)()
	defer cancel()
	found, err := desk.Events(waiting, bounded(q))
	if err != nil && ctx.Err() == nil && s.stopping.Err() != nil {
		return nil, fleet.ErrStopping
	}
	return found, err
}

// route makes a method of a function: the one place where requests are read, errors get their status, and answers are sent.
func route[In, Out any](mux *http.ServeMux, method string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST "+prefix+method, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := read(w, r, &in); err != nil {
			k := kinds.Of(kinds.ErrWrongRequest)
			reply(w, k.Status, answer[*none]{Error: &fault{Code: k.Code, Message: fmt.Sprintf("%v %s: %v", kinds.ErrWrongRequest, method, err)}})
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			f := faultOf(err)
			reply(w, kinds.Of(err).Status, answer[*none]{Error: &f})
			return
		}
		reply(w, http.StatusOK, answer[Out]{Result: out})
	})
}

// read reads one JSON value. Its deadline ends with it, as net/http lifts it at the end of a body; when the body does not come, it stays
// while net/http reads the rest away.
func read(w http.ResponseWriter, r *http.Request, in any) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // every connection here can
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	err := d.Decode(in)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("more than one JSON value was sent")
		}
	}
	if err != nil {
		w.Header().Set("Connection", "close")
	}
	return err
}

func reply(w http.ResponseWriter, status int, body any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // whoever asked may be gone
}
