package apikey

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/rotation"
)

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, account, name string
		want                bool
	}{
		{"ci", "1", "ci", true}, {"ci", "1", "CI", false}, {"ci", "1", "cix", false}, {"", "1", "ci", false}, {"*", "1", "ci", true},
		{"c?", "1", "ci", true}, {"c?", "1", "c", false}, {"*-prod", "1", "db-prod", true}, {"a*b*c", "1", "aXbYbZc", true}, {"a*b*c", "1", "aXbYbZ", false},
		{"1:*", "1", "ci", true}, {"1:*", "11", "ci", false}, {"1*:ci", "11", "ci", true}, {"a.b", "1", "axb", false}, {"**", "1", "ci", true},
	} {
		if got := Match(c.glob, rotation.User{Account: c.account, Name: c.name}); got != c.want {
			t.Errorf("%q takes %s:%s: %t", c.glob, c.account, c.name, got)
		}
	}
}

// Against the regular expression that a glob means; and a glob that covers another takes all that it takes.
func TestGlobsProperty(t *testing.T) {
	parts := rapid.StringMatching(`[ab*?]{0,5}`)
	meaning := func(glob string) *regexp.Regexp {
		return regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(glob) + "$")
	}
	rapid.Check(t, func(t *rapid.T) {
		one, other := parts.Draw(t, "one"), parts.Draw(t, "other")
		name := rapid.StringMatching(`[ab]{0,5}`).Draw(t, "name")
		takes := Match(one, rotation.User{Account: "1", Name: name})
		if want := meaning(one).MatchString(name); takes != want {
			t.Fatalf("%q takes %q: %t", one, name, takes)
		}
		if covers(one, other) && Match(other, rotation.User{Account: "1", Name: name}) && !takes {
			t.Fatalf("%q covers %q, but does not take %q", one, other, name)
		}
		if !covers(one, one) || !covers("*", other) {
			t.Fatalf("%q does not cover itself, or * not %q", one, other)
		}
	})
}

func TestSpecs(t *testing.T) {
	read := []Scope{ReadCredentials}
	for _, c := range []struct {
		spec Spec
		want string // of the error; "": none
	}{
		{Spec{Name: "ci", Scopes: read, Users: []string{"*"}}, ""},
		{Spec{Name: "ci", Scopes: []Scope{Admin}}, ""},
		{Spec{Name: "ci", Consumer: "ci"}, ""},
		{Spec{Name: "Jörg’s key", Consumer: "ci"}, "its name has"},
		{Spec{Name: "Jörgs key", Consumer: "a+=,.@_-b"}, ""},
		{Spec{Name: "", Consumer: "ci"}, "its name has"},
		{Spec{Name: "a\nb", Consumer: "ci"}, "its name has"},
		{Spec{Name: "-f", Consumer: "ci"}, "its name has"},
		{Spec{Name: strings.Repeat("n", 65), Consumer: "ci"}, "its name has"},
		{Spec{Name: "ci"}, "needs a scope"},
		{Spec{Name: "ci", Scopes: read}, "are about users"},
		{Spec{Name: "ci", Scopes: []Scope{"all"}}, `no scope "all"`},
		{Spec{Name: "ci", Scopes: []Scope{"all", Admin}}, `no scope "all"`},
		{Spec{Name: "ci", Consumer: "ci-*"}, "names one user"},
		{Spec{Name: "ci", Consumer: "ci", Scopes: read}, "takes no others"},
		{Spec{Name: "ci", Consumer: "ci", Users: []string{"x"}}, "takes no others"},
		{Spec{Name: "ci", Scopes: read, Users: []string{"a b"}}, "no user and no glob"},
		{Spec{Name: "ci", Scopes: read, Users: []string{"[ab]"}}, "no user and no glob"},
		{Spec{Name: "ci", Scopes: read, Users: []string{"a:b:c"}}, "no user and no glob"},
		{Spec{Name: "ci", Scopes: read, Users: []string{""}}, "no user and no glob"},
		{Spec{Name: "ci", Scopes: read, Users: make([]string, 0)}, "are about users"},
		{Spec{Name: "ci", Consumer: "ci", Lives: -time.Hour}, "as soon as it is made"},
		{Spec{Name: "ci", Consumer: "ci", Lives: 11 * 366 * 24 * time.Hour}, "ten years"},
		{Spec{Name: "ci", Consumer: "ci", Networks: []netip.Prefix{{}}}, "not valid"},
		{Spec{Name: "ci", Consumer: "ci", Networks: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, "not valid"},
	} {
		k, err := c.spec.key("0123456789", time.Unix(1e9, 5))
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c.spec, err)
		}
		if err == nil && (len(k.Scopes) == 0 || k.Expires.Sub(k.Created) != DefaultLife) {
			t.Errorf("%+v became %+v", c.spec, k)
		}
	}
	k, err := Spec{Name: "ci", Scopes: []Scope{Rotate, ReadCredentials, Rotate}, Users: []string{"1/ci", "1:ci"},
		Networks: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")}}.key("0123456789", time.Unix(1e9, 0))
	if err != nil || len(k.Users) != 1 || k.Users[0] != "1:ci" || join(k.Scopes) != "credentials:read, rotate" || k.Networks[0].String() != "10.0.0.0/8" {
		t.Errorf("%+v, %v", k, err)
	}
}

// Who may make keys cannot make one that does more than its own.
func TestNobodyGrantsMoreThanItHas(t *testing.T) {
	admin := &Caller{Scopes: []Scope{Admin, ReadCredentials}, Users: []string{"1:app-*", "db", "1:q?"}}
	for _, c := range []struct {
		spec Spec
		may  bool
	}{
		{Spec{Scopes: []Scope{Admin}}, true},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"1:app-x*", "db", "1/app-?"}}, true},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"db", "*"}}, false},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"1:app?"}}, false},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"1:q*"}}, false},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"1:q?"}}, true},
		{Spec{Scopes: []Scope{ReadCredentials}, Users: []string{"app-x"}}, false},
		{Spec{Scopes: []Scope{ReadCredentials, Rotate}, Users: []string{"db"}}, false},
		{Spec{Scopes: []Scope{ReadMetrics}}, false},
		{Spec{Consumer: "9:db"}, true},
		{Spec{Consumer: "1/app-1"}, true},
		{Spec{Consumer: "ci"}, false},
	} {
		if err := admin.MayGrant(c.spec); (err == nil) != c.may || err != nil && !errors.Is(err, ErrGrant) {
			t.Errorf("%+v: %v", c.spec, err)
		}
	}
	bare := &Caller{Scopes: []Scope{Admin}}
	if err := bare.MayGrant(Spec{Consumer: "ci"}); !errors.Is(err, ErrGrant) {
		t.Error("a key for keys alone gave away credentials")
	}
}
