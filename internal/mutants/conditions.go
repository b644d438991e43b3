package main

// conditionMutants take one condition each out of a check that stands: what no other check would catch.
var conditionMutants = []mutant{
	inRotation("plan.go", "known: no time of AWS is a time all the same", `p.o.Now.IsZero() || p.o.UserID`, `p.o.UserID`,
		"TestChecks/unknown_without_a_time_of_AWS"),
	inRotation("plan.go", "known: no UserId is one all the same", ` || p.o.UserID == "" ||`, ` ||`, "TestChecks/unknown_without_a_UserId"),
	inRotation("plan.go", "known: no list of keys is an empty one", `p.o.UserID == "" || p.o.Keys == nil`, `p.o.UserID == ""`, "reads-fail"),
	inRotation("plan.go", "secret: one that is being deleted is used", `case s.PendingDeletion:`, `case false && s.PendingDeletion:`,
		"secret-pending-deletion"),
	inRotation("plan.go", "secret: one with native rotation is used", `case s.NativeRotation:`, `case false && s.NativeRotation:`,
		"TestChecks/native_rotation_blocks"),
	inRotation("plan.go", "secret: one of another service is used", `case s.OwningService != "":`, `case false && s.OwningService != "":`,
		"TestChecks/a_secret_of_another_service_blocks"),
	inRotation("plan.go", "secret: a value that cannot be kept is overwritten", `if p.o.CurrentBad != "" {`, `if false {`,
		"TestChecks/a_value_that_cannot_be_kept_blocks"),
	inRotation("plan.go", "left: a secret of others holds a user that left", `	if p.o.LeaveCare {
		return &Decision{Reason: ReasonLeft}
	}
	for v`, `	for v`, "TestChecks/a_user_that_left_is_done_with_a_secret_of_others"),
	inRotation("plan.go", "user: adopting a key accepts another user",
		`p.o.Request.Kind == RequestAdopt && p.o.Request.KeyID == ""`, `p.o.Request.Kind == RequestAdopt`,
		"TestChecks/adopting_a_key_accepts_no_other_user"),
	inRotation("plan.go", "user: another one is accepted unasked",
		`p.o.Request.Kind == RequestAdopt && p.o.Request.KeyID == ""`, `true`, "user-recreated"),
	inRotation("plan.go", "unknown: decided though more has to be read", `	p.classify()
	if p.wants.Any() {`, `	p.classify()
	if false {`, "existing-secret"),
	inRotation("plan.go", "unknown: a wait though more has to be read", `func (p *planner) checkWait() *Decision {
	if p.wants.Any() {`, `func (p *planner) checkWait() *Decision {
	if false {`, "legacy-one-last-used-unreadable"),
	inRotation("plan.go", "onboarding: a pause opens an intent", ` && p.o.Request.Kind != RequestPause && p.o.Request.Kind`,
		` && p.o.Request.Kind`, "TestOnboardingWithoutAKeyOpensNoIntent"),
	inRotation("plan.go", "onboarding: a revoke opens an intent", ` && p.o.Request.Kind != RequestRevoke`, ``,
		"TestOnboardingWithoutAKeyOpensNoIntent"),
	inRotation("plan.go", "confirm: the second look may come at once", `p.o.ConfirmedAfter >= wait`, `p.o.ConfirmedAfter > 0`,
		"TestChecks/a_new_database:_the_second_look_comes_too_soon"),
	inRotation("plan.go", "promotion: one under way counts as recorded",
		`!p.st.Promoted.Promoting && p.st.Promoted.Version == p.current`, `p.st.Promoted.Version == p.current`,
		"TestChecks/a_promotion_under_way_is_put_on_record"),
	inRotation("plan.go", "promotion: that of a dead key is recorded", `	c, ok := p.activeCurrent()
	if !ok ||`, `	c, ok := p.find(ClassCurrent)
	if !ok ||`, "TestChecks/the_promotion_of_a_dead_key_is_not_put_on_record"),

	inRotation("classify.go", "class: a key is not current by its version", `case p.current == version, named`, `case named`, "life-10m-12m-15m"),
	inRotation("classify.go", "class: AWSPENDING is not seen", `case hasLabel(labels, StagePending) &&`,
		`case false && hasLabel(labels, StagePending) &&`, "crash-after-put-pending"),
	inRotation("classify.go", "class: an adopted key that is stored is legacy", ` && !p.stored(version):`, `:`,
		"TestClasses/an_adopted_key_that_is_stored_is_previous"),
	inRotation("classify.go", "class: a label does not make a version stored",
		`len(p.o.Secret.Versions[version]) > 0 || p.o.Stored[version]`, `p.o.Stored[version]`, "crash-after-promote"),
	inRotation("classify.go", "class: what nothing is known of is legacy", `class := ClassForeign`, `class := ClassLegacy`,
		"foreign-key-in-the-way"),
	inRotation("classify.go", "class: what nothing is known of is an orphan", `class := ClassForeign`, `class := ClassOrphan`,
		"foreign-key-in-the-way"),
	inRotation("classify.go", "orphan: of a closed intent", `if !i.Open || p.st.had`, `if p.st.had`,
		"TestClasses/a_closed_intent_made_no_other_key"),
	inRotation("classify.go", "orphan: the journal's word on another intent counts", `if w.Intent == i.ID && (`, `if (`,
		"TestChecks/what_the_journal_says_of_another_intent"),
	inRotation("classify.go", "class: a person's value is not read", `p.wants.CurrentNames = true`, `_ = p`, "existing-secret"),
	inRotation("classify.go", "class: deprecated versions are not read", `p.wants.Versions = true`, `_ = p`,
		"trace01b-person-edits-naming-the-same-key"),

	inRotation("planoperator.go", "pause: a second one forgets the first", `		if p.st.Pause.Paused {
			return nil
		}
		return &Decision{Reason: ReasonPaused,`, `		return &Decision{Reason: ReasonPaused,`, "TestChecks/a_second_pause_changes_nothing"),
	inRotation("planoperator.go", "resume: of a user that is not paused", `		if !p.st.Pause.Paused {
			return &Decision{Reason: BlockedRequest, Detail: notPaused}
		}
		return`, `		return`, "TestChecks/resuming_who_is_not_paused_changes_nothing"),
	inRotation("plan.go", "onboarding: whatever is asked for", `	if d := p.refuseBeforeOnboarding(); d != nil {
		return d
	}
`, ``, "requests-before-onboarding"),
	inRotation("planoperator.go", "adopt: a user that was not made anew", `		if r.KeyID == "" { // checkUser`,
		`		if r.KeyID == "" && false { // checkUser`, "TestChecks/accepting_a_user_that_is_the_same_one"),
	inRotation("planoperator.go", "revoke: an unknown key", `		if leaked.ID == "" {
			return &Decision{Reason: BlockedRequest`, `		if false {
			return &Decision{Reason: BlockedRequest`, "adopt-refused"),
	inRotation("planoperator.go", "revoke: a user that left gets a new key", ` && !p.o.LeaveCare && p.mayCreate()`, ` && p.mayCreate()`,
		"trace17b-inactive-current-of-a-user-that-left"),
	inRotation("planoperator.go", "revoke: a second intent", ` && !p.o.LeaveCare && p.mayCreate()`, ` && !p.o.LeaveCare`,
		"TestChecks/a_revoke_beside_an_open_intent_makes_no_key"),
	inRotation("planoperator.go", "revoke: any key gets a successor", `leaked.Class == ClassCurrent && leaked.Status`, `leaked.Status`,
		"TestChecks/a_revoke_of_a_key_that_is_not_current_makes_none"),
	inRotation("planoperator.go", "revoke: one that is done begins the retention anew", `		if p.st.IsRevoked(r.KeyID) {
			return nil // done
		}`, ``, "TestChecks/a_revoke_that_is_done_is_not_done_again"),
	inRotation("planoperator.go", "revoke: an Inactive key is deactivated again", `	if k.Status == Active {
		return append(steps, p.dropSteps(k.ID)...)
	}`, `	if true {
		return append(steps, p.dropSteps(k.ID)...)
	}`, "revoke-inactive-key"),
	inRotation("planoperator.go", "rollback: its target changes on the way",
		`r.Kind == RequestRollback && r.KeyID != "" && VersionID(r.KeyID) != target`, `false && r.Kind == RequestRollback`,
		"TestChecks/a_rollback_to_another_key_than_the_one_under_way"),
	inRotation("planoperator.go", "rollback: to the key that is current", `if target != "" && target == p.current {`, `if false {`,
		"TestChecks/a_rollback_to_the_key_that_is_current_is_done"),
	inRotation("planoperator.go", "rollback: one of nothing is done", `if target != "" && target == p.current {`,
		`if target == p.current {`, "TestChecks/a_rollback_of_an_empty_secret"),
	inRotation("planoperator.go", "rollback: without a previous version", `	if version == "" {
		return`, `	if false {
		return`, "TestChecks/a_rollback_without_a_previous_version"),
	inRotation("planoperator.go", "rollback: to a key that is gone",
		`return ClassifiedKey{}, "the key of that version does not exist any more"`, `return ClassifiedKey{}, ""`, "rollback-target-gone"),
	inRotation("planoperator.go", "rollback: an Inactive target stays so", `	if k.Status != Active {
		steps`, `	if false {
		steps`, "rollback-to-inactive-key"),

	inRotation("planretire.go", "seen Active: a foreign key is", ` && k.Class != ClassForeign {`, ` {`,
		"TestChecks/a_foreign_key_that_was_reactivated_is_nobody's_business"),
	inRotation("planretire.go", "seen Active: again and again", `since, ok := p.st.since(k.ID); ok && since.Inactive && k.Status == Active`,
		`_, ok := p.st.since(k.ID); ok && k.Status == Active`, "trace16b-reactivated-has-its-grace"),
	inRotation("planretire.go", "retire: an Inactive key", `		if k.Status != Active || k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		if !ok`, `		if k.Class != ClassPrevious && k.Class != ClassLegacy {
			continue
		}
		if !ok`, "TestChecks/an_Inactive_key_is_not_deactivated_again"),
	inRotation("planretire.go", "adopt: the adopted key goes though current is dead", `if p.current != "" || !p.st.IsAdopted(k.ID) {`,
		`if !p.st.IsAdopted(k.ID) {`, "TestChecks/an_adopted_key_stays_while_no_current_one_works"),
	inRotation("planretire.go", "legacy: one that was never used is quiet at once", `latest(use.At, k.Created).Add(p.l.LegacyQuiet)`,
		`use.At.Add(p.l.LegacyQuiet)`, "TestChecks/a_young_legacy_key_was_never_used,_and_is_not_quiet"),
	inRotation("planretire.go", "hold: by a use in the first half of the grace", `min(p.grace()/2, 24*p.l.CoarseUse)`,
		`min(p.grace(), 24*p.l.CoarseUse)`, "TestHoldLooksBackHalfTheGrace"),
	inRotation("planretire.go", "hold: for days after the last use", `min(p.grace()/2, 24*p.l.CoarseUse)`, `p.grace()/2`,
		"life-90d-held-by-use"),

	inRotation("planrotate.go", "removal: an Active key", `	if k.Status == Active {
		return &Decision{Reason: r, KeyID: k.ID, Actions: p.dropSteps(k.ID)}
	}
`, ``, "row01-killed-after-create"),
	inRotation("planrotate.go", "removal: without knowing since when it is Inactive", `	since, ok := p.st.since(k.ID)
	if !ok || !since.Inactive {`, `	since, ok := p.st.since(k.ID)
	if false && !ok {`, "TestChecks/an_Inactive_orphan_begins_its_quarantine_on_record"),
	inRotation("planrotate.go", "pending: a revoked one is promoted, if nobody else objects",
		`case p.st.IsRevoked(k.ID) || k.Status != Active:`, `case k.Status != Active:`,
		"TestChecksStandAlone/a_revoked_pending_key_is_not_promoted"),
	inRotation("planrotate.go", "pending: promoted unverified by the next run", `		{Kind: Verify, KeyID: k.ID, VersionID: version},
		{Kind: Promote, KeyID: k.ID`, `		{Kind: Promote, KeyID: k.ID`, "crash-after-put-pending"),
	inRotation("planrotate.go", "pending: AWSCURRENT moves from wherever it is",
		`		{Kind: Promote, KeyID: k.ID, VersionID: version, Base: p.current},`,
		`		{Kind: Promote, KeyID: k.ID, VersionID: version},`, "crash-after-put-pending"),
	inRotation("planrotate.go", "rotate: AWSCURRENT moves from wherever it is", `Action{Kind: Promote, Base: p.current})`,
		`Action{Kind: Promote})`, "life-10m-12m-15m"),
	inRotation("planrotate.go", "rotate: no intent", `[]Action{{Kind: WriteIntent, Base: p.current}, {Kind: CreateKey}}`,
		`[]Action{{Kind: CreateKey}}`, "life-10m-12m-15m"),
	inRotation("planrotate.go", "rotate: the intent comes after its key", `[]Action{{Kind: WriteIntent, Base: p.current}, {Kind: CreateKey}}`,
		`[]Action{{Kind: CreateKey}, {Kind: WriteIntent, Base: p.current}}`, "life-10m-12m-15m"),
	inRotation("planrotate.go", "fall back: to an Inactive key", `k.Class == ClassPrevious && k.Status == Active && !p.st`,
		`k.Class == ClassPrevious && !p.st`, "revoke-current-previous-inactive"),
	inRotation("planrotate.go", "fall back: to a key of others", `k.Class == ClassPrevious && k.Status == Active && !p.st`,
		`k.Class != ClassCurrent && k.Status == Active && !p.st`, "trace08b-no-way-out"),
	inRotation("planrotate.go", "fall back: to a revoked key, if nobody else objects", ` && !p.st.IsRevoked(k.ID) {`, ` {`,
		"TestChecksStandAlone/a_revoked_key_is_not_fallen_back_to"),
	inRotation("planrotate.go", "fall back: though current works", `if _, ok := p.activeCurrent(); ok || len(p.o.Keys) < maxKeys {`,
		`if len(p.o.Keys) < maxKeys {`, "crash-after-promote"),
	inRotation("planrotate.go", "re-promotion: unverified", `		{Kind: Verify, KeyID: keyID, VersionID: version},
`, ``, "rollback-to-active-key"),
	inRotation("planrotate.go", "due: at once, when cron never fires", `due.IsZero() || !p.over(due)`, `!p.over(due)`,
		"TestCronThatNeverFires"),
	inRotation("planrotate.go", "due: before its time", `due.IsZero() || !p.over(due)`, `due.IsZero()`, "life-10m-12m-15m"),
	inRotation("planrotate.go", "a new key beside a dropped one", `p.count(ClassPending)+p.count(ClassUndecided)+`,
		`p.count(ClassUndecided)+`, "TestChecks/no_key_is_made_beside_a_dropped_one_in_quarantine"),
	inRotation("planrotate.go", "a new key beside an undecided one, if nobody else objects",
		`p.count(ClassPending)+p.count(ClassUndecided)+`, `p.count(ClassPending)+`,
		"TestChecksStandAlone/no_key_is_made_beside_an_undecided_one"),
	inRotation("planrotate.go", "a block names no second legacy key", `case p.count(ClassLegacy) >= maxKeys:`, `case false:`, "legacy-two-adopt"),
}

