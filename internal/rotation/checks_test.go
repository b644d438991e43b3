package rotation

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sight is what one look shows of a user whose key K1 is current, five minutes old, and on record; edit makes it another.
func sight(edit func(o *Observation, st *State)) (Schedule, Limits, Observation) {
	s := Schedule{RotateEvery: 10 * time.Minute, DeactivateAfter: 12 * time.Minute, DeleteAfter: 15 * time.Minute}
	st := State{UserID: "AIDAAPP", Inactive: map[string]Since{},
		Intent:   Intent{At: ago(5 * time.Minute), ID: "run1"},
		Promoted: Promotion{At: ago(5 * time.Minute), Version: VersionID("K1"), Grace: s.Grace(), Promise: s.Grace()}}
	o := Observation{User: User{"123456789012", "app"}, UserID: "AIDAAPP", Now: anyEpoch, Quiet: ago(time.Hour),
		Keys:   []Key{{"K1", Active, ago(5 * time.Minute)}},
		Secret: Secret{Exists: true, Versions: map[string][]string{VersionID("K1"): {StageCurrent}}}}
	o.Stored, o.LastUse = map[string]bool{}, map[string]LastUse{}
	edit(&o, &st)
	if o.Secret.Exists && o.Secret.Tags == nil {
		o.Secret.Tags = st.Tags()
	}
	return s, DefaultLimits(), o
}

func ago(d time.Duration) time.Time { return anyEpoch.Add(-d) }

// previous adds K0, whose successor K1 was promoted so long ago.
func previous(o *Observation, st *State, status KeyStatus, promoted time.Duration) {
	o.Keys = append([]Key{{"K0", status, ago(24 * time.Hour)}}, o.Keys...)
	o.Secret.Versions[VersionID("K0")] = []string{StagePrevious}
	st.Promoted.At = ago(promoted)
}

// stranger adds K9, about which no tag and no version says anything.
func stranger(o *Observation, made time.Duration) {
	o.Keys = append(o.Keys, Key{"K9", Active, ago(made)})
}

// lostCurrent takes K1 away, which AWSCURRENT still names.
func lostCurrent(o *Observation) { o.Keys, o.CurrentRead = o.Keys[:0], true }

// noTags is a secret of somebody's: a value, and none of our tags.
func noTags(o *Observation) {
	o.Secret.Tags = map[string]string{}
	o.Secret.Versions = map[string][]string{handMade: {StageCurrent}}
}

