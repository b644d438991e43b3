package fleet

import (
	"errors"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Summary counts what a pass did and found.
type Summary struct {
	Users       int   `json:"users"`       // looked after, not due ones included
	Rotated     int   `json:"rotated"`     // users with a new key promoted
	Deactivated int   `json:"deactivated"` // keys
	Deleted     int   `json:"deleted"`     // keys
	Waiting     int   `json:"waiting"`     // users whose next step has to wait for something beyond the schedule
	Held        int   `json:"held"`        // users whose old key is still used, that a person paused, or that are frozen
	Blocked     int   `json:"blocked"`     // users for which a person has to act
	Failed      int   `json:"failed"`      // users whose run failed; it is tried again
	AWSCalls    int64 `json:"aws_calls"`   // requests sent, retries and discovery included
	// Notice is what holds scheduled changes of everybody back, as of the end of the pass; empty: nothing.
	Notice string `json:"notice,omitempty"`
}

// BlockedUserTag: the user's own IAM tag asks for a schedule that the configuration does not have. It is decided before the core
// sees the user, as no schedule is known for it.
const BlockedUserTag rotation.Reason = "blocked-user-tag"

// Standing sorts a user into one of the summary's words.
type Standing string

// The words, the most pressing first.
const (
	Failed  Standing = "failed"
	Blocked Standing = "blocked"
	Held    Standing = "held"
	Waiting Standing = "waiting"
	Fine    Standing = "fine"
)

// StandingOf gives the word for a reason, and for a run that failed.
func StandingOf(r rotation.Reason, failed bool) Standing {
	switch {
	case r.Blocked():
		return Blocked
	case failed:
		return Failed
	}
	switch r {
	case rotation.ReasonHeld, rotation.ReasonFrozen, rotation.ReasonPaused, rotation.ReasonRollback, rotation.ReasonRollbackDone:
		return Held
	case rotation.ReasonWaitingLegacy, rotation.ReasonWaitingSlot, rotation.ReasonWaitingIntent, rotation.ReasonConfirm,
		rotation.ReasonSettling, rotation.ReasonLeased, rotation.ReasonUndecided, rotation.ReasonQuarantine:
		return Waiting
	}
	return Fine
}

// OK reports whether nobody failed and nobody is blocked.
func (s Summary) OK() bool { return s.Failed == 0 && s.Blocked == 0 }

// Add counts one user's result.
func (s *Summary) Add(res reconcile.Result) {
	if Rotated(res) {
		s.Rotated++
	}
	for _, a := range res.Actions {
		switch a.Kind {
		case rotation.DeactivateKey:
			s.Deactivated++
		case rotation.DeleteKey:
			s.Deleted++
		}
	}
	s.count(StandingOf(res.Reason, Failure(res) != nil))
}

// Rotated reports whether a run made a new key and promoted it.
func Rotated(res reconcile.Result) bool {
	made, promoted := false, false
	for _, a := range res.Actions {
		made = made || a.Kind == rotation.CreateKey || a.Kind == rotation.PutPending || a.Kind == rotation.PutFirst
		promoted = promoted || a.Kind == rotation.Promote || a.Kind == rotation.PutFirst
	}
	return promoted && (made || res.Reason == rotation.ReasonResumePending)
}

// Failure is a run's error, unless it is a refusal: that blocks, and did not fail.
func Failure(res reconcile.Result) error {
	var refused *reconcile.Refusal
	if errors.As(res.Err, &refused) {
		return nil
	}
	return res.Err
}

func (s *Summary) skip(m Member) {
	s.count(StandingOf(m.Standing.Reason, m.Standing.LastError != ""))
}

// refused counts the users whose own settings keep them from being looked after.
func (s *Summary) refused(all []Refused) {
	for _, r := range all {
		if r.Broken {
			s.count(Blocked)
		}
	}
}

func (s *Summary) count(st Standing) {
	s.Users++
	switch st {
	case Failed:
		s.Failed++
	case Blocked:
		s.Blocked++
	case Held:
		s.Held++
	case Waiting:
		s.Waiting++
	}
}
