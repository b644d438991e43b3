package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/remote"
)

// The exit codes; main.go says what they mean.
const (
	exitDone       = 0
	exitUnexpected = kinds.ExitUnexpected
	exitUsage      = kinds.ExitUsage
	exitUsers      = 3
)

// errUsers: what failed or is blocked has been printed already, user by user.
type errUsers struct{ text string }

func (e *errUsers) Error() string { return e.text }

// exitTable is error → exit code for what only a command line knows; [kinds.All] has the others, which a daemon may answer with as
// well. The first match counts, and all else is unexpected.
var exitTable = []struct {
	is   func(error) bool
	code int
}{
	{as[*errUsers], exitUsers},
	{as[*usageError], exitUsage},
	{as[*remote.SetupError], exitUsage},
	{as[*fleet.WithheldError], exitUsers},
	{as[*kinds.BlockedError], exitUsers},
}

func as[E error](err error) bool { var e E; return errors.As(err, &e) }

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	for _, row := range exitTable {
		if row.is(err) {
			return row.code
		}
	}
	if e := (*client.Error)(nil); errors.As(err, &e) { // of credential-process, which asks as other programs do
		switch k := kinds.ByCode(e.Code); k.Code {
		case "withheld", "blocked":
			return exitUsers
		default:
			return k.Exit
		}
	}
	return kinds.Of(err).Exit
}

// exit prints what ended the command, one sentence, and gives the exit code.
func (p *printer) exit(err error) int {
	if failed := p.sink.err; err == nil && failed != nil {
		err = fmt.Errorf("the output could not be written: %w", failed)
	}
	switch {
	case err == nil || err.Error() == "":
	case err == context.Canceled: //nolint:errorlint // what is wrapped says what was stopped
		p.note("%s stopped, before there was an answer", red.Render("keyturn:"))
	default:
		p.note("%s %s", red.Render("keyturn:"), oneLine(err.Error()))
	}
	return exitCode(err)
}
