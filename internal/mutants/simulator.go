package main

const simDir = "internal/awssim"

// inSim is a mutant of the simulated AWS, noticed by one of its own tests.
func inSim(file, name, old, new, test string) mutant {
	return mutant{name, simDir + "/" + file, old, new, simDir, test}
}

// violator is a mutant of one of the safety rules that the simulator checks, noticed by the scripted violator that it must catch.
func violator(name, old, new, scene string) mutant {
	return inSim("rules.go", "simulator's rule: "+name, old, new, "TestViolators/"+scene)
}

// ruleMutants switch off the simulator's safety rules: a simulation that checks nothing finds nothing.
var ruleMutants = []mutant{
	violator("promotions are not judged", `if c := w.careOf[s.id]; c != nil && by.rotator {
		w.rulePromote`, `if c := w.careOf[s.id]; false && c != nil {
		w.rulePromote`, "rolled_back_to_a_deactivated_key"),
	violator("the first version is not judged", `if is == nil || was != nil && was.id == is.id {`, `if is == nil || was == nil || was.id == is.id {`,
		"first_version_of_an_unverified_key,_stored_as_pending"),
	violator("promoted to no key", `	case k == nil:
		w.violate(c, RulePromote`, `	case k == nil:
		return
		w.violate(c, RulePromote`, "value_that_names_no_key_of_the_user"),
	violator("promoted to another user's key", `k == nil || k.session != nil || k.user.name != user {`, `k == nil || k.session != nil {`,
		"value_that_names_another_user's_key"),
	inSim("rules.go", "simulator's rule: promoted to an Inactive key", `	case k.status != active:
		w.violate(c, RulePromote`, `	case false:
		w.violate(c, RulePromote`, "TestInactiveKeyIsNamed"),
	violator("promoted with another key's secret", `case !is.holds(k.secret):`, `case false:`, "value_with_the_wrong_secret"),
	violator("promoted to a revoked key", `	case k.revoked:
		w.violate(c, RuleRevoked, "AWSCURRENT`, `	case false:
		w.violate(c, RuleRevoked, "AWSCURRENT`, "promoted_a_revoked_key_that_people_reactivated"),
	violator("promoted unverified", `n < c.VerifySuccesses {`, `n < 0 {`, "promoted_without_verification"),
	violator("verified once", `n < c.VerifySuccesses {`, `n < 1 {`, "verified_once_instead_of_twice"),
	violator("verified in some Region", `for _, region := range c.VerifyRegions {
`, `for region := range k.proven {
`, "verified_in_another_Region"),
	inSim("exec.go", "simulator's rule: verified, and not in a row", `delete(k.proven, x.call.Region)`, `_ = k`,
		"TestViolators/verified_twice,_and_not_in_a_row"),
	inSim("iamstate.go", "simulator's rule: verified before a deactivation", `	k.proven = nil
	k.user.edit`, `	k.user.edit`, "TestViolators/verified_before_a_deactivation"),
	violator("verified when it was current before", `k.proven = nil`, `_ = k`, "rolled_back_without_verification"),
	inSim("sts.go", "simulator's rule: verified by an answer that nobody heard", `if x.fate.FailAfter == "" && !x.fate.DropReply {`, `if true {`,
		"TestSuccessThatNobodyLearnedOfProvesNothing"),
	violator("people's fields lost", `field != "" {`, `false {`, "promotion_that_loses_people's_field"),
	violator("stored over AWSCURRENT", `len(stages) == 0 || slices`, `slices`, "stored_over_AWSCURRENT"),
	violator("stored as AWSCURRENT by name", `len(stages) == 0 || slices.Contains(stages, current)`, `len(stages) == 0`,
		"stored_as_AWSCURRENT_by_name"),
	inSim("secretvalues.go", "simulator's rule: updated over AWSCURRENT", `		x.w.rulePut(x.by, s, nil)
`, ``, "TestViolators/UpdateSecret_over_AWSCURRENT"),
	violator("a key beside one that nobody holds", `o != k && o.byRotator && !o.stored`, `false && o != k && o.byRotator && !o.stored`,
		"a_second_key_whose_secret_nobody_holds"),
	violator("a foreign key reactivated", `		case c.foreign(k):
			w`, `		case false:
			w`, "reactivated_a_foreign_key"),
	violator("a revoked key reactivated", `		case k.revoked:
			w`, `		case false:
			w`, "reactivated_a_revoked_key"),
	violator("a foreign key deactivated", `	case c.foreign(k):
		w.violate(c, RuleForeign, "key %s, which people made, was deactivated"`, `	case false:
		w.violate(c, RuleForeign, "key %s, which people made, was deactivated"`, "deactivated_a_foreign_key"),
	violator("the current key deactivated", `	case cur == k:
		w.violate(c, RuleRetire`, `	case false:
		w.violate(c, RuleRetire`, "deactivated_the_current_key"),
	violator("deactivated without a successor", `	case v == nil || cur == nil:
		w.violate`, `	case v == nil || cur == nil:
		return
		w.violate`, "deactivated_a_legacy_key_without_a_successor"),
	violator("deactivated while the secret is being deleted", `case !st.deleted.IsZero():`, `case false:`,
		"deactivated_while_the_secret_is_being_deleted"),
	violator("deactivated while its successor is Inactive", `case cur.status != active:`, `case cur != nil && false:`,
		"deactivated_while_the_successor_is_Inactive"),
	violator("deactivated within the grace", `case now.Sub(st.currentSince) < c.Grace:`, `case false:`, "deactivated_within_the_grace"),
	inSim("rules.go", "simulator's rule: a key that never served may not go", `case k.byRotator && !k.wasCurrent:`, `case false && k.byRotator:`,
		"TestGoodRunsAreSilent/orphan_of_a_user_without_a_secret"),
	violator("a foreign key deleted", `	case c.foreign(k):
		w.violate(c, RuleForeign, "key %s, which people made, was deleted"`, `	case false:
		w.violate(c, RuleForeign, "key %s, which people made, was deleted"`, "deleted_a_foreign_key"),
	violator("deleted while Active", `	case k.status == active:
`, `	case false:
`, "deleted_while_Active"),
	violator("the current key deleted", `	case cur == k:
		w.violate(c, RuleDelete`, `	case cur == k && false:
		w.violate(c, RuleDelete`, "deleted_the_current_key"),
	violator("deleted within the retention", `case now.Sub(k.inactive) < rest:`, `case now.Sub(k.inactive) < 0*rest:`,
		"deleted_within_the_retention"),
	violator("deleted within the quarantine", `rest, name = c.Quarantine, "quarantine"`, `rest, name = 0, "quarantine"`,
		"deleted_an_orphan_within_its_quarantine"),
	inSim("iamstate.go", "simulator's rule: retention from an earlier deactivation", `		k.inactive = now
`, `		if k.turns < 2 {
			k.inactive = now
		}
`, "TestViolators/retention_counted_from_an_earlier_deactivation"),
	violator("the secret deleted", `by.rotator && s.state().with(current) != nil {`, `false && s.state().with(current) != nil {`,
		"deleted_the_secret_of_the_current_key"),
	violator("the user deleted", `if c := w.care[s.name]; c != nil && by.rotator {`, `if c := w.care[s.name]; false && c != nil {`,
		"deleted_the_user"),
	inSim("care.go", "simulator's rule: people's acts excuse nothing",
		`if c.PeopleGrace > 0 && !c.peopleAt.IsZero() && now.Sub(c.peopleAt) < c.PeopleGrace {`, `if false {`,
		"TestPeopleGraceExcusesWhatCouldNotBeKnown"),
	inSim("care.go", "simulator's rule: people's acts excuse everything", ` && now.Sub(c.peopleAt) < c.PeopleGrace {`, ` {`,
		"TestPeopleGraceExcusesWhatCouldNotBeKnown"),
}

