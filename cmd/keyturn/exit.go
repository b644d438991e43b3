package main

import (
	"context"
	"errors"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// The exit codes; main.go says what they mean.
const (
	exitDone       = 0
	exitUnexpected = 1
	exitUsage      = 2
	exitUsers      = 3
)

// errUsers: what failed or is blocked has been printed already, user by user.
type errUsers struct{ text string }

func (e *errUsers) Error() string { return e.text }

// exitTable is error → exit code; the first match counts, and all else is unexpected.
var exitTable = []struct {
	is   func(error) bool
	code int
}{
	{as[*errUsers], exitUsers},
	{as[*usageError], exitUsage},
	{as[*config.Error], exitUsage},
	{as[*fleet.UnknownUserError], exitUsage},
	{is(rotation.ErrDenied), exitUsage},         // AWS knows us, and lets us not do what the configuration asks for
	{is(rotation.ErrInvalidKey), exitUsage},     // keyturn's own credentials: users' keys never end a command
	{is(rotation.ErrWrongSecret), exitUsage},    // likewise
	{is(rotation.ErrRegionDisabled), exitUsage}, // the configuration names a Region that the account has not enabled
	{is(store.ErrNewer), exitUsage},             // this keyturn is too old for the file that the configuration names
	{is(store.ErrNotOurs), exitUsage},           // the configuration names somebody else's file
	{is(store.ErrNoAccess), exitUsage},          // no such folder, or not ours to read
	{is(context.Canceled), exitUnexpected},      // stopped by a signal
}

func as[E error](err error) bool { var e E; return errors.As(err, &e) }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	for _, row := range exitTable {
		if row.is(err) {
			return row.code
		}
	}
	return exitUnexpected
}

// exit prints what ended the command, one sentence, and gives the exit code.
func (p *printer) exit(err error) int {
	if err != nil && err.Error() != "" {
		p.note("%s %s", red.Render("keyturn:"), oneLine(err.Error()))
	}
	return exitCode(err)
}
