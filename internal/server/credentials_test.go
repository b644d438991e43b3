package server

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// current is the current key of a user, as Secrets Manager has it.
func (k *kit) current(user string) (id, secret string) {
	k.t.Helper()
	var value struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal([]byte(k.world.Secret("keyturn/"+user+"/key").Stage(rotation.StageCurrent).Value), &value); err != nil {
		k.t.Fatal(err)
	}
	return value.AccessKeyId, value.SecretAccessKey
}

// accesses are the records, the newest first.
func (k *kit) accesses() []store.AccessLine {
	k.t.Helper()
	lines, err := k.db.Accesses(context.Background(), store.AccessQuery{Limit: 10_000})
	if err != nil {
		k.t.Fatal(err)
	}
	return lines
}

func TestGetCredentials(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		key := k.key("user-0", apikey.ReadCredentials)
		id, secret := k.current("user-0")
		for i, path := range []string{"/v1/credentials/user-0", "/v1/credentials/" + simAccount + ":user-0", "/v1/credentials/:user-0",
			"/v1/credentials/" + simAccount + "%3Auser%2D0"} {
			a := k.ask(key, http.MethodGet, path, "")
			var got api.Credential
			if err := json.Unmarshal([]byte(a.Text), &got); err != nil || a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", path, a.Status, a.Text)
			}
			if got.AccessKeyID != id || got.SecretAccessKey != secret || got.Account != simAccount || got.User != "user-0" ||
				time.Until(got.Expiration) < 11*time.Minute || time.Until(got.Expiration) > 12*time.Minute {
				t.Errorf("%s: %s", path, a.Text)
			}
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v", path, a.Header)
			}
			lines := k.accesses()
			if len(lines) != i+1 {
				t.Fatalf("%d records of %d accesses", len(lines), i+1)
			}
			if l := lines[0].Access; l.User.Name != "user-0" || l.AccessKeyID != id || l.Route != "GET /v1/credentials/{user}" ||
				l.From.String() != "127.0.0.1" || l.Caller != k.keys[key].ID {
				t.Errorf("recorded: %+v", l)
			}
		}
		hidden, absent := k.ask(key, http.MethodGet, "/v1/credentials/user-1", ""), k.ask(key, http.MethodGet, "/v1/credentials/user-9", "")
		k.problem(hidden, http.StatusNotFound, "unknown-user")
		if strings.ReplaceAll(hidden.Text, "user-1", "user-9") != absent.Text {
			t.Errorf("a hidden user: %s, an absent one: %s", hidden.Text, absent.Text)
		}
		if n := len(k.accesses()); n != 4 {
			t.Errorf("%d records after refusals", n)
		}
		if strings.Contains(k.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	})
}

