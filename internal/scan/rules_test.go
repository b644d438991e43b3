package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// someone is a user of which everything is known and nothing is to be said.
func someone(edit ...func(*User)) User {
	u := User{Name: "mail", Path: "/", Created: ago(400 * day), Detailed: true, Allowed: []string{"s3:getobject"}, Console: No, Listed: true,
		Care: Care{State: NotInCare}}
	for _, e := range edit {
		e(&u)
	}
	return u
}

// key adds an Active key, used a moment ago.
func key(age time.Duration, edit ...func(*Key)) func(*User) {
	return func(u *User) {
		k := Key{ID: fmt.Sprintf("AKIA%d", len(u.Keys)+1), Status: rotation.Active, Created: ago(age), UsedKnown: true, Stack: No,
			Used: rotation.LastUse{At: ago(min(age, time.Minute)), Service: "s3", Region: "us-east-1"}}
		for _, e := range edit {
			e(&k)
		}
		u.Keys = append(u.Keys, k)
	}
}

func used(d time.Duration) func(*Key) { return func(k *Key) { k.Used.At = ago(d) } }
func service(name string) func(*Key)  { return func(k *Key) { k.Used.Service = name } }
func unused(k *Key)                   { k.Used = rotation.LastUse{} }
func useUnknown(k *Key)               { k.Used, k.UsedKnown = rotation.LastUse{}, false }
func inactive(k *Key)                 { k.Status = rotation.Inactive }
func stackUnknown(k *Key)             { k.Stack = Unknown }
func byStack(k *Key)                  { k.Stack, k.StackName = Yes, "web in us-east-1" }
func root(u *User)                    { u.Root, u.Name, u.Detailed, u.Console = true, "<root_account>", false, Unknown }
func admin(u *User)                   { u.AdminWhy = "the policy AdministratorAccess" }
func bare(u *User)                    { u.Detailed, u.Allowed, u.AdminWhy = false, nil, "" }
func unlisted(u *User)                { u.Listed, u.Keys = false, nil }
func console(u *User)                 { u.Console = Yes }
func careUnknown(u *User)             { u.Care.State = CareUnknown }
func named(n string) func(*User)      { return func(u *User) { u.Name = n } }
func born(d time.Duration) func(*User) {
	return func(u *User) { u.Created = ago(d) }
}
func tagged(k, v string) func(*User)    { return func(u *User) { u.Tags = map[string]string{k: v} } }
func may(actions ...string) func(*User) { return func(u *User) { u.Allowed = actions } }

func inCare(rotate, deactivate, remove time.Duration) func(*User) {
	return func(u *User) {
		u.Care = Care{State: InCare, Schedule: rotation.Schedule{RotateEvery: rotate, DeactivateAfter: deactivate, DeleteAfter: remove}}
	}
}

var (
	monthly = inCare(30*day, 37*day, 44*day)
	usual   = inCare(10*time.Minute, 12*time.Minute, 15*time.Minute)
)

