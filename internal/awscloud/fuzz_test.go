package awscloud

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzValue: of a secret's value that is taken, the fields of others survive a change of ours, the key that was written is found again,
// and no error repeats anything of a value.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{}`, `{"AccessKeyId":"AKIA0","SecretAccessKey":"s3cr3t","x":{"a":1}}`, "{\n \"Email\" : null, \"x\": [1, 2 ,{}]}",
		`{"AccessKey":{"AccessKeyId":"AKIA0","SecretAccessKey":"s3cr3t","CreateDate":"2026-11-23T06:30:00Z"}}`, `{"a":1,"a":2}`,
		`{"aws_access_key_id":"AKIA0","aws_secret_access_key":"s3cr3t"}`, `plain text`, `{"username":"AKIAIOSFODNN7EXAMPLE"}`} {
		f.Add(s)
	}
	own := DefaultFields()
	f.Fuzz(func(t *testing.T, value string) {
		d, err := parseDocument(value)
		if err != nil {
			if len(value) > 8 && strings.Contains(err.Error(), value) {
				t.Fatalf("an error repeats the value: %v", err)
			}
			return
		}
		_, _ = d.find(own)
		written := d.with([]field{{own.AccessKeyID, "AKIAIOSFODNN7EXAMPLE"}, {own.SecretAccessKey, "secret"}})
		if !json.Valid([]byte(written)) {
			t.Fatalf("what is written is no JSON: %q", written)
		}
		again, err := parseDocument(written)
		if err != nil {
			t.Fatalf("what is written cannot be read: %v: %q", err, written)
		}
		if h, ok := again.find(own); !ok || h.key.ID != "AKIAIOSFODNN7EXAMPLE" || h.key.Secret.Reveal() != "secret" {
			t.Fatalf("the key that was written is not found: %+v in %q", h.key, written)
		}
		if !maps.Equal(d.others(own), again.others(own)) {
			t.Fatalf("fields of others changed from %v to %v", d.others(own), again.others(own))
		}
	})
}

// FuzzReport: IAM's credential report.
func FuzzReport(f *testing.F) {
	const head = "user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date," +
		"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date\n"
	f.Add([]byte(head + "a,arn:aws:iam::1:user/a,2026-11-23T06:30:00+00:00,false,true,2026-11-23T06:30:00+00:00,N/A,false,N/A,N/A\n"))
	f.Add([]byte(head + "\"a\"\"b,c\",x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseReport(text, time.Unix(0, 0))
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
	})
}

// FuzzPolicy: a document that cannot be read makes an administrator, and so does one that allows everything; patterns match as plainly.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "iam:*", "iam:PutUserPolicy")
	f.Add(`{"Statement":[{"Effect":"Allow","NotAction":["iam:*"],"NotResource":"arn:aws:iam::*:user/${aws:username}"}]}`, "a?c*", "abcd")
	f.Add(`%7B%7D`, "", "")
	f.Fuzz(func(t *testing.T, document, pattern, s string) {
		all, ok := parsePolicy(document)
		if ok {
			_ = all.givePolicies("arn:aws:iam::123456789012:user/a")
		}
		if len(pattern) > 30 || len(s) > 30 {
			return // the plain matcher is slow
		}
		if got, want := match(pattern, s), plainly(pattern, s); got != want {
			t.Fatalf("%q takes %q: %v, want %v", pattern, s, got, want)
		}
	})
}

// plainly matches bytes by the definition, with a table of what is matched.
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

// FuzzDate: the clock takes a Date that an answer bears whole, and no other; once it is set it stays set.
func FuzzDate(f *testing.F) {
	f.Add("Mon, 23 Nov 2026 06:30:00 GMT", "")
	f.Add("Monday, 23-Nov-26 06:30:00 GMT", "3")
	f.Add("2026-11-23T06:30:00Z", "")
	f.Fuzz(func(t *testing.T, date, age string) {
		c := clock{}
		c.hear(time.Unix(1_800_000_000, 0))
		at := answered(&http.Response{Header: http.Header{"Date": {date}, "Age": {age}}})
		if !at.IsZero() && age != "" {
			t.Fatalf("a Date out of a cache was taken: %s", at)
		}
		if again, err := http.ParseTime(at.UTC().Format(http.TimeFormat)); !at.IsZero() && at.Year() > 0 && at.Year() < 10_000 && (err != nil || !again.Equal(at)) {
			t.Fatalf("%q is read as %s, and that as %s, %v", date, at, again, err)
		}
		if !at.IsZero() {
			c.hear(at)
		}
		if c.now().IsZero() {
			t.Fatal("the clock is not set any more")
		}
	})
}