// TestChecks holds the decision to rules that no transcript shows: each case says what is seen, and what is done.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(o *Observation, st *State)
		reason Reason
		do     string // the actions, "" for none
		says   string // in the detail
	}{
		{"unknown without a time of AWS", func(o *Observation, _ *State) { o.Now = time.Time{} }, ReasonUnknown, "", ""},
		{"unknown without a UserId", func(o *Observation, _ *State) { o.UserID = "" }, ReasonUnknown, "", ""},
		{"native rotation blocks", func(o *Observation, _ *State) { o.Secret.NativeRotation = true }, BlockedNativeRotation, "", ""},
		{"a secret of another service blocks", func(o *Observation, _ *State) { o.Secret.OwningService = "rds" }, BlockedOwnedSecret, "", "rds"},
		{"a value that cannot be kept blocks", func(o *Observation, _ *State) { o.CurrentBad = "it is no JSON object" }, BlockedSecretValue, "",
			"no JSON object"},
		{"a user that left is done with a secret of others", func(o *Observation, _ *State) {
			noTags(o)
			o.LeaveCare = true
		}, ReasonLeft, "", ""},
		{"adopting a key accepts no other user", func(o *Observation, _ *State) {
			o.UserID, o.Request = "AIDAAPP2", Request{Kind: RequestAdopt, KeyID: "K1"}
		}, BlockedUserChanged, "", ""},
		{"accepting a user that is the same one", func(o *Observation, _ *State) { o.Request = Request{Kind: RequestAdopt} }, BlockedRequest, "",
			"nothing to accept"},
		{"a new database: the second look comes too soon", func(o *Observation, _ *State) {
			o.Quiet, o.ConfirmedAfter, o.Request = time.Time{}, 69*time.Second, Request{Kind: RequestRotate}
		}, ReasonConfirm, "", ""},
		{"a promotion under way is put on record", func(_ *Observation, st *State) { st.Promoted.Promoting = true }, ReasonRecordPromotion,
			"record-promoted", ""},
		{"the promotion of a dead key is not put on record", func(o *Observation, st *State) {
			o.Keys[0].Status, st.Promoted.Version = Inactive, VersionID("K0")
		}, ReasonNoActiveCurrent, "write-intent create-key put-pending verify promote record-promoted", ""},

		{"a second pause changes nothing", func(o *Observation, st *State) {
			o.Request, st.Pause = Request{Kind: RequestPause, Why: "again"}, Pause{Paused: true, At: ago(time.Hour), Why: "first"}
		}, ReasonPaused, "", "first"},
		{"resuming who is not paused changes nothing", func(o *Observation, _ *State) { o.Request = Request{Kind: RequestResume} }, BlockedRequest,
			"", "not paused"},
		{"a revoke of a key that is not current makes none", func(o *Observation, _ *State) {
			lostCurrent(o)
			stranger(o, time.Hour)
			o.Request = Request{Kind: RequestRevoke, KeyID: "K9"}
		}, ReasonRevoke, "mark-revoked deactivate record-inactive", ""},
		{"a revoke beside an open intent makes no key", func(o *Observation, st *State) {
			st.Intent.Open, st.Intent.At = true, ago(time.Minute)
			o.Request = Request{Kind: RequestRevoke, KeyID: "K1"}
		}, ReasonRevoke, "mark-revoked deactivate record-inactive", ""},
		{"a revoke that is done is not done again", func(o *Observation, st *State) {
			previous(o, st, Inactive, time.Hour)
			st.Revoked, st.Inactive[keyHash("K0")] = []string{keyHash("K0")}, Since{true, ago(time.Minute)}
			o.Request = Request{Kind: RequestRevoke, KeyID: "K0"}
		}, ReasonRetention, "", ""},
		{"a rollback to another key than the one under way", func(o *Observation, st *State) {
			previous(o, st, Active, time.Minute)
			st.Pause = Pause{Paused: true, At: ago(time.Hour), Target: VersionID("K0")}
			o.Request = Request{Kind: RequestRollback, KeyID: "K1"}
		}, BlockedRollback, "", "another rollback stands"},
		{"a rollback to the key that is current is done", func(o *Observation, _ *State) {
			o.Request = Request{Kind: RequestRollback, KeyID: "K1"}
		}, ReasonRollbackDone, "", ""},
		{"a rollback without a previous version", func(o *Observation, _ *State) { o.Request = Request{Kind: RequestRollback} },
			BlockedRollback, "", "no previous version"},
		{"a rollback of an empty secret", func(o *Observation, st *State) {
			o.Secret.Versions, st.Promoted = map[string][]string{}, Promotion{Promoting: true, At: ago(time.Hour)}
			o.Request = Request{Kind: RequestRollback}
		}, BlockedRollback, "", "no previous version"},

		{"a foreign key that was reactivated is nobody's business", func(o *Observation, st *State) {
			stranger(o, 24*time.Hour)
			st.Inactive[keyHash("K9")] = Since{true, ago(time.Hour)}
		}, ReasonIdle, "", ""},
		{"an adopted key stays while no current one works", func(o *Observation, st *State) {
			lostCurrent(o)
			stranger(o, 90*24*time.Hour)
			o.Keys = append(o.Keys, Key{"K8", Active, ago(90 * 24 * time.Hour)})
			o.LastUse["K9"], st.Adopted = LastUse{}, []string{keyHash("K9")}
		}, BlockedForeignKey, "", ""},
		{"a young legacy key was never used, and is not quiet", func(o *Observation, st *State) {
			stranger(o, 24*time.Hour)
			o.LastUse["K9"], st.Legacy = LastUse{}, []string{keyHash("K9")}
			st.Promoted.At = ago(time.Hour)
		}, ReasonWaitingLegacy, "", ""},
		{"an Inactive key is not deactivated again", func(o *Observation, st *State) {
			previous(o, st, Inactive, time.Hour)
			st.Inactive[keyHash("K0")] = Since{true, ago(time.Minute)}
		}, ReasonRetention, "", ""},
		{"an Inactive orphan begins its quarantine on record", func(o *Observation, st *State) {
			stranger(o, 20*time.Minute)
			o.Keys[1].Status, o.LastUse["K9"] = Inactive, LastUse{}
			st.Intent.Open, st.Intent.At = true, ago(20*time.Minute)
		}, ReasonSeenInactive, "record-inactive", ""},
		{"what the journal says of another intent", func(o *Observation, st *State) {
			stranger(o, 20*time.Minute)
			o.Witness, o.LastUse["K9"] = Witness{Intent: "run0", NotMade: true}, LastUse{}
			st.Intent.Open, st.Intent.At = true, ago(20*time.Minute)
		}, ReasonOrphan, "deactivate record-inactive", ""},
		{"no key is made beside a dropped one in quarantine", func(o *Observation, st *State) {
			lostCurrent(o)
			o.Keys = append(o.Keys, Key{"K2", Inactive, ago(20 * time.Minute)})
			o.Secret.Versions[VersionID("K2")] = []string{StagePending}
			st.Intent = Intent{Open: true, At: ago(20 * time.Minute), ID: "run2", Base: VersionID("K1")}
			st.Inactive[keyHash("K2")] = Since{true, ago(time.Minute)}
		}, ReasonQuarantine, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l, o := sight(c.edit)
			d := Plan(s, l, o)
			if d.Reason != c.reason || kinds(d.Actions) != c.do || !strings.Contains(d.Detail, c.says) {
				t.Errorf("%s %q (%s), want %s %q (%s)", d.Reason, kinds(d.Actions), d.Detail, c.reason, c.do, c.says)
			}
		})
	}
}