// TestRules: for each rule, who it finds, whom it does not, and for whom it cannot tell.
func TestRules(t *testing.T) {
	type edits = []func(*User)
	for id, cases := range map[string]struct{ yes, no, unknown []edits }{
		"root-key": {
			yes: []edits{{root, key(day)}, {root, key(day, inactive)}},
			no:  []edits{{root}, {key(day)}}, unknown: []edits{{root, unlisted}},
		},
		"stack-key-in-care": {
			yes:     []edits{{monthly, key(day, byStack)}},
			no:      []edits{{key(day, byStack)}, {monthly, key(day)}, {careUnknown, key(day)}},
			unknown: []edits{{monthly, key(day, stackUnknown)}, {careUnknown, key(day, byStack)}, {monthly, unlisted}},
		},
		"smtp-user-in-care": {
			yes:     []edits{{monthly, named("ses-smtp-user.20240101-120000"), key(day)}},
			no:      []edits{{named("ses-smtp-user.1"), key(day)}, {monthly, key(day)}},
			unknown: []edits{{careUnknown, named("ses-smtp-user.1"), key(day)}},
		},
		"admin-key": {
			yes:     []edits{{admin, key(day)}},
			no:      []edits{{key(day)}, {admin}, {admin, key(day, inactive)}, {root, key(day)}},
			unknown: []edits{{bare, key(day)}, {admin, unlisted}},
		},
		"overdue": {
			yes: []edits{{monthly, key(31 * day)}, {usual, key(16 * time.Minute)}, {usual, key(30 * time.Minute), key(9 * time.Minute)}},
			no: []edits{
				{key(400 * day)}, {monthly, key(30 * day)}, {usual, key(14 * time.Minute)}, {monthly}, {monthly, key(400*day, inactive)},
				{usual, key(30 * time.Minute), key(6 * time.Minute)}, // the whole grace since the newer one was made, and slack
			},
			unknown: []edits{{careUnknown, key(400 * day)}},
		},
		"age-90": {
			yes:     []edits{{key(90*day + time.Second)}},
			no:      []edits{{key(90 * day)}, {key(400*day, inactive)}, {}},
			unknown: []edits{{unlisted}},
		},
		"unused-90": {
			yes:     []edits{{key(400*day, used(90*day))}, {key(90*day, unused)}},
			no:      []edits{{key(400*day, used(90*day-time.Second))}, {key(89*day, unused)}, {key(89*day, useUnknown)}, {key(400*day, unused, inactive)}},
			unknown: []edits{{key(90*day, useUnknown)}, {unlisted}},
		},
		"unused-45": {
			yes:     []edits{{key(400*day, used(45*day))}, {key(45*day, unused)}, {key(400*day, used(100*day))}},
			no:      []edits{{key(400*day, used(45*day-time.Second))}, {key(44*day, unused)}, {key(44*day, useUnknown)}},
			unknown: []edits{{key(45*day, useUnknown)}, {unlisted}},
		},
		"made-with-user": {
			yes:     []edits{{console, born(20 * day), key(20*day-30*time.Second, unused)}},
			no:      []edits{{born(20 * day), key(20*day, unused)}, {console, born(20 * day), key(19*day, unused)}, {console, born(20 * day), key(20 * day)}},
			unknown: []edits{{console, born(20 * day), key(20*day, useUnknown)}, {func(u *User) { u.Console = Unknown }, born(20 * day), key(20*day, unused)}},
		},
		"never-used": {
			yes:     []edits{{key(day, unused)}},
			no:      []edits{{key(day-time.Second, unused)}, {key(9 * day)}, {key(9*day, unused, inactive)}},
			unknown: []edits{{key(day, useUnknown)}},
		},
		"two-active": {
			yes:     []edits{{key(9 * day), key(2 * day)}, {usual, key(11 * time.Minute), key(time.Minute)}},
			no:      []edits{{key(day)}, {key(9 * day), key(day, inactive)}, {root, key(9 * day), key(day)}},
			unknown: []edits{{unlisted}},
		},
		"inactive": {
			yes: []edits{
				{key(day, inactive)}, {usual, key(21*time.Minute, inactive)}, {key(day, func(k *Key) { k.Status = rotation.Expired })},
			},
			no: []edits{{key(day)}, {usual, key(14*time.Minute, inactive)}, {root, key(day, inactive)}}, unknown: []edits{{unlisted}},
		},
		"stack-key": {
			yes: []edits{{key(day, byStack)}, {key(day, byStack, inactive)}},
			no:  []edits{{key(day)}}, unknown: []edits{{key(day, stackUnknown)}, {unlisted}},
		},
		"smtp-user": {
			yes: []edits{
				{named("SES-smtp-user.1"), key(day)}, {may("ses:sendrawemail"), key(day)}, {may("ses:sendemail", "ses:sendrawemail"), key(day)},
				{named("ses-smtp-user.1"), bare, key(day)},
			},
			no: []edits{
				{may("ses:sendrawemail", "s3:getobject"), key(day)}, {may(), key(day)}, {may("ses:*"), key(day)}, {may("ses:sendrawemail")},
				{func(u *User) { u.Allowed = nil }, key(day)}, {named("my-ses-smtp-user"), key(day)},
			},
			unknown: []edits{{bare, key(day)}},
		},
	} {
		if _, ok := ByID(id); !ok {
			t.Errorf("there is no rule %q", id)
		}
		for fact, all := range map[Fact][]edits{Yes: cases.yes, No: cases.no, Unknown: cases.unknown} {
			if len(all) == 0 && !(fact == Unknown && (id == "smtp-user-in-care")) {
				t.Errorf("%s: no case is %v", id, fact)
			}
			for i, e := range all {
				row := evaluate(view{someone(e...), now})
				got := No
				switch {
				case slices.ContainsFunc(row.Findings, func(f Finding) bool { return f.Rule.ID == id && f.Evidence != "" }):
					got = Yes
				case slices.ContainsFunc(row.Open, func(f Finding) bool { return f.Rule.ID == id }):
					got = Unknown
				}
				if got != fact {
					t.Errorf("%s: case %d of %v is %v: %+v", id, i, fact, got, row.User)
				}
			}
		}
	}
	for _, r := range Rules {
		if r.Label == "" || r.Means == "" || len(r.Means) > 39 || r.Do == "" || (r.user == nil) == (r.key == nil) {
			t.Errorf("the rule %s is not whole", r.ID)
		}
		if _, ok := ByID(r.Over); r.Over != "" && !ok {
			t.Errorf("the rule %s is over %s, which does not exist", r.ID, r.Over)
		}
	}
}

