package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newRun(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Make one pass over the users that are due",
		Long: "Looks at every selected user whose time has come, and does what is due: rotate, deactivate, delete. Made for cron and CI " +
			"jobs: run it every minute. A user with nothing due costs no AWS call. Two runs at once are safe.",
		Example: "keyturn run\nkeyturn run --json | jq -c 'select(.error != \"\")'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			outliveReader()
			a, err := openApp(cmd.Context(), o, withDatabase)
			if err != nil {
				return err
			}
			defer a.close()
			return a.pass(cmd, o, fleet.Pass{DueOnly: true})
		},
	}
	jsonFlag(cmd, o, "one line of JSON per user, then one with the summary")
	return cmd
}

// userLine is one user of `run --json`.
type userLine struct {
	Account string                `json:"account"`
	User    string                `json:"user"`
	Reason  rotation.Reason       `json:"reason"`
	Actions []rotation.ActionKind `json:"actions"` // taken, in order
	Recheck *string               `json:"recheck"`
	Error   string                `json:"error"`
}

// summaryLine is the last line of `run --json`.
type summaryLine struct {
	Summary fleet.Summary `json:"summary"`
}

func resultLine(res reconcile.Result) userLine {
	l := userLine{Account: res.User.Account, User: res.User.Name, Reason: res.Reason, Actions: []rotation.ActionKind{},
		Recheck: stamp(res.Recheck)}
	for _, a := range res.Actions {
		l.Actions = append(l.Actions, a.Kind)
	}
	if res.Err != nil {
		l.Error = oneLine(res.Err.Error())
	}
	return l
}

// pass runs one pass and reports it.
func (a *app) pass(cmd *cobra.Command, o *options, p fleet.Pass) error {
	began, due, done := time.Now(), 0, 0
	p.OnStart = func(sel fleet.Selection, n int) {
		due = n
		a.reportRefused(o, sel)
		if n > 0 {
			o.out.step("%s to look at…", users(n))
		}
	}
	p.OnSkip = func(m fleet.Member) {
		if o.json {
			_ = o.out.record(userLine{Account: m.User.Account, User: m.User.Name, Reason: m.Standing.Reason,
				Actions: []rotation.ActionKind{}, Recheck: stamp(m.Standing.Recheck), Error: oneLine(m.Standing.LastError)})
		}
	}
	p.OnResult = func(res reconcile.Result) {
		done++
		if o.json {
			_ = o.out.record(resultLine(res))
		} else if text := o.out.deed(res); text != "" {
			o.out.line("%s", text)
		}
		if done < due {
			o.out.step("%d of %s done…", done, users(due))
		}
	}
	sum, err := a.fleet.Run(cmd.Context(), p)
	if err != nil && sum.Users == 0 {
		return err
	}
	if o.json {
		if e := o.out.record(summaryLine{sum}); err == nil {
			err = e
		}
	} else {
		if sum.Notice != "" {
			o.out.line("%s %s", mark(fleet.Held), sum.Notice)
		}
		o.out.line("%s", summaryText(sum, time.Since(began)))
	}
	if err == nil && !sum.OK() {
		err = &errUsers{fmt.Sprintf("%d blocked and %d failed of %s; their lines say why", sum.Blocked, sum.Failed,
			users(sum.Users))}
	}
	return err
}

// reportRefused tells of users whose own settings keep them from being looked after.
func (a *app) reportRefused(o *options, sel fleet.Selection) {
	for _, r := range sel.Refused {
		switch {
		case !r.Broken:
		case o.json:
			_ = o.out.record(userLine{Account: r.User.Account, User: r.User.Name, Reason: fleet.BlockedUserTag,
				Actions: []rotation.ActionKind{}, Error: r.Why})
		default:
			o.out.line("%s %-20s %s", mark(fleet.Blocked), o.out.name(r.User), oneLine(r.Why))
		}
	}
	for _, s := range sel.Idle {
		o.out.warn(s)
	}
}

// deed is one line about a user that something happened to, or that needs attention; "" for the others.
func (p *printer) deed(res reconcile.Result) string {
	failure := fleet.Failure(res)
	st := fleet.StandingOf(res.Reason, failure != nil)
	parts := p.deeds(res.Actions)
	switch {
	case failure != nil:
		parts = append(parts, oneLine(failure.Error()))
	case res.Err != nil: // a refusal says more than its reason
		parts = append(parts, oneLine(res.Err.Error()))
	case len(parts) == 0 && st == fleet.Fine:
		return ""
	case len(parts) == 0 || st == fleet.Blocked:
		parts = append(parts, sentence(res.Reason, res.KeyID, res.Detail))
	}
	return fmt.Sprintf("%s %-20s %s  %s", mark(st), p.name(res.User), standingStyle(st).Render(string(res.Reason)),
		strings.Join(parts, ", "))
}

// deeds says what was done to each key, in order: "AKIA… made and promoted".
func (p *printer) deeds(actions []rotation.Action) (out []string) {
	done := map[string][]string{}
	var keys []string
	for _, a := range actions {
		if word := deeds[a.Kind]; word != "" && a.KeyID != "" {
			if done[a.KeyID] == nil {
				keys = append(keys, a.KeyID)
			}
			done[a.KeyID] = append(done[a.KeyID], word)
		}
	}
	for _, id := range keys {
		out = append(out, p.key(id)+" "+strings.Join(done[id], " and "))
	}
	return out
}

func summaryText(s fleet.Summary, took time.Duration) string {
	return fmt.Sprintf("%s: %d rotated, %d deactivated, %d deleted; %d waiting, %d held, %d blocked, %d failed; %d AWS calls in %s",
		users(s.Users), s.Rotated, s.Deactivated, s.Deleted, s.Waiting, s.Held, s.Blocked, s.Failed, s.AWSCalls,
		took.Round(10*time.Millisecond))
}

func users(n int) string {
	if n == 1 {
		return "1 user"
	}
	return fmt.Sprintf("%d users", n)
}
