package main

const (
	rotationDir = "internal/rotation"
	planFile    = rotationDir + "/plan.go"
)

// inRotation is a mutant of the pure core, noticed by one of its transcripts or, when the name begins with Test, by that test.
func inRotation(file, name, old, new, test string) mutant {
	if len(test) < 4 || test[:4] != "Test" {
		test = "TestTranscripts/" + test
	}
	return mutant{name, rotationDir + "/" + file, old, new, rotationDir, test}
}

// without leaves one line out of the list of checks, which is the specification.
func without(words, method, transcript string) mutant {
	return inRotation("plan.go", "check left out: "+words, "\t{\""+words+"\", (*planner)."+method+"},\n", "", transcript)
}

var checkMutants = []mutant{
	without("what was not read is unknown", "checkKnown", "reads-fail"),
	without("within settle of our last change: wait", "checkSettled", "row09-two-runs-sharing-a-database"),
	without("the secret cannot be used: block", "checkSecret", "secret-pending-deletion"),
	without("no secret yet: onboard", "checkOnboard", "life-10m-12m-15m"),
	without("state tags missing or contradictory: block", "checkState", "tags-stripped"),
	without("the user was deleted and made anew: block until adopted", "checkUser", "user-recreated"),
	without("which key is which", "checkClasses", "life-10m-12m-15m"),
	without("an operator's record: pause, resume, adopt", "checkRecords", "pause-resume"),
	without("a revoke, asked or left undone", "checkRevoke", "revoke-crashed"),
	without("a rollback, asked or under way", "checkRollback", "rollback-to-active-key"),
	without("paused: nothing else, but for the rest of a revoke", "checkPaused", "pause-resume"),
	without("the promotion on record is not the current one", "checkPromotion", "trace19-first-promotion-not-recorded"),
	without("an undecided stranger: wait; an orphan: remove", "checkOrphan", "row01-killed-after-create"),
	without("a pending key: drop, or verify and promote", "checkPending", "crash-after-put-pending"),
	without("current not Active and no slot: fall back to the previous key", "checkFallBack", "trace07-person-deactivates-current"),
	without("no Active current: a new key at once", "checkNoCurrent", "trace08-current-dead"),
	without("a key reactivated by someone: its grace counts anew", "checkSeenActive", "trace16-reactivated-and-deactivated-again"),
	without("previous or legacy, Active: retire after the grace", "checkRetire", "life-10m-12m-15m"),
	without("previous or legacy, Inactive: delete after the retention", "checkDelete", "life-10m-12m-15m"),
	without("due, or asked: rotate", "checkDue", "life-10m-12m-15m"),
	without("wait", "checkWait", "life-10m-12m-15m"),

	inRotation("plan.go", "paused: a revoke ends without a key that works", `if c, ok := p.find(ClassCurrent); ok && p.st.IsRevoked(c.ID) {`,
		`if c, ok := p.find(ClassCurrent); ok && p.st.IsRevoked(c.ID) && false {`, "revoke-while-paused-without-slot"),
	inRotation("plan.go", "order: a pause stops revokes too",
		"\t{\"a revoke, asked or left undone\", (*planner).checkRevoke},\n",
		"\t{\"paused\", (*planner).checkPaused},\n\t{\"revoke\", (*planner).checkRevoke},\n", "revoke-while-paused"),
}
