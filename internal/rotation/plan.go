package rotation

import "time"

// check is one line of the specification. It gives a decision when it applies.
type check struct {
	name string
	run  func(*planner) *Decision
}

// checks is the decision, in order; the first match counts, one step per observation. The order is the specification.
var checks = []check{
	{"what was not read is unknown", (*planner).checkKnown},
	{"within settle of our last change: wait", (*planner).checkSettled},
	{"the secret cannot be used: block", (*planner).checkSecret},
	{"no secret yet: onboard", (*planner).checkOnboard},
	{"state tags missing or contradictory: block", (*planner).checkState},
	{"the user was deleted and made anew: block until adopted", (*planner).checkUser},
	{"which key is which", (*planner).checkClasses},
	{"an operator's record: pause, resume, adopt", (*planner).checkRecords},
	{"a revoke, asked or left undone", (*planner).checkRevoke},
	{"a rollback, asked or under way", (*planner).checkRollback},
	{"paused: nothing else, but for the rest of a revoke", (*planner).checkPaused},
	{"the promotion on record is not the current one", (*planner).checkPromotion},
	{"an undecided stranger: wait; an orphan: remove", (*planner).checkOrphan},
	{"a pending key: drop, or verify and promote", (*planner).checkPending},
	{"current not Active and no slot: fall back to the previous key", (*planner).checkFallBack},
	{"no Active current: a new key at once", (*planner).checkNoCurrent},
	{"a key reactivated by someone: its grace counts anew", (*planner).checkSeenActive},
	{"previous or legacy, Active: retire after the grace", (*planner).checkRetire},
	{"previous or legacy, Inactive: delete after the retention", (*planner).checkDelete},
	{"due, or asked: rotate", (*planner).checkDue},
	{"wait", (*planner).checkWait},
}

// Plan decides what is to be done for one user now. It is pure: no I/O, no clock. The decision always has a Reason and a
// Recheck; with Wants set, more has to be read first and nothing is to be done.
func Plan(s Schedule, l Limits, o Observation) Decision {
	p := &planner{s: s, l: l, o: &o}
	for _, c := range checks {
		if d := c.run(p); d != nil {
			return p.finish(*d)
		}
	}
	return p.finish(Decision{Reason: ReasonUnknown})
}

// finish gives every decision its recheck, and asks for a second look where the first one could be stale.
func (p *planner) finish(d Decision) Decision {
	d.Classes = p.classes
	if p.wants.Any() && len(d.Actions) == 0 {
		d.Reason, d.Wants = ReasonUnknown, p.wants
	}
	if d.Recheck.IsZero() {
		d.Recheck = p.wake
	}
	if latest := p.o.Now.Add(p.l.MaxRecheck); d.Recheck.IsZero() || d.Recheck.After(latest) {
		d.Recheck = latest
	}
	if len(d.Actions) > 0 {
		d.Recheck = p.o.Now.Add(p.l.Settle)
	}
	if d.Detail == "" {
		d.Detail = p.detail
	}
	d.Recheck = wholeSecond(d.Recheck)
	return p.confirmed(d)
}

// confirmed holds back the actions of a first look when nobody knows how long ago this user was changed: the database is new,
// or the secret is somebody's. CreateSecret needs none: it fails when the secret stands.
func (p *planner) confirmed(d Decision) Decision {
	if len(d.Actions) == 0 || d.Actions[0].Kind == Onboard {
		return d
	}
	wait := p.l.Settle + p.l.HTTPTimeout
	needed := p.o.Quiet.IsZero() || d.Actions[0].Kind == OnboardExisting
	if !needed || p.o.ConfirmedAfter >= wait {
		return d
	}
	return Decision{Reason: ReasonConfirm, Confirm: wait, Recheck: p.o.Now.Add(wait), Classes: d.Classes, Detail: d.Detail}
}

// wholeSecond rounds up: AWS's Date has no fractions, so a look before the whole second would see the same as the one before.
func wholeSecond(t time.Time) time.Time {
	if down := t.Truncate(tick); down.Before(t) {
		return down.Add(tick)
	}
	return t
}

func (p *planner) wakeAt(t time.Time) {
	if !t.IsZero() && (p.wake.IsZero() || t.Before(p.wake)) {
		p.wake = t
	}
}

// over reports whether a moment has come, and wakes at it otherwise.
func (p *planner) over(t time.Time) bool {
	if !p.o.Now.Before(t) {
		return true
	}
	p.wakeAt(t)
	return false
}

// waitFor notes what a wait would be for; the first note stands.
func (p *planner) waitFor(r Reason, keyID string) {
	if p.waiting == "" {
		p.waiting, p.about = r, keyID
	}
}

func (p *planner) checkKnown() *Decision {
	if p.o.Now.IsZero() || p.o.UserID == "" || p.o.Keys == nil {
		return &Decision{Reason: ReasonUnknown}
	}
	return nil
}

func (p *planner) checkSettled() *Decision {
	if p.o.Quiet.IsZero() || p.over(p.o.Quiet.Add(p.l.Settle)) {
		return nil
	}
	return &Decision{Reason: ReasonSettling}
}

func (p *planner) checkSecret() *Decision {
	switch s := p.o.Secret; {
	case !s.Exists:
		return nil
	case s.PendingDeletion:
		return &Decision{Reason: BlockedPendingDeletion}
	case s.NativeRotation:
		return &Decision{Reason: BlockedNativeRotation}
	case s.OwningService != "":
		return &Decision{Reason: BlockedOwnedSecret, Detail: "owned by " + s.OwningService}
	}
	return nil
}

