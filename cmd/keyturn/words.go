package main

import (
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// sentence is what a reason means, with its detail, in one line that is harmless on a terminal.
func sentence(r rotation.Reason, keyID, detail string) string {
	return oneLine(api.Sentence(r, keyID, detail))
}

// deeds says what each action did, for people; records in tags are not worth a word.
var deeds = map[rotation.ActionKind]string{
	rotation.Onboard: "onboarded", rotation.OnboardExisting: "onboarded", rotation.CreateKey: "made", rotation.Promote: "promoted",
	rotation.PutFirst: "stored", rotation.DeactivateKey: "deactivated", rotation.ReactivateKey: "reactivated",
	rotation.DeleteKey: "deleted",
}

func standingStyle(s fleet.Standing) lipgloss.Style {
	switch s {
	case fleet.Failed, fleet.Blocked:
		return red
	case fleet.Held, fleet.Waiting:
		return yellow
	}
	return lipgloss.NewStyle()
}

func mark(s fleet.Standing) string {
	switch s {
	case fleet.Failed:
		return red.Render("✗")
	case fleet.Blocked:
		return red.Render("!")
	case fleet.Held, fleet.Waiting:
		return yellow.Render("…")
	}
	return green.Render("✓")
}

// key shortens a key id on a terminal, where it need only be told apart.
func (p *printer) key(id string) string {
	if !p.tty || len(id) < 13 {
		return id
	}
	return id[:4] + "…" + id[len(id)-6:]
}

// name shows a user: without the account on a terminal, where there is but one.
func (p *printer) name(u rotation.User) string {
	if p.tty {
		return u.Name
	}
	return u.String()
}

// errName is name for what goes to stderr.
func (p *printer) errName(u rotation.User) string {
	if p.errTTY {
		return u.Name
	}
	return u.String()
}

// at shows a moment: RFC 3339 in a pipe, the local time on a terminal.
func (p *printer) at(t time.Time) string { return clockTime(t, p.tty) }

func clockTime(t time.Time, terminal bool) string {
	if t.IsZero() {
		return ""
	}
	if !terminal {
		return t.UTC().Format(time.RFC3339)
	}
	t = t.Local()
	switch days := time.Until(t).Abs(); {
	case days < 20*time.Hour:
		return t.Format("15:04:05")
	case days < 300*24*time.Hour:
		return t.Format("Jan 02 15:04")
	}
	return t.Format("2006-01-02")
}

// in shows how long it is until a moment.
func in(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(now)
	if d <= 0 {
		return "now"
	}
	return "in " + rough(d)
}

// rough is a duration to two units at most.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		d = d.Round(time.Hour)
	case d >= 2*time.Hour:
		d = d.Round(time.Minute)
	default:
		d = d.Round(time.Second)
	}
	if d == 0 {
		return "0s"
	}
	return strings.TrimSpace(rotation.Duration(d))
}

// stamp is a time in JSON: RFC 3339 UTC, null when there is none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}
