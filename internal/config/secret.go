package config

import (
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// reservedTags is how many of a secret's 50 tags keyturn keeps for itself.
const reservedTags = 10

// checkSecret refuses names that two users would share and fields that would overwrite one another.
func (c *Config) checkSecret() error {
	s := c.Secret
	one, err := renderName(s.Name, "keyturn-sample-a", "/sample/")
	if err != nil {
		return c.fail("secret.name", "secret.name %q is not a usable template: %v; write it as \"keyturn/{{.User}}/key\"", s.Name, err)
	}
	if one == "" {
		return c.fail("secret.name", "secret.name is empty: write it as \"keyturn/{{.User}}/key\"")
	}
	if bad := strings.Trim(one, nameLetters+"/+=.@"); bad != "" {
		r := []rune(bad)[0]
		return c.fail("secret.name", "secret.name %q holds %q: Secrets Manager takes letters, digits and /_+=.@- only", s.Name, r)
	}
	other, _ := renderName(s.Name, "keyturn-sample-b", "/sample/")
	if one == other && !c.oneUser() {
		return c.fail("secret.name", "secret.name %q is the same for every user, so that their keys would overwrite one another: put "+
			"{{.User}} into it", s.Name)
	}
	if err := c.checkFields(); err != nil {
		return err
	}
	if n := len(s.Tags); n > 50-reservedTags {
		return c.fail("secret.tags", "secret.tags has %d tags: a secret can have 50, of which keyturn needs %d", n, reservedTags)
	}
	for k, v := range s.Tags {
		path := "secret.tags." + k
		low := strings.ToLower(k)
		switch {
		case strings.HasPrefix(low, "aws:"), strings.HasPrefix(low, "keyturn:"):
			return c.fail(path, "%s: tags that begin with aws: or keyturn: are not for you to set; choose another name", path)
		case k == "" || len([]rune(k)) > 128 || len([]rune(v)) > 256:
			return c.fail(path, "%s: a tag's key has 1 to 128 characters, and its value at most 256", path)
		}
	}
	return nil
}

func (c *Config) checkFields() error {
	f := c.Secret.Fields
	switch {
	case f.AccessKeyID == "":
		return c.fail("secret.fields.AccessKeyId", "secret.fields.AccessKeyId is empty: the access key id cannot be left out")
	case f.SecretAccessKey == "":
		return c.fail("secret.fields.SecretAccessKey", "secret.fields.SecretAccessKey is empty: the secret access key cannot be left out")
	}
	var seen []string
	for _, k := range fieldNames(c.at("secret.fields").Type()) {
		n := f.Map()[k]
		if n != "" && slices.Contains(seen, n) {
			return c.fail("secret.fields."+k, "secret.fields.%s: the name %q is taken by another field; choose another", k, n)
		}
		seen = append(seen, n)
	}
	return nil
}

// oneUser: include is a single name without wildcards.
func (c *Config) oneUser() bool {
	in := c.Users.Include
	return len(in) == 1 && in[0].Name != "" && !wild(in[0].Name)
}

// nameData is what secret.name may use.
type nameData struct{ User, Account, Path string }

// renderName executes a secret.name template for a user in a sample account.
func renderName(text, user, path string) (string, error) {
	return execute(text, nameData{User: user, Account: "123456789012", Path: path})
}

func execute(text string, data nameData) (string, error) {
	t, err := template.New("secret.name").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", plain(err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		if strings.Contains(err.Error(), "can't evaluate field") {
			return "", fmt.Errorf("it may use .User, .Account and .Path only")
		}
		return "", plain(err)
	}
	return b.String(), nil
}

// plain takes the template package's own prefix off.
func plain(err error) error {
	s := strings.TrimPrefix(err.Error(), "template: ")
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	return fmt.Errorf("%s", s)
}

// SecretNamePatterns are the names of the secrets of all users in care, with `*` where they differ: for policies.
func (c *Config) SecretNamePatterns(account string) ([]string, error) {
	pattern, err := execute(c.Secret.Name, nameData{User: "*", Account: account, Path: "/*"}) // a path begins with a slash
	if err != nil {
		return nil, c.fail("secret.name", "secret.name %q is not a usable template: %v", c.Secret.Name, err)
	}
	for strings.Contains(pattern, "**") {
		pattern = strings.ReplaceAll(pattern, "**", "*")
	}
	out := []string{pattern}
	// A template may treat single users differently.
	for _, m := range c.Users.Include {
		if m.Name == "" || wild(m.Name) {
			continue
		}
		n, err := execute(c.Secret.Name, nameData{User: m.Name, Account: account, Path: "/"})
		if err == nil && !glob(pattern, n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}
