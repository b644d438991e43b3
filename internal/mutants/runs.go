package main

const reconcileDir = "internal/reconcile"

// inRun is a mutant of one user's run, noticed by a test that plays runs through the SDK and the simulator.
func inRun(file, name, old, new, test string) mutant {
	return mutant{name, reconcileDir + "/" + file, old, new, "internal/simulation", test}
}

// runMutants let a run act on what it does not know, act when it may not any more, or forget to say so.
var runMutants = []mutant{
	inRun("gather.go", "read: a list of keys that failed is empty", `	keys, err := c.ListAccessKeys(ctx)
	if err != nil {
		return rotation.Decision{}, err
	}`, `	keys, err := c.ListAccessKeys(ctx)`, "TestRuleUnknownIsUnknown/ListAccessKeys_failed"),
	inRun("gather.go", "read: a secret that was not read is absent", `	secret, err := c.DescribeSecret(ctx)
	if err != nil {
		return rotation.Decision{}, err
	}`, `	secret, err := c.DescribeSecret(ctx)`, "TestRuleUnknownIsUnknown/DescribeSecret_timed-out"),
	inRun("gather.go", "read: versions that were not read are none", `r.obs.Stored, err = c.ListVersions(ctx); err != nil {
			return err
		}`, `r.obs.Stored, _ = c.ListVersions(ctx); r.obs.Stored == nil {
			r.obs.Stored = map[string]bool{}
		}`, "TestRuleUnknownIsUnknown/ListSecretVersionIds_throttled"),
	inRun("gather.go", "read: a value that was not read names nobody", `		case err != nil:
			return err
		}
		r.obs.CurrentRead`, `		}
		r.obs.CurrentRead`, "TestRuleUnknownIsUnknown/GetSecretValue_denied"),
	inRun("gather.go", "read: a journal that was not read says nothing",
		`r.obs.Witness, err = r.Journal.Witness(ctx, t.User, st.Intent.ID); err != nil {
			return rotation.Decision{}, err`, `r.obs.Witness, err = r.Journal.Witness(ctx, t.User, st.Intent.ID); err != nil {
			r.log.Error(err.Error())`, "TestRuleUnknownIsUnknown/the_journal"),
	inRun("gather.go", "read: the journal is not asked", `err == nil && present && st.Intent.Open {`, `err == nil && present && false {`,
		"TestTrace12PersonCreatesInTheWindow/the_journal_objects"),
	inRun("gather.go", "read: a value that cannot be kept names nobody", `r.obs.CurrentBad = err.Error()`, `_ = err`,
		"TestRuleValueThatCannotBeKept"),

	inRun("run.go", "lease: one that cannot be asked for is taken", `	if err != nil {
		run.res.Err = err`, `	if false {
		run.res.Err = err`, "TestRuleNoLeaseNoRun"),
	inRun("run.go", "lease: not asked for before the second look", `	if !lease.Taken {
		return first, nil
	}`, `	if false && !lease.Taken {
		return first, nil
	}`, "TestRuleOnlyWhatWasSeenTwice/the_lease_is_somebody_else's"),
	inRun("run.go", "lease: given back before settle is over", `	if !r.changed.IsZero() {
		s.FreeAt = r.changed.Add(r.Limits.Settle)
	}
`, ``, "TestRuleSettle/made"),
	inRun("execute.go", "settle: after what was made only", `	r.changed = r.Now().Add(time.Second)
`, `	if err == nil {
		r.changed = r.Now().Add(time.Second)
	}
`, "TestRuleSettle/unknown"),
	inRun("run.go", "confirm: whatever changed between the looks", `if err == nil && !sameWorld(before, r.obs) {`,
		`if false && !sameWorld(before, r.obs) {`, "TestRuleOnlyWhatWasSeenTwice/a_label_changed"),
	inRun("gather.go", "confirm: keys may change between the looks", `slices.Equal(a.Keys, b.Keys) && a.Secret.Exists`, `a.Secret.Exists`,
		"TestRuleOnlyWhatWasSeenTwice/a_key_changed"),
	inRun("gather.go", "confirm: tags may change between the looks", `maps.Equal(a.Secret.Tags, b.Secret.Tags) &&`, `true &&`,
		"TestRuleOnlyWhatWasSeenTwice/a_tag_changed"),
	inRun("run.go", "back-off: failures are not counted", `r.res.Err.Error(), r.task.Failures+1`, `r.res.Err.Error(), r.task.Failures`,
		"TestRowLastUsedThrottled"),

	inRun("execute.go", "deadline: a step is begun however late", `	if r.left(a.Soft) <= 0 {
		return ErrDeadline
	}
`, ``, "TestRuleDeadline/before_a_step"),
	inRun("execute.go", "deadline: a call that was recorded too late is sent", `	if left <= 0 {
		return r.obs, errNotSent
	}
`, ``, "TestRuleDeadline/counts_from_the_first_call"),
	inRun("execute.go", "deadline: it counts from the last step", `time.Since(r.leased)
	if soft`, `time.Since(r.leased)
	r.leased = time.Now()
	if soft`, "TestRuleDeadline/before_a_step"),
	inRun("gather.go", "deadline: it counts from the decision", `	r.began = time.Now()
`, `	r.began = time.Now()
	defer func() { r.leased = time.Now() }()
`, "TestRuleDeadline/counts_from_the_first_call"),
	inRun("execute.go", "deadline: calls are tried again however late", `context.WithTimeout(ctx, left+r.Limits.HTTPTimeout)`,
		`context.WithTimeout(ctx, 24*r.Limits.RunDeadline)`, "TestRuleDeadline/of_calls_that_time_out"),
	inRun("execute.go", "stop: a step is begun all the same", `if err := ctx.Err(); err != nil {
		return fmt`, `if err := ctx.Err(); false {
		return fmt`, "TestRuleStopped"),

	inRun("execute.go", "intent: a create of unknown outcome closes it", `a.Kind == rotation.CreateKey && outcome == rotation.Failed {`,
		`a.Kind == rotation.CreateKey {`, "TestRowReplyOfCreateLost"),
	inRun("execute.go", "intent: a create that failed for certain leaves it open",
		`if err != nil && a.Kind == rotation.CreateKey && outcome == rotation.Failed {`, `if false {`, "TestRowOneUserFails"),
	inRun("execute.go", "record: an unknown outcome is a failure", `if rotation.Definite(err) {`, `if true {`, "TestRowReplyOfCreateLost"),
	inRun("execute.go", "record: one that cannot be ended ends nothing", `if err == nil && endErr != nil {`, `if false {`,
		"TestRowNotificationFails"),
	inRun("execute.go", "a step that failed is skipped", `		default:
			return err
		}`, `		default:
			r.log.Error(err.Error())
		}`, "TestRowNotificationFails"),
	inRun("execute.go", "revoke: its successor takes all the time", `	if soft {
		left -= 2 * r.Limits.HTTPTimeout
	}
`, ``, "TestRuleRevokeIsDoneInItsRun/and_the_database_is_slow"),
	inRun("execute.go", "revoke: waits for a successor that failed", `		case a.Soft:
			softFailed = err
`, ``, "TestRuleRevokeIsDoneInItsRun/the_successor_cannot_be_stored"),
	inRun("execute.go", "revoke: nobody is told that there is no successor", `if softFailed != nil {
		return fmt`, `if false {
		return fmt`, "TestRuleRevokeIsDoneInItsRun/the_successor_cannot_be_made"),
	inRun("execute.go", "going back: fields of others go back too", `	if same {
		return nil
	}
	return &Refusal`, `	if true {
		return nil
	}
	_ = same
	return &Refusal`, "TestRuleOtherFieldsStay/at_once"),
	inRun("execute.go", "going back: fields of others are looked at once only", `if !asks && !again {`, `if !asks || again {`,
		"TestRuleOtherFieldsStay/edited_since_it_was_asked_for"),
	inRun("execute.go", "going back: asked for, whatever the fields", `if !asks && !again {`, `if !again || asks {`,
		"TestRuleOtherFieldsStay/at_once"),
	inRun("execute.go", "going back: fields that were not read are the same",
		`	same, err := r.task.Cloud.SameFields(ctx, a.VersionID, current)
	if err != nil {
		return err
	}
	if same {`, `	same, err := r.task.Cloud.SameFields(ctx, a.VersionID, current)
	if err != nil || same {`, "TestRuleOtherFieldsStay/the_values_cannot_be_read"),

	inRun("verify.go", "verify: successes need not be in a row", `p.successes, failed = 0, true`, `failed = true`,
		"TestRuleVerification/several_in_a_row"),
	inRun("verify.go", "verify: one success is enough", `if p.successes < r.Limits.VerifySuccesses {
			missing`, `if p.successes < 1 {
			missing`, "TestRuleVerification/an_interval_apart"),
	inRun("verify.go", "verify: successes at the same moment", `wait := r.Limits.VerifyInterval`, `wait := time.Duration(0)`,
		"TestRuleVerification/an_interval_apart"),
	inRun("verify.go", "verify: for ever", `if time.Now().Add(wait).After(until) {`, `if false && time.Now().Add(wait).After(until) {`,
		"TestRuleVerification/its_time-out_ends_the_run"),
	inRun("verify.go", "hopeless: never", `if k.ID == a.KeyID && definite && last != nil`, `if false && definite && last != nil`,
		"TestRuleHopeless/refused_for_ten_minutes"),
	inRun("verify.go", "hopeless: at once", ` && r.task.Cloud.Date().Sub(k.Created) >= r.Limits.HopelessAfter {`, ` {`,
		"TestRuleHopeless/refused_for_minutes"),
	inRun("verify.go", "hopeless: as STS is away", `k.ID == a.KeyID && definite && last != nil`, `k.ID == a.KeyID && last != nil`,
		"TestRuleHopeless/STS_is_away"),
	inRun("verify.go", "hopeless: not with a wrong secret",
		`case errors.Is(p.last, rotation.ErrWrongSecret), errors.Is(p.last, rotation.ErrWrongUser):`,
		`case errors.Is(p.last, rotation.ErrWrongUser):`, "TestRuleHopeless/the_secret_is_wrong"),
	inRun("verify.go", "hopeless: not when it answers for somebody else",
		`case errors.Is(p.last, rotation.ErrWrongSecret), errors.Is(p.last, rotation.ErrWrongUser):`,
		`case errors.Is(p.last, rotation.ErrWrongSecret):`, "TestRuleHopeless/it_answers_for_somebody_else"),
	inRun("verify.go", "hopeless: not when its version holds another key", `if key.ID != a.KeyID {`, `if false {`,
		"TestRuleHopeless/its_version_holds_another_key"),
	inRun("execute.go", "hopeless: and kept", `case errors.As(err, &hopeless) && d.IfHopeless != nil && !a.Soft:`,
		`case false && errors.As(err, &hopeless):`, "TestRuleHopeless/refused_for_ten_minutes"),
}
