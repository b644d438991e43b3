package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newStatus(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [USER…]",
		Short: "Show how every user stood when it was last looked at",
		Long: "Shows what the last run found of each user, from the database: no AWS call is made, and no credentials are needed. For " +
			"what AWS says now, use `keyturn plan`.",
		Example: "keyturn status\nkeyturn status --json | jq '.[] | select(.last_error != \"\")'",
		RunE: func(cmd *cobra.Command, names []string) error {
			d, err := openDesk(cmd.Context(), o, onlyDatabase)
			if err != nil {
				return err
			}
			defer d.close()
			states, err := d.States(cmd.Context(), names...)
			if unknown := (*fleet.UnknownUserError)(nil); errors.As(err, &unknown) && unknown.Why == "" {
				hint := ""
				if unknown.Nearest != "" {
					hint = fmt.Sprintf("; did you mean %q?", unknown.Nearest)
				}
				return usagef("no run has looked at a user %q yet%s", unknown.Name, hint)
			}
			if err != nil {
				return err
			}
			d.notice(cmd.Context(), o)
			return o.out.status(o, states)
		},
	}
	jsonFlag(cmd, o, "an array of JSON objects, by account and user")
	return cmd
}

// statusLine is one user of `status --json`. The times and next_action are as of the last look.
type statusLine struct {
	Account      string              `json:"account"`
	User         string              `json:"user"`
	CurrentKeyID string              `json:"current_key_id"`
	Keys         []keyLine           `json:"keys"`
	Reason       rotation.Reason     `json:"reason"`
	NextAction   rotation.ActionKind `json:"next_action"`
	NextAt       *string             `json:"next_at"`
	LastError    string              `json:"last_error"`
}

type keyLine struct {
	ID      string             `json:"id"`
	Status  rotation.KeyStatus `json:"status"`
	Class   rotation.Class     `json:"class"`
	Created *string            `json:"created"`
}

func statusLineOf(e fleet.State) statusLine {
	l := statusLine{Account: e.User.Account, User: e.User.Name, CurrentKeyID: e.CurrentKeyID, Keys: []keyLine{},
		Reason: e.Reason, NextAction: e.NextAction, NextAt: stamp(e.NextAt), LastError: oneLine(e.LastError)}
	for _, k := range e.Keys {
		l.Keys = append(l.Keys, keyLine{k.ID, k.Status, k.Class, stamp(k.Created)})
	}
	return l
}

func (p *printer) status(o *options, entries []fleet.State) error {
	if o.json {
		lines := []statusLine{}
		for _, e := range entries {
			lines = append(lines, statusLineOf(e))
		}
		return p.value(lines)
	}
	if len(entries) == 0 {
		return nil
	}
	now := time.Now()
	var rows [][]cell
	var trouble []string
	for _, e := range entries {
		st := e.Standing
		rows = append(rows, p.statusRow(e, now))
		switch {
		case e.LastError != "":
			trouble = append(trouble, fmt.Sprintf("%s %s: %s", mark(st), p.name(e.User), oneLine(e.LastError)))
		case st == fleet.Blocked:
			trouble = append(trouble, fmt.Sprintf("%s %s: %s", mark(st), p.name(e.User), sentence(e.Reason, "", "")))
		}
	}
	p.table([]string{"USER", "CURRENT KEY", "AGE", "OTHER KEY", "STATE", "NEXT", "AT"}, rows, "CURRENT KEY", "AGE", "OTHER KEY")
	for _, text := range trouble {
		p.note("%s", text)
	}
	return nil
}

// unread: the last run could not read the user's keys, or had to wait before it looked, or none has ended yet. Unknown is not none.
func unread(e fleet.State) bool {
	return len(e.Keys) == 0 && e.CurrentKeyID == "" && (e.LastError != "" || e.At.IsZero() || e.Reason == rotation.ReasonSettling ||
		e.Reason == rotation.ReasonLeased)
}

func (p *printer) statusRow(e fleet.State, now time.Time) []cell {
	if e.At.After(now) {
		now = e.At // AWS's time; this machine's clock is behind
	}
	current, age, other := e.CurrentKeyID, "", ""
	if unread(e) {
		current, age, other = "?", "?", "?"
	}
	for _, k := range e.Keys {
		if k.ID == e.CurrentKeyID {
			age = rough(max(0, now.Sub(k.Created)))
		} else {
			other = cmp.Or(other, string(k.Class)+":"+string(k.Status))
		}
	}
	state := string(e.Reason)
	switch {
	case e.At.IsZero() && e.Standing != fleet.Blocked: // no run of it has ended yet
		state = "unfinished"
	case e.Standing == fleet.Failed:
		state = "failed"
	case e.Standing == fleet.Fine:
		state = string(e.Phase())
	}
	next := plain("")
	if e.NextAction != rotation.NoAction {
		next = cell{text: string(e.NextAction), style: actionStyle(e.NextAction)}
	}
	when := p.at(e.NextAt)
	if p.tty {
		when = in(e.NextAt, now)
	}
	return []cell{{text: p.name(e.User), style: bold}, plain(p.key(current)), {text: age, style: faint}, plain(other),
		{text: state, style: standingStyle(e.Standing)}, next, {text: when, style: faint}}
}
