package main

// retireMutants retire too early, or what may not be retired.
var retireMutants = []mutant{
	inRotation("planretire.go", "grace: the one on record is forgotten when the schedule gets shorter",
		`max(p.s.Grace(), p.st.Promoted.Grace)`, `p.s.Grace()`, "trace25-shortened-during-the-grace"),
	inRotation("planretire.go", "retire: the last working key",
		`if !ok && !p.adoptedBesideWorking(k) {`, `if false && !ok && !p.adoptedBesideWorking(k) {`, "trace07b-last-working-key"),
	inRotation("planretire.go", "retire: the current key",
		`if k.Status != Active || k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		if !ok`, `if k.Status != Active || k.Class == ClassForeign {
			continue
		}
		if !ok`, "rollback-to-active-key"),
	inRotation("planretire.go", "retire: a foreign key",
		`if k.Status != Active || k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		if !ok`, `if k.Status != Active || k.Class == ClassCurrent {
			continue
		}
		if !ok`, "foreign-key-in-the-way"),
	inRotation("planretire.go", "retire: before its age",
		`at := k.Created.Add(p.s.DeactivateAfter)`, `at := k.Created`, "rotate-asked-early-of-90d"),
	inRotation("planretire.go", "retire: the grace counts from the key's age and not from the promotion",
		`at = latest(at, p.st.Promoted.At.Add(p.grace()))`, `_ = p.grace()`, "crash-after-promote"),
	inRotation("planretire.go", "retire: a reactivated key has no grace",
		`if since, ok := p.st.since(k.ID); ok && !since.Inactive {`, `if since, ok := p.st.since(k.ID); false && ok {`,
		"trace16b-reactivated-has-its-grace"),
	inRotation("planretire.go", "retire: a legacy key in use",
		`if !p.over(latest(use.At, k.Created).Add(p.l.LegacyQuiet)) {`, `if false {`, "legacy-one"),
	inRotation("planretire.go", "retire: an unread last use of a legacy key counts as unused",
		`		use, known := p.lastUse(k.ID)
		if !known {
			return false
		}
		if !p.over`, `		use := p.o.LastUse[k.ID]
		if !p.over`, "legacy-one-last-used-unreadable"),
	inRotation("planretire.go", "hold: by data that is too coarse for the grace",
		`p.grace() < p.l.CoarseUse || `, ``, "short-grace-is-not-held"),
	inRotation("planretire.go", "hold: for ever",
		` || !p.o.Now.Before(ready.Add(p.l.MaxHold)) {`, ` {`, "life-90d-held-until-max-hold"),
	inRotation("planretire.go", "hold: never",
		`if p.grace() < p.l.CoarseUse || `, `if true || `, "life-90d-held-by-use"),
	inRotation("planretire.go", "hold: an unread last use counts as unused",
		`	if !known {
		p.wakeAt(ready.Add(p.l.MaxHold))
		return false
	}
`, `	_ = known
`, "row04-last-used-unreadable"),
	inRotation("planretire.go", "adopt: the only key that works goes",
		`if other.ID != k.ID && other.Status == Active && !p.st.IsAdopted(other.ID) {`, `if other.ID != k.ID {`,
		"legacy-two-other-one-inactive"),
	inRotation("planretire.go", "delete: without knowing since when it is Inactive",
		`		if !ok || !since.Inactive {
			return`, `		if false && !ok {
			return`, "crash-after-deactivate"),
	inRotation("planretire.go", "delete: before the retention is over",
		`if !p.over(since.At.Add(p.s.Retention())) {`, `if false {`, "life-10m-12m-15m"),
	inRotation("planretire.go", "delete: an Active key",
		`if k.Status == Active || k.Class != ClassPrevious && k.Class != ClassLegacy {`,
		`if k.Class != ClassPrevious && k.Class != ClassLegacy {`, "life-10m-12m-15m"),
	inRotation("planretire.go", "delete: the current key",
		`if k.Status == Active || k.Class != ClassPrevious && k.Class != ClassLegacy {`,
		`if k.Status == Active || k.Class == ClassForeign {`, "trace17b-inactive-current-of-a-user-that-left"),
	inRotation("planretire.go", "delete: a foreign key",
		`if k.Status == Active || k.Class != ClassPrevious && k.Class != ClassLegacy {`,
		`if k.Status == Active || k.Class == ClassCurrent {`, "revoke-foreign-key"),
}
