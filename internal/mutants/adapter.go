package main

const cloudDir = "internal/awscloud"

// inCloud is a mutant of the adapter to AWS, noticed by one of its own tests.
func inCloud(file, name, old, new, test string) mutant {
	return mutant{name, cloudDir + "/" + file, old, new, cloudDir, test}
}

// adapterMutants send what must not be sent, or take an answer for what it is not.
var adapterMutants = []mutant{
	inCloud("keys.go", "create: tried again by net/http or the SDK", "func(o *iam.Options) { o.Retryer = aws.NopRetryer{} })",
		"func(o *iam.Options) {})", "TestTimeouts"),
	inCloud("keys.go", "create: an answer without its secret is a key",
		`if k == nil || aws.ToString(k.AccessKeyId) == "" || aws.ToString(k.SecretAccessKey) == "" {`, `if k == nil {`,
		"TestCreateAnswerWithoutKey"),
	inCloud("keys.go", "create: an answer without its key means that none was made", `Kind: rotation.ErrUnavailable, Detail: "the answer names no key"`,
		`Kind: rotation.ErrUnavailable, Definite: true, Detail: "the answer names no key"`, "TestCreateAnswerWithoutKey"),
	inCloud("keys.go", "keys: without a UserName they are our own", `func (s *Session) user() *string { return aws.String(s.subject.User.Name) }`,
		`func (s *Session) user() *string { return nil }`, "TestKeyLife"),
	inCloud("keys.go", "delete: a key that is gone is an error", `	if errors.Is(err, rotation.ErrNoKey) {`,
		`	if false && errors.Is(err, rotation.ErrNoKey) {`, "TestKeyLife"),
	inCloud("keys.go", "probe: of another account", `case aws.ToString(out.Account) != u.User.Account, !`, `case !`, "TestWrongUser"),
	inCloud("keys.go", "probe: of another user", `, !strings.EqualFold(name, u.User.Name):`, `, name == "":`, "TestWrongUser"),
	inCloud("keys.go", "probe: of a role", `, !strings.Contains(arn, ":user/"), `, `, `, "TestWrongUser"),
	inCloud("keys.go", "probe: of a former user of that name", `case u.UserID != "" && aws.ToString(out.UserId) != u.UserID:`, `case false:`,
		"TestWrongUser"),
	inCloud("keys.go", "probe: with our own credentials", `func(o *sts.Options) { o.Credentials = credentials })`,
		`func(o *sts.Options) { _ = credentials; o.Credentials = s.a.base.Credentials })`, "TestKeyLife"),
	inCloud("load.go", "probe: with the secret of an earlier one", `o.HTTPSignerV4 = newProbeSigner(a.clock)`,
		`o.HTTPSignerV4 = newSigner(a.clock)`, "TestKeyLife"),
	inCloud("load.go", "probe: tried again", `		o.Retryer = aws.NopRetryer{}
	})
	a.probes`, `	})
	a.probes`, "TestPace"),

	inCloud("secrets.go", "secret: its deletion is not seen", `PendingDeletion: out.DeletedDate != nil,`, `PendingDeletion: false,`,
		"TestSecretThatBlocks"),
	inCloud("secrets.go", "secret: native rotation is not seen", `NativeRotation: aws.ToBool(out.RotationEnabled),`, `NativeRotation: false,`,
		"TestSecretThatBlocks"),
	inCloud("secrets.go", "secret: its owner is not seen", `OwningService: aws.ToString(out.OwningService),`, `OwningService: "",`,
		"TestSecretThatBlocks"),
	inCloud("secrets.go", "secret: any failure means that there is none", `	if errors.Is(err, rotation.ErrNoSecret) {
		s.foreign`, `	if err != nil && !errors.Is(err, nil) {
		s.foreign`, "TestMeaningOfAnswers"),
	inCloud("secrets.go", "secret: an empty answer is one without versions", `		return rotation.Secret{}, c.lacks("secret")
`, `		_ = c
`, "TestEmptyAnswersAreUnknown"),
	inCloud("secrets.go", "versions: deprecated ones are left out", `IncludeDeprecated: aws.Bool(true)`, `IncludeDeprecated: aws.Bool(false)`,
		"TestEveryPage"),
	inCloud("keys.go", "keys: an empty answer is an empty list", `		return nil, c.lacks("list of keys")
`, `		return keys, nil
`, "TestEmptyAnswersAreUnknown"),
	inCloud("keys.go", "last use: an empty answer is no use", `		return rotation.LastUse{}, c.lacks("record of use")
`, `		return rotation.LastUse{}, nil
`, "TestEmptyAnswersAreUnknown"),
	inCloud("secrets.go", "promote: from wherever AWSCURRENT is", `if from != "" {`, `if false {`, "TestKeyLife"),

	inCloud("store.go", "store: fields of others are lost", `if base != "" && !s.oursAlone(base) {`,
		`if base != "" && !s.oursAlone(base) && s.a.cfg.Existing {`, "TestOthersFieldsSurviveEveryRotation"),
	inCloud("store.go", "store: beside a key under other names", `if h, ok := doc.find(own); ok && h.foreign {`,
		`if h, ok := doc.find(own); false && ok && h.foreign {`, "TestValuesThatCannotBeKept"),
	inCloud("store.go", "store: more than a secret holds", `if len(value) > largest {`, `if false {`, "TestValuesThatCannotBeKept"),
	inCloud("store.go", "store: fields of others are not labelled", `if len(doc.others(own)) > 0 {`, `if false {`,
		"TestOthersFieldsSurviveEveryRotation"),
	inCloud("store.go", "store: unread though no labels were seen", ` && s.foreign.seen && !s.foreign.labeled &&`, ` && !s.foreign.labeled &&`,
		"TestValueIsReadUnlessTheLabelsSayThatItIsOurs"),
	inCloud("store.go", "store: unread though others had the secret before", `return !s.a.cfg.Existing && s.foreign`, `return s.foreign`,
		"TestValueIsReadUnlessTheLabelsSayThatItIsOurs"),
	inCloud("store.go", "store: unread though a person wrote it", ` && !s.foreign.labeled && writtenByUs(versionID)`, ` && !s.foreign.labeled`,
		"TestOthersFieldsSurviveEveryRotation"),
	inCloud("store.go", "store: a repeat is a new version", `ClientRequestToken: aws.String(versionID)`,
		`ClientRequestToken: aws.String(versionID[:35] + "0")`, "TestKeyLife"),
	inCloud("value.go", "value: a field that stands twice", `if seen[name] {`, `if false {`, "TestDocumentRefuses"),
	inCloud("name.go", "name: two users share a secret", `	escape := escapeName
`, `	escape := func(s string) string { return s }
`, "TestNames"),
	inCloud("name.go", "name: looks like the end of an ARN", `		name = escapeEnd(name)
`, `		_ = escapeEnd
`, "TestNames"),

	inCloud("call.go", "outcome: a lost answer means no effect", `		c.unknown = true
`, `		_ = c
`, "TestRefusalAfterLostAnswerIsNotDefinite"),
	inCloud("call.go", "outcome: the last attempt's is everybody's", `c.sent, c.status, c.signed, c.date = false, 0`,
		`c.unknown, c.sent, c.status, c.signed, c.date = false, false, 0`, "TestRefusalAfterLostAnswerIsNotDefinite"),
	inCloud("call.go", "outcome: a refusal may have had an effect", `(c.status < 400 || c.status >= 500) && !throttles(err)`, `!throttles(err)`,
		"TestMeaningOfAnswers"),
	inCloud("errors.go", "outcome: our own refused credentials make a key hopeless", `if c.probe {`, `if true {`, "TestMeaningOfAnswers"),
	inCloud("wire.go", "outcome: where nobody listens something may have happened", `c.sent = false // no`, `c.sent = true // no`,
		"TestNobodyListens"),
	inCloud("call.go", "time-out: an attempt takes as long as it likes", `context.WithTimeout(ctx, s.a.cfg.HTTPTimeout)`,
		`context.WithTimeout(ctx, 100*s.a.cfg.HTTPTimeout)`, "TestTimeouts"),
	inCloud("wire.go", "redirect: followed, and the call made twice", `return http.ErrUseLastResponse }`, `return nil }`,
		"TestRedirectsAreNotFollowed"),
	inCloud("wire.go", "plain http: a request leaves this machine", `if !w.allowPlain && plainBeyondLoopback(r.URL) {`, `if false {`,
		"TestWireSendsNothingInPlain"),
	inCloud("load.go", "plain http: an endpoint beyond this machine is taken", `if plainBeyondLoopback(u) && !allowPlain {`, `if false {`,
		"TestPlainHTTPBeyondLoopback"),
	inCloud("clock.go", "clock: the machine's signs", `if now := s.clock.now(); !now.IsZero() {`, `if now := s.clock.now(); false && !now.IsZero() {`,
		"TestWrongLocalClock"),
	inCloud("clock.go", "clock: it never follows AWS back", ` || date.Before(now.Add(-wobble)) {`, ` {`, "TestTimeFollowsAWS"),
	inCloud("account.go", "clock: goes back in a run", `if n <= old || s.date`, `if s.date`, "TestTimeFollowsAWS"),
	inCloud("wire.go", "clock: a cached answer tells the time", `if resp.Header.Get("Age") != "" {`, `if false {`, "TestAgedAnswerTellsNoTime"),
	inCloud("errors.go", "secret: AWS's words repeat it",
		`s = strings.ReplaceAll(strings.ReplaceAll(s, h, "[secret]"), url.QueryEscape(h), "[secret]")`, `_ = url.QueryEscape`,
		"TestErrorsHoldNoSecret"),
	inCloud("pace.go", "pace: none", `	if perSecond <= 0 {`, `	if true {`, "TestPace"),
	inCloud("pace.go", "pace: puts and moves have one each", `case "PutSecretValue", "UpdateSecretVersionStage":`, `case "PutSecretValue":`,
		"TestPace"),
	inCloud("pacer.go", "pace: who goes away has used up a turn", `	defer func() { <-p.front }()`, `	<-p.front`, "TestCancelledTurnsCostNothing"),
	inCloud("retry.go", "retry: what was not sent is sent later", `case errors.As(err, &notSent), errors.Is(err, errPlain):`,
		`case errors.As(err, &notSent):
		return aws.TrueTernary
	case errors.Is(err, errPlain):`, "TestTurnTooLate"),
	inCloud("retry.go", "retry: one user's storm uses up the others'", `o.RateLimiter = ratelimit.None`, `_ = ratelimit.None`,
		"TestRetriesAreNotShared"),
}