func kinds(actions []Action) string {
	var out []string
	for _, a := range actions {
		out = append(out, string(a.Kind))
	}
	return strings.Join(out, " ")
}

// TestClasses: which key is which, where no transcript shows it.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(o *Observation, st *State)
		key  string
		want Class
	}{
		{"an adopted key that is stored is previous", func(o *Observation, st *State) {
			previous(o, st, Active, time.Minute)
			st.Adopted = []string{keyHash("K0")}
		}, "K0", ClassPrevious},
		{"a closed intent made no other key", func(o *Observation, st *State) {
			st.Intent.At = ago(20 * time.Minute)
			stranger(o, 20*time.Minute)
		}, "K9", ClassForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l, o := sight(c.edit)
			for _, k := range Plan(s, l, o).Classes {
				if k.ID == c.key && k.Class != c.want {
					t.Errorf("%s is %s, want %s", k.ID, k.Class, c.want)
				}
			}
		})
	}
}

// TestChecksStandAlone: what another check would catch before is refused by these by themselves.
func TestChecksStandAlone(t *testing.T) {
	alone := func(edit func(o *Observation, st *State)) *planner {
		s, l, o := sight(edit)
		st, _, err := ParseState(o.Secret.Tags)
		if err != nil {
			t.Fatal(err)
		}
		p := &planner{s: s, l: l, o: &o, st: st}
		p.classify()
		return p
	}
	t.Run("a revoked pending key is not promoted", func(t *testing.T) {
		p := alone(func(o *Observation, st *State) {
			o.Keys = append(o.Keys, Key{"K2", Active, ago(time.Minute)})
			o.Secret.Versions[VersionID("K2")] = []string{StagePending}
			st.Intent = Intent{Open: true, At: ago(2 * time.Minute), ID: "run2", Base: VersionID("K1")}
			st.Revoked = []string{keyHash("K2")}
		})
		if d := p.checkPending(); d == nil || kinds(d.Actions) != "deactivate record-inactive" {
			t.Errorf("%+v", d)
		}
	})
	t.Run("a revoked key is not fallen back to", func(t *testing.T) {
		p := alone(func(o *Observation, st *State) {
			previous(o, st, Active, time.Minute)
			o.Keys[1].Status, st.Revoked = Inactive, []string{keyHash("K0")}
		})
		if d := p.checkFallBack(); d != nil {
			t.Errorf("%+v", d)
		}
	})
	t.Run("no key is made beside an undecided one", func(t *testing.T) {
		p := alone(func(o *Observation, st *State) {
			stranger(o, time.Minute)
			st.Intent.Open, st.Intent.At = true, ago(time.Minute)
		})
		p.o.Now = ago(-time.Hour) // the intent is over, and the key still undecided
		if p.count(ClassUndecided) != 1 || p.mayCreate() {
			t.Errorf("%+v", p.classes)
		}
	})
}

