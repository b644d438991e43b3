package apikey

import (
	"testing"

	"github.com/keyturn/keyturn/internal/rotation"
)

// FuzzGlob: a glob takes what a slow and plain matcher takes, and one that covers another takes everybody that the other does: a caller
// must not give away more than it has.
func FuzzGlob(f *testing.F) {
	f.Add("ci-*", "ci-a*", "123456789012", "ci-abc")
	f.Add("1234*:?pp", "123456789012:app", "123456789012", "app")
	f.Add("*:*", "**?", "1", "")
	f.Fuzz(func(t *testing.T, one, other, account, name string) {
		if len(one) > 40 || len(other) > 40 || len(name) > 64 {
			return // the plain matcher is slow
		}
		one, err1 := cleanGlob(one)
		other, err2 := cleanGlob(other)
		_, err3 := cleanUser(account + ":" + name)
		if err1 != nil || err2 != nil || err3 != nil {
			return
		}
		u := rotation.User{Account: account, Name: name}
		a, n := splitGlob(one)
		if got, want := Match(one, u), plainly(a, account) && plainly(n, name); got != want {
			t.Fatalf("%q takes %s: %v, want %v", one, u, got, want)
		}
		if covers(one, other) && Match(other, u) && !Match(one, u) {
			t.Fatalf("%q is said to cover %q, but does not take %s", one, other, u)
		}
	})
}

// plainly matches by the definition, with a table of what is matched.
func plainly(p, s string) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for i := range len(p) {
		next := make([]bool, len(s)+1)
		for j := range next {
			switch {
			case p[i] == '*':
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = row[j-1] && (p[i] == '?' || p[i] == s[j-1])
			}
		}
		row = next
	}
	return row[len(s)]
}
