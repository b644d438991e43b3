package awscloud

import (
	"fmt"
	"strings"
	"text/template"
)

// nameTemplate makes the name of a user's secret. Secrets Manager takes letters, digits and /_+=.@- only, so what a user's name
// or path has beyond that is written as = and two hex digits, = itself too: two users never get the same name by it.
type nameTemplate struct {
	text  string
	t     *template.Template
	plain bool // the secrets exist, so their names are taken as they are
}

type nameFields struct{ User, Account, Path string }

// longestName is Secrets Manager's limit.
const longestName = 512

func newNameTemplate(text string, existing bool) (*nameTemplate, error) {
	t, err := template.New("secret.name").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("secret.name %q is not a template: %w", text, err)
	}
	n := &nameTemplate{text: text, t: t, plain: existing}
	_, err = n.name("user", "123456789012", "/")
	return n, err
}

// name is the secret's name for a user.
func (n *nameTemplate) name(user, account, path string) (string, error) {
	escape := escapeName
	if n.plain {
		escape = func(s string) string { return s }
	}
	var b strings.Builder
	if err := n.t.Execute(&b, nameFields{escape(user), escape(account), escape(path)}); err != nil {
		return "", fmt.Errorf("secret.name %q cannot be used: it may name .User, .Account and .Path: %w", n.text, err)
	}
	name := b.String()
	if !n.plain {
		name = escapeEnd(name)
	}
	for _, r := range name {
		if r > 0x7f || !nameByte(byte(r)) {
			return "", fmt.Errorf("secret.name gives %q: Secrets Manager takes letters, digits and /_+=.@- only, and not %q", name, r)
		}
	}
	switch {
	case name == "":
		return "", fmt.Errorf("secret.name %q gives an empty name", n.text)
	case len(name) > longestName:
		return "", fmt.Errorf("secret.name gives %s… of %d characters: Secrets Manager takes %d", name[:40], len(name), longestName)
	}
	return name, nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/_+=.@-", c) >= 0
}

// escapeName writes every byte that a name cannot have as =XX.
func escapeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; nameByte(c) && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// escapeEnd escapes the hyphen of a name that ends in a hyphen and six letters or digits: such a name looks like the end of an
// ARN, and AWS may then find the wrong secret.
func escapeEnd(name string) string {
	if at := len(name) - 7; at >= 0 && name[at] == '-' && !strings.ContainsAny(name[at+1:], "/_+=.@-") {
		return name[:at] + "=2D" + name[at+1:]
	}
	return name
}

// unescapeName undoes escapeName and escapeEnd.
func unescapeName(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if i+3 > len(s) {
			return "", fmt.Errorf("%q ends inside an escape", s)
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", fmt.Errorf("%q holds the escape %q, which is none", s, s[i:i+3])
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}
