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
	all := regexp.MustCompile(`(?m)^#( *[A-Za-z_]+:( |$))`).ReplaceAllString(Example(), "$1")
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