// TestLegalNames: every legal name of an IAM user works in each address.
func TestLegalNames(t *testing.T) {
	names := []string{"user-a+b", "user-a=b,c", "user-a.b@c_d", "user-.."}
	inKit(t, 1, func(k *kit) {
		key := k.all()
		for _, n := range names {
			if err := k.world.People().CreateUser(n, "/service/", nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		k.pass()
		for _, n := range names {
			for _, path := range []string{"/v1/credentials/", "/v1/container/", "/v1/aws/static-creds/"} {
				for _, segment := range []string{url.PathEscape(n), url.QueryEscape(n), strings.ReplaceAll(url.PathEscape(n), "@", "%40")} {
					if strings.Contains(segment, "+") && segment == n {
						segment = strings.ReplaceAll(segment, "+", "+") // a plus sign in a path is itself
					}
					if a := k.ask(key, http.MethodGet, path+segment, ""); a.Status != http.StatusOK || !strings.Contains(a.Text, "AKIA") {
						t.Errorf("%s%s: %d %s", path, segment, a.Status, a.Text)
					}
				}
			}
		}
	})
}

// TestNoRecordNoCredential: by none of the ways.
func TestNoRecordNoCredential(t *testing.T) {
	full, why, code := true, store.ErrFull, "no-record"
	refuse := func(c *Config) {
		record := c.Record
		c.Record = func(ctx context.Context, a store.Access) error {
			if full {
				return fmt.Errorf("recording: %w", why)
			}
			return record(ctx, a)
		}
		c.Settings.Export = true
	}
	inKit(t, 1, func(k *kit) {
		_, secret := k.current("user-0")
		ask := func() {
			for _, path := range []string{"/v1/credentials/user-0", "/v1/container/user-0", "/v1/aws/static-creds/user-0", "/v1/credentials",
				"/v1/credentials?format=csv", "/v1/credentials?format=env"} {
				a := k.ask(k.all(), http.MethodGet, path, "")
				if a.Status != http.StatusServiceUnavailable || strings.Contains(a.Text, secret) || strings.Contains(a.Text, "AKIA") {
					t.Errorf("%s: %d %s", path, a.Status, a.Text)
				}
				if path == "/v1/credentials/user-0" || path == "/v1/credentials" {
					k.problem(a, http.StatusServiceUnavailable, code)
				}
			}
		}
		ask()
		why, code = store.ErrBusy, "records-busy"
		ask()
		full = false
		k.get(k.all(), "/v1/credentials/user-0", &struct{}{})
	}, refuse)
}

// TestWithheld: a user that is blocked, one that has no key yet, and AWS that refuses or is away.
func TestWithheld(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		key, admin := k.key("*", apikey.ReadCredentials), k.all()
		ask := func(key, user string) answer { return k.ask(key, http.MethodGet, "/v1/credentials/"+user, "") }
		if err := k.world.People().CreateUser("user-new", "/service/", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		p := k.problem(ask(key, "user-new"), http.StatusServiceUnavailable, "withheld")
		if p.Reason != "onboard" || p.User != simAccount+":user-new" || !strings.Contains(p.Detail, "not made yet") {
			t.Errorf("%+v", p)
		}
		if ask(key, "user-new").Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}

		if err := k.world.People().DeleteSecret("keyturn/user-1/key"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if p := k.problem(ask(key, "user-1"), http.StatusConflict, "blocked"); p.Reason != "blocked-secret-pending-deletion" || !strings.Contains(p.Detail, "restore") {
			t.Errorf("%+v", p)
		}

		k.fate = awssim.Fate{FailBefore: awssim.AccessDenied}
		if p := k.problem(ask(key, "user-0"), http.StatusBadGateway, "denied"); strings.Contains(p.Detail, "DescribeSecret") {
			t.Errorf("a key without admin is told %q", p.Detail)
		}
		time.Sleep(2 * time.Second)
		if p := k.problem(ask(admin, "user-0"), http.StatusBadGateway, "denied"); !strings.Contains(p.Detail, "secretsmanager:DescribeSecret") {
			t.Errorf("an administrator is told %q", p.Detail)
		}
		k.fate = awssim.Fate{}
		time.Sleep(2 * time.Second)
		k.get(key, "/v1/credentials/user-0", &struct{}{})
		k.fate = awssim.Fate{DropBefore: true} // what is known goes on
		time.Sleep(5 * time.Minute)
		k.get(key, "/v1/credentials/user-0", &struct{}{})
		time.Sleep(7 * time.Minute)
		k.problem(ask(key, "user-0"), http.StatusBadGateway, "unavailable")
	})
}

// TestCreateCredentials: 202 while it runs, the new credentials once they are there, and no secret in a repeated answer or for a key that
// may not read.
func TestCreateCredentials(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		time.Sleep(2 * time.Minute)
		key := k.key("user-0", apikey.Rotate, apikey.ReadCredentials)
		before, _ := k.current("user-0")
		post := func(key, query string, more ...string) answer {
			return k.ask(key, http.MethodPost, "/v1/credentials/user-0"+query, `{"why":"test"}`, more...)
		}
		a := post(key, "", "Idempotency-Key", "first")
		var begun api.Rotation
		if err := json.Unmarshal([]byte(a.Text), &begun); err != nil || a.Status != http.StatusAccepted || begun.State != api.Running ||
			a.Header.Get("Location") != begun.Location {
			t.Fatalf("%d %s", a.Status, a.Text)
		}
		a = post(key, "?wait=60", "Idempotency-Key", "second")
		var made api.Created
		if err := json.Unmarshal([]byte(a.Text), &made); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Text)
		}
		id, secret := k.current("user-0")
		if made.AccessKeyID != id || made.SecretAccessKey != secret || id == before || made.Rotation.State != api.Done || made.Rotation.KeyID != id ||
			made.Rotation.ID != begun.ID || time.Until(made.Expiration) < 10*time.Minute {
			t.Errorf("%s; the current key is %s", a.Text, id)
		}
		if lines := k.accesses(); len(lines) != 1 || lines[0].Access.AccessKeyID != id || !strings.HasPrefix(lines[0].Access.Route, "POST ") {
			t.Errorf("recorded: %+v", lines)
		}
		again := post(key, "?wait=60", "Idempotency-Key", "second")
		if again.Status != http.StatusOK || strings.Contains(again.Text, secret) || !strings.Contains(again.Text, id) || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("repeated: %d %s", again.Status, again.Text)
		}
		a = k.ask(k.key("user-1", apikey.Rotate), http.MethodPost, "/v1/credentials/user-1?wait=120", "{}")
		var rotated api.Rotation
		if err := json.Unmarshal([]byte(a.Text), &rotated); err != nil || a.Status != http.StatusOK || rotated.State != api.Done {
			t.Errorf("a key that may only rotate: %d %s", a.Status, a.Text)
		}
		if _, secret := k.current("user-1"); strings.Contains(a.Text, secret) || len(k.accesses()) != 1 {
			t.Errorf("a key that may only rotate gets a secret: %s", a.Text)
		}
		k.problem(k.ask(k.key("user-0", apikey.ReadCredentials), http.MethodPost, "/v1/credentials/user-0", "{}"), http.StatusForbidden, "forbidden")
		k.problem(k.ask(key, http.MethodPost, "/v1/credentials/user-1", "{}"), http.StatusNotFound, "unknown-user")
		k.problem(post(key, "?wait=900"), http.StatusUnprocessableEntity, "invalid-request")
	})
}

