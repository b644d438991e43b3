package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with testdata/name, and rewrites it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite with -update and read the difference); got:\n%s", path, got)
	}
}

const issueExample = `region: us-east-1
users:
  include: [{tag: "keyturn:managed=true"}, {path: "/service/"}, {name: "ci-*"}]
  exclude: [{name: "break-glass"}]
schedule:
  rotate_every: 10m        # duration, or cron: "0 3 * * SUN" with time_zone
  deactivate_after: 12m
  delete_after: 15m
secret:
  name: "keyturn/{{.User}}/key"
database: keyturn.db
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("keyturn.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheReadmeFileLoads(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyturn.yaml")
	if err := os.WriteFile(path, []byte(issueExample), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.RotationSchedule("")
	if err != nil {
		t.Fatal(err)
	}
	if s.RotateEvery != 10*time.Minute || s.Grace() != 2*time.Minute || s.Retention() != 3*time.Minute || s.JitterShare != 0.01 {
		t.Errorf("schedule is %+v", s)
	}
	if got := c.DatabasePath(); got != filepath.Join(dir, "keyturn.db") {
		t.Errorf("the database is at %s, and a cron job would look elsewhere", got)
	}
	if got := c.ConsumerRegions(); len(got) != 1 || got[0] != "us-east-1" {
		t.Errorf("regions are %v", got)
	}
}

// The example must load as it is, and with every commented key switched on, and say the true defaults.
func TestExampleIsCompleteAndTrue(t *testing.T) {
	asIs := parse(t, Example())
	for _, k := range keys {
		last := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if last != "*" && !regexp.MustCompile(`(?m)^[# -]*`+last+`:`).MatchString(Example()) {
			t.Errorf("the example does not show %s", k.Path)
		}
	}
	all := regexp.MustCompile(`(?m)^#( *(- )?[A-Za-z_]+:( |$))`).ReplaceAllString(Example(), "$1")
	all = strings.Replace(all, "region: us-east-1\n", "", 1)
	full := parse(t, all)
	want := Default()
	for _, k := range keys {
		if k.Min == "" || k.Default != "" {
			continue
		}
		for _, c := range []*Config{asIs, full} {
			if got, def := c.at(k.Path).Interface(), want.at(k.Path).Interface(); got != def {
				t.Errorf("the example has %s %v, the default is %v", k.Path, got, def)
			}
		}
	}
	if full.Secret.Fields != want.Secret.Fields || full.TagPrefix != want.TagPrefix || full.Secret.Name != want.Secret.Name {
		t.Errorf("the example's secret.fields, secret.name or tag_prefix is not the default: %+v", full.Secret)
	}
	if full.Profile == "" || full.EndpointURL == "" || len(full.Administrators) == 0 || len(full.Regions) != 2 {
		t.Errorf("a commented key was not switched on: %+v", full)
	}
}

// Every refusal stands in testdata/refused.txt with its exact sentence.
func TestRefusedFiles(t *testing.T) {
	var out strings.Builder
	for _, c := range refused {
		got := "ACCEPTED"
		if _, err := Parse("keyturn.yaml", []byte(c.text)); err != nil {
			got = err.Error()
		}
		if got == "ACCEPTED" || strings.Contains(got, "\n") {
			t.Errorf("%s: %s", c.name, got)
		}
		out.WriteString("## " + c.name + "\n" + got + "\n\n")
	}
	golden(t, "refused.txt", out.String())
}

func TestMissingAndUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): `none.yaml: there is no such file; "keyturn config example > keyturn.yaml" writes one to start from`,
		dir:                             `: this is a folder; name the file in it, such as keyturn.yaml`,
	} {
		if _, err := Load(path); err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), dir) {
			t.Errorf("got %v, want …%s", err, want)
		}
	}
}

func TestTheEnvironmentChangesNothing(t *testing.T) {
	for _, k := range []string{"AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "KEYTURN_REGION", "KEYTURN_DATABASE"} {
		t.Setenv(k, "http://elsewhere.example")
	}
	c := parse(t, "users: {include: [{name: ci}]}")
	if len(c.ConsumerRegions()) != 0 || c.Profile != "" || c.EndpointURL != "" || c.Database != "keyturn.db" {
		t.Errorf("the environment leaked into the configuration: %+v", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(issueExample))
	f.Add([]byte(Example()))
	for _, c := range refused {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Parse("f", text); err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("an error without its file: %v", err)
		}
	})
}

// Whatever bytes a file has, the sentence says what they are; a mark that Windows editors put before UTF-8 is no fault.
func TestFilesThatAreNoText(t *testing.T) {
	if _, err := Parse("keyturn.yaml", []byte("\ufeff"+strings.ReplaceAll(issueExample, "\n", "\r\n"))); err != nil {
		t.Errorf("a byte order mark and CRLF: %v", err)
	}
	for text, want := range map[string]string{
		"\xff\xfer\x00e\x00":                    "keyturn.yaml:1: the file is UTF-16 text: save it as UTF-8",
		"region: us-east-1\nprofile: M\xfcller": "keyturn.yaml:2: the file is no UTF-8 text from here on",
		issueExample + "\x00\x00\x00":           "keyturn.yaml:12: the file has a zero byte here",
		"#" + strings.Repeat("x", 1<<20):        "keyturn.yaml: the file is larger than 1 MiB",
		"region: us-east-1\n\tusers: x":         "keyturn.yaml:2: this is not valid YAML: found character tab that cannot start any token",
	} {
		if _, err := Parse("keyturn.yaml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s…", err, want)
		}
	}
	if _, err := Load("/dev/zero"); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a file without an end: %v", err)
	}
	if _, err := Load(""); err == nil || err.Error() != "no configuration file is named: --config is empty" {
		t.Errorf("no name: %v", err)
	}
}

// A schedule for which no delete_after is right says what is wrong instead, and a pattern that no user can match is refused: in
// exclude it would leave nobody out.
func TestNoNonsenseIsAdvised(t *testing.T) {
	const users = "region: us-east-1\nusers: {include: [{path: /service/}]}\n"
	for text, want := range map[string]string{
		users + "schedule: {rotate_every: 1m, deactivate_after: 2m, delete_after: 3m}":                "rotate_every (1m) must be at least run_deadline + settle = 2m30s",
		users + `schedule: {rotate_every: "* * * * *", deactivate_after: 2m, delete_after: 3m}`:       `"* * * * *" in UTC fires too often`,
		users + `schedule: {rotate_every: "0 3 * * MON#1", deactivate_after: 40d, delete_after: 41d}`: "it has no #",
		"region: us-east-1\nusers: {include: [{path: /service/}], exclude: [{name: \"[ab]*\"}]}":      `users.exclude[0].name "[ab]*" matches no user`,
	} {
		if _, err := Parse("keyturn.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant …%s…", err, want)
		}
	}
}

// A file of brackets is refused before the parser's memory grows with the square of their number.
func TestTooDeep(t *testing.T) {
	_, err := Parse("keyturn.yaml", []byte("region: us-east-1\nusers:\n  include: "+strings.Repeat("[", 200_000)))
	if err == nil || !strings.HasPrefix(err.Error(), "keyturn.yaml:3: more than 100 brackets are open here") {
		t.Errorf("got %v", err)
	}
	many := strings.Repeat("{name: x}, ", 500)
	if _, err := Parse("keyturn.yaml", []byte("users:\n  include: ["+many+"{name: y}]")); err != nil {
		t.Errorf("many brackets that are closed: %v", err)
	}
}