// TestOnboardingWithoutAKeyOpensNoIntent: whatever a person makes then is a person's, with the database lost too.
func TestOnboardingWithoutAKeyOpensNoIntent(t *testing.T) {
	for _, r := range []Request{{Kind: RequestPause}, {Kind: RequestRevoke, KeyID: "K1"}} {
		s, l, o := sight(func(o *Observation, _ *State) { o.Secret, o.Request = Secret{}, r })
		d := Plan(s, l, o)
		if len(d.Actions) < 2 || d.Actions[0].Kind != Onboard || d.Actions[0].WithIntent {
			t.Errorf("%s: %+v", r.Kind, d.Actions)
		}
	}
}

// TestHoldLooksBackHalfTheGrace: a key is in use when it was used within the second half of its grace, and no longer.
func TestHoldLooksBackHalfTheGrace(t *testing.T) {
	for used, want := range map[time.Duration]Reason{61 * time.Minute: ReasonGraceOver, 59 * time.Minute: ReasonHeld} {
		_, l, o := sight(func(o *Observation, st *State) {
			previous(o, st, Active, 3*time.Hour)
			o.LastUse["K0"] = LastUse{ago(used), "s3", "eu-west-1"}
		})
		s := Schedule{RotateEvery: 10 * time.Hour, DeactivateAfter: 12 * time.Hour, DeleteAfter: 14 * time.Hour}
		if d := Plan(s, l, o); d.Reason != want {
			t.Errorf("used %s ago: %s, want %s", used, d.Reason, want)
		}
	}
}

// TestCronThatNeverFires: a schedule without a next firing is due never, and not at once.
func TestCronThatNeverFires(t *testing.T) {
	s, l, o := sight(func(*Observation, *State) {})
	s.Next = func(time.Time) time.Time { return time.Time{} }
	if d := Plan(s, l, o); d.Reason != ReasonIdle || len(d.Actions) > 0 {
		t.Errorf("%s %v", d.Reason, d.Actions)
	}
}

// TestListsKeepTheirKeys: a second revoked or adopted key joins the first, and only keys that are gone leave.
func TestListsKeepTheirKeys(t *testing.T) {
	_, _, o := sight(func(o *Observation, st *State) {
		previous(o, st, Active, time.Minute)
		st.Revoked = []string{keyHash("K0"), keyHash("gone")}
		st.Adopted = st.Revoked
	})
	for _, kind := range []ActionKind{MarkRevoked, RecordAdopted} {
		after := Effect(o, Action{Kind: kind, KeyID: "K1"}, Moment{Up: o.Now, Down: o.Now})
		st, _, err := ParseState(after.Secret.Tags)
		list := st.Revoked
		if kind == RecordAdopted {
			list = st.Adopted
		}
		if want := []string{keyHash("K0"), keyHash("K1")}; err != nil || !slices.Equal(list, want) {
			t.Errorf("%s: %v, want %v, %v", kind, list, want, err)
		}
	}
}