// TestContainer: exactly what SDKs expect, by the header that they send.
func TestContainer(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.key("user-0", apikey.ReadCredentials)
		id, secret := k.current("user-0")
		a := k.ask("", http.MethodGet, "/v1/container/user-0", "", "Authorization", key)
		var fields map[string]any
		if err := json.Unmarshal([]byte(a.Text), &fields); err != nil || a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%d %v %s", a.Status, a.Header, a.Text)
		}
		at, err := time.Parse(time.RFC3339, fmt.Sprint(fields["Expiration"]))
		if err != nil || len(fields) != 4 || fields["AccessKeyId"] != id || fields["SecretAccessKey"] != secret || fields["Token"] != "" ||
			time.Until(at) < 11*time.Minute || !strings.HasSuffix(fmt.Sprint(fields["Expiration"]), "Z") {
			t.Errorf("%s", a.Text)
		}
		for path, want := range map[string]struct {
			key, code string
			status    int
		}{
			"/v1/container/user-9": {key, "unknown-user", http.StatusNotFound},
			"/v1/container/user-0": {"wrong", "unauthenticated", http.StatusUnauthorized},
		} {
			a := k.ask("", http.MethodGet, path, "", "Authorization", want.key)
			var told map[string]string
			if err := json.Unmarshal([]byte(a.Text), &told); err != nil || a.Status != want.status || len(told) != 2 || told["code"] != want.code ||
				told["message"] == "" || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d %s", path, a.Status, a.Text)
			}
		}
	})
}

