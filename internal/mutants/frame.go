package main

const serverDir = "internal/server"

// inServer is a mutant of the frame of the REST API, noticed by one of its own tests.
func inServer(file, name, old, new, test string) mutant {
	return mutant{"API: " + name, serverDir + "/" + file, old, new, serverDir, test}
}

// frameMutants let in who must stay out, or keep out who may come in.
var frameMutants = []mutant{
	inServer("settings.go", "a name that others point at this machine is this machine", `f.Public && (len(f.hosts) == 0 || ip != nil)`,
		`true`, "TestHostsThatARequestMayName"),
	inServer("front.go", "pages of every site may send", `if err := s.settings.Load().origins.Check(r); err != nil {`,
		`if err := s.settings.Load().origins.Check(r); false && err != nil {`, "TestPagesOfOtherSites"),
	inServer("address.go", "everybody's X-Forwarded-For counts", `if len(trusted) == 0 || !within(from, trusted) {`, `if len(trusted) == 0 {`,
		"TestForwardedAddressesCountFromTrustedProxiesOnly"),
	inServer("address.go", "the first forwarded address counts", `if from = a; !within(from, trusted) {`, `if from = a; false {`,
		"TestForwardedAddressesCountFromTrustedProxiesOnly"),
	inServer("guard.go", "a flood of wrong keys takes from valid ones", `addressKey{neighbourhood(c.from), true}`, `addressKey{neighbourhood(c.from), false}`,
		"TestLimitsPerAddress"),
	inServer("guard.go", "keys have no limit", `if f.keyPolicy != nil {`, `if false {`, "TestLimitsPerKey"),
	inServer("guard.go", "no scope is asked for", `if c.route.Scope != "" && !who.Has(c.route.Scope) {`, `if false {`, "TestScopesAndHiddenUsers"),
	inServer("guard.go", "a user that the key may not know is found", `err == nil && may {`, `err == nil && (may || true) {`, "TestScopesAndHiddenUsers"),
	inServer("guard.go", "metrics are open to the network", `c.route.OpenOnLoopback && f.plainLoopback`, `c.route.OpenOnLoopback`, "TestWhoReadsMetrics"),
	inServer("failures.go", "wrong keys do not wait", `ok = d == 0 ||`, `ok = true ||`, "TestFailedAuthenticationsAreDelayed"),
	inServer("failures.go", "all who show wrong keys may wait at once", `e.waiting < waitersPerAddress && f.waiting < waitersInAll`, `true`,
		"TestFailedAuthenticationsAreDelayed"),
	inServer("limits.go", "memory grows with the addresses", `	if len(s.full) < mostPerShard {
		return
	}
	for who, full`, `	if true {
		return
	}
	for who, full`, "TestMemoryOfAddressesIsBounded"),
	inServer("problem.go", "everybody hears what AWS said", `!c.caller.Has(apikey.Admin)) {`, `c.caller.Has(apikey.Admin) && false) {`, "TestWhoHearsWhatAWSSaid"),
	inServer("sight.go", "everybody hears why AWS refused a new key", `if a.Reason == rotation.ReasonPendingHopeless {`, `if false {`,
		"TestWhyAKeyIsGivenUpIsForAdmins"),
	inServer("events.go", "a stream outlives its key", `if s.still(ctx, c) != nil {`, `if false {`, "TestStream"),
	inServer("once.go", "the same again is carried out again", `	case store.RequestAnswered:
			replay(w, past.Reply)`, `	case store.RequestAnswered:
			do(w, r, c)`, "TestIdempotencyKeys"),
	inServer("once.go", "secrets are kept for a replay", `Body: without(rec.body.Bytes(), c.route.Secrets)`, `Body: rec.body.Bytes()`,
		"TestIdempotencyKeys"),
	inServer("once.go", "what may have happened is done twice", `status == http.StatusServiceUnavailable`, `status >= http.StatusInternalServerError`,
		"TestIdempotencyKeys"),
	inServer("tls.go", "a renewed certificate is not seen", `return true, c.Use(cert, key)`, `return true, nil`,
		"TestCertificateIsReadAgainWhenItChanges"),
}
