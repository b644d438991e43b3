package main

import (
	"context"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newEvents(o *options) *cobra.Command {
	q := fleet.EventQuery{Limit: 20}
	follow := false
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what was done, when, why and how it ended",
		Long: "Shows the newest changes that keyturn made, oldest first, from the database: no AWS call is made. A change is recorded before " +
			"it is made; one that bears no outcome is under way, or its run died at it. With --follow it goes on until it is stopped.",
		Example: "keyturn events -n 50\nkeyturn events --follow --user ci-deploy\nkeyturn events --json | jq 'select(.outcome != \"done\")'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Limit < 1 || q.Limit > 100_000 {
				return usagef("-n must be between 1 and 100000, and is %d", q.Limit)
			}
			d, err := openDesk(cmd.Context(), o, onlyDatabase)
			if err != nil {
				return err
			}
			defer d.close()
			return d.events(cmd.Context(), o, q, follow)
		},
	}
	cmd.Flags().IntVarP(&q.Limit, "last", "n", q.Limit, "how many of the newest to begin with")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more, until stopped")
	cmd.Flags().StringArrayVar(&q.Users, "user", nil, "only this user; may be given again")
	jsonFlag(cmd, o, "one line of JSON per event")
	return cmd
}

// followWait is how long one question waits for something to happen.
const followWait = 20 * time.Second

func (d *desk) events(ctx context.Context, o *options, q fleet.EventQuery, follow bool) error {
	found, err := d.Events(ctx, q)
	if err != nil {
		return err
	}
	if !o.json && (len(found) > 0 || follow) {
		o.out.line("%s", bold.Render(o.out.eventLine("OUTCOME", "TIME", "USER", "ACTION", "KEY", "WHY")))
	}
	q.After = -1 // from the first that ends, if nothing has ended yet
	for {
		for _, h := range found {
			q.After = max(q.After, h.Seq)
			if err := o.out.event(o, h); err != nil {
				return err
			}
		}
		if q.After == 0 {
			q.After = -1
		}
		if !follow {
			return nil
		}
		q.Wait, q.Limit = followWait, 1000
		if found, err = d.Events(ctx, q); ctx.Err() != nil {
			return nil //nolint:nilerr // a person has seen enough
		} else if err != nil {
			return err
		}
	}
}

// eventRecord is one event of `events --json`.
type eventRecord struct {
	Seq     int64               `json:"seq"` // grows as events end; 0: no outcome is recorded
	At      *string             `json:"at"`
	Account string              `json:"account"`
	User    string              `json:"user"`
	Run     string              `json:"run"`
	Action  rotation.ActionKind `json:"action"`
	Reason  rotation.Reason     `json:"reason"`
	KeyID   string              `json:"key_id"`
	Outcome rotation.Outcome    `json:"outcome"` // done, failed, unknown; empty: none is recorded
	Detail  string              `json:"detail"`
}

func eventRecordOf(h fleet.Happening) eventRecord {
	return eventRecord{h.Seq, stamp(h.At), h.User.Account, h.User.Name, h.Run, h.Action, h.Reason, h.KeyID, h.Outcome, h.Detail}
}

func (p *printer) event(o *options, h fleet.Happening) error {
	if o.json {
		return p.record(eventRecordOf(h))
	}
	style := lipgloss.NewStyle()
	switch {
	case h.Outcome == rotation.Failed, h.Outcome == rotation.Unknown:
		style = red
	case h.Action.Major():
		style = actionStyle(h.Action)
	case p.tty:
		style = faint // a record of our own
	}
	when := h.At.UTC().Format(time.RFC3339)
	if p.tty {
		when = p.at(h.At)
	}
	line := p.eventLine(string(h.Outcome), when, p.name(h.User), string(h.Action), p.key(h.KeyID), string(h.Reason))
	if h.Detail != "" {
		line += "  " + oneLine(h.Detail)
	}
	p.line("%s", style.Render(line))
	return nil
}

// outcomes are the marks of outcomes on a terminal; an action without one may or may not have been made.
var outcomes = map[string]string{string(rotation.Done): "✓", string(rotation.Failed): "✗", string(rotation.Unknown): "?", "": "…",
	"OUTCOME": " "}

// eventLine sets the fields under each other, one line at a time, as more may come. A longer name moves what is behind it. In a pipe
// every field is there.
func (p *printer) eventLine(outcome, when, user, action, key, why string) string {
	fields, widths := []string{when, user, action, key, why, outcome}, []int{20, 30, 16, 20, 18, 7}
	if p.tty {
		fields, widths = []string{outcomes[outcome], when, user, action, key, why}, []int{1, 12, min(32, max(12, p.width-66)), 15, 11, 17}
	}
	for i, s := range fields {
		if s == "" {
			s = "-"
		}
		fields[i] = pad(s, widths[i])
	}
	return strings.TrimRight(strings.Join(fields, " "), " ")
}
