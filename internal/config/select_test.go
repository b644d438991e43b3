package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func user(name, path string, tags ...string) Candidate {
	m := map[string]string{}
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		m[k] = v
	}
	return Candidate{Name: name, Path: path, UserID: "AIDA" + name, Tags: m}
}

func admin(c Candidate) Candidate {
	c.Admin, c.AdminWhy = true, "the policy AdministratorAccess"
	return c
}

// shown writes a selection as lines: who, by which schedule, and who not, why.
func shown(s Selection) string {
	var b strings.Builder
	for _, u := range s.Users {
		fmt.Fprintf(&b, "+ %s %s\n", u.Name, Duration(u.Schedule.RotateEvery))
	}
	for _, r := range s.Refused {
		fmt.Fprintf(&b, "- %s [%s] %s\n", r.Name, r.Reason, r.Why)
	}
	for _, i := range s.Idle {
		fmt.Fprintf(&b, "? %s\n", i)
	}
	return b.String()
}

func TestSelect(t *testing.T) {
	c := parse(t, Example()+"administrators: [terraform, nobody-here]\n")
	got := shown(Select(c, []Candidate{
		user("ci-build", "/"),
		user("CI-Other", "/"),
		user("Break-Glass", "/service/"),
		user("ci-deploy", "/", "keyturn:schedule=slow"),
		user("mail", "/service/"),
		user("batch", "/service/nightly/", "keyturn:schedule=weekly"),
		user("tagged", "/", "keyturn:managed=true"),
		user("alice", "/people/"),
		user("servicelike", "/services/"),
		user("untrue", "/", "keyturn:managed=yes"),
		user("opted-out", "/service/", "keyturn:managed=False"),
		user("opted-out-too", "/service/", "KeyTurn:Managed=false"), // the same tag to IAM
		user("ci-slow", "/", "KEYTURN:SCHEDULE=slow"),
		user("ci-typo", "/", "keyturn:schedule=sloow"),
		admin(user("ci-root", "/")),
		admin(user("terraform", "/service/")),
		admin(user("bob", "/people/")),
	}))
	golden(t, "selection.txt", got)
}

func TestSelectionIsNeverAllByAccident(t *testing.T) {
	all := []Candidate{user("a", "/"), user("b", "/x/"), admin(user("root", "/"))}
	for _, text := range []string{"{name: \"a\"}", "{path: \"/y/\"}", "{tag: \"team\"}", "{tag: \"team=*\"}"} {
		if got := Select(parse(t, "users: {include: ["+text+"]}"), all); len(got.Users) > 1 {
			t.Errorf("%s selects %s", text, shown(got))
		}
	}
	got := Select(parse(t, `users: {include: [{name: "*"}]}`), all)
	if len(got.Users) != 2 || len(got.Refused) != 1 || got.Refused[0].Reason != RefusedAdministrator {
		t.Errorf("{name: \"*\"} selects %s", shown(got))
	}
	// A configuration made in code, without users, selects nobody.
	if got := Select(Default(), all); len(got.Users)+len(got.Refused) != 0 || got.Err(Default()) == nil {
		t.Errorf("no include selects %s", shown(got))
	}
}

func TestAnEntryWithSeveralWordsNeedsAllOfThem(t *testing.T) {
	c := parse(t, `users: {include: [{path: "/service/", tag: "team=pay*", name: "ci-?"}]}`)
	got := Select(c, []Candidate{
		user("ci-1", "/service/", "team=payments"), user("ci-2", "/", "team=payments"),
		user("ci-3", "/service/", "team=mail"), user("ci-44", "/service/", "team=payments"),
	})
	if len(got.Users) != 1 || got.Users[0].Name != "ci-1" {
		t.Errorf("got %s", shown(got))
	}
}

func TestTagPrefixIsObeyed(t *testing.T) {
	c := parse(t, "tag_prefix: \"rotate/\"\n"+someUsers+"schedules: {slow: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}}")
	got := Select(c, []Candidate{
		user("ci-1", "/", "rotate/schedule=slow"), user("ci-2", "/", "keyturn:schedule=slow"), user("ci-3", "/", "rotate/managed=false"),
	})
	if len(got.Users) != 2 || got.Users[0].Schedule.RotateEvery != 90*24*time.Hour || got.Users[1].Schedule.RotateEvery != 10*time.Minute {
		t.Errorf("got %s", shown(got))
	}
}

func TestSelectingNobodySaysSo(t *testing.T) {
	c := parse(t, "region: us-east-1\nusers:\n  include: [{path: \"/service/\"}, {name: \"ci-*\"}]\n")
	err := Select(c, []Candidate{admin(user("ci-root", "/"))}).Err(c)
	want := `keyturn.yaml:3: users would select nobody; include: [{path: "/service/"}, {name: "ci-*"}]; 1 was refused: ` +
		`ci-root has administrator rights by the policy AdministratorAccess and is not named in administrators: add it ` +
		`there if its key is to be rotated`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*a", "aaa", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"/service/*", "/service/a/b/", true}, {"é?", "éü", true}, {"a", "A", false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%q, %q) is %v", c.pattern, c.s, got)
		}
	}
}

func TestSecretNamePatterns(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "[keyturn/*/key]",
		`{name: "{{.Account}}{{.Path}}{{.User}}"}`:                            "[123456789012/*]",
		`{name: "{{if eq .User \"pay\"}}prod/pay{{else}}k/{{.User}}{{end}}"}`: "[k/* prod/pay]",
	} {
		c := parse(t, "users: {include: [{name: \"ci-*\"}, {name: pay}]}\nsecret: "+strings.Replace(text, "{}", "{existing: true}", 1)+"\n")
		got, err := c.SecretNamePatterns("123456789012")
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestPolicyWords(t *testing.T) {
	c := parse(t, `users: {include: [{path: "/service/", tag: team}, {name: "ci-*"}], exclude: [{tag: "frozen=yes"}]}`)
	in, out := c.Patterns()
	if got, want := fmt.Sprintf("%+v %+v", in, out), "[{Path:/service/* Name: TagKey:team TagValue:*} {Path: Name:ci-* TagKey: TagValue:}] "+
		"[{Path: Name: TagKey:frozen TagValue:yes} {Path: Name: TagKey:keyturn:managed TagValue:false}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(c.SteeringTags()); got != "[frozen keyturn:email keyturn:managed keyturn:schedule team]" {
		t.Errorf("steering tags are %s", got)
	}
}
