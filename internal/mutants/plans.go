package main

// planMutants change what is done, or the order in which it is done.
var planMutants = []mutant{
	inRotation("plan.go", "a new database needs no second look",
		`needed := p.o.Quiet.IsZero() || d`, `needed := d`, "database-new"),
	inRotation("plan.go", "a secret that stood before needs no second look",
		`needed := p.o.Quiet.IsZero() || d.Actions[0].Kind == OnboardExisting`, `needed := p.o.Quiet.IsZero()`, "existing-secret"),
	inRotation("plan.go", "a look may be planned for a fraction of a second",
		`	d.Recheck = wholeSecond(d.Recheck)
`, ``, "TestRecheckIsAWholeSecond"),
	inRotation("plan.go", "the next look may be later than max_recheck",
		`if latest := p.o.Now.Add(p.l.MaxRecheck); d.Recheck.IsZero() || d.Recheck.After(latest) {`,
		`if latest := p.o.Now.Add(p.l.MaxRecheck); d.Recheck.IsZero() {`, "life-90d-held-by-use"),
	inRotation("plan.go", "stripped tags of a secret of ours read as a secret of others",
		`		if ours(v) {
`, `		if false && v != "" {
`, "tags-stripped"),
	inRotation("plan.go", "an empty secret without tags reads as fresh",
		`case len(p.o.Secret.Versions) == 0:`, `case false:`, "trace27-tags-of-empty-secret-stripped"),
	inRotation("plan.go", "anybody's secret is taken into use",
		`case !p.o.ExistingAllowed:`, `case false:`, "existing-secret-not-allowed"),
	inRotation("plan.go", "a user that left care is onboarded",
		`	if p.o.LeaveCare {
		return &Decision{Reason: ReasonLeft}
	}
	if d := p.refuse`, `	if d := p.refuse`, "leaving-care-before-onboarding"),
	inRotation("plan.go", "onboarding makes a third key",
		`create := len(p.o.Keys) < maxKeys && `, `create := `, "legacy-two-adopt"),

	inRotation("planoperator.go", "revoke: not marked before it is done",
		`	if !marked {
		steps`, `	if false {
		steps`, "revoke-crashed"),
	inRotation("planoperator.go", "revoke: one left undone is forgotten",
		`if p.st.IsRevoked(k.ID) && k.Status == Active {`, `if false {`, "revoke-inactive-key"),
	inRotation("planoperator.go", "revoke: no successor first, though a slot is free",
		`leaked.Status == Active && len(p.o.Keys) < maxKeys`, `false`, "revoke-current-with-slot"),
	inRotation("planoperator.go", "revoke: a third key",
		`leaked.Status == Active && len(p.o.Keys) < maxKeys`, `leaked.Status == Active`, "revoke-current-without-slot"),
	inRotation("planoperator.go", "revoke: waits for a successor that cannot be made",
		`p.newKey(true)`, `p.newKey(false)`, "revoke-when-sts-is-down"),
	inRotation("planoperator.go", "rollback: no wait for runs that began before",
		`if !p.over(p.st.Pause.At.Add(p.l.RunDeadline + p.l.HTTPTimeout)) {`, `if false {`, "rollback-to-active-key"),
	inRotation("planoperator.go", "rollback: the record of inactivity is not cleared before",
		`steps = append(steps, Action{Kind: RecordActive, KeyID: k.ID}, Action{Kind: ReactivateKey, KeyID: k.ID})`,
		`steps = append(steps, Action{Kind: ReactivateKey, KeyID: k.ID})`, "rollback-to-inactive-key"),
	inRotation("planoperator.go", "rollback: a target that is current is gone back from",
		`	if target == p.current {
		if`, `	if false {
		if`, "trace24-rollback-then-crash"),
	inRotation("planoperator.go", "rollback: to a revoked key",
		`		if p.st.IsRevoked(k.ID) {
			return k, f`, `		if false {
			return k, f`, "trace23-revoked-never-comes-back"),
	inRotation("planoperator.go", "rollback: to a key that is not stored",
		`if !p.stored(version) {`, `if false {`, "rollback-to-legacy-refused"),
	inRotation("planoperator.go", "adopt: a key of our own",
		`if k.ID == r.KeyID && (k.Class == ClassForeign || k.Class == ClassLegacy) {`, `if k.ID == r.KeyID {`, "adopt-refused"),

	inRotation("planrotate.go", "promoted unverified",
		`Action{Kind: PutPending, Base: p.current}, Action{Kind: Verify},`, `Action{Kind: PutPending, Base: p.current},`, "life-10m-12m-15m"),
	inRotation("planrotate.go", "the first key is stored unverified, and so is current unverified",
		`steps = append(steps, Action{Kind: Verify}, Action{Kind: PutFirst})`, `steps = append(steps, Action{Kind: PutFirst})`,
		"trace03-probe-counts-as-use"),
	inRotation("planrotate.go", "promotion overwrites what a person put meanwhile",
		`case p.st.Intent.Base != p.current:`, `case false:`, "trace18-edit-since-pending-was-built"),
	inRotation("planrotate.go", "a pending key that was revoked is promoted",
		`case p.st.IsRevoked(k.ID) || k.Status != Active:`, `case false:`, "trace28-revoked-pending-reactivated"),
	inRotation("planrotate.go", "a hopeless pending key is tried for ever",
		`IfHopeless: p.dropSteps(k.ID), `, ``, "row10-never-propagated"),
	inRotation("planrotate.go", "no quarantine for orphans",
		`if !p.over(since.At.Add(p.l.Quarantine)) {`, `if false {`, "row01-killed-after-create"),
	inRotation("planrotate.go", "an old time of inactivity stands while the key is made Inactive again",
		`since, ok := p.st.since(keyID); ok && since.Inactive {`, `since, ok := p.st.since(keyID); false && ok && since.Inactive {`,
		"trace16c-crash-after-the-second-deactivation"),
	inRotation("planrotate.go", "falls back though a new key could be made",
		`if _, ok := p.activeCurrent(); ok || len(p.o.Keys) < maxKeys {`, `if _, ok := p.activeCurrent(); ok {`, "current-deleted-by-person"),
	inRotation("planrotate.go", "a re-promotion is not recorded before",
		`		{Kind: RecordPromoting, KeyID: keyID, VersionID: version},
`, ``, "rollback-crashed-after-promoting"),
	inRotation("planrotate.go", "a new intent beside a key whose fate is open",
		`if p.count(ClassPending)+p.count(ClassUndecided)+p.count(ClassOrphan) > 0 {`, `if false {`, "trace20-orphan-in-quarantine"),
	inRotation("planrotate.go", "a new intent while an older one may still make its key",
		`if p.st.Intent.Open && !p.over(p.intentOver()) {`, `if false {`, "trace06-stale-key-list"),
	inRotation("planrotate.go", "a third key",
		`	if len(p.o.Keys) >= maxKeys {
		return p.noSlot()
	}
`, ``, "row03-two-keys-already"),
	inRotation("planrotate.go", "a new key for a user that left care",
		`	if !ok || p.o.LeaveCare {
		return nil
	}
	if p.o.Request`, `	if !ok {
		return nil
	}
	if p.o.Request`, "leaving-care"),
	inRotation("planrotate.go", "a dead current key of a user that left care is replaced",
		`ok || p.o.LeaveCare {
		return nil
	}
	return p.rotate(ReasonNoActiveCurrent)`, `ok {
		return nil
	}
	return p.rotate(ReasonNoActiveCurrent)`, "trace17b-inactive-current-of-a-user-that-left"),
	inRotation("planrotate.go", "a block names no foreign key",
		`case hasForeign:`, `case false && hasForeign:`, "trace08b-no-way-out"),
}
