package awsidentity

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

func decoded(t testing.TB, text string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text[strings.LastIndexByte(text, '.')+1:])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// CVE-2020-16250 began with a request that the attacker shaped: another operation, another host, another form of the answer. None of
// these is even asked.
func TestProofsThatAreNoQuestionForSTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := scripted(t, reply(200, "text/xml", good))
		try := func(what, text string) {
			t.Helper()
			if c, err := v.Authenticate(bg, text); c != nil || err == nil {
				t.Errorf("%s was let in", what)
			}
			if len(w.asked) > 0 {
				t.Errorf("%s: STS was asked %s", what, w.asked[0].URL)
				w.asked = nil
			}
		}
		now := time.Now()
		for _, base := range []string{
			"http://sts.us-east-1.amazonaws.com/", "HTTPS://sts.us-east-1.amazonaws.com/", "https://STS.us-east-1.amazonaws.com/", "ftp://sts.us-east-1.amazonaws.com/",
			"https://sts.us-east-1.amazonaws.com:443/", "https://sts.us-east-1.amazonaws.com:8443/", "https://sts.us-east-1.amazonaws.com./",
			"https://sts.us-east-1.amazonaws.com.attacker.example/", "https://attacker.example/", "https://attacker.example/sts.us-east-1.amazonaws.com/",
			"https://attacker.example#sts.us-east-1.amazonaws.com/", "https://attacker.example?sts.us-east-1.amazonaws.com/", `https://attacker.example\sts.us-east-1.amazonaws.com/`,
			`https://attacker.example\@sts.us-east-1.amazonaws.com/`, "https://user@sts.us-east-1.amazonaws.com/", "https://sts.us-east-1.amazonaws.com@attacker.example/",
			"https://sts.us-east-1.amazonaws.com:pw@attacker.example/", "https://sts.us-east-1.amazonaws.com%2f@attacker.example/", "https://sts.us-east-1.amazonaws.com%00.attacker.example/",
			"https://sts.us-east-1.amazonaws.com\t/", "https://sts.us-east-1.amazonaws.com /", "https:///sts.us-east-1.amazonaws.com/", "//sts.us-east-1.amazonaws.com/",
			"https://sts.us-east-1.amazonaws.com/path", "https://sts.us-east-1.amazonaws.com/../", "https://sts.us-east-1.amazonaws.com//", "https://sts.us-east-1.amazonaws.com",
			"https://sts.evil-1.amazonaws.com/", "https://sts.amazonaws.com.cn/", "https://iam.amazonaws.com/", "https://s3.us-east-1.amazonaws.com/", "https://stsXus-east-1.amazonaws.com/",
			"https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "https://localhost/", "https://sts。us-east-1。amazonaws。com/", "https://ѕts.us-east-1.amazonaws.com/",
			"https://sts.eu-west-1.amazonaws.com/", // another Region than the signature's
		} {
			try(base, written(base, query(now, "a")))
		}
		changed := func(name, value string) [][2]string {
			q := slices.Clone(query(now, "a"))
			for i := range q {
				if q[i][0] == name {
					q[i][1] = value
				}
			}
			return q
		}
		stamp := now.UTC().Format(amzTime)
		for name, values := range map[string][]string{
			"Action": {"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetSessionToken", "DecodeAuthorizationMessage", "getcalleridentity", "GetCallerIdentity%00", "GetCallerIdentity%26Action%3DX",
				"GetCallerIdentity#", "GetCallerIdentity%20", "", "GetCallerIdentity\n"},
			"Version":         {"2010-05-08", "", "2011-06-15%0d%0aHost:%20x"},
			"X-Amz-Algorithm": {"AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "none", ""},
			"X-Amz-Credential": {"AKIAIOSFODNN7EXAMPLE%2F20000101%2Fus-east-1%2Fiam%2Faws4_request", "AKIAIOSFODNN7EXAMPLE%2F20000102%2Fus-east-1%2Fsts%2Faws4_request",
				"AKIAIOSFODNN7EXAMPLE%2F20000101%2Feu-west-1%2Fsts%2Faws4_request", "%2F20000101%2Fus-east-1%2Fsts%2Faws4_request", "AKIAIOSFODNN7EXAMPLE", ""},
			"X-Amz-Date":    {"", "20000101", stamp + "0", strings.ToLower(stamp), "99991331T999999Z", "2000-01-01T00:00:00Z"},
			"X-Amz-Expires": {"", "0", "-1", "%2B60", "+60", "060", "60.0", "1e3", "0x3c", "99999999999999999999", "60%20"},
			"X-Amz-SignedHeaders": {"host", "x-keyturn-server-id", "host%3Bx-keyturn-server-id", "", "x-keyturn-nonce%3Bx-keyturn-server-id%3Bhost", "host%3Bx-keyturn-nonce%3Bx-keyturn-server-id%3Baccept", "accept%3Bhost%3Bx-keyturn-nonce%3Bx-keyturn-server-id",
				"host%3Bhost%3Bx-keyturn-nonce%3Bx-keyturn-server-id", "host%3Bx-keyturn-nonce%3BX-Keyturn-Server-Id", "Host%3Bx-keyturn-nonce%3Bx-keyturn-server-id", "host%3Bx-amz-target%3Bx-keyturn-nonce%3Bx-keyturn-server-id", "host%3Bx-keyturn-nonce%3Bx-keyturn-server-id%3B"},
			"X-Amz-Signature": {"", "abc", strings.Repeat("A", 64), strings.Repeat("a", 65), strings.Repeat("a", 63) + "%0a", strings.Repeat("g", 64)},
		} {
			for _, value := range values {
				try(name+"="+value, written(usual, changed(name, value)))
			}
		}
		for _, name := range []string{"Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
			try("without "+name, written(usual, slices.DeleteFunc(query(now, "a"), func(p [2]string) bool { return p[0] == name })))
		}
		for _, extra := range [][2]string{
			{"Accept", "application/json"}, {"WebIdentityToken", "x"}, {"RoleArn", "x"}, {"X-Amz-Content-Sha256", strings.Repeat("a", 64)}, {"Host", "attacker.example"}, {"", ""}, {"", "x"},
			{"x-keyturn-server-id", "x"}, {"X-Amz-Target", "x"}, {"ContentType", "JSON"}, {"X-Amz-Security-Token", "a%0d%0ab"}, {"X-Amz-Security-Token", ""}, {"X-Amz-Security-Token", "a+b"},
		} {
			try(extra[0]+"="+extra[1]+" besides", written(usual, append(query(now, "a"), extra)))
			try(extra[0]+"="+extra[1]+" before", written(usual, append([][2]string{extra}, query(now, "a")...)))
		}
		for _, text := range []string{"", Prefix, "keyturn-aws2." + encoded(usual)[len(Prefix):], strings.Replace(written(usual, query(now, "a")), nonce, nonce[:15], 1), strings.Replace(written(usual, query(now, "a")), nonce, strings.Repeat("a", 65), 1),
			strings.Replace(written(usual, query(now, "a")), nonce, nonce+"\r\nX: y", 1), strings.Replace(written(usual, query(now, "a")), nonce+".", "", 1), strings.Replace(written(usual, query(now, "a")), nonce, nonce+"."+nonce, 1), encoded(""), encoded("?"), encoded("https://"), encoded(usual + "?"), Prefix + "%%%", Prefix + "aGk=",
			encoded("POST " + usual), encoded(usual + "?" + strings.Repeat("a", MaxProof)), written(usual, query(now, "a")) + "\n", written(usual, query(now, "a")) + "=",
			written(usual, append(query(now, "a"), [2]string{"x#y", "z"})), encoded(decoded(t, written(usual, query(now, "a"))) + "#fragment"), encoded(decoded(t, written(usual, query(now, "a"))) + "&")} {
			try("the text", text)
		}
	})
}

