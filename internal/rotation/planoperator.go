package rotation

import "fmt"

// checkRecords: what an operator asks for that is only a record in the tags.
func (p *planner) checkRecords() *Decision {
	switch r := p.o.Request; r.Kind {
	case RequestPause:
		if p.st.Pause.Paused {
			return nil
		}
		return &Decision{Reason: ReasonPaused, Detail: r.Why, Actions: []Action{{Kind: RecordPaused, Why: r.Why}}}
	case RequestResume:
		if !p.st.Pause.Paused {
			return &Decision{Reason: BlockedRequest, Detail: notPaused}
		}
		return &Decision{Reason: ReasonResumed, Actions: []Action{{Kind: RecordResumed}}}
	case RequestAdopt:
		if r.KeyID == "" { // checkUser has taken the wish, when the user was made anew
			return &Decision{Reason: BlockedRequest, Detail: "the IAM user was not deleted and made anew, so there is nothing to accept"}
		}
		if p.st.IsAdopted(r.KeyID) {
			return nil
		}
		for _, k := range p.classes {
			if k.ID == r.KeyID && (k.Class == ClassForeign || k.Class == ClassLegacy) {
				return &Decision{Reason: ReasonAdopt, KeyID: k.ID, Actions: []Action{{Kind: RecordAdopted, KeyID: k.ID}}}
			}
		}
		return &Decision{Reason: BlockedRequest, KeyID: r.KeyID,
			Detail: "only a key that keyturn did not make can be adopted, and the user must have it"}
	}
	return nil
}

// What several refusals say.
const (
	notPaused = "the user is not paused"
	noSuchKey = "the user has no such access key"
)

// refuseBeforeOnboarding: what cannot be asked for while nothing is stored yet. The others are carried out on the way, or after.
func (p *planner) refuseBeforeOnboarding() *Decision {
	switch r := p.o.Request; r.Kind {
	case RequestResume:
		return &Decision{Reason: BlockedRequest, Detail: notPaused}
	case RequestRollback:
		return &Decision{Reason: BlockedRollback, KeyID: r.KeyID, Detail: "the user has no secret yet"}
	case RequestAdopt:
		if r.KeyID == "" {
			return &Decision{Reason: BlockedRequest, Detail: "the user has no secret yet, so there is nothing to accept"}
		}
		if _, ok := p.o.key(r.KeyID); !ok {
			return &Decision{Reason: BlockedRequest, KeyID: r.KeyID, Detail: "the user has no secret yet, and no such access key"}
		}
	}
	return nil
}

// revokeSteps deactivate a leaked key without any grace. It is marked first, so that the revoke outlives a crash, a lost
// database and a person who reactivates the key.
func (p *planner) revokeSteps(k Key, marked bool) (steps []Action) {
	if !marked {
		steps = append(steps, Action{Kind: MarkRevoked, KeyID: k.ID})
	}
	if k.Status == Active {
		return append(steps, p.dropSteps(k.ID)...)
	}
	return append(steps, Action{Kind: RecordInactive, KeyID: k.ID})
}

// checkRevoke: one sequence, in one run. The leaked current key gets a successor first when a slot is free and the time
// suffices; it is deactivated in any case.
func (p *planner) checkRevoke() *Decision {
	var leaked ClassifiedKey
	for _, k := range p.classes {
		if p.st.IsRevoked(k.ID) && k.Status == Active {
			leaked = k
		}
	}
	if r := p.o.Request; leaked.ID == "" && r.Kind == RequestRevoke {
		if p.st.IsRevoked(r.KeyID) {
			return nil // done
		}
		for _, k := range p.classes {
			if k.ID == r.KeyID {
				leaked = k
			}
		}
		if leaked.ID == "" {
			return &Decision{Reason: BlockedRequest, KeyID: r.KeyID, Detail: noSuchKey}
		}
	}
	if leaked.ID == "" {
		return nil
	}
	steps := p.revokeSteps(leaked.Key, p.st.IsRevoked(leaked.ID))
	if leaked.Class == ClassCurrent && leaked.Status == Active && len(p.o.Keys) < maxKeys && !p.o.LeaveCare && p.mayCreate() {
		at := len(steps) - 2 // before the deactivation and its record
		steps = append(append(append([]Action{}, steps[:at]...), p.newKey(true)...), steps[at:]...)
	}
	return &Decision{Reason: ReasonRevoke, KeyID: leaked.ID, Actions: steps}
}

// checkRollback: the pause with its target is recorded first, which stops every retirement; one run deadline later, when no
// run that began before can still act, the target is made current again. It stays paused until resume.
func (p *planner) checkRollback() *Decision {
	target := p.st.Pause.Target
	if p.o.Request.Kind == RequestRollback && target == "" {
		return p.askRollback()
	}
	if target == "" {
		return nil
	}
	if r := p.o.Request; r.Kind == RequestRollback && r.KeyID != "" && VersionID(r.KeyID) != target {
		return &Decision{Reason: BlockedRollback, KeyID: r.KeyID, Detail: "another rollback stands; resume the user first"}
	}
	if target == p.current {
		if p.st.Promoted.Promoting || p.st.Promoted.Version != p.current {
			c, _ := p.find(ClassCurrent)
			return &Decision{Reason: ReasonRollback, KeyID: c.ID,
				Actions: []Action{{Kind: RecordPromoted, KeyID: c.ID, VersionID: p.current}}}
		}
		return &Decision{Reason: ReasonRollbackDone, Detail: p.st.Pause.Why}
	}
	k, why := p.rollbackTarget(target)
	if why != "" {
		return &Decision{Reason: BlockedRollback, KeyID: k.ID, Detail: why}
	}
	if !p.over(p.st.Pause.At.Add(p.l.RunDeadline + p.l.HTTPTimeout)) {
		return &Decision{Reason: ReasonRollback, KeyID: k.ID}
	}
	var steps []Action
	if k.Status != Active {
		steps = append(steps, Action{Kind: RecordActive, KeyID: k.ID}, Action{Kind: ReactivateKey, KeyID: k.ID})
	}
	return &Decision{Reason: ReasonRollback, KeyID: k.ID, Actions: append(steps, p.rePromote(k.ID)...)}
}

func (p *planner) askRollback() *Decision {
	target := p.o.Secret.Stage(StagePrevious)
	if id := p.o.Request.KeyID; id != "" {
		target = VersionID(id)
	}
	if target != "" && target == p.current {
		return &Decision{Reason: ReasonRollbackDone}
	}
	k, why := p.rollbackTarget(target)
	if why != "" {
		return &Decision{Reason: BlockedRollback, KeyID: p.o.Request.KeyID, Detail: why}
	}
	return &Decision{Reason: ReasonRollback, KeyID: k.ID,
		Actions: []Action{{Kind: RecordPaused, KeyID: k.ID, VersionID: target, Base: p.current, Why: p.o.Request.Why}}}
}

// rollbackTarget finds the key of a version, or says why it cannot be gone back to.
func (p *planner) rollbackTarget(version string) (ClassifiedKey, string) {
	if version == "" {
		return ClassifiedKey{}, "the secret has no previous version"
	}
	for _, k := range p.classes {
		if VersionID(k.ID) != version {
			continue
		}
		if p.st.IsRevoked(k.ID) {
			return k, fmt.Sprintf("the key %s was revoked; a revoked key never comes back", k.ID)
		}
		if !p.stored(version) {
			return k, fmt.Sprintf("the key %s is not stored in the secret", k.ID)
		}
		return k, ""
	}
	return ClassifiedKey{}, "the key of that version does not exist any more"
}
