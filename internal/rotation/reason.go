package rotation

import "strings"

// Reason says why a decision was taken. The same words stand in the API, the journal, mails and docs. A reason that starts
// with "blocked-" needs a person.
type Reason string

// The reasons, each with its scenario.
const (
	// Nothing is due; everything is as it should be.
	ReasonIdle Reason = "idle"
	// The key reached rotate_every (or the cron time), jitter included.
	ReasonDue Reason = "due"
	// An operator asked for a new key now.
	ReasonAsked Reason = "asked"
	// The user has no Active current key: a new one is made at once.
	ReasonNoActiveCurrent Reason = "no-active-current"
	// The user came under care: an empty secret with the state tags is made, and the first key.
	ReasonOnboard Reason = "onboard"
	// A secret that stood before, or a new database: the same must be read twice, settle apart, before anything is done.
	ReasonConfirm Reason = "confirm"
	// A key was stored as AWSPENDING and its run ended: it is verified and promoted now.
	ReasonResumePending Reason = "resume-pending"
	// The stored key never worked, or AWS says that its secret is wrong: it is given up.
	ReasonPendingHopeless Reason = "pending-hopeless"
	// The secret was edited since the pending key was built on it: the edit wins, the pending key is dropped.
	ReasonPendingOutdated Reason = "pending-outdated"
	// The pending key was revoked, or someone made it Inactive: it is dropped.
	ReasonPendingDropped Reason = "pending-dropped"
	// AWSCURRENT and the promotion on record differ (crash after promoting, or a person moved it): the record is mended,
	// and the grace counts from now.
	ReasonRecordPromotion Reason = "record-promotion"
	// A key was seen Inactive that the tags do not know as such: retention counts from now.
	ReasonSeenInactive Reason = "seen-inactive"
	// A key that was Inactive was seen Active again: someone reactivated it, and its grace counts from now.
	ReasonSeenActive Reason = "seen-active"
	// The create call failed for certain; its intent is closed.
	ReasonCreateFailed Reason = "create-failed"
	// A key whose secret nobody holds, left by a run that died between creating and storing.
	ReasonOrphan Reason = "orphan"
	// The orphan is Inactive and waits out its quarantine.
	ReasonQuarantine Reason = "quarantine"
	// A key appeared while an intent is open: too early to tell whether it is ours.
	ReasonUndecided Reason = "undecided"
	// The previous key's grace is over.
	ReasonGraceOver Reason = "grace-over"
	// The previous key's retention is over.
	ReasonRetentionOver Reason = "retention-over"
	// The previous key is still in its grace, and that is all there is to wait for.
	ReasonGrace Reason = "grace"
	// The previous key is Inactive and still in its retention.
	ReasonRetention Reason = "retention"
	// The grace is over and the key is still used: retirement waits, up to max_hold.
	ReasonHeld Reason = "held"
	// A key from before keyturn's care waits until it was unused for legacy_quiet.
	ReasonWaitingLegacy Reason = "waiting-legacy"
	// The rotation is due and both slots are taken by keys that will go by themselves.
	ReasonWaitingSlot Reason = "waiting-slot"
	// The rotation is due and an older intent may still make its key.
	ReasonWaitingIntent Reason = "waiting-intent"
	// The current key is not Active, no slot is free, and the previous key works: it is promoted again.
	ReasonFallBack Reason = "fall-back"
	// An operator revoked a key: no grace.
	ReasonRevoke Reason = "revoke"
	// An operator asked to go back to an earlier key.
	ReasonRollback Reason = "rollback"
	// The rollback's target is current; nothing more is done until resume.
	ReasonRollbackDone Reason = "rollback-done"
	// A step is due and may not begin now: a maintenance window is closed, a freeze stands, too many users fail, or canary users go
	// first. Repairs and an operator's requests go on.
	ReasonFrozen Reason = "frozen"
	// An operator paused the user.
	ReasonPaused Reason = "paused"
	// An operator resumed the user.
	ReasonResumed Reason = "resumed"
	// An operator adopted a key or a recreated user.
	ReasonAdopt Reason = "adopt"
	// AWS was changed less than settle ago: a look now could be stale.
	ReasonSettling Reason = "settling"
	// Another run holds this user.
	ReasonLeased Reason = "leased"
	// A read failed: unknown is unknown.
	ReasonUnknown Reason = "unknown"
	// The user left care, and its previous key is retired: nothing is left to do.
	ReasonLeft Reason = "left"

	// The secret is scheduled for deletion: restore it, or take the user out of care.
	BlockedPendingDeletion Reason = "blocked-secret-pending-deletion"
	// The secret has Secrets Manager's own rotation switched on.
	BlockedNativeRotation Reason = "blocked-native-rotation"
	// Another AWS service owns the secret.
	BlockedOwnedSecret Reason = "blocked-owned-secret"
	// A person's value is current, and it is not a JSON object whose other fields could be kept.
	BlockedSecretValue Reason = "blocked-secret-value"
	// The user was deleted and made anew: `keyturn adopt USER` accepts it.
	BlockedUserChanged Reason = "blocked-user-changed"
	// A state tag is missing or cannot be read: the tag is named.
	BlockedStateTag Reason = "blocked-state-tag"
	// The secret stands, is not ours, and secret.existing does not allow to use it.
	BlockedForeignSecret Reason = "blocked-foreign-secret"
	// A key that someone else made takes the slot.
	BlockedForeignKey Reason = "blocked-foreign-key"
	// Two keys from before keyturn's care: `keyturn adopt USER --retire KEYID` says which one goes.
	BlockedTwoLegacy Reason = "blocked-two-legacy"
	// The current key is not Active, both slots are taken, and no key may be removed or fallen back to.
	BlockedNoSlot Reason = "blocked-no-slot"
	// The rollback's target is gone or revoked, or the secret's other fields differ.
	BlockedRollback Reason = "blocked-rollback"
	// The request names a key that the user does not have, or that may not be adopted.
	BlockedRequest Reason = "blocked-request"
)

// Blocked reports whether a person has to act.
func (r Reason) Blocked() bool { return strings.HasPrefix(string(r), "blocked-") }
