package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Whatever users are called, a table keeps within the terminal, one line per row; a pipe gets every field whole.
func TestTableWidth(t *testing.T) {
	name := strings.Repeat("a-very-long-service-name-", 3)
	entry := fleet.State{User: rotation.User{Account: "123456789012", Name: name}, Standing: fleet.Waiting,
		CurrentKeyID: "AKIAIOSFODNN7EXAMPLE", Reason: rotation.ReasonWaitingLegacy, NextAction: rotation.DeactivateKey,
		NextAt: time.Now().Add(50 * time.Hour)}
	for _, width := range []int{60, 80, 160} {
		var out strings.Builder
		p := &printer{out: &out, err: &out, tty: true, width: width}
		if err := p.status(&options{}, []fleet.State{entry, entry}); err != nil {
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
	if err := p.status(&options{}, []fleet.State{entry}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[1], "123456789012/"+name) || len(strings.Fields(lines[1])) != len(strings.Fields(strings.ReplaceAll(lines[0],
		" KEY", "_KEY"))) {
		t.Errorf("in a pipe a row has not as many fields as there are headers:\n%s", out.String())
	}
}

// A narrow terminal has fewer columns, and those can be read.
func TestNarrowTable(t *testing.T) {
	at := time.Now()
	entry := fleet.State{User: rotation.User{Account: "123456789012", Name: "ci-deploy"}, At: at, CurrentKeyID: "AKIAIOSFODNN7EXAMPLE",
		Standing: fleet.Fine, Reason: rotation.ReasonGrace, NextAction: rotation.DeactivateKey, NextAt: at.Add(time.Hour)}
	line := planLine{Account: "123456789012", User: "ci-deploy", Action: rotation.CreateKey, Reason: rotation.ReasonOnboard, at: at}
	var out strings.Builder
	p := &printer{out: &out, err: &out, tty: true, width: 40}
	if err := p.status(&options{}, []fleet.State{entry}); err != nil {
		t.Fatal(err)
	}
	p.plan([]planLine{line}, at)
	for l := range strings.Lines(out.String()) {
		if w := lipgloss.Width(strings.TrimRight(l, "\n")); w > 40 || strings.Contains(l, "…") {
			t.Errorf("at 40 columns a line is %d wide, or cut: %q", w, l)
		}
	}
	for _, word := range []string{"ci-deploy", "deactivate", "create-key"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("at 40 columns there is no %q:\n%s", word, out.String())
		}
	}
}

// A user whose first run has not ended stands in no state yet, and the field is not left empty.
func TestUnfinishedUser(t *testing.T) {
	var out strings.Builder
	p := &printer{out: &out, err: &out, tty: true, width: 80}
	if err := p.status(&options{}, []fleet.State{{User: rotation.User{Account: "123456789012", Name: "ci-deploy"}}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "unfinished") {
		t.Errorf("a run was killed before its end:\n%s", out.String())
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

// Whoever may write tags, or answers for AWS, cannot steer the terminal of the person who reads about it.
func TestNothingSteersTheTerminal(t *testing.T) {
	const evil = "AIDA\x1b]0;owned\x07\x1b[2J\u009b31m\u202e"
	user := rotation.User{Account: "123456789012", Name: "ci" + evil}
	for _, tty := range []bool{true, false} {
		var out strings.Builder
		p := &printer{out: &out, err: &out, tty: tty, errTTY: tty, width: 300}
		res := reconcile.Result{User: user, Reason: rotation.BlockedUserChanged, Detail: "the tags name " + evil, KeyID: evil}
		p.line("%s", p.deed(res))
		res.Err = errors.New(evil)
		p.line("%s", p.deed(res))
		res = reconcile.Result{User: user, Actions: []rotation.Action{{Kind: rotation.CreateKey, KeyID: evil}}}
		p.line("%s", p.deed(res))
		if err := p.status(&options{}, []fleet.State{{User: user, Standing: fleet.Failed, CurrentKeyID: evil, LastError: evil}}); err != nil {
			t.Fatal(err)
		}
		p.plan([]planLine{{User: evil, KeyID: evil, detail: sentence(rotation.BlockedStateTag, "", evil)}}, time.Now())
		p.check(&checkReport{File: "keyturn.yaml", Warnings: []string{evil}, Problems: []string{evil, evil},
			Live: &liveReport{Account: evil, Identity: evil, Selected: []string{evil}, Refused: []string{evil}}}, config.Default())
		p.foresight(evil, fleet.Foresight{User: user, Detail: evil, KeyID: evil, Keys: []rotation.ClassifiedKey{{Key: rotation.Key{ID: evil}}},
			Now: []rotation.Action{{Kind: rotation.DeactivateKey, KeyID: evil}}}, rotation.Request{Kind: rotation.RequestRollback, KeyID: evil})
		p.carried(fleet.Ask{User: evil, Request: rotation.Request{Kind: rotation.RequestPause}}, fleet.Answer{User: user, Detail: evil})
		_ = p.event(&options{}, fleet.Happening{User: user, KeyID: evil, Detail: evil})
		p.ask(evil)
		_ = p.exit(errors.New(evil))
		p.step("%s", evil)
		for _, v := range []any{wishLine{User: evil}, map[string]string{evil: evil}} {
			if err := errors.Join(p.value(v), p.record(v)); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range topWords.Foretell(fleet.Foresight{User: user, Detail: evil, KeyID: evil,
			Now: []rotation.Action{{Kind: rotation.DeactivateKey, KeyID: evil}}}, rotation.Request{Kind: rotation.RequestRollback, KeyID: evil}) {
			out.WriteString(l + "\n")
		}
		for l := range strings.SplitSeq(out.String(), "\n") {
			for _, bad := range []string{"\x1b]", "\x07", "\x1b[2J", "\u009b", "\u202e"} {
				if strings.Contains(l, bad) {
					t.Errorf("on a terminal: %t, %q is in the line %q", tty, bad, l)
					break
				}
			}
		}
	}
}

// TestJSONKeepsWhatATerminalWouldObey: it is written otherwise, and means the same to programs.
func TestJSONKeepsWhatATerminalWouldObey(t *testing.T) {
	want := map[string]string{"a": "\u009b31m\x7f\u202e\U000e0001 é… <&>\n"}
	var out strings.Builder
	p := &printer{out: &out, err: &out}
	if err := errors.Join(p.record(want), p.value(want)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "é… <&>") {
		t.Errorf("what can be seen is not shown: %s", out.String())
	}
	d := json.NewDecoder(strings.NewReader(out.String()))
	for range 2 {
		var got map[string]string
		if err := d.Decode(&got); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
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
		{wrap(&store.FileError{Kind: store.ErrMissing}), 2},
		{wrap(&store.FileError{Kind: store.ErrLog}), 1},
		{wrap(store.ErrTarget), 2},
		{wrap(&store.FileError{Kind: store.ErrNoAccess}), 2},
		{wrap(&store.FileError{Kind: store.ErrReadOnly}), 2},
		{wrap(&store.FileError{Kind: store.ErrNotOurs}), 2},
		{wrap(&rotation.CallError{Kind: rotation.ErrDenied}), 2},
		{wrap(usagef("no")), 2},
		{wrap(&fleet.UnknownUserError{Name: "x"}), 2},
		{&errUsers{"2 blocked"}, 3},
		{wrap(&client.Error{Status: 404, Code: "unknown-user"}), 2},
		{wrap(&client.Error{Status: 401, Code: "unauthenticated"}), 2},
		{wrap(&client.Error{Status: 503, Code: "withheld"}), 3},
		{wrap(&client.Error{Status: 503, Code: "no-record"}), 1},
		{wrap(&client.Error{Status: 502}), 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, not %d", c.err, got, c.want)
		}
	}
}

// What could not be read, or was not yet, is unknown in a table, and never looks as if there were no key.
func TestStatusUnread(t *testing.T) {
	at := time.Now()
	user := rotation.User{Account: "123456789012", Name: "ci-deploy"}
	for want, entry := range map[string]fleet.State{
		"? ? ? settling": {User: user, At: at, Standing: fleet.Waiting, Reason: rotation.ReasonSettling},
		"? ? ? failed":   {User: user, At: at, Standing: fleet.Failed, Reason: rotation.ReasonUnknown, LastError: "ListAccessKeys was denied"},
		"- - - paused":   {User: user, At: at, Standing: fleet.Held, Reason: rotation.ReasonPaused},
	} {
		var out strings.Builder
		p := &printer{out: &out, err: &out}
		if err := p.status(&options{}, []fleet.State{entry}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// Whoever stops a command before it said anything is not told of a context.
func TestStopped(t *testing.T) {
	var out, log strings.Builder
	code := newPrinter(&out, &log).exit(context.Canceled)
	if code != exitUnexpected || out.Len() > 0 || !strings.Contains(log.String(), "stopped, before there was an answer") {
		t.Errorf("%d %q %q", code, out.String(), log.String())
	}
}
