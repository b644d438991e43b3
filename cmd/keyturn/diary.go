package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// diary is the log of `keyturn serve`: one line for each thing that happened, none for a look that found nothing to do, and none that
// says what the last one about the same user said.
type diary struct {
	*slog.Logger
	trouble map[rotation.User]string // what was last said of users that need attention
	refused map[rotation.User]string
	idle    map[string]bool // sentences of the last sweep
	sweeps  int             // that failed in a row
	failed  string          // what was said of them
	first   bool            // a sweep has succeeded
}

// newDiary writes to stderr. Under systemd, whose journal has the time, lines begin with their level instead.
func newDiary(o *options, format string) *diary {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	var h slog.Handler = &lines{p: o.out, to: o.out.err, level: level, journal: os.Getenv("JOURNAL_STREAM") != "" && !o.out.errTTY}
	if format == "json" {
		h = slog.NewJSONHandler(o.out.err, &slog.HandlerOptions{Level: level})
	}
	return &diary{Logger: slog.New(h), trouble: map[rotation.User]string{}, refused: map[rotation.User]string{}, idle: map[string]bool{}}
}

// result writes of one run what happened in it, or what is wrong with its user.
func (d *diary) result(l fleet.Looked) {
	res := l.Result
	failure := fleet.Failure(res)
	st := fleet.StandingOf(res.Reason, failure != nil)
	text, level := strings.Join(deedsOf(res.Actions), ", "), slog.LevelInfo
	frozen := res.Reason == rotation.ReasonFrozen // windows are routine, and what holds everybody back is told once
	held := st == fleet.Held && !frozen || res.Reason == rotation.ReasonWaitingSlot
	switch {
	case failure != nil:
		text, level = oneLine(failure.Error()), slog.LevelError
	case res.Err != nil: // a refusal says more than its reason
		text, level = oneLine(res.Err.Error()), slog.LevelError
	case st == fleet.Blocked:
		text, level = sentence(res.Reason, res.KeyID, res.Detail), slog.LevelError
	case text == "" && held:
		text, level = sentence(res.Reason, res.KeyID, res.Detail), slog.LevelWarn
	}
	troubled := failure != nil || res.Err != nil || st == fleet.Blocked || held
	said, was := d.trouble[res.User]
	switch {
	case troubled && len(res.Actions) == 0 && said == text:
		return
	case troubled:
		d.trouble[res.User] = text
	case st == fleet.Waiting, frozen: // neither well nor worth a word
	default:
		delete(d.trouble, res.User)
		if text == "" && was {
			text = "is well again"
		}
	}
	if text == "" {
		return
	}
	attrs := []slog.Attr{slog.String("user", res.User.String()), slog.String("reason", string(res.Reason))}
	if len(res.Actions) > 0 {
		kinds := make([]string, len(res.Actions))
		for i, a := range res.Actions {
			kinds[i] = string(a.Kind)
		}
		attrs = append(attrs, slog.Any("actions", kinds))
	}
	d.LogAttrs(context.Background(), level, text, attrs...)
}

// deedsOf says what was done to each key, in order: "AKIA… made and promoted".
func deedsOf(actions []rotation.Action) []string { return (&printer{}).deeds(actions) }

// sweep writes who came and went, and who cannot be looked after.
func (d *diary) sweep(s fleet.Sweep) {
	if s.Err != nil {
		text := oneLine(s.Err.Error())
		if d.sweeps++; text != d.failed {
			d.failed = text
			d.Error("AWS could not be asked which users there are; those that are known are looked after: " + text)
		}
		return
	}
	if d.sweeps > 0 {
		d.Info("AWS tells again which users there are")
	}
	d.sweeps, d.failed = 0, ""
	sel := s.Selection
	switch {
	case !d.first:
		d.Info(fmt.Sprintf("%s under care, of %d in the account", users(len(sel.Members)), sel.Known))
	default:
		var parts []string
		for _, p := range []struct {
			n    int
			what string
		}{{s.Added, "came under care"}, {s.Removed, "not looked after any more"}, {s.Moved, "with another schedule, or leaving care"}} {
			if p.n > 0 {
				parts = append(parts, users(p.n)+" "+p.what)
			}
		}
		if len(parts) > 0 {
			d.Info(strings.Join(parts, ", "))
		}
	}
	d.first = true
	now := map[rotation.User]string{}
	for _, r := range sel.Refused {
		if r.Broken {
			if now[r.User] = r.Why; d.refused[r.User] != r.Why {
				d.LogAttrs(context.Background(), slog.LevelError, oneLine(r.Why), slog.String("user", r.User.String()),
					slog.String("reason", string(fleet.BlockedUserTag)))
			}
		}
	}
	d.refused = now
	idle := map[string]bool{}
	for _, text := range sel.Idle {
		if idle[text] = true; !d.idle[text] {
			d.Warn(oneLine(text))
		}
	}
	d.idle = idle
}