// keepingMutants write what is remembered otherwise, or read it otherwise.
var keepingMutants = []mutant{
	inRotation("effect.go", "record: onboarding opens no intent", `if intent {
`, `if false {
`, "trace03-probe-counts-as-use"),
	inRotation("effect.go", "record: a create that failed for certain leaves its intent open", `	case CloseIntent:
		s.Intent.Open = false`, `	case CloseIntent:`, "create-fails-for-certain"),
	inRotation("effect.go", "record: a re-promotion is not told from a promotion", `s.Promoted.Promoting = true
`, `
`, "trace24-rollback-then-crash"),
	inRotation("effect.go", "record: a second revoke forgets the first", `s.Revoked = append(existing(s.Revoked, o), hash)`,
		`s.Revoked = []string{hash}`, "TestListsKeepTheirKeys"),
	inRotation("effect.go", "record: a second adoption forgets the first", `s.Adopted = append(existing(s.Adopted, o), hash)`,
		`s.Adopted = []string{hash}`, "TestListsKeepTheirKeys"),
	inRotation("effect.go", "record: keys that are gone fill the tag", `s.Revoked = append(existing(s.Revoked, o), hash)`,
		`s.Revoked = append(s.Revoked, hash)`, "TestListsKeepTheirKeys"),
	inRotation("effect.go", "record: the grace now does not count", `max(m.Grace, p.Promise, owed.Sub(m.Up))`, `max(p.Promise, owed.Sub(m.Up))`,
		"TestPromotionOwesTheLongestGrace"),
	inRotation("effect.go", "record: a promise outlives its key", `Promise: m.Grace, Until: until}`, `Promise: max(m.Grace, p.Promise), Until: until}`, "TestPromotionOwesTheLongestGrace"),
	inRotation("stateparse.go", "tags: a promotion of no version", `if s.Promoted.Version == "" && !s.Promoted.Promoting {`, `if false {`,
		"TestStateContradictory"),
	inRotation("stateparse.go", "tags: a negative grace", ` || s.Promoted.Grace < 0 || s.Promoted.Promise < 0 {`, ` {`,
		"TestStateContradictory"),
	inRotation("stateparse.go", "tags: two UserIds", `	if len(words) != 1 {
		return fmt.Errorf("one UserId`, `	if false {
		return fmt.Errorf("one UserId`, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: half a hash", `len(h) != 16 || `, ``, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: a hash of other letters", ` || strings.Trim(h, "0123456789abcdef") != ""`, ``, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: an unknown word", `!ok || !slices.Contains(names, name) || value == ""`, `!ok || value == ""`,
		"TestStateContradictory"),
	inRotation("stateparse.go", "tags: a missing word", `if _, ok := out[n]; !ok {`, `if false {`, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: an intent neither open nor closed", `len(words) < 2 || words[0] != "open" && words[0] != "closed"`,
		`len(words) < 2`, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: a promotion neither made nor under way",
		`len(words) < 2 || words[0] != "promoted" && words[0] != "promoting"`, `len(words) < 2`, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: Inactive since no time", `if err != nil || t.IsZero() {`, `if err != nil {`, "TestStateContradictory"),
	inRotation("stateparse.go", "tags: neither Active nor Inactive", `|| word != "inactive" && word != "active" {`, `{`,
		"TestStateContradictory"),
	inRotation("forecast.go", "Expiration: full grace though another version is on record",
		` || st.Promoted.Version != o.Secret.Stage(StageCurrent) {`, ` {`, "TestExpirationIsBrief"),
	inRotation("forecast.go", "next look: before settle is over", `at = latest(at, changed.Add(l.Settle))`, `_ = changed`,
		"TestNextLookWaitsForSettle"),
	inRotation("forecast.go", "forecast: a wish is carried out for ever", `	o.Request = Request{}
	return forecast`, `	return forecast`, "TestForecastLeavesTheRequestOut"),
	inRotation("schedule.go", "due: jitter makes it earlier", `return due.Add(s.jitter(k.ID))`, `return due.Add(-s.jitter(k.ID))`,
		"TestJitterSpreads"),
	inRotation("schedule.go", "due: all at once", `return due.Add(s.jitter(k.ID))`, `return due`, "TestJitterSpreads"),
	inRotation("schedule.go", "schedule: no rotation", `case s.RotateEvery <= 0:`, `case false:`, "TestValidateShowsTheArithmetic"),
	inRotation("schedule.go", "schedule: a negative grace", `case s.DeactivateAfter < s.RotateEvery:`, `case false:`,
		"TestValidateShowsTheArithmetic"),
	inRotation("schedule.go", "schedule: a negative retention", `case s.DeleteAfter < s.DeactivateAfter:`, `case false:`,
		"TestValidateShowsTheArithmetic"),
	inRotation("schedule.go", "schedule: cron is not heard", `if s.Next != nil {`, `if false {`, "life-cron-dst"),
	inRotation("schedule.go", "lease: over before the run's last call can be", `return l.Window() + l.Settle }`, `return l.Settle }`,
		"TestLeaseOutlastsTheRun"),
	inRotation("schedule.go", "window: over before the intent's key can be made", `return l.RunDeadline + l.HTTPTimeout + tick }`,
		`return l.HTTPTimeout + tick }`, "row01-killed-after-create"),
}
