package apikey

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Match reports whether a glob takes a user: NAME, or ACCOUNT:NAME, where * stands for any text and ? for one character. A glob
// without an account takes the name in every account. Letters match as they are written.
func Match(glob string, u rotation.User) bool {
	account, name := splitGlob(glob)
	return covers1(account, u.Account) && covers1(name, u.Name)
}

func splitGlob(glob string) (account, name string) {
	if a, n, ok := strings.Cut(glob, ":"); ok {
		return a, n
	}
	return "*", glob
}

// covers reports whether one glob takes everybody that another takes. It may say no where the answer is yes, never the other way.
func covers(one, other string) bool {
	a1, n1 := splitGlob(one)
	a2, n2 := splitGlob(other)
	return covers1(a1, a2) && covers1(n1, n2)
}

// covers1 matches a pattern against a text. The text may be a pattern itself: then its * is taken by a * only, and its ? by a ? or
// a *, so that the pattern takes whatever the text stands for.
func covers1(pattern, text string) bool {
	p, t, star, resume := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && text[t] != '*' && (pattern[p] == text[t] || pattern[p] == '?'):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

var (
	globText = regexp.MustCompile(`^([0-9*?]{1,12}:)?[A-Za-z0-9_+=,.@*?-]{1,64}$`)
	userText = regexp.MustCompile(`^([0-9]{12}:)?[A-Za-z0-9_+=,.@-]{1,64}$`)
)

// cleanGlob takes a glob as a person writes it; ACCOUNT/NAME, as elsewhere on the command line, is ACCOUNT:NAME.
func cleanGlob(s string) (string, error) {
	g := strings.Replace(s, "/", ":", 1)
	if !globText.MatchString(g) {
		return "", fmt.Errorf("%w: %q is no user and no glob: write NAME or ACCOUNT:NAME, with * for any text and ? for one character", ErrInvalid, s)
	}
	return g, nil
}

func cleanUser(s string) (string, error) {
	u := strings.Replace(s, "/", ":", 1)
	if !userText.MatchString(u) {
		return "", fmt.Errorf("%w: a key for one consumer names one user, NAME or ACCOUNT:NAME, and %q is none", ErrInvalid, s)
	}
	return u, nil
}