// With simulated AWS configured, there is no other place to ask, AWS itself neither.
func TestAnotherEndpointThanTheConfiguredOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: reply(200, "text/xml", good)}
		v, err := New(Config{Region: home, ServerID: server, Identities: []Identity{ciUser}, Endpoint: at("http://127.0.0.1:4566/"), Transport: w})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		for _, base := range []string{usual, "https://127.0.0.1:4566/", "http://127.0.0.1/", "http://127.0.0.1:4567/", "http://127.0.0.1:4566@attacker.example/",
			"http://attacker.example/127.0.0.1:4566/"} {
			refused(t, v, written(base, query(time.Now(), "a")), "")
		}
		if len(w.asked) > 0 {
			t.Fatal(w.asked[0].URL)
		}
		if _, err := v.Authenticate(bg, written("http://127.0.0.1:4566/", query(time.Now(), "a"))); err != nil {
			t.Fatal(err)
		}
	})
}

// Partitions share nothing: whoever runs STS in one of them can vouch for nobody in another one, wherever the answer says that it is from.
func TestAnotherPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ region, base, arn, why string }{
			{"us-east-1", "https://sts.us-east-1.amazonaws.com/", "arn:aws:iam::123456789012:user/ci", ""},
			{"eu-west-1", "https://sts.us-east-1.amazonaws.com/", "arn:aws:iam::123456789012:user/ci", ""},
			{"us-east-1", "https://sts.cn-north-1.amazonaws.com.cn/", "arn:aws:iam::123456789012:user/ci", "another partition"},
			{"us-east-1", "https://sts.us-gov-west-1.amazonaws.com/", "arn:aws:iam::123456789012:user/ci", "another partition"},
			{"cn-north-1", "https://sts.us-east-1.amazonaws.com/", "arn:aws:iam::123456789012:user/ci", "another partition"},
			{"us-east-1", "https://sts.us-east-1.amazonaws.com/", "arn:aws-cn:iam::123456789012:user/ci", "another partition"},
			{"us-moon-1", "https://sts.us-east-1.amazonaws.com/", "arn:aws:iam::123456789012:user/ci", "not known"},
		} {
			w := &wire{answer: reply(200, "text/xml", genuine(c.arn, ciUser.UniqueID, account))}
			v, err := New(Config{Region: func() string { return c.region }, ServerID: server, Identities: []Identity{ciUser}, Transport: w})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(settled)
			q := query(time.Now(), "a")
			for i := range q {
				q[i][1] = strings.Replace(q[i][1], "us-east-1", strings.Split(c.base, ".")[1], 1)
			}
			_, err = v.Authenticate(bg, written(c.base, q))
			if c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

// CVE-2022-2385: a parameter twice, in the same or another case, written plainly or escaped, before or after the good one.
func TestParameterTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := scripted(t, reply(200, "text/xml", good))
		now := time.Now()
		for _, p := range query(now, "a") {
			for _, name := range []string{p[0], strings.ToLower(p[0]), strings.ToUpper(p[0]), p[0] + "%00", strings.Replace(p[0], "A", "%41", 1) + "%20", "%" + "58" + p[0][1:], p[0] + "[]", p[0] + ";"} {
				for _, value := range []string{p[1], "other", ""} {
					one := [2]string{name, value}
					for _, q := range [][][2]string{append(query(now, "a"), one), append([][2]string{one}, query(now, "a")...)} {
						if c, err := v.Authenticate(bg, written(usual, q)); c != nil || err == nil || len(w.asked) > 0 {
							t.Fatalf("%s=%s besides %s: %v, STS was asked %d times", name, value, p[0], err, len(w.asked))
						}
					}
				}
			}
		}
	})
}

