package main

import (
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// liftLine is `resume --stopped --json`.
type liftLine struct {
	Lifted string `json:"lifted"` // empty: nothing held scheduled changes back
}

// lift lets scheduled changes go on that have stopped for everybody.
func lift(cmd *cobra.Command, o *options, yes, others bool) error {
	if others {
		return usagef("`%s --stopped` is about everybody's scheduled changes: it takes neither users nor --all", cmd.CommandPath())
	}
	ctx := cmd.Context()
	d, err := openDesk(ctx, o, withDatabase)
	if err != nil {
		return err
	}
	defer d.close()
	what, err := d.held(ctx)
	if err != nil {
		return err
	}
	if what != "" {
		o.out.note("%s", oneLine(what))
		o.out.note("")
		o.out.note("  Scheduled changes go on for everybody at once, as fast as AWS's quotas allow. Users that fail now do not stop them again. " +
			"Windows and freezes stand.")
		o.out.note("")
		if err := confirm(ctx, cmd, o, yes, "Go on?"); err != nil {
			return err
		}
	}
	ans, err := d.Do(ctx, fleet.Ask{Request: rotation.Request{Kind: rotation.RequestResume}})
	switch {
	case err != nil:
		return err
	case o.json:
		return o.out.value(liftLine{ans.Detail})
	case ans.Detail == "":
		o.out.note("nothing was lifted: no stop after failures stands, and nobody waits for canary users")
	default:
		o.out.line("%s %s", mark(fleet.Fine), oneLine(ans.Detail))
	}
	return nil
}
