package main

func inKeys(file, name, old, new, test string) mutant {
	return mutant{"API keys: " + name, "internal/apikey/" + file, old, new, "internal/apikey", test}
}

func inIdentity(file, name, old, new, test string) mutant {
	return mutant{"AWS identity: " + name, "internal/awsidentity/" + file, old, new, "internal/awsidentity", test}
}

// callerMutants switch off what keeps strangers out, and what keeps keys from getting lost.
var callerMutants = []mutant{
	inKeys("snapshot.go", "a wrong secret is let in", `e, known := s.sums[sum]`, `_, known := s.sums[sum]
	e := s.keys[text[len(Prefix):len(Prefix)+idLength]]
	if known = e != nil; known {
		sum = e.sum
	}`, "TestWhatIsRefused"),
	inKeys("snapshot.go", "an expired or revoked one is let in", `e.key.Over(now) || `, ``, "TestWhatIsRefused"),
	inKeys("key.go", "a revoked one is let in", `return !k.Revoked.IsZero() || `, `return `, "TestRevokedIsRefusedEverywhereWithinTenSeconds"),
	inKeys("snapshot.go", "any network is let in", ` || !comesFrom(e.key.Networks, from)`, ``, "TestWhatIsRefused"),
	inKeys("snapshot.go", "a mark in another shard is not seen", `revoked[r.ID] = r.At`, `_ = r`, "TestVersionQuota"),
	inKeys("text.go", "a typo goes unseen", `return text[textLength-sumLength:] == string(sum[:])`, `return sum[0] != 0`, "TestTyposAreFound"),
	inKeys("caller.go", "a scope implies another", `func (c *Caller) Has(s Scope) bool { return slices`,
		`func (c *Caller) Has(s Scope) bool { return slices.Contains(c.Scopes, Admin) || slices`, "TestKeyOpensWhatItNames"),
	inKeys("caller.go", "no glob is asked for", `if Match(g, u) {`, `if Match(g, u) || true {`, "TestKeyOpensWhatItNames"),
	inKeys("caller.go", "an admin grants scopes that it lacks", `if !c.Has(scope) {`, `if false {`, "TestNobodyGrantsMoreThanItHas"),
	inKeys("caller.go", "an admin grants users that it lacks", `return covers(own, glob)`, `return true`, "TestNobodyGrantsMoreThanItHas"),
	inKeys("glob.go", "a glob covers a longer one", `text[t] != '*' && `, ``, "TestNobodyGrantsMoreThanItHas"),
	inKeys("ring.go", "what was read is good for longer", `usable  = 9 * time.Second`, `usable  = 12 * time.Second`,
		"TestRevokedIsRefusedEverywhereWithinTenSeconds"),
	inKeys("ring.go", "an outage has no end", `a.caller != nil && a.age < outage`, `a.caller != nil`, "TestOutage"),
	inKeys("ring.go", "an outage ends all keys at once", `a.caller != nil && a.age < outage`, `a.caller != nil && a.age < usable`, "TestOutage"),
	inKeys("ring.go", "an unknown key in an outage is known to be none", `a.final, a.caller == nil && a.age < usable:`,
		`a.final, a.caller == nil:`, "TestOutage"),
	inKeys("ring.go", "every unknown key asks AWS", `!r.began.IsZero() && time.Since(r.began) < every`, `false`, "TestUnknownKeysCauseNoCalls"),
	inKeys("ring.go", "a known key waits for an AWS that hangs", `patienceKnown   = 1500 * time.Millisecond`, `patienceKnown   = 15 * time.Second`,
		"TestKnownKeysDoNotWaitForAnAWSThatHangs"),
	inKeys("snapshot.go", "one shard that fails ages all", `age: clock.Sub(s.read[e.shard])`, `age: clock.Sub(s.oldest)`, "TestShardsFailAlone"),
	inKeys("change.go", "a lost change is not made again", `case errors.Is(err, rotation.ErrConflict):`, `case errors.Is(err, rotation.ErrConflict):
			return nil`, "TestWritersAtOnceLoseNothing"),
	inKeys("change.go", "an edit is made twice", `case d.find(k.ID) != nil:
			return errDone
		case`, `case`, "TestWritersAtOnceLoseNothing"),
	inKeys("change.go", "a new shard is not counted", `		d.Shards = shard + 1
		return nil`, `		return errDone`, "TestShardsGrow"),
	inKeys("manage.go", "a revoke fails over the quota", `if errors.Is(err, rotation.ErrVersionQuota) {`, `if false {`, "TestVersionQuota"),
	inKeys("document.go", "what cannot be read is written over", `in.DisallowUnknownFields()`, `_ = in`, "TestForeignDocumentIsLeftAlone"),
	inKeys("document.go", "a newer document is written over", `if d.V != 1 {`, `if d.V < 1 {`, "TestForeignDocumentIsLeftAlone"),
	inKeys("document.go", "a shard takes creations without end", ` && recent < createdADay`, ``, "TestShardsFailAlone"),
	inKeys("document.go", "a document grows without end", `len(value) <= full`, `len(value) > 0`, "TestFullShardTakesRevokes"),
	inKeys("change.go", "old keys are kept", `		doc.prune(r.clock())
`, ``, "TestOldKeysAreForgotten"),

	inIdentity("proof.go", "any host is asked", `scheme != "https" || !known`, `scheme != "https" || false && !known`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "STS is asked in plain text", `scheme != "https" || !known`, `!known`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "a simulated AWS may be anywhere", `if scheme != only.scheme || host != only.host {`, `if false {`,
		"TestAnotherEndpointThanTheConfiguredOne"),
	inIdentity("proof.go", "any parameter is passed on", `if pattern == nil {`, `if pattern == nil { continue }
		if false {`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "a parameter may stand twice", `twice := p.values[name]; twice`, `twice := p.values[name]; twice && false`, "TestParameterTwice"),
	inIdentity("proof.go", "a value may be anything", `err != nil || !pattern.MatchString(value)`, `err != nil`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "a parameter may be missing", `!there && !optional[name]`, `false && !there`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "a signature of another Region", `region != "" && scope[2] != region`, `region != "" && false`, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "a line's end in the base64", ` || strings.ContainsAny(rest, "\r\n")`, ``, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "any nonce", ` || !nonceText.MatchString(nonce)`, ``, "TestProofsThatAreNoQuestionForSTS"),
	inIdentity("proof.go", "the server's id is not ours", `Header: {serverID}`, `Header: {"keyturn.example.org"}`, "TestIdentityIsProvenByAWS"),
	inIdentity("verifier.go", "a proof lives on", `case age > lives:`, `case false:`, "TestProofIsGoodOnce"),
	inIdentity("verifier.go", "a proof from the future", `case age < -ahead:`, `case false:`, "TestProofIsGoodOnce"),
	inIdentity("verifier.go", "a proof from before the server", `case age+grain > time.Since(*v.began.Load()):`, `case false:`, "TestProofFromBeforeTheServer"),
	inIdentity("verifier.go", "a proof is good twice", `case used:`, `case used && false:`, "TestProofIsGoodOnce"),
	inIdentity("verifier.go", "anybody that AWS knows is let in", `if id == nil {`, `if id == nil { id = &Identity{} }
	if false {`, "TestIdentityIsProvenByAWS"),
	inIdentity("verifier.go", "redirects are followed", `return http.ErrUseLastResponse`, `return nil`, "TestTroubleWithSTS"),
	inIdentity("verifier.go", "a long answer is read on", `len(body) > longest`, `false`, "TestTroubleWithSTS"),
	inIdentity("verifier.go", "any status will do", `case answer.StatusCode == http.StatusOK:`, `case answer.StatusCode < 600:`, "TestTroubleWithSTS"),
	inIdentity("verifier.go", "any form of an answer will do", `kind != "text/xml" && kind != "application/xml"`, `kind == "text/html"`, "TestTroubleWithSTS"),
	inIdentity("verifier.go", "a failure of STS uses a proof up", `		v.used.giveBack(p.values["X-Amz-Signature"])
`, ``, "TestTroubleWithSTS"),
	inIdentity("verifier.go", "questions without number", `atOnce   = 32 `, `atOnce   = 3200 `, "TestQuestionsAtOnceAreBounded"),
	inIdentity("again.go", "who was let in goes on for ever", `if !v.now().Before(was.Expires) {`, `if false {`,
		"TestAgainWithoutAnotherProof"),
	inIdentity("again.go", "who is let in no more goes on", `if id == nil {`, `if id == nil { id = &Identity{} }
	if false {`, "TestAgainWithoutAnotherProof"),
	inIdentity("replay.go", "the memory has no bound", `return false, true`, `_ = 0`, "TestMemoryIsBounded"),
	inIdentity("answer.go", "text beside elements", `len(bytes.TrimSpace(t)) > 0`, `false`, "TestAnswersThatAreNotTheAnswer"),
	inIdentity("answer.go", "an element twice", `e == nil || e.seen ||`, `e == nil ||`, "TestAnswersThatAreNotTheAnswer"),
	inIdentity("answer.go", "another namespace", ` || t.Name.Space != namespace`, ``, "TestAnswersThatAreNotTheAnswer"),
	inIdentity("answer.go", "comments", `default: // comments, document types
			return Proven{}, errAnswer`, `default:`, "TestAnswersThatAreNotTheAnswer"),
	inIdentity("answer.go", "declarations anywhere", `if !first || t.Target != "xml" {`, `if false && !first || t.Target != "xml" {`, "TestAnswersThatAreNotTheAnswer"),
	inIdentity("answer.go", "an ARN of another account", ` && a[1] == account`, ``, "TestAnswersThatAreNotTheAnswer"),
}
