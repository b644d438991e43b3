package main

// inConfig is a mutant of the configuration's checks, noticed by one of its own tests.
func inConfig(file, name, old, new, test string) mutant {
	return mutant{name, "internal/config/" + file, old, new, "internal/config", test}
}

// inPolicy is a mutant of the IAM policies that keyturn writes.
func inPolicy(file, name, old, new, test string) mutant {
	return mutant{name, "deploy/" + file, old, new, "deploy", test}
}

// careMutants look after whom nobody named, let go whom they must not, take settings that cannot work, or allow others too much.
var careMutants = []mutant{
	inConfig("match.go", "care: no include is everybody", `if len(c.Users.Include) == 0 {`, `if false {`, "TestRefusedFiles"),
	inConfig("match.go", "care: an entry that says nothing is everybody", `case m == Match{}:`, `case false:`, "TestRefusedFiles"),
	inConfig("match.go", "care: an entry's path does not matter", `if m.Path != "" && !glob(m.PathPattern(), u.Path) {`, `if false {`,
		"TestAnEntryWithSeveralWordsNeedsAllOfThem"),
	inConfig("match.go", "care: a tag with wildcards in its key", `case m.Tag != "" && (key == "" || wild(key)):`, `case false:`,
		"TestRefusedFiles"),
	inConfig("select.go", "care: the excluded", `if m.excludes(u) {`, `if false && m.excludes(u) {`, "TestSelect"),
	inConfig("match.go", "care: the excluded in other letters", `m.Name, u.Name = strings.ToLower(m.Name), strings.ToLower(u.Name)`,
		`_ = strings.ToLower`, "TestSelect"),
	inConfig("select.go", "care: administrators", `if u.Admin && !slices`, `if false && !slices`, "TestSelectionIsNeverAllByAccident"),
	inConfig("select.go", "care: a schedule that nobody knows is the default", `if _, ok := c.Schedules[name]; !ok {`,
		`if _, ok := c.Schedules[name]; false && !ok {`, "TestSelect"),
	inConfig("validate.go", "settings: below the minimum", `if asFloat(have) < least {`, `if false && asFloat(have) < least {`, "TestRefusedFiles"),
	inConfig("validate.go", "settings: no run could end its verification", `need >= v.Timeout {`, `false {`, "TestRefusedFiles"),
	inConfig("validate.go", "settings: a run ends before its verification", `c.RunDeadline < need {`, `false {`, "TestRefusedFiles"),
	inConfig("validate.go", "settings: half a schedule", `if c.lines[path+"."+k] == 0 {`, `if false {`, "TestRefusedFiles"),
	inConfig("validate.go", "settings: three keys", `	if _, err := c.RotationSchedule(""); err != nil {
		return err
	}
`, ``, "TestRefusedFiles"),
	inConfig("validate.go", "settings: three keys of a named schedule", `		if _, err := c.RotationSchedule(name); err != nil {
			return err
		}`, ``, "TestRefusedFiles"),

	inFleet("selection.go", "care: who leaves is forgotten", `			m.LeaveCare = true
`, ``, "TestDiscoverLeaving"),
	inFleet("selection.go", "care: who was never looked after leaves", `if m.Known && !broken`, `if !broken`, "TestDiscoverLeaving"),
	inFleet("selection.go", "care: who is refused for a mistake leaves", ` && !broken[m.User]`, ``, "TestDiscoverLeaving"),
	inFleet("selection.go", "care: who left leaves again", ` && m.Standing.Reason != rotation.ReasonLeft {`, ` {`, "TestDiscoverLeaving"),
	inFleet("pass.go", "care: a wish is everybody's", `if p.Request.Kind != rotation.NoRequest && len(p.Users) == 0 {`, `if false {`,
		"TestRequestNeedsNames"),
	inFleet("pass.go", "care: the longest overdue comes last", `return cmp.Compare(recheck(a), recheck(b)) })`,
		`return cmp.Compare(recheck(b), recheck(a)) })`, "TestPassBeginsWithTheLongestOverdue"),
	inFleet("pass.go", "care: secrets that stood before are taken unasked", `ExistingAllowed: f.cfg.ExistingAllowed,`, `ExistingAllowed: true,`,
		"TestExistingSecretsAreAskedFor"),
	inFleet("pass.go", "back-off: a restart forgets it", `Failures: m.Standing.Failures,`, `Failures: 0 * m.Standing.Failures,`,
		"TestFailuresBackOff"),

	inPolicy("rotator.go", "policy: the excluded", `out[i].Sid = sid
`, `out[i].Sid = sid
		if effect == "Deny" {
			out[i].Effect = "Allow"
		}
`, "TestRotatorMayDoItsWorkAndNothingElse"),
	inPolicy("rotator.go", "policy: every secret of the account", `if strings.Trim(n, "*?/-") == "" {`, `if false {`, "TestPoliciesRefuse"),
	inPolicy("rotator.go", "policy: any tag", `"ForAllValues:StringLike": {"aws:TagKeys"`, `"ForAnyValue:StringLike": {"aws:NoKeys"`,
		"TestDocuments"),
	inPolicy("guardrail.go", "guardrail: everybody steers deletion", `Sid: "StateTagsAreKeyturns", Effect: "Deny",`,
		`Sid: "StateTagsAreKeyturns", Effect: "Allow",`, "TestGuardrailKeepsEverybodyElseOut"),
	inPolicy("guardrail.go", "guardrail: everybody decides on care", `Sid: "CareIsForAdministrators", Effect: "Deny",`,
		`Sid: "CareIsForAdministrators", Effect: "Allow",`, "TestGuardrailKeepsEverybodyElseOut"),
	inPolicy("guardrail.go", "guardrail: keyturn itself is shut out", `if len(in.Rotators) == 0 {`, `if false {`, "TestPoliciesRefuse"),
}
