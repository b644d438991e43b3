package api

import (
	"fmt"
	"strings"
	"time"

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
	rotation.ReasonFrozen:          "something is due, and scheduled changes may not begin now",
	rotation.ReasonPaused:          "paused by a person",
	rotation.ReasonResumed:         "resumed by a person",
	rotation.ReasonAdopt:           "a key was adopted",
	rotation.ReasonSettling:        "AWS was changed a moment ago; a look now could be stale",
	rotation.ReasonLeased:          "a run is at work on this user, or changed it a moment ago",
	rotation.ReasonUnknown:         "something could not be read, and unknown is unknown",
	rotation.ReasonLeft:            "the user left care",

	rotation.BlockedPendingDeletion: "the secret is scheduled for deletion: restore it (secretsmanager restore-secret), or take the user " +
		"out of care",
	rotation.BlockedNativeRotation: "Secrets Manager's own rotation is switched on for the secret: switch it off there, or take the user " +
		"out of care",
	rotation.BlockedOwnedSecret: "another AWS service owns the secret: choose another secret.name",
	rotation.BlockedSecretValue: "the secret's value is not a JSON object whose other fields could be kept: edit it into one, or choose " +
		"another secret.name",
	rotation.BlockedUserChanged: "the IAM user was deleted and made anew: `keyturn adopt USER` accepts the new one, or take it " +
		"out of care",
	rotation.BlockedStateTag: "a state tag on the secret is missing or cannot be read: restore it",
	rotation.BlockedForeignSecret: "the secret exists and is not keyturn's: set secret.existing to take it into use, or choose another " +
		"secret.name",
	rotation.BlockedForeignKey: "a key that someone else made takes the slot for the new one: `keyturn adopt USER --retire KEYID` has it " +
		"retired once nothing uses it",
	rotation.BlockedTwoLegacy: "both keys stood before keyturn's care, and IAM allows two: `keyturn adopt USER --retire KEYID` says " +
		"which one is retired",
	rotation.BlockedNoSlot:   "no key is Active and stored, and both slots are taken: delete one of them in IAM",
	rotation.BlockedRollback: "going back is not possible",
	rotation.BlockedRequest:  "the request does not fit this user's keys",
	fleet.BlockedUserTag:     "a tag of the IAM user asks for something that the configuration does not have",
}

// Sentence is what a reason means, with its detail, in one line.
func Sentence(r rotation.Reason, keyID, detail string) string {
	keyID, detail = oneLine(keyID), oneLine(detail)
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

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// NotDone says why a request was not carried out, and when to ask again if that is of use; when puts that moment into words.
func NotDone(a fleet.Answer, when func(t, now time.Time) string) string {
	switch {
	case a.Error != "":
		return a.Error
	case a.Refused != "" && (a.Reason == rotation.BlockedRequest || a.Reason == rotation.BlockedRollback),
		a.Refused != "" && !a.Reason.Blocked():
		return a.Refused
	case a.Refused != "" || a.Recheck.IsZero():
		return Sentence(a.Reason, a.KeyID, a.Detail)
	}
	return Sentence(a.Reason, a.KeyID, a.Detail) + "; ask again " + when(a.Recheck, a.At)
}

// NotRotated is NotDone of a rotation.
func NotRotated(a fleet.Answer, when func(t, now time.Time) string) string {
	failed := fmt.Sprintf("%s was not rotated: ", a.User)
	if gone := slotFree(a); !gone.IsZero() {
		return failed + "both of its access keys are taken; the older one is deleted " + when(gone, a.At) + ", so ask again then"
	}
	return failed + NotDone(a, when)
}

// RotateAgain is when it is of use to ask again for a rotation that was not carried out; zero: not known.
func RotateAgain(a fleet.Answer) time.Time {
	if gone := slotFree(a); !gone.IsZero() {
		return gone
	}
	return a.Recheck
}

// slotFree is when one of two keys goes by itself; zero: nothing waits for that.
func slotFree(a fleet.Answer) time.Time {
	if a.Refused != "" || a.Error != "" || len(a.Keys) < 2 {
		return time.Time{}
	}
	for _, f := range a.Then {
		if f.Action == rotation.DeleteKey {
			return f.At
		}
	}
	return time.Time{}
}
