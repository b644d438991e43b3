package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// LineOptions say what is written to a pipe.
type LineOptions struct {
	Desk  fleet.Desk // needed
	Words Words
	Match string // part of a user's name; empty: everybody
	Once  bool   // end after the first picture
	// End ends it when it is closed, but not before the first picture. Nil: the context alone does.
	End  <-chan struct{}
	Out  io.Writer
	Warn func(string) // is told when the desk does not answer, and when it does again; nil: nobody
}

// Times between two looks at how the users stand; events are waited for in between.
const (
	linesEvery = 2 * time.Second
	linesLimit = 200 // users that need attention, of which the picture tells
)

// Lines writes who needs attention and the totals, and then each event as it happens, until the context ends or the reader goes away,
// which is no error. Times are RFC 3339.
func Lines(ctx context.Context, o LineOptions) error {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	l := &liner{o: o, last: -1, known: map[rotation.User]fleet.State{}}
	err := l.run(ctx)
	if errors.Is(err, syscall.EPIPE) || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type liner struct {
	o      LineOptions
	last   int64                         // Seq of the last event that was written
	known  map[rotation.User]fleet.State // who was in trouble
	notice string
	silent bool
}

func (l *liner) run(ctx context.Context) error {
	snap, err := l.watch(ctx)
	if err != nil {
		return err
	}
	if err := l.picture(snap); err != nil || l.o.Once {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-l.o.End:
			end()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil {
		began := time.Now()
		err := l.events(ctx, linesEvery)
		var snap fleet.Snapshot
		if err == nil {
			snap, err = l.watch(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return l.lastWords(ctx)
		case errors.Is(err, errWriting):
			return err
		case err != nil && !l.silent:
			l.silent = true
			l.o.Warn("no answer: " + clean(err.Error()) + "; trying again")
		case err == nil:
			if l.silent {
				l.silent = false
				l.o.Warn("there are answers again")
			}
			if err := l.changes(snap); err != nil {
				return err
			}
		}
		if err := pause(ctx, linesEvery-time.Since(began)); err != nil {
			return l.lastWords(ctx)
		}
	}
	return nil
}

// lastWords writes what ended until the context did.
func (l *liner) lastWords(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := l.events(ctx, 0); errors.Is(err, errWriting) {
		return err
	}
	return nil
}

// watch reads how everybody stands. The limit is above what is written first: who came into trouble later is told all the same.
func (l *liner) watch(ctx context.Context) (fleet.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, readAtMost)
	defer cancel()
	return l.o.Desk.Watch(ctx, fleet.View{Match: l.o.Match, Limit: 5 * linesLimit, Events: eventsRead, Anyway: true})
}

var errWriting = errors.New("writing")

func (l *liner) line(format string, args ...any) error {
	if _, err := fmt.Fprintln(l.o.Out, strings.TrimRight(fmt.Sprintf(format, args...), " ")); err != nil {
		return fmt.Errorf("%w: %w", errWriting, err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// picture writes the notice, who needs attention, and the totals.
func (l *liner) picture(s fleet.Snapshot) error {
	f := Frame{Now: s.At, Snap: &s, Words: l.o.Words, Width: 200}
	if err := l.told(s); err != nil {
		return err
	}
	shown := 0
	for _, u := range s.Users {
		word := string(u.Standing)
		if troubled(u) {
			l.known[u.User] = u
		}
		if u.Standing == fleet.Fine || u.Standing == fleet.Waiting {
			if u.Late == 0 {
				continue
			}
			word = "overdue"
		}
		if shown++; shown > linesLimit {
			continue
		}
		if err := l.line("%s  %-8s %s  %s", stamp(s.At), word, clean(u.User.String()), attention(&f, u)); err != nil {
			return err
		}
	}
	if more := shown - linesLimit; more > 0 {
		if err := l.line("%s  %-8s %d more users need attention: `keyturn status` lists them all", stamp(s.At), "", more); err != nil {
			return err
		}
	}
	for _, h := range s.Events {
		l.last = max(l.last, h.Seq)
	}
	if l.last == 0 {
		l.last = -1
	}
	return l.line("%s  total    %s", stamp(s.At), Totals(s))
}

// attention says what is wrong with a user.
func attention(f *Frame, u fleet.State) string {
	text := string(u.Reason)
	if s := f.sentence(u); s != text {
		text += ": " + s
	}
	if u.Late > 0 {
		text += fmt.Sprintf(" (its look is %s late)", rotation.Duration(u.Late.Round(time.Second)))
	}
	return strings.TrimPrefix(text, ": ")
}

// Totals counts in one line.
func Totals(s fleet.Snapshot) string {
	u := s.Summary
	users := "users"
	if u.Users == 1 {
		users = "user"
	}
	text := fmt.Sprintf("%d %s: %d failed, %d blocked, %d held, %d waiting, %d fine, %d overdue", u.Users, users, u.Failed, u.Blocked,
		u.Held, u.Waiting, u.Users-u.Failed-u.Blocked-u.Held-u.Waiting, s.Overdue)
	if s.Started.IsZero() {
		text += "; no daemon runs, this is what the database knows"
	}
	return text
}

// told writes what must be known before all else, when that is new.
func (l *liner) told(s fleet.Snapshot) error {
	notice := clean(s.Notice)
	if s.Partial != "" {
		notice = strings.TrimSpace(notice + " It is not known who is under care: " + clean(s.Partial))
	}
	if notice == l.notice {
		return nil
	}
	l.notice = notice
	if notice == "" {
		notice = "what was said before is over"
	}
	return l.line("%s  notice   %s", stamp(s.At), notice)
}

// events writes what ended since, having waited so long for it.
func (l *liner) events(ctx context.Context, wait time.Duration) error {
	found, err := l.o.Desk.Events(ctx, fleet.EventQuery{After: l.last, Limit: 1000, Wait: wait})
	if err != nil {
		return err
	}
	for _, h := range found {
		l.last = max(l.last, h.Seq)
		e, worth := Told(h)
		if !worth || !strings.Contains(strings.ToLower(h.User.String()), strings.ToLower(l.o.Match)) {
			continue
		}
		e.User = h.User.String()
		if err := l.line("%s", e); err != nil {
			return err
		}
	}
	return nil
}

// changes writes who came into trouble, or out of it.
func (l *liner) changes(s fleet.Snapshot) error {
	if err := l.told(s); err != nil {
		return err
	}
	there := map[rotation.User]bool{}
	users := s.Users
	for _, u := range users {
		there[u.User] = true
	}
	for u := range l.known {
		if !there[u] { // behind the limit, where nobody needs attention, or not under care any more
			users = append(users, fleet.State{User: u, Standing: fleet.Fine})
		}
	}
	for _, u := range users {
		was, seen := l.known[u.User]
		if !seen {
			was = fleet.State{Standing: fleet.Fine}
		}
		if delete(l.known, u.User); troubled(u) {
			l.known[u.User] = u
		}
		if text, alarming := changed(was, u, l.o.Words); text != "" {
			if err := l.line("%s", Event{s.At, u.User.String(), text, alarming}); err != nil {
				return err
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(0, d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
