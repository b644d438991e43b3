package main

const storeDir = "internal/store"

// inStore is a mutant of the database, noticed by a case of its conformance suite or, when the name begins with Test, by that test.
func inStore(file, name, old, new, test string) mutant {
	if len(test) < 4 || test[:4] != "Test" {
		test = "TestConformanceMemory/" + test
	}
	return mutant{name, storeDir + "/" + file, old, new, storeDir, test}
}

// storeMutants give a lease to two, or forget what a dead or late run may have done.
var storeMutants = []mutant{
	inStore("lease.go", "database: a lease is given to everyone", "WHERE users.lease_until <= $6 OR users.holder = excluded.holder",
		"WHERE $6 = $6", "lease_is_held,_ends_and_is_taken"),
	inStore("scan.go", "database: a page looks through the whole history", `more && looked < scanMost && `, `more && `,
		"TestPagesOfALongHistory"),
	inStore("lease.go", "database: a run that died did nothing",
		"WHEN users.holder NOT IN ('', excluded.holder) AND users.lease_until - users.lease_settle > users.quiet", "WHEN false",
		"quiet_after_a_dead_run_is_its_working_time"),
	inStore("lease.go", "database: a lease is given back by anybody", "WHERE account = $1 AND name = $2 AND holder = $3`\n\n// While",
		"WHERE account = $1 AND name = $2 AND $3 = $3`\n\n// While", "a_stalled_run_loses_its_lease_and_keeps_nobody's"),
	inStore("lease.go", "database: a late run changed nothing", "	if changed > 0 {\n", "	if false {\n",
		"a_stalled_run_loses_its_lease_and_keeps_nobody's"),
	inStore("lease.go", "database: a late run is not told", `return fmt.Errorf("%s: %w; the next run looks at AWS afresh", doing, rotation.ErrLeaseLost)`,
		`return nil`, "a_stalled_run_loses_its_lease_and_keeps_nobody's"),
	inStore("lease.go", "database: a new user was quiet when it was first looked at", "AND $13 = '' THEN first_end", "AND $13 = '' THEN $5",
		"quiet_after_a_first_run_without_a_change_covers_runs_from_before"),
	inStore("lease.go", "database: a look that was asked for meanwhile is forgotten",
		"recheck = CASE WHEN asked <> 0 AND asked < $6 THEN asked ELSE $6 END", "recheck = $6", "a_look_asked_for_during_a_run_survives_it"),
	inStore("journal.go", "database: history is rewritten", "ON CONFLICT (event) DO NOTHING",
		"ON CONFLICT (event) DO UPDATE SET outcome = excluded.outcome", "an_outcome_is_recorded_once"),
	inStore("journal.go", "database: the outcome of nothing is recorded", "if err == nil && n == 0 {", "if err == nil && n < 0 {",
		"an_outcome_is_recorded_once"),
	inStore("journal.go", "witness: a create without an outcome was not sent", "if outcome != rotation.Failed {", "if outcome == rotation.Done {",
		"witness/died_in_create"),
	inStore("journal.go", "witness: a create that failed made a key", "if outcome == rotation.Done {", "if outcome != rotation.Done {",
		"witness/created"),
	inStore("journal.go", "witness: the runs of other users", "e.account = $2 AND e.name = $3 AND e.run", "$2 = $2 AND $3 = $3 AND e.run",
		"witness/another_user's_run"),
	inStore("journal.go", "database: a run goes on in another database than its lease's", "f, err := s.holds(ctx, e.Run)",
		"f, err := s.current(ctx)", "TestFileLostWhileOpen/deleted"),
}