// asDebug has what is told as an information, such as each step of each run, count as a detail: the diary says the same of a run as a
// whole.
type asDebug struct{ slog.Handler }

// Enabled is part of slog.Handler.
func (h asDebug) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, detail(l))
}

// Handle is part of slog.Handler.
func (h asDebug) Handle(ctx context.Context, r slog.Record) error {
	r.Level = detail(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (h asDebug) WithAttrs(attrs []slog.Attr) slog.Handler {
	return asDebug{h.Handler.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (h asDebug) WithGroup(name string) slog.Handler { return asDebug{h.Handler.WithGroup(name)} }

func detail(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}

// lines is a slog.Handler for people: time, mark, user, what, and then the rest. No attribute is written that the line says already.
type lines struct {
	p       *printer
	to      io.Writer
	level   slog.Level
	journal bool
	attrs   []slog.Attr
	group   string
}

// one line at a time, whoever writes it.
var writing sync.Mutex

// Enabled is part of slog.Handler.
func (h *lines) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// WithAttrs is part of slog.Handler.
func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		a.Key = h.group + a.Key
		out.attrs = append(out.attrs, a)
	}
	return &out
}

// WithGroup is part of slog.Handler.
func (h *lines) WithGroup(name string) slog.Handler {
	out := *h
	out.group += name + "."
	return &out
}

// Handle is part of slog.Handler.
func (h *lines) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		a.Key = h.group + a.Key
		attrs = append(attrs, a)
		return true
	})
	user, reason, more := "", "", ""
	for _, a := range attrs {
		switch value := oneLine(a.Value.Resolve().String()); a.Key {
		case "user":
			user = value
		case "reason":
			reason = value
		case "actions": // the text says it in words
		case "error":
			more += ": " + value
		default:
			more += fmt.Sprintf("  %s=%s", a.Key, value)
		}
	}
	if _, name, ok := strings.Cut(user, "/"); ok && h.p.errTTY {
		user = name // there is but one account
	}
	line := h.stamp(r.Time) + h.mark(r.Level) + " "
	if user != "" {
		line += fmt.Sprintf("%-20s ", user)
	}
	if reason != "" {
		line += reason + "  "
	}
	line += oneLine(r.Message) + more
	writing.Lock()
	defer writing.Unlock()
	_, err := fmt.Fprintln(h.to, h.p.fold(line, h.p.errTTY))
	return err
}

// stamp is the local time on a terminal, RFC 3339 in a pipe, and for the journal a level as of sd-daemon(3).
func (h *lines) stamp(t time.Time) string {
	switch {
	case h.journal:
		return ""
	case h.p.errTTY:
		return faint.Render(t.Format("15:04:05")) + " "
	}
	return t.UTC().Format(time.RFC3339) + " "
}

func (h *lines) mark(l slog.Level) string {
	switch {
	case h.journal && l >= slog.LevelError:
		return "<3>✗"
	case h.journal && l >= slog.LevelWarn:
		return "<4>!"
	case h.journal && l < slog.LevelInfo:
		return "<7>·"
	case h.journal:
		return "<6>✓"
	case l >= slog.LevelError:
		return red.Render("✗")
	case l >= slog.LevelWarn:
		return yellow.Render("!")
	case l < slog.LevelInfo:
		return faint.Render("·")
	}
	return green.Render("✓")
}
