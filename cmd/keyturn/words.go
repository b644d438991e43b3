package main

import (
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// sentences says what each reason means for a person, and what to do about it. Every reason has one (tested).
var sentences = map[rotation.Reason]string{
	rotation.ReasonIdle:            "nothing is due",
	rotation.ReasonDue:             "the key reached its age",
	rotation.ReasonAsked:           "a rotation was asked for",
	rotation.ReasonNoActiveCurrent: "there was no Active current key",
	rotation.ReasonOnboard:         "the user came under care",
	rotation.ReasonConfirm:         "the same has to be seen twice before anything is done, as nothing is known of this user yet",
	rotation.ReasonResumePending:   "a key was stored and not promoted yet",
	rotation.ReasonPendingHopeless: "the stored key never worked, and is given up",
	rotation.ReasonPendingOutdated: "the secret was edited since the pending key was made; the edit wins",
	rotation.ReasonPendingDropped:  "the pending key was revoked or made Inactive, and is dropped",
	rotation.ReasonRecordPromotion: "the promotion on record was not the current one, and was mended",
	rotation.ReasonSeenInactive:    "a key was seen Inactive; its retention counts from now",
	rotation.ReasonSeenActive:      "a key was reactivated by someone; its grace counts from now",
	rotation.ReasonCreateFailed:    "AWS did not make the key",
	rotation.ReasonOrphan:          "a key whose secret nobody holds is removed",
	rotation.ReasonQuarantine:      "a key whose secret nobody holds is Inactive, and is deleted after its quarantine",
	rotation.ReasonUndecided:       "a key appeared while one was being made; it is too early to tell whose it is",
	rotation.ReasonGraceOver:       "the old key's grace is over",
	rotation.ReasonRetentionOver:   "the old key's retention is over",
	rotation.ReasonGrace:           "the old key is in its grace",
	rotation.ReasonRetention:       "the old key is Inactive and in its retention",
	rotation.ReasonHeld:            "the old key is still used, so it stays for now",
	rotation.ReasonWaitingLegacy:   "a key from before keyturn's care waits until it is unused for legacy_quiet",
	rotation.ReasonWaitingSlot:     "both of the user's keys are taken; the older one goes by itself",
	rotation.ReasonWaitingIntent:   "an earlier run may still make its key",
	rotation.ReasonFallBack:        "the current key was not Active, so the one before it was promoted again",
	rotation.ReasonRevoke:          "a key was revoked",
	rotation.ReasonRollback:        "going back to an earlier key",
	rotation.ReasonRollbackDone:    "went back to an earlier key, and stays paused until it is resumed",
	rotation.ReasonPaused:          "paused by a person",
	rotation.ReasonResumed:         "resumed by a person",
	rotation.ReasonAdopt:           "a key was adopted",
	rotation.ReasonSettling:        "AWS was changed a moment ago; a look now could be stale",
	rotation.ReasonLeased:          "another keyturn is at work on this user",
	rotation.ReasonUnknown:         "something could not be read, and unknown is unknown",
	rotation.ReasonLeft:            "the user left care",

	rotation.BlockedPendingDeletion: "the secret is scheduled for deletion: restore it (secretsmanager restore-secret), or take the user " +
		"out of care",
	rotation.BlockedNativeRotation: "Secrets Manager's own rotation is switched on for the secret: switch it off there, or take the user " +
		"out of care",
	rotation.BlockedOwnedSecret: "another AWS service owns the secret: choose another secret.name",
	rotation.BlockedSecretValue: "the secret's value is not a JSON object whose other fields could be kept: edit it into one, or choose " +
		"another secret.name",
	rotation.BlockedUserChanged: "the IAM user was deleted and made anew: delete the secret, or take the user out of care",
	rotation.BlockedStateTag:    "a state tag on the secret is missing or cannot be read: restore it",
	rotation.BlockedForeignSecret: "the secret exists and is not keyturn's: set secret.existing to take it into use, or choose another " +
		"secret.name",
	rotation.BlockedForeignKey: "a key that someone else made takes the slot for the new one: delete it in IAM once nothing uses it",
	rotation.BlockedTwoLegacy:  "both keys stood before keyturn's care, and IAM allows two: delete the one that nothing uses in IAM",
	rotation.BlockedNoSlot:     "no key is Active and stored, and both slots are taken: delete one of them in IAM",
	rotation.BlockedRollback:   "going back is not possible",
	rotation.BlockedRequest:    "the request does not fit this user's keys",
	fleet.BlockedUserTag:       "a tag of the IAM user asks for something that the configuration does not have",
}

// sentence is what a reason means, with its detail.
func sentence(r rotation.Reason, keyID, detail string) string {
	s := sentences[r]
	if s == "" {
		s = string(r)
	}
	if keyID != "" && r.Blocked() {
		s += "; the key is " + keyID
	}
	switch {
	case detail == "":
	case r == rotation.BlockedForeignSecret:
		s = detail // says all of it, and whether the secret is empty
	default:
		s += " (" + detail + ")"
	}
	return s
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

// at shows a moment: RFC 3339 in a pipe, the local time on a terminal.
func (p *printer) at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if !p.tty {
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