// TestPromotionOwesTheLongestGrace: of the grace now, what the last version was promised, and what is left of earlier ones.
func TestPromotionOwesTheLongestGrace(t *testing.T) {
	for name, c := range map[string]struct{ now, promise, recorded, ago, want time.Duration }{
		"the grace now":          {9 * time.Minute, 2 * time.Minute, 2 * time.Minute, time.Hour, 9 * time.Minute},
		"the promise":            {2 * time.Minute, 9 * time.Minute, 2 * time.Minute, time.Hour, 9 * time.Minute},
		"what is left":           {2 * time.Minute, 2 * time.Minute, 30 * time.Minute, 21 * time.Minute, 9 * time.Minute},
		"nothing of it any more": {2 * time.Minute, 2 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Minute},
	} {
		p := Promotion{At: ago(c.ago), Version: VersionID("K0"), Grace: c.recorded, Promise: c.promise}
		got := p.next("K1", VersionID("K1"), Observation{}, Moment{Up: anyEpoch, Grace: c.now})
		if want := (Promotion{At: anyEpoch, Version: VersionID("K1"), Grace: c.want, Promise: c.now}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestPromotionPledges: how long a key will stand is on record from its promotion on, and the next promotion owes it to the key; a
// repeated record of the same version owes nothing more to the keys before.
func TestPromotionPledges(t *testing.T) {
	s, l := Schedule{RotateEvery: 10 * time.Minute, DeactivateAfter: 12 * time.Minute, DeleteAfter: 15 * time.Minute}, DefaultLimits()
	at := func(age time.Duration) Moment { return MomentOf(s, l, anyEpoch.Add(age), anyEpoch.Add(age), "run") }
	o := Observation{Keys: []Key{{"K1", Active, anyEpoch}, {"K2", Active, anyEpoch.Add(time.Minute)}}}
	for name, c := range map[string]struct {
		age, want time.Duration
	}{"its age": {12 * time.Minute, 12 * time.Minute}, "the limit": {90 * 24 * time.Hour, time.Hour + 5*time.Second}} {
		m := at(5 * time.Second)
		m.Age = c.age
		if got := o.pledge(VersionID("K1"), m); !got.Equal(anyEpoch.Add(c.want)) {
			t.Errorf("%s: the key is pledged until %s, want %s", name, got, anyEpoch.Add(c.want))
		}
	}
	if got := o.pledge(VersionID("K9"), at(0)); !got.IsZero() {
		t.Errorf("a key that nobody knows is pledged until %s", got)
	}
	first := Promotion{}.next("K1", VersionID("K1"), o, at(0))
	second := first.next("K2", VersionID("K2"), o, at(time.Minute))
	if second.Grace != 11*time.Minute || !second.Until.Equal(anyEpoch.Add(13*time.Minute)) {
		t.Errorf("the key before is owed 11 minutes: %+v", second)
	}
	again := second.next("K2", VersionID("K2"), Observation{}, at(2*time.Minute))
	if again.Grace != 10*time.Minute || !again.Until.Equal(second.Until) {
		t.Errorf("the same version once more: %+v", again)
	}
	if gone := first.next("K2", VersionID("K2"), Observation{Keys: o.Keys[1:]}, at(time.Minute)); gone.Grace != 2*time.Minute {
		t.Errorf("a key that does not stand any more is owed nothing: %+v", gone)
	}
	edited := second.next("K2", handMade, o, at(2*time.Minute))
	if edited.Grace != 10*time.Minute || !edited.Until.Equal(second.Until) {
		t.Errorf("a person put another value of the same key: %+v", edited)
	}
	if third := edited.next("K3", VersionID("K3"), o, at(3*time.Minute)); third.Grace != 10*time.Minute {
		t.Errorf("the key of the value that a person put was promised until %s: %+v", second.Until, third)
	}
}

// TestFallBackEndsTheIntentOfAKeyThatServed: K2 was promoted, which the run that did it could not record, and a person moved AWSCURRENT
// to a dead key. K1 is fallen back to; K2 served, so it has its grace, and is not dropped as a pending key.
func TestFallBackEndsTheIntentOfAKeyThatServed(t *testing.T) {
	s, l, o := sight(func(o *Observation, st *State) {
		o.Keys = []Key{{"K0", Inactive, ago(time.Hour)}, {"K1", Active, ago(20 * time.Minute)}, {"K2", Active, ago(4 * time.Minute)}}
		o.Secret.Versions = map[string][]string{VersionID("K0"): {StageCurrent}, VersionID("K2"): {StagePending, StagePrevious}}
		o.Stored[VersionID("K1")] = true
		st.Inactive[keyHash("K0")] = Since{true, ago(time.Minute)}
		st.Intent = Intent{Open: true, At: ago(5 * time.Minute), ID: "run1", Base: VersionID("K1"), Had: []string{keyHash("K0"), keyHash("K1")}}
	})
	m := MomentOf(s, l, o.Now, o.Now, "run2")
	for _, kind := range []ActionKind{RecordPromoting, Promote, RecordPromoted} {
		o = Effect(o, Action{Kind: kind, KeyID: "K1"}, m)
	}
	for _, k := range Plan(s, l, o).Classes {
		if k.ID == "K2" && k.Class != ClassPrevious {
			t.Errorf("K2 is %s", k.Class)
		}
	}
	o.Now = o.Now.Add(s.Grace() - time.Second)
	if d := Plan(s, l, o); len(d.Actions) > 0 {
		t.Errorf("within K2's grace: %s %v", d.Reason, d.Actions)
	}
}

// TestKeyThatServedIsNotPending: K2's promotion could not be recorded, and a person moved AWSCURRENT back to K1, as the tag says. That is
// not undone.
func TestKeyThatServedIsNotPending(t *testing.T) {
	s, l, o := sight(func(o *Observation, st *State) {
		o.Keys = []Key{{"K1", Active, ago(9 * time.Minute)}, {"K2", Active, ago(4 * time.Minute)}}
		o.Secret.Versions = map[string][]string{VersionID("K1"): {StageCurrent}, VersionID("K2"): {StagePending, StagePrevious}}
		st.Promoted.At = ago(9 * time.Minute)
		st.Intent = Intent{Open: true, At: ago(5 * time.Minute), ID: "run1", Base: VersionID("K1"), Had: []string{keyHash("K1")}}
	})
	d := Plan(s, l, o)
	if got := d.Classes[1]; got.Class != ClassPrevious || len(d.Actions) > 0 {
		t.Errorf("K2 is %s, and to be done is %v", got.Class, d.Actions)
	}
}

// TestWithheldOfAnothersSecret: a secret without a tag or a version of ours is not ours to give away; without the tags alone it is.
func TestWithheldOfAnothersSecret(t *testing.T) {
	_, _, o := sight(func(o *Observation, st *State) { o.Secret.Tags = map[string]string{} })
	if r, _ := o.Withheld(""); r != "" {
		t.Errorf("the tags are stripped: %s", r)
	}
	o.Secret.Versions = map[string][]string{handMade: {StageCurrent}}
	if r, _ := o.Withheld(""); r != BlockedForeignSecret {
		t.Errorf("somebody else's secret: %q", r)
	}
}

// TestNextLookWaitsForSettle: whatever is due, nobody looks before settle is over.
func TestNextLookWaitsForSettle(t *testing.T) {
	s, l, o := sight(func(o *Observation, _ *State) { o.Keys[0].Created = ago(time.Hour) })
	if _, at := NextLook(s, l, o, ago(10*time.Second)); !at.Equal(ago(10 * time.Second).Add(l.Settle)) {
		t.Errorf("it is due, changed 10 s ago, and the next look is at %s", at)
	}
	if _, at := NextLook(s, l, o, time.Time{}); !at.Equal(o.Now) {
		t.Errorf("it is due, and the next look is at %s", at)
	}
}

// TestForecastLeavesTheRequestOut: an operator's wish is carried out once, and is no part of what comes by itself.
func TestForecastLeavesTheRequestOut(t *testing.T) {
	s, l, o := sight(func(*Observation, *State) {})
	plain := Forecast(s, l, o, 6)
	o.Request = Request{Kind: RequestRotate}
	if asked := Forecast(s, l, o, 6); len(plain) != 6 || !slices.Equal(asked, plain) {
		t.Errorf("%v, want %v", asked, plain)
	}
}

// TestLeaseOutlastsTheRun: nobody else looks at a user before the last call of a dead run has landed and settle is over.
func TestLeaseOutlastsTheRun(t *testing.T) {
	l := DefaultLimits()
	if least := l.RunDeadline + l.HTTPTimeout + l.Settle; l.Lease() < least {
		t.Errorf("the lease is %s, and has to be %s", l.Lease(), least)
	}
}
