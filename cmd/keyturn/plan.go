package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
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
			d, err := openDesk(cmd.Context(), o, readDatabase)
			if err != nil {
				return err
			}
			defer d.close()
			return d.plan(cmd.Context(), o, names, steps)
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

// planChunk is how many users are read between two words of progress.
const planChunk = 100

func (d *desk) plan(ctx context.Context, o *options, names []string, steps int) error {
	if len(names) == 0 {
		all, err := d.everyone(ctx)
		if err != nil {
			return err
		}
		for _, s := range all {
			names = append(names, s.User.String())
		}
	}
	var lines []planLine
	var failed []string
	done, now := 0, time.Time{}
	for chunk := range slices.Chunk(names, planChunk) {
		ahead, err := d.Plan(ctx, steps, chunk...)
		if err != nil {
			return err
		}
		for _, a := range ahead {
			if a.At.After(now) {
				now = a.At
			}
			if a.Error != "" {
				failed = append(failed, oneLine(a.Error))
			} else {
				lines = append(lines, planned(a)...)
			}
		}
		if done += len(chunk); done < len(names) {
			o.out.step("%d of %s read…", done, users(len(names)))
		}
	}
	slices.SortStableFunc(lines, func(a, b planLine) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.User, b.User))
	})
	if o.json {
		if err := o.out.value(append([]planLine{}, lines...)); err != nil {
			return err
		}
	} else {
		o.out.plan(lines, now)
	}
	d.notice(ctx, o)
	for _, text := range failed {
		o.out.note("%s %s", red.Render("failed:"), text)
	}
	if len(failed) > 0 {
		return &errUsers{fmt.Sprintf("%s could not be read; the plan is without them", users(len(failed)))}
	}
	return nil
}

// everyone gives the users that are looked after, by name.
func (d *desk) everyone(ctx context.Context) ([]fleet.State, error) {
	all, err := d.Watch(ctx, fleet.View{Limit: math.MaxInt, Events: 1})
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(all.Users, func(s fleet.State) bool { return s.Reason == fleet.BlockedUserTag })
	slices.SortFunc(out, func(a, b fleet.State) int { return cmp.Compare(a.User.String(), b.User.String()) })
	return out, nil
}

// planned is what lies ahead of one user. A key that does not exist yet has no id.
func planned(a fleet.Ahead) (out []planLine) {
	for _, f := range a.Steps {
		line := planLine{Account: a.User.Account, User: a.User.Name, At: stamp(f.At), Action: f.Action, Reason: f.Reason, at: f.At}
		if slices.ContainsFunc(a.Keys, func(k rotation.Key) bool { return k.ID == f.KeyID }) {
			line.KeyID = f.KeyID
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		out = append(out, planLine{Account: a.User.Account, User: a.User.Name, At: stamp(a.Recheck), KeyID: a.KeyID, Reason: a.Reason,
			at: a.Recheck, detail: sentence(a.Reason, a.KeyID, a.Detail)})
	}
	return out
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
	p.table([]string{"AT", "IN", "USER", "ACTION", "KEY", "WHY"}, rows, "KEY", "WHY", "IN")
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
