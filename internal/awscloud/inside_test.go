package awscloud

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Fields of others stay byte for byte, in order, whatever they hold; ours are replaced where they stand.
func TestDocumentKeepsOthersBytes(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"empty", `{}`, `{"AccessKeyId":"K1","Email":"a@b"}`},
		{"spaces", " { } ", ` { "AccessKeyId":"K1","Email":"a@b"} `},
		{"numbers", `{"big":12345678901234567890.10e+05,"AccessKeyId":"K0"}`, `{"big":12345678901234567890.10e+05,"AccessKeyId":"K1","Email":"a@b"}`},
		{"in place", "{\n  \"Email\" : null,\n  \"x\": [1, 2 ,{\"AccessKeyId\":\"inner\"}],\n  \"AccessKeyId\":\"K0\"\n}",
			"{\n  \"Email\" : \"a@b\",\n  \"x\": [1, 2 ,{\"AccessKeyId\":\"inner\"}],\n  \"AccessKeyId\":\"K1\"\n}"},
		{"escapes", `{"q\"\u00e9":"\u003c<&>\/","AccessKeyI\u0064":"K0"}`, `{"q\"\u00e9":"\u003c<&>\/","AccessKeyI\u0064":"K1","Email":"a@b"}`},
		{"inner twice", `{"x":{"a":1,"a":2}}`, `{"x":{"a":1,"a":2},"AccessKeyId":"K1","Email":"a@b"}`},
	} {
		d, err := parseDocument(c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := d.with([]field{{"AccessKeyId", "K1"}, {"", "left out"}, {"Email", "a@b"}, {"OldAccessKeyId", ""}})
		if got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestDocumentRefuses(t *testing.T) {
	for _, value := range []string{"", "hunter2", `"text"`, `[1]`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":}`, `{"a":1`, `{"a":1}{}`, `{"a":1,}`, `null`} {
		_, err := parseDocument(value)
		if err == nil {
			t.Errorf("%s was taken", value)
		} else if value != "" && strings.Contains(err.Error(), value) {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
}

// Whatever others keep, one rotation after the other changes nothing of it, and the result reads back.
func TestDocumentProperty(t *testing.T) {
	own := DefaultFields()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.MapOf(rapid.String(), rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.String(), func(s string) any { return s }))).Draw(t, "others")
		delete(start, "")
		raw, err := json.Marshal(start)
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseDocument(string(raw))
		if err != nil {
			t.Fatal(err)
		}
		before := d.others(own)
		for range 3 {
			id := rapid.StringMatching(`AKIA[A-Z0-9]{16}`).Draw(t, "id")
			secret := rapid.String().Draw(t, "secret")
			d, err = parseDocument(d.with([]field{{own.AccessKeyID, id}, {own.SecretAccessKey, secret}, {own.OldAccessKeyID, id}}))
			if err != nil {
				t.Fatal(err)
			}
			got, ok := d.find(own)
			if !ok || got.key.ID != id || got.foreign || secret != "" && got.key.Secret.Reveal() != strings.ToValidUTF8(secret, "\ufffd") {
				t.Fatalf("read back %q", got.key.ID)
			}
		}
		after := d.others(own)
		if len(after) != len(before) {
			t.Fatalf("%v became %v", before, after)
		}
		for k, v := range before {
			if after[k] != v {
				t.Fatalf("%q: %s became %s", k, v, after[k])
			}
		}
	})
}

func TestShapes(t *testing.T) {
	custom := Fields{AccessKeyID: "key", SecretAccessKey: "pass"}
	for _, c := range []struct {
		value, id, secret string
		foreign           bool
		own               Fields
	}{
		{`{"AccessKeyId":"AKIAA","SecretAccessKey":"s"}`, "AKIAA", "s", false, DefaultFields()},
		{`{"key":"AKIAA","pass":"s","AccessKeyId":"AKIAB","SecretAccessKey":"t"}`, "AKIAA", "s", false, custom},
		{`{"AccessKeyId":"AKIAA","SecretAccessKey":"s"}`, "AKIAA", "s", true, custom},
		{`{"aws_access_key_id":"AKIAA","aws_secret_access_key":"s"}`, "AKIAA", "s", true, DefaultFields()},
		{`{"AWS_ACCESS_KEY_ID":"AKIAA","AWS_SECRET_ACCESS_KEY":"s"}`, "AKIAA", "s", true, DefaultFields()},
		{`{"AccessKey":{"UserName":"ci","AccessKeyId":"AKIAA","Status":"Active","SecretAccessKey":"s","CreateDate":"2026-01-01T00:00:00Z"}}`,
			"AKIAA", "s", true, DefaultFields()},
		{`{"username":"AKIAABCDEFGHIJKLMNOP","password":"smtp-password"}`, "AKIAABCDEFGHIJKLMNOP", "", true, DefaultFields()},
		{`{"username":"admin","password":"x"}`, "", "", false, DefaultFields()},
		{`{"AccessKeyId":""}`, "", "", false, DefaultFields()},
	} {
		d, err := parseDocument(c.value)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := d.find(c.own)
		if h.key.ID != c.id || h.key.Secret.Reveal() != c.secret || h.foreign != c.foreign {
			t.Errorf("%s: found %q (foreign %t)", c.value, h.key.ID, h.foreign)
		}
	}
}

