package main

// inCache is a mutant of the credentials in memory.
func inCache(file, name, old, new, test string) mutant {
	return mutant{name, "internal/credentials/" + file, old, new, "internal/credentials", test}
}

// credentialMutants give out what must not be, or nothing where something is good.
var credentialMutants = []mutant{
	inRotation("handout.go", "credentials: somebody else's secret is given away", `case !present && err == nil && !ours(o.Current()):`, `case false:`,
		"TestWithheldOfAnothersSecret"),
	inCache("read.go", "credentials: what was read before a drop is kept", `if f.err = err; s.flight != f {`, `if f.err = err; false {`,
		"TestAnyInterleaving"),
	inCache("hear.go", "credentials: a read goes on that began before what was heard", "	s.detach() // it may have been answered before\n", "",
		"TestAnyInterleaving"),
	inCache("slot.go", "credentials: given out past the Expiration", `c.Expiration.Sub(c.At)-time.Second)`, `c.Expiration.Sub(c.At)+time.Second)`,
		"TestAnyInterleaving"),
	inCache("hear.go", "credentials: a key is given out that was heard to be dead", `if s.kills(h, usable) {`, `if s.kills(h, usable) && false {`,
		"TestAnyInterleaving"),
	inCache("read.go", "credentials: a dead key is taken from a stale answer", `	if dead {
`, `	if dead && false {
`, "TestHeard"),
	inCache("read.go", "credentials: a stale answer takes the place of the current key",
		`(dead || other && was.credential.VersionID == s.version)`, `dead`, "TestHeard"),
	inCache("read.go", "credentials: what AWS refuses is given out from memory", `	case refused(f.err): `, `	case false && refused(f.err): `,
		"TestAnyInterleaving"),
	inCache("read.go", "credentials: who waits for a good one waits as long as AWS does", `until = earlier(enough, f.began.Add(patience))`,
		`until = enough.Add(time.Minute)`, "TestAnyInterleaving"),
	inCache("read.go", "credentials: users that were read together are read together each minute", ` && c.rate.AllowN(now, 1) {`, ` {`,
		"TestReadsInTheBackgroundAreSpread"),
	inCache("renew.go", "credentials: reads in the background are as few for many users as for one", `max(atLeast, rate.Limit(slack*sum))`,
		`max(atLeast, 0*rate.Limit(slack*sum))`, "TestReadsInTheBackgroundAreSpread"),
	inCache("cache.go", "credentials: any number of reads at once", `reads: make(chan struct{}, c.Reads),`, `reads: make(chan struct{}, 1<<20),`,
		"TestReadsAreBounded"),
	inCache("renew.go", "credentials: kept for ever", `		s.gone = true
		return false`, `		return true`, "TestReadsArePerMinuteAndNotPerGet"),
	{"credentials: a revoked key is given out", "internal/rotation/handout.go", `case known && st.IsRevoked(keyID):`,
		`case false && st.IsRevoked(keyID):`, "internal/fleet", "TestCredentialOfARevokedKey"},
	{"credentials: half a key is given out", "internal/fleet/credential.go", `if key.ID == "" || key.Secret.Reveal() == "" {`,
		`if key.ID == "" {`, "internal/fleet", "TestCredentialWithheld"},
	{"credentials: a secret in the place of the id is given out", "internal/fleet/credential.go", `if !rotation.IsKeyID(key.ID) {`, `if false {`,
		"internal/fleet", "TestCredentialWithheld"},
	{"credentials: a secret in the place of the id is recorded", "internal/store/access.go",
		`if a.AccessKeyID != "" && !rotation.IsKeyID(a.AccessKeyID) {`, `if false {`, "internal/store", "TestConformanceMemory"},
	{"credentials: given out without a record", "internal/server/credentials.go", `		return fleet.Credential{}, fmt.Errorf("%w: %w", kinds.ErrNoRecord, err)
`, `		s.Log.Error(err.Error())
`, "internal/server", "TestNoRecordNoCredential"},
	{"credentials: for a key that may only rotate", "internal/server/credentials.go", `if !c.caller.May(apikey.ReadCredentials, u) {`,
		`if !c.caller.May(apikey.Rotate, u) {`, "internal/server", "TestCreateCredentials"},
	{"credentials: an Idempotency-Key rotates twice after a failure", "internal/server/once.go", `if again(rec.status) && !c.acted {`,
		`if again(rec.status) {`, "internal/server", "TestRotatedOnce"},
	{"credentials: what was refused is never carried out", "internal/server/rotate.go", `		c.acted = t.changed()
`, ``, "internal/server", "TestRefusedIsSentAgain"},
	{"credentials: a key that ended meanwhile gets new ones", "internal/server/credentials.go", `switch err := s.still(ctx, c); {`,
		`switch err := error(nil); {`, "internal/server", "TestKeyEndsWhileItWaits"},
	{"credentials: a key that may not read any more gets new ones", "internal/server/credentials.go",
		`case !c.caller.May(apikey.ReadCredentials, u):`, `case false:`, "internal/server", "TestKeyEndsWhileItWaits"},
	{"credentials: an export outlives its key", "internal/server/export.go", `if err = s.still(r.Context(), c); err != nil {`,
		`if err = nil; err != nil {`, "internal/server", "TestKeyEndsDuringAnExport"},
	{"credentials: two users have one variable", "internal/server/export.go", `variable(u.Name, true)+"_"+u.Account, true, true`,
		`variable(u.Name, true)+"_"+u.Account, true, false`, "internal/server", "TestVariablesOfNamesMadeForIt"},
	{"credentials: an export ends as if it were whole", "internal/server/export.go",
		`				s.Log.Error("an export was broken off", "error", err)
				panic(http.ErrAbortHandler)
`, `				continue
`, "internal/server", "TestExportBreaksOff"},
	{"credentials: every export reads at once", "internal/server/server.go", `make(chan struct{}, exportTurns)`, `make(chan struct{}, 1000)`,
		"internal/server", "TestExportsTakeTurns"},
	{"accesses: names of a transaction that was given up", "internal/store/accesslog.go", `delete(l.names, n) //`, `_ = n //`, "internal/store",
		"TestAccessNamesOfATransactionThatFails"},
	{"accesses: every search reads at once", "internal/store/accesslog.go", `make(turns, scanTurns)`, `make(turns, 1000)`, "internal/store",
		"TestAccessSearchesTakeTurns"},
	{"API: streams without a bound", "internal/daemon/api.go", `MaxConcurrentStreams: together`, `MaxConcurrentStreams: 100`, "internal/daemon",
		"TestTheAPIBoundsStreams"},
	{"credentials: a spreadsheet calculates", "internal/server/export.go", `		fields[i] = noFormula(f)
`, `		fields[i] = f
`, "internal/server", "TestExport"},
	{"credentials: a lease of the whole life", "internal/server/vault.go", `return max(time.Second, min(grace/2, left))`,
		`return max(time.Second, left)`, "internal/server", "TestVault"},
}
