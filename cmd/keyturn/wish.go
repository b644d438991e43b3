package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// wish is a command that has one request about one user carried out, after it has said what that will do.
type wish struct {
	title, question string
	why             string
	patience        time.Duration
	yes             bool
	calm            bool // harmless: nobody is asked
}

func (w *wish) flags(cmd *cobra.Command, o *options) {
	cmd.Flags().StringVar(&w.why, "why", "", "reason, for the history")
	patienceFlag(cmd, &w.patience)
	yesFlag(cmd, &w.yes)
	jsonFlag(cmd, o, "one JSON object")
}

func (w *wish) carry(cmd *cobra.Command, o *options, a fleet.Ask) error {
	ctx := cmd.Context()
	outliveReader()
	d, err := openDesk(ctx, o, withDatabase)
	if err != nil {
		return err
	}
	defer func() { d.close() }()
	a.Patience, a.Request.Why = w.patience, operator(w.why)
	if !w.calm {
		f, err := d.foresee(ctx, o, a)
		if err != nil && d.far && away(a, err) {
			o.out.warn(err.Error() + "; this command goes on without the daemon")
			here, e := openHere(ctx, o, withDatabase)
			if e != nil {
				return e
			}
			d.close()
			d = here
			f, err = d.foresee(ctx, o, a)
		}
		if err != nil {
			return err
		}
		switch {
		case f.Refused != "" && f.Settling == 0:
			return w.refused(o, a, fleet.Answer{User: f.User, Reason: f.Reason, KeyID: f.KeyID, Detail: f.Detail, Refused: f.Refused})
		case !f.Stands:
			o.out.foresight(w.title, f, a.Request)
			if err := confirm(ctx, cmd, o, w.yes, w.question); err != nil {
				return err
			}
		}
	}
	ans, err := d.ask(ctx, o, a)
	if err != nil {
		return err
	}
	if !ans.Done {
		return w.refused(o, a, ans)
	}
	if o.json {
		if err := o.out.record(wishLineOf(a, ans)); err != nil {
			return err
		}
	} else {
		o.out.carried(a, ans)
	}
	if ans.Error != "" {
		return &errUsers{fmt.Sprintf("%s: %s", ans.User, ans.Error)}
	}
	return nil
}

// foresee waits until AWS can be read for sure, as the request itself would have to, and says what that would do.
func (d *desk) foresee(ctx context.Context, o *options, a fleet.Ask) (fleet.Foresight, error) {
	for until := time.Now().Add(a.Patience); ; {
		f, err := d.Foresee(ctx, a)
		if err != nil || f.Settling == 0 || time.Now().Add(f.Settling).After(until) {
			return f, err
		}
		o.out.step("%s was changed a moment ago, and AWS may not tell yet; looking in %s…", a.User, rough(f.Settling))
		select {
		case <-ctx.Done():
			return f, fmt.Errorf("stopped while waiting; nothing was changed: %w", ctx.Err())
		case <-time.After(f.Settling):
		}
	}
}

// refused says that a request was not carried out, and why.
func (w *wish) refused(o *options, a fleet.Ask, ans fleet.Answer) error {
	if o.json {
		if err := o.out.record(wishLineOf(a, ans)); err != nil {
			return err
		}
	}
	return &errUsers{notDone(a, ans)}
}

// notDone is the sentence for a request that was not carried out.
func notDone(a fleet.Ask, ans fleet.Answer) string {
	what := ans.User.String()
	if a.Request.KeyID != "" && a.Request.Kind != rotation.RequestRollback {
		what = a.Request.KeyID + " of " + what
	}
	return fmt.Sprintf("%s was not %s: %s", what, past[a.Request.Kind], why(ans))
}

var past = map[rotation.RequestKind]string{
	rotation.RequestRollback: "taken back to an earlier key", rotation.RequestRevoke: "revoked", rotation.RequestAdopt: "adopted",
	rotation.RequestPause: "paused", rotation.RequestResume: "resumed",
}

