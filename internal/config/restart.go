package config

import "fmt"

// restart lists the keys that cannot change while keyturn runs, and why.
var restart = []struct {
	path, why string
	of        func(*Config) string
}{
	{"database", "the database is open", (*Config).DatabasePath},
	{"socket", "commands look for the daemon there", (*Config).SocketPath},
	{"listen", "the address is open", func(c *Config) string { return c.Listen }},
	{"api.tls", "the address is open", func(c *Config) string { return map[bool]string{true: "a certificate", false: "none"}[c.API.TLS.On()] }},
	{"api.server_id", "callers sign it", func(c *Config) string { return c.API.ServerID }},
	{"api.key_prefix", "the API keys are there", func(c *Config) string { return c.API.KeyPrefix }},
}

// NeedsRestart refuses settings that cannot take the place of these while keyturn runs. The error is an [Error] and names the line of
// the new file.
func (c *Config) NeedsRestart(next *Config) error {
	for _, r := range restart {
		if was, is := r.of(c), r.of(next); was != is {
			return next.fail(r.path, "%s changed from %s to %s, and %s: restart keyturn to change it; until then nothing of this file takes "+
				"effect", r.path, quoted(was), quoted(is), r.why)
		}
	}
	return nil
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", s)
}