// checkOnboard: the user has no secret. CreateSecret carries every state tag, the open intent among them; the first key
// follows in the same run. A crash between the two leaves an intent without a key, which a later one replaces.
func (p *planner) checkOnboard() *Decision {
	if p.o.Secret.Exists {
		return nil
	}
	if p.o.LeaveCare {
		return &Decision{Reason: ReasonLeft}
	}
	if d := p.refuseBeforeOnboarding(); d != nil {
		return d
	}
	if p.o.Request.Kind == NoRequest && p.frozen("") {
		return p.checkWait()
	}
	create := len(p.o.Keys) < maxKeys && p.o.Request.Kind != RequestPause && p.o.Request.Kind != RequestRevoke
	d := &Decision{Reason: ReasonOnboard, Actions: []Action{{Kind: Onboard, WithIntent: create}}}
	if p.o.Request.Kind == RequestPause {
		d.Actions = append(d.Actions, Action{Kind: RecordPaused, Why: p.o.Request.Why})
		return d
	}
	if p.o.Request.Kind == RequestRevoke {
		if k, ok := p.o.key(p.o.Request.KeyID); ok {
			d.Reason, d.KeyID = ReasonRevoke, k.ID
			d.Actions = append(d.Actions, p.revokeSteps(k, false)...)
		} else {
			d = &Decision{Reason: BlockedRequest, KeyID: p.o.Request.KeyID, Detail: noSuchKey}
		}
		return d
	}
	if create {
		d.Actions = append(d.Actions, Action{Kind: CreateKey}, Action{Kind: Verify}, Action{Kind: PutFirst},
			Action{Kind: RecordPromoted})
	}
	return d
}

// maxKeys is IAM's quota of access keys per user, Inactive ones included; it cannot be raised.
const maxKeys = 2

func (p *planner) checkState() *Decision {
	st, present, err := ParseState(p.o.Secret.Tags)
	if err != nil {
		return &Decision{Reason: BlockedStateTag, Detail: err.Error()}
	}
	if present {
		p.st = st
		return nil
	}
	if p.o.LeaveCare {
		return &Decision{Reason: ReasonLeft}
	}
	for v := range p.o.Secret.Versions {
		if ours(v) {
			return &Decision{Reason: BlockedStateTag,
				Detail: "the secret bears none of the state tags (keyturn:…), though keyturn stored a key in it; restore them"}
		}
	}
	switch {
	case !p.o.ExistingAllowed:
		return &Decision{Reason: BlockedForeignSecret,
			Detail: "the secret exists and bears none of keyturn's state tags; set secret.existing to take it into use"}
	case len(p.o.Secret.Versions) == 0:
		return &Decision{Reason: BlockedStateTag,
			Detail: "the secret is empty and bears none of the state tags (keyturn:…): delete it, or restore them"}
	}
	if p.o.Request.Kind == NoRequest && p.frozen("") {
		return p.checkWait()
	}
	return &Decision{Reason: ReasonOnboard, Actions: []Action{{Kind: OnboardExisting}}}
}

func (p *planner) checkUser() *Decision {
	if p.st.UserID == p.o.UserID {
		return nil
	}
	if p.o.Request.Kind == RequestAdopt && p.o.Request.KeyID == "" {
		return &Decision{Reason: ReasonAdopt, Actions: []Action{{Kind: RecordUser}}}
	}
	return &Decision{Reason: BlockedUserChanged, Detail: "the tags name " + p.st.UserID + ", IAM says " + p.o.UserID}
}

func (p *planner) checkClasses() *Decision {
	if p.o.CurrentBad != "" {
		return &Decision{Reason: BlockedSecretValue, Detail: p.o.CurrentBad}
	}
	p.classify()
	if p.wants.Any() {
		return &Decision{Reason: ReasonUnknown}
	}
	return nil
}

// checkPaused: a revoke of the current key goes to its end all the same, which is that the user has a key that works.
func (p *planner) checkPaused() *Decision {
	if !p.st.Pause.Paused {
		return nil
	}
	if c, ok := p.find(ClassCurrent); ok && p.st.IsRevoked(c.ID) {
		if d := p.checkFallBack(); d != nil {
			return d
		}
	}
	return &Decision{Reason: ReasonPaused, Detail: p.st.Pause.Why}
}

// checkPromotion: a crash between promoting and recording it, or a person moved AWSCURRENT. The record is mended before
// anything is retired, so the grace counts from now.
func (p *planner) checkPromotion() *Decision {
	c, ok := p.activeCurrent()
	if !ok || !p.st.Promoted.Promoting && p.st.Promoted.Version == p.current {
		return nil
	}
	return &Decision{Reason: ReasonRecordPromotion, KeyID: c.ID,
		Actions: []Action{{Kind: RecordPromoted, KeyID: c.ID, VersionID: p.current}}}
}

func (p *planner) checkWait() *Decision {
	if p.wants.Any() {
		return &Decision{Reason: ReasonUnknown}
	}
	r := p.waiting
	if r == "" {
		r = ReasonIdle
		if p.o.LeaveCare {
			r = ReasonLeft
		}
	}
	d := &Decision{Reason: r, KeyID: p.about}
	if r == ReasonFrozen {
		d.Detail = p.freeze.String()
	}
	return d
}