// simulatorMutants make the simulated AWS kinder than AWS.
var simulatorMutants = []mutant{
	inSim("exec.go", "simulator: signatures are not checked", `	if !matches {`, `	if false {`, "TestSignatures/changed_body"),
	inSim("exec.go", "simulator: Inactive keys work", `k == nil || k.status != active || `, `k == nil || `, "TestWrongSecretAndInactiveKey"),
	inSim("exec.go", "simulator: new keys are known everywhere", ` || !w.propagated(k, x.call.Region, x.now) {`, ` {`,
		"TestPropagationPerRegion"),
	inSim("exec.go", "simulator: a signature is for any service", `if sig.service != x.call.Service {`, `if false {`,
		"TestSignatures/another_service's_scope"),
	inSim("sigv4.go", "simulator: old signatures work", `case now.Sub(s.at) > allowed:`, `case false:`, "TestSignatures/slow_clock"),
	inSim("sigv4.go", "simulator: signatures of the future work", `case s.at.Sub(now) > tolerance:`, `case false:`, "TestSignatures/fast_clock"),
	inSim("sigv4.go", "simulator: presigned requests work for a day", `allowed = s.lives`, `allowed = 24 * time.Hour`, "TestPresignedRequest"),
	inSim("exec.go", "simulator: what is denied works", `	if fault := x.authorize(); fault != nil {
		return fault
	}
`, ``, "TestDeniedActionsAreNamed"),
	inSim("exec.go", "simulator: sessions never expire", `if !x.now.Before(k.session.expires) {`, `if false {`, "TestSessionsOutliveTheirKey"),
	inSim("exec.go", "simulator: disabled Regions work", `if w.disabled[x.call.Region] && x.call.Service != "iam" {`, `if false {`,
		"TestWrongSecretAndInactiveKey"),
	inSim("iamkeys.go", "simulator: a third key", `if len(s.state().keys) >= keysPerUser {`, `if false {`, "TestTwoKeysCountInactiveOnes"),
	inSim("iamkeys.go", "simulator: keys of other users are one's own", `k == nil || k.session != nil || k.user != s {`,
		`k == nil || k.session != nil || s == nil {`, "TestKeyCallsWithoutUserNameTargetTheCaller"),
	inSim("iamstate.go", "simulator: last use to the second", `now.Sub(k.used.at) < w.cfg.scaled(15*time.Minute)`, `now.Sub(k.used.at) < 0`,
		"TestLastUsedIsCoarse"),
	inSim("secretstages.go", "simulator: AWSCURRENT moves without saying from where", `case from == "" && has != nil && has.id != to:`,
		`case false:`, "TestStageMovesByCompareAndSwapOnly"),
	inSim("secretstages.go", "simulator: AWSCURRENT moves from where it is not", `case from != "" && has.id != from:`, `case false:`,
		"TestStageMovesByCompareAndSwapOnly"),
	inSim("secretstages.go", "simulator: AWSCURRENT can be taken off", `case to == "" && stage == current:`, `case false:`,
		"TestStageMovesByCompareAndSwapOnly"),
	inSim("secretstages.go", "simulator: AWSCURRENT moves to no version", `if id != "" && st.version(id) == nil {`, `if false {`,
		"TestStageMovesByCompareAndSwapOnly"),
	inSim("secretvalues.go", "simulator: the first version is not current by itself",
		`len(stages) == 0 || st.with(current) == nil && !slices.Contains(stages, current)`, `len(stages) == 0`,
		"TestFirstVersionBecomesCurrentWhateverIsAsked"),
	inSim("secretstate.go", "simulator: AWSPREVIOUS does not follow", `		st.label(previous, was.id)
`, `		_ = previous
`, "TestPutWithoutStagesMovesCurrentAndPrevious"),
	inSim("secretvalues.go", "simulator: a token takes another value", `		if !old.same(v) {`, `		if false {`, "TestTokens"),
	inSim("secretvalues.go", "simulator: a repeat moves labels", `	if old := st.version(v.id); old != nil {`,
		`	if old := st.version(v.id); old != nil && !old.same(v) {`, "TestTokens"),
	inSim("secretvalues.go", "simulator: a secret holds any number of versions", `if len(next.versions) >= w.cfg.VersionLimit {`, `if false {`,
		"TestVersionQuota"),
	inSim("secretstate.go", "simulator: young versions are removed", ` && now.Sub(v.created) >= w.cfg.scaled(24*time.Hour) {`, ` {`,
		"TestVersionQuota"),
	inSim("secretstate.go", "simulator: labelled versions are removed", `over > 0 && len(v.stages) == 0 &&`, `over > 0 &&`, "TestVersionQuota"),
	inSim("secretvalues.go", "simulator: a secret that is being deleted is read", `	if !st.deleted.IsZero() {
		return nil, invalidRequest(markedDeleted)
	}`, ``, "TestSecretLife"),
	inSim("rates.go", "simulator: no rates", `	if b.tokens < 1 {`, `	if false {`, "TestRates"),
}
