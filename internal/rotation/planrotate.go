package rotation

// dropSteps make a key Inactive and record it. A record from an earlier time (somebody reactivated the key since) is cleared
// before: a crash between the two may not leave a time from which its deletion would be early.
func (p *planner) dropSteps(keyID string) (steps []Action) {
	if since, ok := p.st.since(keyID); ok && since.Inactive {
		steps = append(steps, Action{Kind: RecordActive, KeyID: keyID})
	}
	return append(steps, Action{Kind: DeactivateKey, KeyID: keyID}, Action{Kind: RecordInactive, KeyID: keyID})
}

// removal is the life's end of an orphan or a dropped pending key: Inactive, quarantine, deletion.
func (p *planner) removal(k ClassifiedKey, r Reason) *Decision {
	if k.Status == Active {
		return &Decision{Reason: r, KeyID: k.ID, Actions: p.dropSteps(k.ID)}
	}
	since, ok := p.st.since(k.ID)
	if !ok || !since.Inactive {
		return &Decision{Reason: ReasonSeenInactive, KeyID: k.ID, Actions: []Action{{Kind: RecordInactive, KeyID: k.ID}}}
	}
	if !p.over(since.At.Add(p.l.Quarantine)) {
		p.waitFor(ReasonQuarantine, k.ID)
		return nil
	}
	return &Decision{Reason: r, KeyID: k.ID, Actions: []Action{{Kind: DeleteKey, KeyID: k.ID}}}
}

func (p *planner) checkOrphan() *Decision {
	if k, ok := p.find(ClassUndecided); ok {
		p.wakeAt(p.intentOver())
		return &Decision{Reason: ReasonUndecided, KeyID: k.ID}
	}
	if k, ok := p.find(ClassOrphan); ok {
		return p.removal(k, ReasonOrphan)
	}
	return nil
}

// checkPending: a key was stored and its run ended before it was promoted.
func (p *planner) checkPending() *Decision {
	k, ok := p.find(ClassPending)
	if !ok {
		return nil
	}
	switch {
	case p.st.IsRevoked(k.ID) || k.Status != Active:
		return p.removal(k, ReasonPendingDropped)
	case p.st.Intent.Base != p.current:
		return p.removal(k, ReasonPendingOutdated)
	}
	version := VersionID(k.ID)
	return &Decision{Reason: ReasonResumePending, KeyID: k.ID, IfHopeless: p.dropSteps(k.ID), Actions: []Action{
		{Kind: Verify, KeyID: k.ID, VersionID: version},
		{Kind: Promote, KeyID: k.ID, VersionID: version, Base: p.current},
		{Kind: RecordPromoted, KeyID: k.ID, VersionID: version},
	}}
}

// checkFallBack: the current key does not work and there is no slot for a new one, but the previous key does.
func (p *planner) checkFallBack() *Decision {
	if _, ok := p.activeCurrent(); ok || len(p.o.Keys) < maxKeys {
		return nil
	}
	for _, k := range p.classes {
		if k.Class == ClassPrevious && k.Status == Active && !p.st.IsRevoked(k.ID) {
			return &Decision{Reason: ReasonFallBack, KeyID: k.ID, Actions: p.rePromote(k.ID)}
		}
	}
	return nil
}

// rePromote makes an earlier key current again. "promoting" is recorded before, so that a crash in between never leaves a
// record that names this version from long ago.
func (p *planner) rePromote(keyID string) []Action {
	version := VersionID(keyID)
	return []Action{
		{Kind: RecordPromoting, KeyID: keyID, VersionID: version},
		{Kind: Verify, KeyID: keyID, VersionID: version},
		{Kind: Promote, KeyID: keyID, VersionID: version, Base: p.current},
		{Kind: RecordPromoted, KeyID: keyID, VersionID: version},
	}
}

func (p *planner) checkNoCurrent() *Decision {
	if _, ok := p.activeCurrent(); ok || p.o.LeaveCare {
		return nil
	}
	return p.rotate(ReasonNoActiveCurrent)
}

func (p *planner) checkDue() *Decision {
	c, ok := p.activeCurrent()
	if !ok || p.o.LeaveCare {
		return nil
	}
	if p.o.Request.Kind == RequestRotate {
		return p.rotate(ReasonAsked)
	}
	if due := p.s.Due(c.Key); due.IsZero() || !p.over(due) {
		return nil
	}
	d := p.rotate(ReasonDue)
	if d != nil && len(d.Actions) > 0 && p.heldBack(c.ID) {
		return nil // a block is told all the same: a person has time to mend it
	}
	return d
}

// rotate makes a new key when a slot is free and no other key of ours can be on its way.
func (p *planner) rotate(r Reason) *Decision {
	if len(p.o.Keys) >= maxKeys {
		return p.noSlot()
	}
	if ok := p.mayCreate(); !ok {
		return nil
	}
	return &Decision{Reason: r, Actions: p.newKey(false)}
}

// mayCreate: one Create per intent, and never beside a key whose fate is open.
func (p *planner) mayCreate() bool {
	if p.count(ClassPending)+p.count(ClassUndecided)+p.count(ClassOrphan) > 0 {
		p.waitFor(ReasonWaitingSlot, "")
		return false
	}
	if p.st.Intent.Open && !p.over(p.intentOver()) {
		p.waitFor(ReasonWaitingIntent, "")
		return false
	}
	return true
}

// newKey is the rotate sequence. The first version of a secret gets AWSCURRENT by itself, so the first key is verified before
// it is stored; every later one is stored pending, verified, promoted.
func (p *planner) newKey(soft bool) []Action {
	steps := []Action{{Kind: WriteIntent, Base: p.current}, {Kind: CreateKey}}
	if p.current == "" {
		steps = append(steps, Action{Kind: Verify}, Action{Kind: PutFirst})
	} else {
		steps = append(steps, Action{Kind: PutPending, Base: p.current}, Action{Kind: Verify}, Action{Kind: Promote, Base: p.current})
	}
	steps = append(steps, Action{Kind: RecordPromoted})
	for i := range steps {
		steps[i].Soft = soft
	}
	return steps
}

// noSlot says which key is in the way. A key that goes by itself is waited for; one that only a person can move blocks.
func (p *planner) noSlot() *Decision {
	for _, class := range []Class{ClassPrevious, ClassOrphan, ClassPending} {
		if k, ok := p.find(class); ok {
			p.waitFor(ReasonWaitingSlot, k.ID)
			return nil
		}
	}
	_, working := p.activeCurrent()
	legacy, hasLegacy := p.find(ClassLegacy)
	for _, k := range p.classes {
		if k.Class == ClassLegacy && (k.Status != Active || legacy.Status == Active && p.st.IsAdopted(k.ID)) {
			legacy = k // the one that goes first, in whatever order they are listed
		}
	}
	switch foreign, hasForeign := p.find(ClassForeign); {
	case hasLegacy && (working || p.adoptedBesideWorking(legacy) || legacy.Status != Active):
		p.waitFor(ReasonWaitingLegacy, legacy.ID)
		return nil
	case hasForeign:
		return &Decision{Reason: BlockedForeignKey, KeyID: foreign.ID}
	case p.count(ClassLegacy) >= maxKeys:
		return &Decision{Reason: BlockedTwoLegacy, KeyID: legacy.ID}
	}
	other := p.o.Keys[0].ID
	if c, ok := p.find(ClassCurrent); ok && c.ID == other {
		other = p.o.Keys[1].ID
	}
	return &Decision{Reason: BlockedNoSlot, KeyID: other,
		Detail: "reactivate the current key, or delete the other one by hand"}
}