// TestVault: the envelope that Vault's clients read, what they ask before, and their errors.
func TestVault(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key := k.key("user-0", apikey.ReadCredentials)
		id, secret := k.current("user-0")
		read := func(path string, data any) (answer, map[string]any) {
			t.Helper()
			a := k.ask("", http.MethodGet, path, "", "X-Vault-Token", key, "X-Vault-Request", "true")
			var whole map[string]any
			if err := errors.Join(json.Unmarshal([]byte(a.Text), &whole), json.Unmarshal([]byte(a.Text), &struct{ Data any }{data})); err != nil || a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s %v", path, a.Status, a.Text, err)
			}
			return a, whole
		}
		var cred struct {
			AccessKey  string    `json:"access_key"`
			SecretKey  string    `json:"secret_key"`
			Expiration time.Time `json:"expiration"`
		}
		_, whole := read("/v1/aws/static-creds/user-0", &cred)
		if cred.AccessKey != id || cred.SecretKey != secret || time.Until(cred.Expiration) < 11*time.Minute {
			t.Errorf("%+v", cred)
		}
		if whole["renewable"] != false || whole["lease_id"] != "" || len(fmt.Sprint(whole["request_id"])) != 36 || whole["lease_duration"] != 60.0 {
			t.Errorf("%v", whole)
		}
		var mount struct {
			Type    string
			Options any
		}
		if read("/v1/sys/internal/ui/mounts/aws/static-creds/user-0", &mount); mount.Type != "aws" || mount.Options != nil {
			t.Errorf("%+v", mount)
		}
		var token map[string]any
		read("/v1/auth/token/lookup-self", &token)
		if at, has := token["expire_time"]; token["type"] != "service" || token["ttl"] != 0.0 || !has || at != nil {
			t.Errorf("a key without an end: %v", token)
		}
		k.keys[key].Expires = time.Now().Add(time.Hour)
		read("/v1/auth/token/lookup-self", &token)
		if token["ttl"] != 3600.0 || token["expire_time"] != time.Now().Add(time.Hour).UTC().Format(time.RFC3339) {
			t.Errorf("a key with an end: %v", token)
		}
		for path, want := range map[string]int{"/v1/aws/static-creds/user-9": http.StatusNotFound, "/v1/aws/static-creds/user-0": http.StatusForbidden,
			"/v1/auth/token/lookup-self": http.StatusForbidden} {
			with := key
			if want == http.StatusForbidden {
				with = "wrong"
			}
			a := k.ask("", http.MethodGet, path, "", "X-Vault-Token", with)
			var told map[string][]string
			if err := json.Unmarshal([]byte(a.Text), &told); err != nil || a.Status != want || len(told) != 1 || len(told["errors"]) != 1 {
				t.Errorf("%s: %d %s", path, a.Status, a.Text)
			}
		}
	})
}

// TestVaultLease: a client that keeps what it read for as long as consul-template does, 95 % of the lease at most, and never looks at the
// expiration, holds a working key through hours of rotations.
func TestVaultLease(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key, ids, reads := k.key("user-0", apikey.ReadCredentials), map[string]bool{}, 0
		var holds string
		until := time.Now()
		go func() { // keyturn, as by cron
			for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); time.Sleep(30 * time.Second) {
				k.pass()
			}
		}()
		for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); time.Sleep(time.Second) {
			if !time.Now().Before(until) {
				var got struct {
					LeaseDuration int `json:"lease_duration"`
					Data          struct {
						AccessKey string `json:"access_key"`
					}
				}
				k.get(key, "/v1/aws/static-creds/user-0", &got)
				reads++
				holds, until = got.Data.AccessKey, time.Now().Add(time.Duration(got.LeaseDuration)*time.Second*95/100)
				ids[holds] = true
			}
			if keys := k.world.Keys("user-0"); !slices.ContainsFunc(keys, func(key awssim.Key) bool { return key.ID == holds && key.Status == "Active" }) {
				t.Fatalf("%s is held, and the keys are %v", holds, keys)
			}
		}
		if len(ids) < 15 || reads > 3*3600/50 {
			t.Errorf("%d keys, %d reads", len(ids), reads)
		}
		time.Sleep(time.Minute)
	})
}

// exporting is a kit whose server exports, with what is to be given out in place of AWS's.
func exporting(users int, secret func(i int) (string, error), adjust ...func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Settings.Export = true
		all := make([]rotation.User, users)
		for i := range all {
			all[i] = rotation.User{Account: simAccount, Name: fmt.Sprintf("user-%05d", i)}
		}
		c.Users = func() ([]rotation.User, error) { return all, nil }
		c.Credentials = func(_ context.Context, u rotation.User) (fleet.Credential, error) {
			i := slices.Index(all, u)
			text, err := secret(i)
			if err != nil {
				return fleet.Credential{}, err
			}
			return fleet.Credential{User: u, AccessKeyID: fmt.Sprintf("AKIA%016d", i), SecretAccessKey: rotation.NewSensitive(text),
				At: time.Now(), Expiration: time.Now().Add(11 * time.Minute)}, nil
		}
		for _, a := range adjust {
			a(c)
		}
	}
}

