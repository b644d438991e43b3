package main

// inFleet is a mutant of what decides when scheduled changes are frozen.
func inFleet(file, name, old, new, test string) mutant {
	return mutant{name, "internal/fleet/" + file, old, new, "internal/fleet", test}
}

// freezeMutants begin what is frozen, or hold back what a freeze is not for.
var freezeMutants = []mutant{
	inRotation("planrotate.go", "freeze: a rotation that is due begins all the same",
		` && p.heldBack(c.ID) {`, ` && false {`, "freeze-over-a-whole-life"),
	inRotation("planrotate.go", "freeze: a block is hidden",
		`if d != nil && len(d.Actions) > 0 && p.heldBack`, `if p.heldBack`, "freeze-hides-no-block"),
	inRotation("planretire.go", "freeze: a key is deactivated all the same",
		`!p.heldBack(k.ID) && p.quiet`, `p.quiet`, "freeze-retirement-and-deletion"),
	inRotation("planretire.go", "freeze: a key is deleted all the same",
		`		if p.heldBack(k.ID) {
			continue
		}
`, ``, "freeze-retirement-and-deletion"),
	inRotation("plan.go", "freeze: a new user is onboarded all the same",
		`p.frozen("") {
		return p.checkWait()
	}
	create`, `false {
		return p.checkWait()
	}
	create`, "freeze-onboarding"),
	inRotation("plan.go", "freeze: a secret that stood before is taken into use all the same",
		`p.frozen("") {
		return p.checkWait()
	}
	return &Decision{Reason: ReasonOnboard`, `false {
		return p.checkWait()
	}
	return &Decision{Reason: ReasonOnboard`, "freeze-existing-secret"),
	inRotation("freeze.go", "freeze: a repair has no slot",
		`(works || p.o.LeaveCare) && `, `(works || true) && `, "freeze-repairs-go-on"),
	inRotation("freeze.go", "freeze: a user that left care is let go all the same",
		`(works || p.o.LeaveCare) && p.o.Request`, `works && p.o.Request`, "freeze-leaving-care-with-a-dead-key"),
	inRotation("freeze.go", "freeze: a rotation that was asked for has no slot",
		` && p.o.Request.Kind != RequestRotate`, ``, "freeze-rotate-asked-needs-the-slot"),
	inRotation("freeze.go", "freeze: nobody looks when it ends",
		`p.over(f.Until)`, `!p.o.Now.Before(f.Until)`, "freeze-of-a-key-in-use"),
	inFleet("radius.go", "blast radius: failures are counted, and not users",
		`fresh := failed && s.failing.IsZero()`, `fresh := failed`, "TestRadius"),
	inFleet("radius.go", "blast radius: a look that has begun does not count",
		`	s.at = now
	r.seen[u] = s
}

// ended`, `	r.seen[u] = s
}

// ended`, "TestRadius"),
	inFleet("radius.go", "blast radius: blocked users count",
		` && !s.Reason.Blocked()`, ``, "TestRadiusAfterARestart"),
	inFleet("radius.go", "blast radius: who fails for days counts after a restart",
		`for i := range min(s.Failures-1, most) {`, `for i := range 0 * most {`, "TestRadiusAfterARestart"),
	inFleet("radius.go", "blast radius: who failed when an operator lifted the stop counts again",
		` && !r.excused[u] {`, ` {`, "TestBlastRadiusIsLifted"),
	inFleet("radius.go", "blast radius: the stop ends with the first success",
		`len(r.wave) > r.stop.End() {`, `false {`, "TestRadiusEnds"),
	inFleet("policy.go", "blast radius: nobody is tried again",
		` && !p.radius.wave[m.User]`, ``, "TestBlastRadiusStops"),
	inFleet("policy.go", "blast radius: a restart forgets the stop",
		`errors.Join(p.recall(ctx, settingStop, &p.radius.stop), p.recall(ctx, settingRollout, &p.rollout.Rollout)); err != nil {
			return err`, `p.recall(ctx, settingRollout, &p.rollout.Rollout); err != nil {
			return err`, "TestBlastRadiusIsLifted"),
	inFleet("pass.go", "a freeze of unknown end is over, and nobody looks",
		` && !f.thawed(m, now)`, ``, "TestBlastRadiusStops"),
	inFleet("rollout.go", "canary: one that fails holds nobody",
		`if len(r.Failing) > 0 || !done {`, `if !done {`, "TestCanaryFails"),
	inFleet("rollout.go", "canary: a key from before the change counts",
		`case t.made.Before(r.Since):`, `case false:`, "TestCanaryFirstAfterASchedule"),
	inFleet("rollout.go", "canary: the others wait for ever",
		` || !now.Before(r.Since.Add(r.Latest))`, ``, "TestRollout"),
	inFleet("rollout.go", "canary: the schedule of others holds everybody",
		`r.Next.Version != r.Done.Version || r.Next.Schedules`, `true || r.Next.Schedules`, "TestRollout"),
	{"window: an opening in the gap of the clocks is lost", "internal/config/calendar.go",
		`return gap, gap.Add(s.to - s.from)`, `return opens, opens`, "internal/config", "TestWindowsByTheClocks"},
	{"window: the second of two equal times counts too", "internal/config/times.go",
		`	if offset(at) == before {
		return at, time.Time{}
	}
`, ``, "internal/config", "TestWindowsByTheClocks"},
	{"freeze: its end is not where it can go on", "internal/config/calendar.go",
		`f.Until = next.Until`, `_ = next`, "internal/config", "TestFreezes"},
	inRotation("freeze.go", "freeze: one that is over stands",
		` || !f.Until.IsZero() && p.over(f.Until) {`, ` {`, "TestFreezeHoldsOnlyWhatComesByItself"),
	{"lease: held for the rest of a second after a look", "internal/reconcile/run.go", `s.FreeAt = now.Truncate(time.Second)`, `s.FreeAt = now`,
		"internal/fleet", "TestPassAfterPass"},
	inFleet("keeperwork.go", "seat: a run begins though another may look after the user", `k.cfg.Ours != nil && !k.cfg.Ours()`,
		`k.cfg.Ours != nil && !k.cfg.Ours() && false`, "TestKeeperBeginsOnlyWhatIsOurs"),
	inFleet("keeperwork.go", "spread: runs that are due together begin together", `k.spread.begins.Wait(on) != nil || `, ``,
		"TestKeeperSpreadsASecond"),
	{"seat: a daemon begins runs without it", "internal/daemon/lookafter.go", `Ours: seat.May,`, `Ours: nil,`, "internal/daemon",
		"TestNothingIsBegunWithoutTheSeat"},
	inFleet("ask.go", "ask: a rollback that waits asks again after a resume", `err == nil && pauses(f.Now) {`, `err == nil && pauses(f.Now) && false {`,
		"TestOfficeRollbackResumed"),
	inFleet("ask.go", "ask: whoever waits for a run waits for its lease", `wait = min(wait, leasedAgain)`, `wait = max(wait, leasedAgain)`,
		"TestOfficeWaitsForARunAndNotForItsLease"),
	inFleet("look.go", "looks: they take the slots of runs", `f.slots.look, f.slots.looked,`, `f.slots.start, f.slots.give,`,
		"TestLooksThatHangKeepNoRunFromBeginning"),
	inFleet("ask.go", "asks: whoever is due waits for all that is asked for", `enter := f.slots.ask`, `enter := f.slots.start`,
		"TestKeeperBesideManyAsks"),
	inFleet("askmet.go", "asks: a rotation counts only its own run", `if h.Renewed() {`, `if false && h.Renewed() {`, "TestOfficeRotateMetByAnother"),
	inFleet("ask.go", "asks: a rotation that came meanwhile is made again", `if a.Since != 0 {`, `if false {`, "TestOfficeRotateSince"),
	inFleet("ask.go", "asks: the next try knows nothing of the first", `ans.Actions, a.Since = taken, ans.Since`, `ans.Actions = taken`,
		"TestPatientlyPassesOn"),
	inFleet("askmet.go", "asks: a key that was put back is a new one", `h.Reason != rotation.ReasonRollback && `, ``, "TestOfficeRotateThenBack"),
	inFleet("askmet.go", "asks: numbers of a database of before count", `a.Since > 0 && a.Since < newest`, `a.Since > 0`, "TestOfficeRotateSince"),
	inFleet("slots.go", "asks: they wait until nobody is due", `if s.began {`, `if s.began && false {`, "TestSlotsAsksTakeTurns"),
	{"seat: whoever lost it keeps the address", "internal/daemon/daemon.go", `_ = door.Close() // whatever it says, nothing is accepted any more`, ``,
		"cmd/keyturn", "TestScript/serve-standstill"},
}
