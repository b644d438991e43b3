package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Match is one entry of include or exclude. A user matches when everything that the entry says is true of it.
type Match struct {
	Tag  string `yaml:"tag"`
	Path string `yaml:"path"`
	Name string `yaml:"name"`
}

// String is the entry as it is written in the file.
func (m Match) String() string {
	var parts []string
	for _, p := range []struct{ key, value string }{{"tag", m.Tag}, {"path", m.Path}, {"name", m.Name}} {
		if p.value != "" {
			parts = append(parts, p.key+": "+strconv.Quote(p.value))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// TagParts gives the tag's key and the pattern of its value ("*" when any value will do).
func (m Match) TagParts() (key, value string) {
	key, value, ok := strings.Cut(m.Tag, "=")
	if !ok {
		value = "*"
	}
	return key, value
}

// matches reports whether the user is meant, by the letter, as IAM policies do.
func (m Match) matches(u Candidate) bool {
	if m.Tag != "" {
		key, pattern := m.TagParts()
		value, ok := UserTag(u.Tags, key)
		if !ok || !glob(pattern, value) {
			return false
		}
	}
	if m.Path != "" && !glob(m.PathPattern(), u.Path) {
		return false
	}
	return m.Name == "" || glob(m.Name, u.Name)
}

// excludes is matches without regard to the name's case: IAM has no two users that differ in case only, and a slip must not
// put anybody into care.
func (m Match) excludes(u Candidate) bool {
	m.Name, u.Name = strings.ToLower(m.Name), strings.ToLower(u.Name)
	return m.matches(u)
}

// PathPattern is the pattern of whole paths: a path without wildcards means itself and all below it.
func (m Match) PathPattern() string {
	if wild(m.Path) {
		return m.Path
	}
	return m.Path + "*"
}

func wild(s string) bool { return strings.ContainsAny(s, "*?") }

// glob matches as IAM does: * is any run of characters, slashes included, ? is any one.
func glob(pattern, s string) bool {
	p, r := []rune(pattern), []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(r) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == r[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// checkUsers refuses what would select nobody, and what would select everybody without saying so.
func (c *Config) checkUsers() error {
	if len(c.Users.Include) == 0 {
		said := "users.include is missing"
		if c.lines["users.include"] > 0 {
			said = "users.include is empty"
		}
		return c.fail("users.include", "%s, which would select nobody; name the users: include: [{tag: \"keyturn:managed=true\"}, "+
			"{path: \"/service/\"}, {name: \"ci-*\"}]", said)
	}
	for _, list := range []struct {
		path    string
		entries []Match
	}{{"users.include", c.Users.Include}, {"users.exclude", c.Users.Exclude}} {
		for i, m := range list.entries {
			path := fmt.Sprintf("%s[%d]", list.path, i)
			if err := c.checkMatch(path, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Config) checkMatch(path string, m Match) error {
	key, value := m.TagParts()
	for _, k := range []struct{ key, value string }{{"tag", m.Tag}, {"path", m.Path}, {"name", m.Name}} {
		if at := path + "." + k.key; c.lines[at] > 0 && k.value == "" {
			return c.fail(at, "%s is empty: give it a value, or remove it", at)
		}
	}
	switch {
	case m == Match{}:
		return c.fail(path, "%s says nothing: give it a tag, a path or a name, such as {name: \"ci-*\"}", path)
	case m.Tag != "" && (key == "" || wild(key)):
		return c.fail(path+".tag", "%s.tag %q needs a key without wildcards: write it as key=value, such as \"keyturn:managed=true\"", path, m.Tag)
	case m.Tag != "" && strings.HasSuffix(m.Tag, "=") && value == "":
		return c.fail(path+".tag", "%s.tag %q asks for an empty value: write %q for any value", path, m.Tag, key)
	case strings.Trim(m.Name, nameLetters+"+=,.@*?") != "":
		return c.fail(path+".name", "%s.name %q matches no user: names in IAM have letters, digits and + = , . @ - _ only, and the "+
			"wildcards are * and ?", path, m.Name)
	case m.Path != "" && !wild(m.Path) && (!strings.HasPrefix(m.Path, "/") || !strings.HasSuffix(m.Path, "/")):
		return c.fail(path+".path", "%s.path %q must begin and end with /, as IAM paths do: \"/%s/\"", path, m.Path, strings.Trim(m.Path, "/"))
	case m.Path != "" && glob(m.PathPattern(), "/") && glob(m.PathPattern(), "/any/path/") && m.Tag == "" && m.Name == "":
		return c.fail(path+".path", "%s.path %q means every user of the account: if that is wanted, say {name: \"*\"}", path, m.Path)
	}
	return nil
}

// checkAdministrators: one by one means without wildcards.
func (c *Config) checkAdministrators() error {
	for i, a := range c.Administrators {
		if path := fmt.Sprintf("administrators[%d]", i); a == "" || wild(a) {
			return c.fail(path, "%s %q must be one user's name without wildcards: users with administrator rights are named one by one", path, a)
		}
	}
	return nil
}