func TestAdvice(t *testing.T) {
	type edits = []func(*User)
	for id, cases := range map[string]struct{ yes, no []edits }{
		"oidc": {
			yes: []edits{
				{named("github-actions"), key(day)}, {named("MyGitLabRunner"), key(day)}, {named("ci-deploy"), key(day)}, {named("web_ci"), key(day)},
				{tagged("purpose", "Jenkins build"), key(day)}, {tagged("github:repository", "a/b"), key(day)}, {named("release-pipeline"), key(day)},
			},
			no: []edits{
				{named("cinema"), key(day)}, {named("pricing"), key(day)}, {named("deploy"), key(day)}, {named("oilpipeline"), key(day)},
				{named("github")}, {named("github"), key(day, inactive)}, {tagged("aws:cloudformation:stack-name", "ci"), key(day)},
			},
		},
		"roles-anywhere": {
			yes: []edits{{may("sts:assumerole"), key(day)}, {may("sts:assumerole", "sts:tagsession"), key(day)}},
			no:  []edits{{may("s3:getobject", "sts:assumerole"), key(day)}, {may("sts:getcalleridentity"), key(day)}, {may(), key(day)}, {may("sts:*"), key(day)}},
		},
		"role": {
			yes: []edits{{key(day, service("lambda"))}, {key(9*day, used(day)), key(day, service("ec2"))}},
			no:  []edits{{key(day)}, {key(9*day, service("ec2"), used(day)), key(day)}, {key(9*day, service("ec2"), inactive), key(day)}, {key(day, service("ec2"), func(k *Key) { k.UsedKnown = false })}},
		},
		"identity-center": {
			yes: []edits{{console, key(day)}}, no: []edits{{key(day)}, {console}, {func(u *User) { u.Console = Unknown }, key(day)}, {root, key(day)}},
		},
	} {
		if !slices.ContainsFunc(Advices, func(a Advice) bool { return a.ID == id }) {
			t.Errorf("there is no advice %q", id)
		}
		for want, all := range map[bool][]edits{true: cases.yes, false: cases.no} {
			for i, e := range all {
				row := evaluate(view{someone(e...), now})
				if got := slices.ContainsFunc(row.Consider, func(c Consider) bool { return c.Advice.ID == id && c.Evidence != "" }); got != want {
					t.Errorf("%s: case %d of %t is %t: %+v", id, i, want, got, row.User)
				}
			}
		}
	}
}

// TestOfficial: numbers and titles are the published ones.
func TestOfficial(t *testing.T) {
	var got []string
	for _, r := range Rules {
		for _, c := range r.Controls {
			got = append(got, r.ID+": "+c.ID+" "+c.Title)
		}
	}
	want := []string{
		"root-key: CIS 1.4 Ensure no 'root' user account access key exists",
		"root-key: IAM.4 IAM root user access key should not exist",
		"age-90: CIS 1.14 Ensure access keys are rotated every 90 days or less",
		"age-90: IAM.3 IAM users' access keys should be rotated every 90 days or less",
		"unused-90: IAM.8 Unused IAM user credentials should be removed",
		"unused-45: CIS 1.12 Ensure credentials unused for 45 days or greater are disabled",
		"unused-45: IAM.22 IAM user credentials unused for 45 days should be removed",
		"made-with-user: CIS 1.11 Do not setup access keys during initial user setup for all IAM users that have a console password",
		"two-active: CIS 1.13 Ensure there is only one active access key available for any single IAM user",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the controls are\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOrder: who needs attention most stands first; who cannot be told comes before advice; the summary counts users and keys.
func TestOrder(t *testing.T) {
	inv := Inventory{At: now, Users: []User{
		someone(named("clean"), key(day)), someone(named("advice"), console, key(day)), someone(named("unread"), unlisted),
		someone(named("old-and-unused"), key(100*day, used(95*day)), key(99*day, used(95*day))), someone(named("old"), key(200*day)),
		someone(named("older"), key(300*day)), someone(root, key(day)), someone(named("ops"), admin, key(day)),
	}}
	r := Evaluate(inv)
	var names []string
	for _, row := range r.Rows {
		names = append(names, row.Name)
	}
	if want := "<root_account> ops old-and-unused older old unread advice clean"; strings.Join(names, " ") != want {
		t.Errorf("the order is %v", names)
	}
	for _, c := range r.Summary {
		if c.Rule.ID == "age-90" && (c.Users != 3 || c.Keys != 4 || c.Unknown != 1) {
			t.Errorf("the summary has %+v", c)
		}
	}
	if !r.Rows[len(r.Rows)-1].Clean() || r.Rows[5].Clean() || r.Rows[6].Clean() {
		t.Error("only the last user is clean")
	}
}
