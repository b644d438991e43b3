package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// moment is one line of what will happen.
type moment struct {
	at   time.Time
	what string
}

// foresight shows what a request would do, before it is done: the keys, the steps with their times, and what consumers will notice. It
// goes to stderr, where the question is asked.
func (p *printer) foresight(title string, f fleet.Foresight, r rotation.Request) {
	p.note("%s", bold.Render(title))
	p.note("")
	rows := make([][]string, 0, len(f.Keys))
	for _, k := range f.Keys {
		rows = append(rows, []string{k.ID, string(k.Class), string(k.Status), rough(max(0, f.At.Sub(k.Created))) + " old"})
	}
	for _, line := range columns(rows) {
		p.note("  %s", line)
	}
	p.note("")
	rows = nil
	for _, m := range moments(f) {
		row := []string{"now", clockTime(m.at, p.errTTY), m.what}
		if m.at.After(f.At) {
			row[0] = in(m.at, f.At)
		}
		rows = append(rows, row)
	}
	for _, line := range columns(rows) {
		p.note("  %s", line)
	}
	p.note("")
	if f.Settling > 0 {
		p.note("  %s", yellow.Render("AWS was changed a moment ago: this may show how it was before."))
	}
	for _, text := range consumers(f, r) {
		p.note("  %s", text)
	}
	p.note("")
}

// moments puts the steps into words: those taken first, then what is forecast, up to the next new key.
func moments(f fleet.Foresight) (out []moment) {
	for _, what := range steps(f.Now) {
		out = append(out, moment{f.Begins, what})
	}
	if len(f.Now) == 0 {
		out = append(out, moment{f.At, "waiting: " + sentence(f.Reason, "", f.Detail)})
	}
	successor := slices.ContainsFunc(f.Now, func(a rotation.Action) bool { return a.Kind == rotation.CreateKey })
	for _, s := range f.Then {
		known := slices.ContainsFunc(f.Keys, func(k rotation.ClassifiedKey) bool { return k.ID == s.KeyID })
		deed := deeds[s.Action]
		if s.Action == rotation.Promote {
			deed = "verified and promoted"
		}
		switch {
		case s.Action == rotation.CreateKey && successor:
			return out
		case s.Action == rotation.CreateKey:
		case s.Action == rotation.Onboard, s.Action == rotation.OnboardExisting:
			out = append(out, moment{s.At, "the user is onboarded"})
		case known:
			out = append(out, moment{s.At, s.KeyID + " is " + deed})
		case s.Action == rotation.Promote, s.Action == rotation.PutFirst:
			return append(out, moment{s.At, "a new key is made, verified and " + promotedWord(s.Action)})
		}
	}
	return out
}

func promotedWord(k rotation.ActionKind) string {
	if k == rotation.PutFirst {
		return "stored"
	}
	return "promoted"
}

// steps puts actions that are taken at once into words; records that follow from others are not worth one.
func steps(actions []rotation.Action) (out []string) {
	made := false
	for _, a := range actions {
		key := a.KeyID
		switch a.Kind {
		case rotation.Onboard, rotation.OnboardExisting:
			out = append(out, "the user is onboarded: a secret bears its state")
		case rotation.CreateKey:
			made = true
		case rotation.Promote, rotation.PutFirst:
			if made {
				out = append(out, "a new key is made, verified and "+promotedWord(a.Kind))
			} else {
				out = append(out, key+" is verified and promoted")
			}
		case rotation.MarkRevoked:
			out = append(out, key+" is marked as revoked, for good")
		case rotation.DeactivateKey:
			out = append(out, key+" is deactivated, without any grace")
		case rotation.ReactivateKey:
			out = append(out, key+" is reactivated")
		case rotation.DeleteKey:
			out = append(out, key+" is deleted")
		case rotation.RecordPaused:
			if a.VersionID != "" {
				out = append(out, "the user is paused, and "+key+" is recorded as the key to go back to")
			} else {
				out = append(out, "the user is paused")
			}
		case rotation.RecordResumed:
			out = append(out, "the user is resumed")
		case rotation.RecordAdopted:
			out = append(out, key+" is recorded as keyturn's to retire")
		case rotation.RecordUser:
			out = append(out, "the new IAM user is accepted")
		}
	}
	return out
}

// consumers says what whoever uses the keys will notice.
func consumers(f fleet.Foresight, r rotation.Request) (out []string) {
	class := func(id string) (rotation.Class, rotation.KeyStatus) {
		for _, k := range f.Keys {
			if k.ID == id {
				return k.Class, k.Status
			}
		}
		return "", ""
	}
	created := slices.ContainsFunc(f.Now, func(a rotation.Action) bool { return a.Kind == rotation.CreateKey })
	switch r.Kind {
	case rotation.RequestRevoke:
		key := r.KeyID
		switch which, status := class(r.KeyID); {
		case status != rotation.Active:
			out = append(out, key+" is "+string(status)+" already, so nobody notices.")
		case which == rotation.ClassCurrent && created:
			out = append(out, "A successor is made first, as a slot is free. Consumers that hold "+key+" fail until they read the secret again.")
		case which == rotation.ClassCurrent:
			out = append(out, red.Render("There will be no working key "+untilNext(f.Then, f.At)+", as both slots are taken.")+" Consumers that hold "+
				key+" fail at once.")
		case which == rotation.ClassPrevious, which == rotation.ClassPending:
			out = append(out, "Consumers that still hold "+key+" fail at once. The current key is not touched.")
		default:
			out = append(out, "Whoever uses "+key+" fails at once. The current key is not touched.")
		}
	case rotation.RequestRollback:
		current, target := "", f.KeyID
		for _, k := range f.Keys {
			if k.Class == rotation.ClassCurrent {
				current = k.ID
			}
		}
		out = append(out, fmt.Sprintf("Consumers read %s from the secret once it is promoted. %s stays as it is, and whoever holds it "+
			"goes on working.", target, current))
		out = append(out, "The user stays paused after that: no key is rotated, deactivated or deleted until `keyturn resume "+f.User.Name+"`.")
	case rotation.RequestAdopt:
		if r.KeyID == "" {
			out = append(out, "The keys that the secret names are gone with the user of before, so consumers fail until the new key is stored.")
			break
		}
		for _, s := range f.Then {
			if s.KeyID == r.KeyID && s.Action == rotation.DeactivateKey {
				out = append(out, fmt.Sprintf("Whoever uses %s fails from then on. It is deactivated no earlier than it was unused for "+
					"legacy_quiet, and can be reactivated in IAM until it is deleted.", r.KeyID))
			}
		}
		if len(out) == 0 {
			out = append(out, fmt.Sprintf("Whoever uses %s fails once it is deactivated.", r.KeyID))
		}
	}
	return out
}

// untilNext says how long there is no working key.
func untilNext(then []rotation.Forecasted, now time.Time) string {
	if at := firstOf(then, rotation.Promote, rotation.PutFirst); !at.IsZero() {
		return "for " + rough(max(0, at.Sub(now)))
	}
	return "until somebody makes room for one"
}

// columns aligns fields.
func columns(rows [][]string) (out []string) {
	var widths []int
	for _, r := range rows {
		for i, s := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lipgloss.Width(s))
		}
	}
	for _, r := range rows {
		for i := range r {
			r[i] = pad(r[i], widths[i])
		}
		out = append(out, strings.TrimRight(strings.Join(r, "  "), " "))
	}
	return out
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-lipgloss.Width(s))) }
