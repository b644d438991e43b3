package config

import (
	"strings"
	"testing"
)

// What cannot change while keyturn runs is refused with file and line; whatever else changes is not.
func TestNeedsRestart(t *testing.T) {
	const users = "users: {include: [{path: \"/service/\"}]}\n"
	load := func(name, text string) *Config {
		t.Helper()
		c, err := Parse(name, []byte(users+text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	was := load("etc/keyturn.yaml", "database: keyturn.db\nregion: us-east-1\n")
	for _, text := range []string{"", "database: ./keyturn.db\n", "region: eu-west-1\nconcurrency: 3\nschedule: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}\n"} {
		if err := was.NeedsRestart(load("etc/keyturn.yaml", text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	err := was.NeedsRestart(load("etc/keyturn.yaml", "region: us-east-1\ndatabase: other.db\n"))
	want := `etc/keyturn.yaml:3: database changed from "etc/keyturn.db" to "etc/other.db", and the database is open: restart keyturn to change it; ` +
		"until then nothing of this file takes effect"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := was.NeedsRestart(load("elsewhere/keyturn.yaml", "database: keyturn.db\n")); err == nil || !strings.Contains(err.Error(), "elsewhere/keyturn.db") {
		t.Errorf("the same name in another folder: %v", err)
	}
}