// wishLine is one answer in JSON.
type wishLine struct {
	Account string                `json:"account"`
	User    string                `json:"user"`
	Request rotation.RequestKind  `json:"request"`
	Done    bool                  `json:"done"`
	Reason  rotation.Reason       `json:"reason"`
	KeyID   string                `json:"key_id"`
	Actions []rotation.ActionKind `json:"actions"` // taken, in order
	Recheck *string               `json:"recheck"`
	Error   string                `json:"error"` // why it is not done, or what failed on the way; empty: nothing
}

func wishLineOf(a fleet.Ask, ans fleet.Answer) wishLine {
	l := answerLine(ans)
	out := wishLine{Account: l.Account, User: l.User, Request: a.Request.Kind, Done: ans.Done, Reason: l.Reason, KeyID: a.Request.KeyID,
		Actions: l.Actions, Recheck: l.Recheck, Error: l.Error}
	if a.Request.Kind == rotation.RequestRollback && ans.KeyID != "" {
		out.KeyID = ans.KeyID
	}
	if !ans.Done && out.Error == "" {
		out.Error = oneLine(why(ans))
	}
	return out
}

// carried says what a request that was carried out has changed, and what comes next.
func (p *printer) carried(a fleet.Ask, ans fleet.Answer) {
	name, r := p.name(ans.User), a.Request
	line := func(format string, args ...any) {
		p.line("%s %s %s", mark(fleet.Fine), bold.Render(name), fmt.Sprintf(format, args...))
	}
	current := ""
	for _, k := range ans.Keys {
		if k.Class == rotation.ClassCurrent {
			current = k.ID
		}
	}
	if len(ans.Actions) == 0 {
		line("%s", already(r, current, ans.Detail))
		return
	}
	switch r.Kind {
	case rotation.RequestRollback:
		line("is taken back: %s is current", current)
		p.line("  it stays paused until `keyturn resume %s`", ans.User.Name)
	case rotation.RequestRevoke:
		line("%s is revoked: Inactive from now on", r.KeyID)
		if current != r.KeyID && current != "" {
			p.line("  %s is current", current)
		} else if len(ans.Keys) > 0 {
			p.line("  %s", red.Render("there is no working key "+untilNext(ans.Then, ans.At)))
		}
	case rotation.RequestAdopt:
		if r.KeyID == "" {
			line("is accepted: the IAM user of now is the one that is looked after")
			break
		}
		line("%s will be retired", r.KeyID)
		if at := first(ans.Then, rotation.DeactivateKey); !at.IsZero() {
			p.line("  it is deactivated %s at the earliest, once nothing uses it", in(at, ans.At))
		}
	case rotation.RequestPause:
		line("is paused: no key is rotated, deactivated or deleted until `keyturn resume %s`", ans.User.Name)
	case rotation.RequestResume:
		text := "is resumed"
		if len(ans.Then) > 0 {
			text += fmt.Sprintf(": next %s, %s", ans.Then[0].Action, in(ans.Then[0].At, ans.At))
		}
		line("%s", text)
	}
}

// already says that nothing was left to do.
func already(r rotation.Request, current, detail string) string {
	switch r.Kind {
	case rotation.RequestRollback:
		return strings.TrimSpace("is back already: " + current + " is current")
	case rotation.RequestRevoke:
		return r.KeyID + " is revoked already"
	case rotation.RequestAdopt:
		return r.KeyID + " is adopted already"
	case rotation.RequestPause:
		return strings.TrimSuffix("is paused already ("+detail+")", " ()")
	}
	return "needs nothing"
}

// firstOf is when the first of these steps is forecast, zero when none is.
func firstOf(steps []rotation.Forecasted, kinds ...rotation.ActionKind) (at time.Time) {
	for _, k := range kinds {
		if t := first(steps, k); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}
