package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Whatever users are called, a table keeps within the terminal, one line per row; a pipe gets every field whole.
func TestTableWidth(t *testing.T) {
	name := strings.Repeat("a-very-long-service-name-", 3)
	entry := store.Entry{User: rotation.User{Account: "123456789012", Name: name}, Standing: rotation.Standing{
		CurrentKeyID: "AKIAIOSFODNN7EXAMPLE", Reason: rotation.ReasonWaitingLegacy, NextAction: rotation.DeactivateKey,
		NextAt: time.Now().Add(50 * time.Hour)}}
	for _, width := range []int{60, 80, 160} {
		var out strings.Builder
		p := &printer{out: &out, err: &out, tty: true, width: width}
		if err := p.status(&options{}, []store.Entry{entry, entry}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		if len(lines) != 4 {
			t.Errorf("at %d columns two users take %d lines, not 4 with the header and its rule:\n%s", width, len(lines), out.String())
		}
		for _, l := range lines {
			if w := lipgloss.Width(l); w > width {
				t.Errorf("at %d columns a line is %d wide: %q", width, w, l)
			}
		}
	}
	var out strings.Builder
	p := &printer{out: &out, err: &out, width: 80}
	if err := p.status(&options{}, []store.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[1], "123456789012/"+name) || len(strings.Fields(lines[1])) != len(strings.Fields(strings.ReplaceAll(lines[0],
		" KEY", "_KEY"))) {
		t.Errorf("in a pipe a row has not as many fields as there are headers:\n%s", out.String())
	}
}

// Long sentences are folded between words on a terminal, and are one line in a pipe.
func TestFold(t *testing.T) {
	text := strings.TrimSpace(strings.Repeat("some words ", 30))
	p := &printer{width: 40}
	if got := p.fold(text, false); got != text {
		t.Errorf("folded in a pipe: %q", got)
	}
	got := p.fold(text, true)
	for l := range strings.SplitSeq(got, "\n") {
		if lipgloss.Width(l) > 40 {
			t.Errorf("a line is %d wide: %q", lipgloss.Width(l), l)
		}
	}
	if strings.Join(strings.Fields(got), " ") != text {
		t.Errorf("folding lost words: %q", got)
	}
}

// The table error → exit code, as main.go promises it.
func TestExitCodes(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("doing something: %w", err) }
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("who knows"), 1},
		{wrap(&rotation.CallError{Kind: rotation.ErrUnavailable}), 1},
		{wrap(&store.FileError{Kind: store.ErrCorrupt}), 1},
		{wrap(&store.FileError{Kind: store.ErrFull}), 1},
		{wrap(&store.FileError{Kind: store.ErrNewer}), 2},
		{wrap(&store.FileError{Kind: store.ErrNotOurs}), 2},
		{wrap(&rotation.CallError{Kind: rotation.ErrDenied}), 2},
		{wrap(usagef("no")), 2},
		{wrap(&fleet.UnknownUserError{Name: "x"}), 2},
		{&errUsers{"2 blocked"}, 3},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, not %d", c.err, got, c.want)
		}
	}
}