// What STS could be made to quote, and what a lenient reader would take for its answer.
func TestAnswersThatAreNotTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := genuine("arn:aws:iam::999999999999:user/other", "AIDAOTHEROTHEROTHER0", "999999999999")
		result := good[strings.Index(good, "<GetCallerIdentityResult>") : strings.Index(good, "</GetCallerIdentityResult>")+len("</GetCallerIdentityResult>")]
		swap := func(from, to string) string {
			if !strings.Contains(good, from) {
				t.Fatal(from)
			}
			return strings.Replace(good, from, to, 1)
		}
		answers := map[string]string{
			"nothing": "", "spaces": "  ", "text": "ok", "cut off": good[:len(good)-30],
			"JSON that quotes it":           `{"AssumeRoleWithWebIdentityResponse":{"SubjectFromWebIdentityToken":"` + strings.ReplaceAll(good, `"`, `'`) + `"}}`,
			"JSON of STS":                   `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012"}}}`,
			"another operation's":           strings.ReplaceAll(good, "GetCallerIdentity", "AssumeRoleWithWebIdentity"),
			"quoted in another operation's": `<AssumeRoleWithWebIdentityResponse xmlns="` + namespace + `"><AssumeRoleWithWebIdentityResult>` + result + `</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
			"an error that quotes it":       `<ErrorResponse xmlns="` + namespace + `"><Error><Message>` + good + `</Message></Error></ErrorResponse>`,
			"text before":                   "x" + good, "text after": good + "x", "text between": swap("<GetCallerIdentityResult>", "x<GetCallerIdentityResult>"), "text in the result": swap("<UserId>", "x<UserId>"),
			"two documents": good + good, "somebody else's first": other + good, "a comment": swap("<UserId>", "<!-- --><UserId>"), "a comment inside": swap("ci</Arn>", "c<!-- -->i</Arn>"),
			"a document type": `<!DOCTYPE x [<!ENTITY e "x">]>` + good, "a stylesheet": `<?xml-stylesheet href="x"?>` + good, "a second declaration": good + `<?xml version="1.0"?>`, "an entity": swap("ci</Arn>", "&ci;</Arn>"),
			"two results": swap("<ResponseMetadata>", result+"<ResponseMetadata>"), "a result in the result": swap("</GetCallerIdentityResult>", result+"</GetCallerIdentityResult>"),
			"two user ids, one empty": swap("<UserId>", "<UserId></UserId><UserId>"), "two user ids, the last one empty": swap("</UserId>", "</UserId><UserId/>"),
			"two user ids": swap("<UserId>", "<UserId>AIDAOTHEROTHEROTHER0</UserId><UserId>"), "two accounts": swap("</Account>", "</Account><Account>999999999999</Account>"),
			"an element in a field": swap("<UserId>AIDA", "<UserId><Account>123456789012</Account>AIDA"), "an unknown field": swap("<UserId>", "<More>x</More><UserId>"),
			"no user id": swap("<UserId>AIDACIUSERCIUSERCI01</UserId>", ""), "no account": swap("<Account>123456789012</Account>", ""), "no ARN": swap("<Arn>arn:aws:iam::123456789012:user/ci</Arn>", ""),
			"no namespace": swap(` xmlns="`+namespace+`"`, ""), "another namespace": swap("2011-06-15", "2010-05-08"), "a field of another namespace": swap("<UserId>", `<UserId xmlns="x">`),
			"lower case": strings.ReplaceAll(good, "Account>", "account>"), "spaces in the account": swap("<Account>123", "<Account> 123"), "spaces in the id": swap("<UserId>", "<UserId>\n"),
			"another account in the ARN": swap("iam::123456789012", "iam::999999999999"), "another account": swap("<Account>1", "<Account>2"), "a role's ARN with a user's id": swap(":iam::123456789012:user/ci", ":sts::123456789012:assumed-role/app/ci"),
			"a user's ARN with a role's id": swap("AIDACIUSERCIUSERCI01", "AROACIUSERCIUSERCI01:ci"), "a session in a user's id": swap("CI01<", "CI01:x<"), "a group": swap("user/ci", "group/ci"), "UTF-16": "\xff\xfe<\x00",
			"another encoding": `<?xml version="1.0" encoding="UTF-7"?>` + good, "root": genuine("arn:aws:iam::123456789012:root", account, account),
			"a federated user": genuine("arn:aws:sts::123456789012:federated-user/AIDACIUSERCIUSERCI01", account+":AIDACIUSERCIUSERCI01", account),
		}
		// Before it takes them for wrong, it takes the right one.
		for _, right := range []string{good, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + good, strings.Join(strings.Fields(good), " ")} {
			v, _ := scripted(t, reply(200, "text/xml;charset=utf-8", right))
			if c, err := v.Authenticate(bg, written(usual, query(time.Now(), "a"))); err != nil || !c.Has(apikey.ReadCredentials) {
				t.Fatalf("%v of %s", err, right)
			}
		}
		for name, body := range answers {
			v, _ := scripted(t, reply(200, "text/xml", body))
			if err := v.Allow([]Identity{ciUser, {Account: account, UniqueID: "AROACIUSERCIUSERCI01"}, {Account: "999999999999", UniqueID: "AIDAOTHEROTHEROTHER0"}, {Account: "999999999999", UniqueID: "AIDACIUSERCIUSERCI01"},
				{Account: "223456789012", UniqueID: "AIDACIUSERCIUSERCI01"}}); err != nil {
				t.Fatal(err)
			}
			if c, err := v.Authenticate(bg, written(usual, query(time.Now(), "a"))); c != nil || err == nil {
				t.Errorf("%s was taken for the answer: %+v", name, c)
			}
		}
	})
}

func FuzzProof(f *testing.F) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Add(decodedSeed(written(usual, query(at, "a"))))
	f.Add(decodedSeed(written("https://sts.amazonaws.com/", append(query(at, "b"), [2]string{"X-Amz-Security-Token", "abc%2B%2F%3D"}))))
	f.Add("https://user@sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&action=x")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parse(encoded(raw), nil)
		if err != nil {
			return
		}
		r := p.request(server)
		if r.URL.Scheme != "https" || hosts[r.URL.Hostname()] == "" || r.URL.Port() != "" || r.URL.Path != "/" || r.URL.User != nil || r.Host != r.URL.Host || len(r.Header) != 4 {
			t.Fatalf("it leads to %s", r.URL)
		}
		for name, values := range r.URL.Query() {
			if parameters[name] == nil || len(values) != 1 || !parameters[name].MatchString(values[0]) {
				t.Fatalf("it asks %s", r.URL)
			}
		}
		// What was understood is what is asked: the same again, written by us.
		again, err := parse(encoded(r.URL.String()), nil)
		if err != nil || again.values["X-Amz-Signature"] != p.values["X-Amz-Signature"] || !again.at.Equal(p.at) {
			t.Fatalf("%s became something else: %v", raw, err)
		}
	})
}

func decodedSeed(text string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(text[strings.LastIndexByte(text, '.')+1:])
	return string(raw)
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(genuine("arn:aws:sts::123456789012:assumed-role/app/s", "AROAEXAMPLEEXAMPLE01:s", account)))
	f.Add([]byte(`<!DOCTYPE x>` + good))
	f.Fuzz(func(t *testing.T, body []byte) {
		who, err := readAnswer(body)
		if err != nil {
			return
		}
		if !accountText.MatchString(who.Account) || !uniqueText.MatchString(who.UniqueID) || !strings.Contains(who.ARN, ":"+who.Account+":") {
			t.Fatalf("%+v", who)
		}
	})
}
