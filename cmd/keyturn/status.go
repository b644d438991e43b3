package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

func newStatus(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [USER…]",
		Short: "Show how every user stood when it was last looked at",
		Long: "Shows what the last run found of each user, from the database: no AWS call is made, and no credentials are needed. For " +
			"what AWS says now, use `keyturn plan`.",
		Example: "keyturn status\nkeyturn status --json | jq '.[] | select(.last_error != \"\")'",
		RunE: func(cmd *cobra.Command, names []string) error {
			cfg, err := config.Load(o.config)
			if err != nil {
				return err
			}
			if _, err := os.Stat(cfg.DatabasePath()); errors.Is(err, fs.ErrNotExist) {
				o.out.note("nothing is recorded in %s yet: `keyturn run` makes the first pass", cfg.DatabasePath())
				return o.out.status(o, nil)
			}
			db, err := store.Open(cmd.Context(), store.Options{Path: cfg.DatabasePath(), Settle: cfg.Settle.D()})
			if err != nil {
				return err
			}
			defer db.Close()
			entries, err := known(cmd, db, names)
			if err != nil {
				return err
			}
			return o.out.status(o, entries)
		},
	}
	jsonFlag(cmd, o, "an array of JSON objects, by account and user")
	return cmd
}

// known gives the users that the database knows: all that are still under care, or those that are named.
func known(cmd *cobra.Command, db *store.Store, names []string) (out []store.Entry, err error) {
	var all fleet.Selection
	for e, err := range db.Standings(cmd.Context()) {
		if err != nil {
			return nil, err
		}
		all.Members = append(all.Members, fleet.Member{User: e.User})
		if len(names) > 0 || e.Reason != rotation.ReasonLeft {
			out = append(out, e)
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	wanted, err := all.Find(names...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(e store.Entry) bool {
		return !slices.ContainsFunc(wanted, func(m fleet.Member) bool { return m.User == e.User })
	}), nil
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

func (p *printer) status(o *options, entries []store.Entry) error {
	if o.json {
		lines := []statusLine{}
		for _, e := range entries {
			l := statusLine{Account: e.User.Account, User: e.User.Name, CurrentKeyID: e.CurrentKeyID, Keys: []keyLine{},
				Reason: e.Reason, NextAction: e.NextAction, NextAt: stamp(e.NextAt), LastError: oneLine(e.LastError)}
			for _, k := range e.Keys {
				l.Keys = append(l.Keys, keyLine{k.ID, k.Status, k.Class, stamp(k.Created)})
			}
			lines = append(lines, l)
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
		st := fleet.StandingOf(e.Reason, e.LastError != "")
		rows = append(rows, p.statusRow(e, st, now))
		switch {
		case e.LastError != "":
			trouble = append(trouble, fmt.Sprintf("%s %s: %s", mark(st), p.name(e.User), oneLine(e.LastError)))
		case st == fleet.Blocked:
			trouble = append(trouble, fmt.Sprintf("%s %s: %s", mark(st), p.name(e.User), sentence(e.Reason, "", "")))
		}
	}
	p.table([]string{"USER", "CURRENT KEY", "AGE", "OTHER KEY", "STATE", "NEXT", "AT"}, rows)
	for _, text := range trouble {
		p.note("%s", text)
	}
	return nil
}

// since is how a user stands after its last run, whatever that run did: the reason of a rotation is history by now.
func since(e store.Entry) rotation.Reason {
	if e.CurrentKeyID == "" {
		return e.Reason
	}
	for _, k := range e.Keys {
		switch {
		case k.Class != rotation.ClassPrevious:
		case k.Status == rotation.Active:
			return rotation.ReasonGrace
		default:
			return rotation.ReasonRetention
		}
	}
	return rotation.ReasonIdle
}

func (p *printer) statusRow(e store.Entry, st fleet.Standing, now time.Time) []cell {
	if e.At.After(now) {
		now = e.At // AWS's time; this machine's clock is behind
	}
	age, other := "", ""
	for _, k := range e.Keys {
		if k.ID == e.CurrentKeyID {
			age = rough(max(0, now.Sub(k.Created)))
		} else {
			other = cmp.Or(other, string(k.Class)+":"+string(k.Status))
		}
	}
	state := string(e.Reason)
	switch st {
	case fleet.Failed:
		state = "failed"
	case fleet.Fine:
		state = string(since(e))
	}
	next := plain("")
	if e.NextAction != rotation.NoAction {
		next = cell{text: string(e.NextAction), style: actionStyle(e.NextAction)}
	}
	when := p.at(e.NextAt)
	if p.tty {
		when = in(e.NextAt, now)
	}
	return []cell{{text: p.name(e.User), style: bold}, plain(p.key(e.CurrentKeyID)), {text: age, style: faint}, plain(other),
		{text: state, style: standingStyle(st)}, next, {text: when, style: faint}}
}
