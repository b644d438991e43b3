package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newPlan(o *options) *cobra.Command {
	steps := 4
	cmd := &cobra.Command{
		Use:   "plan [USER…]",
		Short: "Show what happens next, when and why; change nothing",
		Long: "Reads AWS and forecasts the next steps of the selected users, or of the ones named, by the same plan that will take them. " +
			"Changes nothing and takes no lease. A user that is blocked has one line, without an action.",
		Example: "keyturn plan\nkeyturn plan ci-deploy --steps 8\nkeyturn plan --json | jq '.[0]'",
		RunE: func(cmd *cobra.Command, names []string) error {
			if steps < 1 || steps > 100 {
				return usagef("--steps must be between 1 and 100, and is %d", steps)
			}
			a, err := openApp(cmd.Context(), o, readDatabase)
			if err != nil {
				return err
			}
			defer a.close()
			return a.plan(cmd, o, names, steps)
		},
	}
	cmd.Flags().IntVarP(&steps, "steps", "n", steps, "steps to forecast for each user")
	jsonFlag(cmd, o, "an array of JSON objects, by time")
	return cmd
}

// planLine is one step of `plan --json`. Action is empty for a user for whom nothing can be done; KeyID is empty for a key that
// does not exist yet.
type planLine struct {
	Account string              `json:"account"`
	User    string              `json:"user"`
	At      *string             `json:"at"`
	Action  rotation.ActionKind `json:"action"`
	KeyID   string              `json:"key_id"`
	Reason  rotation.Reason     `json:"reason"`

	at     time.Time
	detail string
}

func (a *app) plan(cmd *cobra.Command, o *options, names []string, steps int) error {
	sel, err := a.fleet.Discover(cmd.Context())
	if err != nil {
		return err
	}
	members, err := sel.Find(names...)
	if err != nil {
		return err
	}
	var lines []planLine
	var failed []string
	done := 0
	err = a.fleet.LookAll(cmd.Context(), members, func(l fleet.Look) {
		if done++; done < len(members) {
			o.out.step("%d of %s read…", done, users(len(members)))
		}
		if l.Err != nil {
			failed = append(failed, oneLine(l.Err.Error()))
		}
		lines = append(lines, a.planned(l, steps)...)
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(a, b planLine) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.User, b.User))
	})
	if o.json {
		if err := o.out.value(append([]planLine{}, lines...)); err != nil {
			return err
		}
	} else {
		o.out.plan(lines, a.now())
	}
	for _, text := range failed {
		o.out.note("%s %s", red.Render("failed:"), text)
	}
	if len(failed) > 0 {
		return &errUsers{fmt.Sprintf("%s could not be read; the plan is without them", users(len(failed)))}
	}
	return nil
}

// planned is what lies ahead of one user. A key that does not exist yet has no id.
func (a *app) planned(l fleet.Look, steps int) (out []planLine) {
	if l.Err != nil {
		return nil
	}
	u := l.Member.User
	for _, f := range a.fleet.Next(l, steps) {
		line := planLine{Account: u.Account, User: u.Name, At: stamp(f.At), Action: f.Action, Reason: f.Reason, at: f.At}
		if _, exists := keyOf(l.Observation, f.KeyID); exists {
			line.KeyID = f.KeyID
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		d := l.Decision
		out = append(out, planLine{Account: u.Account, User: u.Name, At: stamp(d.Recheck), KeyID: d.KeyID, Reason: d.Reason,
			at: d.Recheck, detail: sentence(d.Reason, d.KeyID, d.Detail)})
	}
	return out
}

func keyOf(o rotation.Observation, id string) (rotation.Key, bool) {
	for _, k := range o.Keys {
		if k.ID == id {
			return k, true
		}
	}
	return rotation.Key{}, false
}

func (p *printer) plan(lines []planLine, now time.Time) {
	var rows [][]cell
	var blocked []string
	for _, l := range lines {
		key := cell{text: p.key(l.KeyID)}
		if l.KeyID == "" && l.Action != rotation.NoAction && p.tty {
			key = cell{text: "the new one", style: faint}
		}
		action, reason := cell{text: string(l.Action), style: actionStyle(l.Action)}, plain(string(l.Reason))
		if l.Action == rotation.NoAction {
			action, reason.style = cell{text: "none", style: red}, standingStyle(fleet.StandingOf(l.Reason, false))
			blocked = append(blocked, fmt.Sprintf("%s %s: %s", mark(fleet.StandingOf(l.Reason, false)), l.User, l.detail))
		}
		rows = append(rows, []cell{plain(p.at(l.at)), {text: strings.ReplaceAll(in(l.at, now), " ", "\u00a0"), style: faint},
			{text: p.name(rotation.User{Account: l.Account, Name: l.User}), style: bold}, action, key, reason})
	}
	if len(rows) == 0 {
		p.note("nothing lies ahead: no user could be read")
		return
	}
	if !p.tty {
		for i := range rows {
			rows[i][1].text = rough(max(0, lines[i].at.Sub(now)))
		}
	}
	p.table([]string{"AT", "IN", "USER", "ACTION", "KEY", "WHY"}, rows)
	for _, text := range blocked {
		p.note("%s", text)
	}
}

func actionStyle(k rotation.ActionKind) lipgloss.Style {
	switch k {
	case rotation.CreateKey, rotation.Onboard, rotation.OnboardExisting:
		return cyan
	case rotation.Promote, rotation.PutFirst, rotation.ReactivateKey:
		return green
	case rotation.DeactivateKey:
		return yellow
	case rotation.DeleteKey:
		return lipgloss.NewStyle().Foreground(lipgloss.Red)
	}
	return lipgloss.NewStyle()
}