func TestExportIsOffAtFirst(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		k.problem(k.ask(k.all(), http.MethodGet, "/v1/credentials", ""), http.StatusForbidden, "switched-off")
	})
}

func TestExport(t *testing.T) {
	odd := []string{`plain`, `+begins/with=plus`, `has "quotes", and commas`, "it's\na second line\x7f", `=cmd|' /C calc'!A0`, "", "@x", "-x", "\tx"}
	withheld := &fleet.WithheldError{User: rotation.User{Account: simAccount, Name: "user-00005"}, Reason: rotation.ReasonOnboard, Detail: "no key yet"}
	adjust := exporting(len(odd), func(i int) (string, error) {
		if odd[i] == "" {
			return "", withheld
		}
		return odd[i], nil
	})
	inKit(t, 1, func(k *kit) {
		key := k.key("user-0000*", apikey.ExportCredentials)
		var all api.Export
		k.get(key, "/v1/credentials", &all)
		if len(all.Credentials) != len(odd)-1 || len(all.Failed) != 1 || all.Failed[0].User != "user-00005" || all.Failed[0].Code != "withheld" {
			t.Errorf("%+v", all)
		}
		for _, c := range all.Credentials {
			var i int
			if _, err := fmt.Sscanf(c.User, "user-%d", &i); err != nil || strings.ToValidUTF8(odd[i], "") != c.SecretAccessKey || time.Until(c.Expiration) < 10*time.Minute {
				t.Errorf("%+v", c)
			}
		}
		if lines := k.accesses(); len(lines) != len(odd)-1 || lines[0].Access.Route != "GET /v1/credentials" {
			t.Errorf("%d records", len(lines))
		}
		a := k.ask(key, http.MethodGet, "/v1/credentials?format=csv", "")
		rows, err := csv.NewReader(strings.NewReader(a.Text)).ReadAll()
		if err != nil || len(rows) != len(odd)+1 || a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") {
			t.Fatalf("%v %v\n%s", err, a.Header, a.Text)
		}
		for _, row := range rows {
			for _, field := range row {
				if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r\n") {
					t.Errorf("a spreadsheet would calculate %q", field)
				}
			}
		}
		a = k.ask(key, http.MethodGet, "/v1/credentials?format=env", "")
		out, err := exec.CommandContext(context.Background(), "sh", "-c", a.Text+"\nprintf %s \"$USER_00003_AWS_SECRET_ACCESS_KEY|$USER_00002_AWS_SECRET_ACCESS_KEY|$USER_00004_AWS_ACCESS_KEY_ID\"").CombinedOutput()
		if want := odd[3] + "|" + odd[2] + "|AKIA0000000000000004"; err != nil || string(out) != want {
			t.Errorf("a shell reads %q, %v", out, err)
		}
		if narrow := k.key("user-00001", apikey.ExportCredentials); true {
			k.get(narrow, "/v1/credentials", &all)
			if len(all.Credentials) != 1 || all.Credentials[0].User != "user-00001" {
				t.Errorf("a key for one user: %+v", all)
			}
		}
		if none := k.key("nobody", apikey.ExportCredentials); true {
			k.get(none, "/v1/credentials", &all)
			if len(all.Credentials)+len(all.Failed) != 0 || all.Credentials == nil || all.Failed == nil {
				t.Errorf("a key for nobody: %+v", all)
			}
		}
		k.problem(k.ask(key, http.MethodGet, "/v1/credentials?format=xml", ""), http.StatusUnprocessableEntity, "invalid-request")
		k.problem(k.ask(k.key("*", apikey.ReadCredentials), http.MethodGet, "/v1/credentials", ""), http.StatusForbidden, "forbidden")
	}, adjust)
}