// Escaping can be undone, so two users never share a name, and every name is one that Secrets Manager takes.
func TestNamesRoundTrip(t *testing.T) {
	n, err := newNameTemplate("keyturn{{.Path}}{{.User}}", false)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[A-Za-z0-9+=,.@_-]{1,64}`).Draw(t, "user")
		path := rapid.StringMatching(`/([!-.0-~]{1,20}/){0,3}`).Draw(t, "path")
		name, err := n.name(user, "123456789012", path)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unescapeName(name)
		if err != nil || back != "keyturn"+path+user {
			t.Fatalf("%q became %q and back %q: %v", path+user, name, back, err)
		}
		likeARN := len(name) >= 7 && name[len(name)-7] == '-' && !strings.ContainsAny(name[len(name)-6:], "/_+=.@-")
		if likeARN || strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f || !nameByte(byte(r)) }) {
			t.Fatalf("Secrets Manager would mistake or refuse %q", name)
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ template, user, want, refused string }{
		{"keyturn/{{.User}}/key", "a,b=c", "keyturn/a=2Cb=3Dc/key", ""},
		{"keyturn/{{.User}}", "ci-abcdef", "keyturn/ci=2Dabcdef", ""},
		{"{{.Account}}{{.Path}}{{.User}}", "ci", "123456789012/team/ci", ""},
		{"my key/{{.User}}", "ci", "", "takes letters, digits"},
		{"{{.Name}}", "ci", "", ".User, .Account and .Path"},
		{"{{.User", "ci", "", "not a template"},
		{"", "ci", "", "empty name"},
		{strings.Repeat("x", 505) + "{{.User}}", "longer-name", "", "takes 512"},
	} {
		n, err := newNameTemplate(c.template, false)
		var got string
		if err == nil {
			got, err = n.name(c.user, "123456789012", "/team/")
		}
		if got != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%q for %s: %q, %v", c.template, c.user, got, err)
		}
	}
	n, _ := newNameTemplate("{{.User}}", true)
	if got, err := n.name("prod=db-abcdef", "1", "/"); got != "prod=db-abcdef" || err != nil {
		t.Errorf("the name of an existing secret was changed to %q: %v", got, err)
	}
}

func TestAdministratorStatements(t *testing.T) {
	for document, want := range map[string]bool{
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`:                                                 true,
		`{"Statement":[{"Effect":"Allow","Action":["s3:*","*:*"],"Resource":["arn:x","*"]}]}`:                          true,
		`{"Statement":[{"Effect":"Allow","Action":"IAM:*","Resource":"*"}]}`:                                           true,
		`{"Statement":[{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}]}`:                                         true,
		`{"Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}]}`:                    false,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`:                                                false,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b"}]}`:                                  false,
		`{"Statement":[{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}]}`:                                        false,
		`{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b"}]}`:                               true,
		`{"Statement":[{"Effect":"Allow","Action":"*","NotResource":["arn:x","*"]}]}`:                                  false,
		`{"Statement":[{"Effect":"Allow","Action":"?*","Resource":"arn:*"}]}`:                                          true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:?*","Resource":"?*"}]}`:                                         true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/*"}]}`:                       true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:Put*Policy","Resource":"*"}]}`:                                  true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:attachuserpolicy","Resource":"*"}]}`:                            true,
		`{"Statement":[{"Effect":"Allow","NotAction":["iam:PutUser*","sts:*"],"Resource":"*"}]}`:                       true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/service/${aws:username}"}]}`: true,
		`{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::123456789012:user/people/*"}]}`:     false,
		`{"Statement":[{"Effect":"Allow","Action":"iam:*AccessKey*","Resource":"*"}]}`:                                 false,
		`{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:role/*"}]}`:                       false,
		`{"Statement":[]}`: false,
		`not a policy`:     true,
	} {
		all, ok := parsePolicy(url.PathEscape(document))
		if got := !ok || all.givePolicies("arn:aws:iam::123456789012:user/service/ci"); got != want {
			t.Errorf("%s: administrator %t, want %t", document, got, want)
		}
	}
}

// Patterns are made by whoever may write policies: none may take long.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*a", "aaa", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {strings.Repeat("a*", 60) + "b", strings.Repeat("a", 600), false},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("%q matches %q: %t", c.pattern, c.s, got)
		}
	}
}

func TestPlainHTTPBeyondLoopback(t *testing.T) {
	for endpoint, refused := range map[string]bool{
		"http://127.0.0.1:4566": false, "http://localhost:4566": false, "http://[::1]:4566": false, "https://vpce.example.com": false,
		"http://vpce.example.com": true, "http://10.0.0.1": true, "http://localhost.example.com": true, "http://LOCALHOST:4566": false, "http://sim.localhost": true, "ftp://127.0.0.1": true, "127.0.0.1:4566": true,
	} {
		if err := checkEndpoint("IAM", endpoint, false); (err != nil) != refused {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// sentBy is an HTTP client that notes what it was given.
type sentBy struct{ urls []string }

func (s *sentBy) Do(r *http.Request) (*http.Response, error) {
	s.urls = append(s.urls, r.URL.String())
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
}

// Whatever endpoint the SDK comes up with, no signed request leaves this machine in plain text.
func TestWireSendsNothingInPlain(t *testing.T) {
	next := &sentBy{}
	w := &wire{next: next, clock: &clock{}, calls: &atomic.Int64{}}
	for _, url := range []string{"http://iam.example/", "https://iam.example/", "http://127.0.0.1:4566/"} {
		r, err := http.NewRequest(http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Do(r); (err == nil) != (url != "http://iam.example/") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if len(next.urls) != 2 {
		t.Errorf("sent: %v", next.urls)
	}
}
