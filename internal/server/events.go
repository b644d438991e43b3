package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

const (
	mostEvents = 10_000
	mostWait   = 25 // seconds
	// heartbeat is how often a stream says that it is alive, and looks whether its key still is.
	heartbeat = 5 * time.Second
	// watchersAtOnce may follow at a time, and so many of them with one key: each holds a connection and asks the database 4 times a second.
	watchersAtOnce = 64
	watchersAKey   = 8
	sendWithin     = 10 * time.Second // for a watcher to take an event
)

func registerEvents(s *Server) {
	rt := s.routes["events"]
	raw[eventsIn, eventsOut](s, "events", s.events)
	ok := s.api.OpenAPI().Paths[rt.Path].Get.Responses["200"]
	ok.Description = "A page of history, or with Accept: text/event-stream a stream that does not end."
	ok.Content["text/event-stream"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString,
		Description: "Server-sent events: id is the seq, data the event as JSON."}}
}

// eventsIn is what OpenAPI says; parseEvents reads it.
type eventsIn struct {
	User        []string `query:"user,explode" maxItems:"200" doc:"Only these users, NAME or ACCOUNT:NAME; may be given again."`
	After       int64    `query:"after" minimum:"0" maximum:"9007199254740991" doc:"Only what ended after the event with this seq; 0: from the beginning, as for a seq that the history has not reached, since it was begun anew then. Without it, a page holds the newest, and a stream begins now."`
	Limit       int      `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"Events of one page."`
	Wait        int      `query:"wait" minimum:"0" maximum:"25" default:"0" doc:"When there is none, wait so many seconds for one; needs after."`
	LastEventID string   `header:"Last-Event-ID" pattern:"^[0-9]{0,15}$" doc:"Of a stream: like after, and counts for more. Browsers send it when they connect again."`
}

type eventsOut struct{ Body api.Events }

// eventQuery is what a request asks for.
type eventQuery struct {
	users  []rotation.User
	names  []string // of them, as they were given
	after  int64    // negative: from the beginning
	given  bool     // after is
	limit  int
	wait   time.Duration
	stream bool
}

func parseEvents(r *http.Request) (q eventQuery, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, fmt.Errorf("%w: its query is not well formed", kinds.ErrBadRequest)
	}
	for name := range values {
		switch name {
		case "user", "after", "limit", "wait":
		default:
			return q, fmt.Errorf("%w: there is no parameter %q; the parameters are user, after, limit and wait", kinds.ErrInvalidRequest, name)
		}
	}
	number := func(name, text string, least, most int64) (n int64) {
		n, e := strconv.ParseInt(text, 10, 64)
		if err == nil && (e != nil || n < least || n > most) {
			err = fmt.Errorf("%w: %s is a whole number from %d to %d", kinds.ErrInvalidRequest, name, least, most)
		}
		return n
	}
	q.names, q.limit = deskNames(values["user"]), 100
	if len(q.names) > 200 {
		return q, fmt.Errorf("%w: 200 users may be named at most", kinds.ErrInvalidRequest)
	}
	if values.Has("limit") {
		q.limit = int(number("limit", values.Get("limit"), 1, mostEvents))
	}
	if values.Has("wait") {
		q.wait = time.Duration(number("wait", values.Get("wait"), 0, mostWait)) * time.Second
	}
	if values.Has("after") {
		q.after, q.given = number("after", values.Get("after"), 0, mostSeq), true
	}
	q.stream = wantsStream(r)
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		q.after, q.given = number("Last-Event-ID", id, 0, mostSeq), true
	}
	if q.given && q.after == 0 {
		q.after = -1
	}
	return q, err
}

// mostSeq is more than any event has, and what a number in JSON surely holds.
const mostSeq = 1<<53 - 1

// wantsStream reports whether server-sent events are accepted, and JSON is not preferred to them.
func wantsStream(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			kind, _, err := mime.ParseMediaType(part)
			switch {
			case err != nil:
			case kind == "text/event-stream":
				return true
			case kind == "application/json", kind == "*/*", kind == "application/*":
				return false
			}
		}
	}
	return false
}

// events answers with a page, or follows.
func (s *Server) events(w http.ResponseWriter, r *http.Request, c *call) {
	ctx := context.WithValue(r.Context(), callKey{}, c)
	q, err := parseEvents(r)
	if err == nil && len(q.names) > 0 {
		q.users, err = s.known(ctx, q.names)
	}
	if err == nil && q.stream {
		err = s.stream(ctx, w, r, c, q)
	} else if err == nil {
		err = s.eventPage(ctx, w, c, q)
	}
	if err != nil && r.Context().Err() == nil {
		s.fail(w, r, c, err)
	}
}

// known gives the users of names that the call's key may see.
func (s *Server) known(ctx context.Context, names []string) ([]rotation.User, error) {
	found, err := s.states(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]rotation.User, len(found))
	for i, st := range found {
		out[i] = st.User
	}
	return out, nil
}

func (s *Server) eventPage(ctx context.Context, w http.ResponseWriter, c *call, q eventQuery) error {
	var found []fleet.Happening
	var next int64
	var err error
	if q.given {
		c.lasts(q.wait)
		waiting, done := s.untilClosed(ctx)
		found, next, err = s.since(waiting, q.users, q.after, q.limit, q.wait)
		done()
		if err != nil && ctx.Err() == nil && s.closed() {
			return fleet.ErrStopping
		}
	} else {
		found, next, err = s.newest(ctx, q.users, q.limit)
	}
	if err != nil {
		return err
	}
	body := api.Events{Events: make([]api.Event, 0, len(found)), Next: max(0, next)}
	for _, h := range found {
		body.Events = append(body.Events, api.EventOf(h))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = jsonFormat.Marshal(w, body) // whoever asked may be gone
	return nil
}

// stream follows until the watcher goes, its key ends, or the server does; the watcher then connects again, and goes on after the last id
// that it has seen. Nothing is lost by that: what ends is in the database before anybody is told.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, c *call, q eventQuery) error {
	leave, err := s.watchers.enter(c.caller.ID)
	if err != nil {
		return err
	}
	defer leave()
	if !q.given {
		if q.after, err = s.last(ctx, nil); err != nil {
			return err
		}
	}
	ctx, done := s.untilClosed(ctx)
	defer done()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx keeps events back
	text := "retry: 2000\n\n"
	for {
		c.lasts(heartbeat + sendWithin)
		if _, err := w.Write([]byte(text)); err != nil {
			return nil //nolint:nilerr // the watcher has gone
		}
		if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return nil //nolint:nilerr // likewise
		}
		found, next, err := s.since(ctx, q.users, q.after, historyPage, heartbeat)
		if err != nil || ctx.Err() != nil {
			return nil //nolint:nilerr // the head is sent: all that can be said is that it ends
		}
		if s.still(ctx, c) != nil {
			return nil // likewise
		}
		q.after, text = next, ": alive\n\n"
		if len(found) > 0 {
			text = frames(found)
		}
	}
}

func frames(all []fleet.Happening) string {
	var b strings.Builder
	for _, h := range all {
		if h.Seq == 0 {
			continue // it has not ended, and comes when it does
		}
		text, err := json.Marshal(api.EventOf(h))
		if err != nil {
			continue // it cannot be: strings, numbers and a time
		}
		fmt.Fprintf(&b, "id: %d\ndata: %s\n\n", h.Seq, text)
	}
	return b.String()
}
