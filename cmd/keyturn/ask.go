package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/control"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// oneUser is for commands that act on one user.
func oneUser(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("`%s` takes one user, as NAME or ACCOUNT/NAME, and %d were given", cmd.CommandPath(), len(args))
	}
	return nil
}

// patienceFlag gives a command the flag --wait.
func patienceFlag(cmd *cobra.Command, patience *time.Duration) {
	cmd.Flags().DurationVar(patience, "wait", *patience, "how long to wait until it is possible")
}

// operator is why something is asked for, as the history and the tags keep it: who asked, and the reason given.
func operator(why string) string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return strings.TrimPrefix(strings.TrimSuffix(name+": "+oneLine(why), ": "), ": ")
}

// ask carries out one request, and says on a terminal what it waits for. When the daemon goes away meanwhile, this process goes on by
// itself: what was begun is seen in AWS. Only a new key could be one too many, so rotate asks no second time.
func (d *desk) ask(ctx context.Context, o *options, a fleet.Ask) (fleet.Answer, error) {
	o.out.step("%s…", doing(a))
	until := time.Now().Add(a.Patience)
	waiting := func(ans fleet.Answer, wait time.Duration) {
		why := sentence(ans.Reason, "", ans.Detail)
		if ans.Error != "" {
			why = ans.Error
		}
		o.out.step("%s: %s; again in %s…", doing(a), why, rough(wait))
	}
	ans, err := fleet.Patiently(ctx, d, a, waiting)
	if err == nil || !d.far || ctx.Err() != nil || !away(a, err) {
		return ans, err
	}
	o.out.warn(err.Error() + "; this command goes on without the daemon")
	here, err := openHere(ctx, o, withDatabase)
	if err != nil {
		return ans, err
	}
	defer here.close()
	a.Patience = max(0, time.Until(until))
	return fleet.Patiently(ctx, here, a, waiting)
}

// away reports whether an error means that the daemon is gone, and that asking again does no harm.
func away(a fleet.Ask, err error) bool {
	if errors.Is(err, control.ErrNobody) || errors.Is(err, fleet.ErrStopping) {
		return true
	}
	return errors.Is(err, control.ErrGone) && a.Request.Kind != rotation.RequestRotate
}

// doing names what is under way.
func doing(a fleet.Ask) string {
	switch r := a.Request; r.Kind {
	case rotation.RequestRotate:
		return "rotating " + a.User
	case rotation.RequestRollback:
		return "taking " + a.User + " back to an earlier key"
	case rotation.RequestRevoke:
		return "revoking " + r.KeyID + " of " + a.User
	case rotation.RequestAdopt:
		return "adopting for " + a.User
	case rotation.RequestPause:
		return "pausing " + a.User
	case rotation.RequestResume:
		return "resuming " + a.User
	}
	return "looking at " + a.User
}

// answerLine is an answer as a line of `run --json`.
func answerLine(ans fleet.Answer) userLine {
	l := userLine{Account: ans.User.Account, User: ans.User.Name, Reason: ans.Reason, Actions: []rotation.ActionKind{},
		Recheck: stamp(ans.Recheck), Error: oneLine(ans.Error)}
	for _, a := range ans.Actions {
		l.Actions = append(l.Actions, a.Kind)
	}
	return l
}

// why says why a request was not carried out, and when to ask again if that is of use.
func why(ans fleet.Answer) string { return api.NotDone(ans, when) }

// when is a moment for people and programs.
func when(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", in(t, now), t.UTC().Format(time.RFC3339))
}