// TestExportBreaksOff: when an access cannot be recorded, nobody takes what was sent so far for all there is.
func TestExportBreaksOff(t *testing.T) {
	var recorded atomic.Int64
	adjust := exporting(1000, func(int) (string, error) { return "secret", nil }, func(c *Config) {
		c.Record = func(context.Context, store.Access) error {
			if recorded.Add(1) > 600 {
				return store.ErrFull
			}
			return nil
		}
	})
	inKit(t, 1, func(k *kit) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/credentials", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
		r.Header.Set("X-API-Key", k.all())
		w := httptest.NewRecorder()
		defer func() {
			if recover() != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				t.Error("the answer ended as if it were whole")
			}
			var all api.Export
			if json.Unmarshal(w.Body.Bytes(), &all) == nil || !strings.Contains(w.Body.String(), "user-00000") {
				t.Errorf("%d bytes were sent, and read as a whole", w.Body.Len())
			}
		}()
		k.server.ServeHTTP(w, r)
	}, adjust)
}

// TestKeyEndsWhileItWaits: a key that is revoked, or may do less, while new credentials are made does not get them.
func TestKeyEndsWhileItWaits(t *testing.T) {
	narrow := func(globs string, scopes ...apikey.Scope) func(*kit, string) {
		return func(k *kit, key string) { k.narrow(key, globs, scopes...) }
	}
	for name, try := range map[string]struct {
		end    func(*kit, string)
		status int
		code   string
	}{
		"revoked":      {(*kit).revoke, http.StatusUnauthorized, "unauthenticated"},
		"may not read": {narrow("user-0", apikey.Rotate), http.StatusForbidden, "forbidden"},
		"nor rotate":   {narrow("user-0", apikey.ReadCredentials), http.StatusForbidden, "forbidden"},
		"another user": {narrow("user-1", apikey.Rotate, apikey.ReadCredentials), http.StatusForbidden, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			inKit(t, 1, func(k *kit) {
				time.Sleep(2 * time.Minute)
				key := k.key("user-0", apikey.Rotate, apikey.ReadCredentials)
				time.AfterFunc(10*time.Millisecond, func() { try.end(k, key) })
				began := time.Now()
				a := k.ask(key, http.MethodPost, "/v1/credentials/user-0?wait=300", `{}`)
				k.problem(a, try.status, try.code)
				if time.Since(began) < 20*time.Millisecond || k.madeForPeople() != 1 {
					t.Errorf("it was not let in: %s later, %d keys made", time.Since(began), k.madeForPeople())
				}
				if _, secret := k.current("user-0"); strings.Contains(a.Text, secret) || len(k.accesses()) > 0 {
					t.Errorf("%s, %d records", a.Text, len(k.accesses()))
				}
			})
		})
	}
}

// TestVariables: no two users get the same variable.
func TestVariables(t *testing.T) {
	var users []rotation.User
	for _, n := range []string{"a-b", "a.b", "a_b", "A-C", "a+c", "9lives", "x"} {
		users = append(users, rotation.User{Account: "1", Name: n})
	}
	users = append(users, rotation.User{Account: "2", Name: "x"})
	seen := map[string]bool{}
	for u, name := range variables(users) {
		if seen[name] || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != "" || name[0] >= '0' && name[0] <= '9' {
			t.Errorf("%s is %s", u, name)
		}
		seen[name] = true
	}
	if got := variables(users[5:6])[users[5]]; got != "_9LIVES" {
		t.Error(got)
	}
}

// TestFieldsExchanged: the secret in the place of the id is given out, recorded and shown by none of the ways.
func TestFieldsExchanged(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		id, secret := k.current("user-0")
		if err := k.world.People().PutSecretValue("keyturn/user-0/key", fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q}`, secret, id)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for _, path := range []string{"/v1/credentials/user-0", "/v1/container/user-0", "/v1/aws/static-creds/user-0"} {
			if a := k.ask(k.all(), http.MethodGet, path, ""); a.Status != http.StatusConflict || strings.Contains(a.Text, secret) {
				t.Errorf("%s: %d %s", path, a.Status, a.Text)
			}
		}
		for _, path := range []string{"/v1/credentials", "/v1/credentials?format=csv", "/v1/credentials?format=env", "/v1/accesses"} {
			if a := k.ask(k.all(), http.MethodGet, path, ""); a.Status != http.StatusOK || strings.Contains(a.Text, secret) {
				t.Errorf("%s: %d %s", path, a.Status, a.Text)
			}
		}
		if lines := k.accesses(); len(lines) > 0 {
			t.Errorf("recorded: %+v", lines)
		}
	}, func(c *Config) { c.Settings.Export = true })
}
