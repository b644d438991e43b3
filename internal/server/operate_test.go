package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// read takes an answer of a status into a value.
func (k *kit) read(a answer, status int, into any) {
	k.t.Helper()
	if a.Status != status {
		k.t.Fatalf("want %d, got %d %s", status, a.Status, a.Text)
	}
	if err := json.Unmarshal([]byte(a.Text), into); err != nil {
		k.t.Fatalf("%v in %s", err, a.Text)
	}
}

func post(path string) (string, string, string) { return http.MethodPost, "/v1/users/" + path, "{}" }

func TestRotateIsWatched(t *testing.T) {
	inKit(t, 2, func(k *kit) {
		key := k.all()
		var old, now api.UserDetail
		calls := k.world.Counts()["ListAccessKeys"]
		k.get(key, "/v1/users/user-0?steps=0&events=0", &old)
		if len(old.Forecast) > 0 || len(old.Timeline) > 0 || k.world.Counts()["ListAccessKeys"] != calls {
			t.Errorf("nothing of AWS and of the past was asked for: %+v", old)
		}
		// A first key was promoted a moment ago: the rotation waits for that to settle, and nobody waits for the rotation.
		method, path, body := post("user-0/rotate")
		a := k.ask(key, method, path, body)
		var r api.Rotation
		k.read(a, http.StatusAccepted, &r)
		if r.State != api.Running || r.Location == "" || a.Header.Get("Location") != r.Location || r.Quota.Limit != 0 {
			t.Errorf("%+v", r)
		}
		// Whoever asks again gets the one that is under way.
		var again api.Rotation
		k.read(k.ask(key, method, path, ""), http.StatusAccepted, &again)
		if again.ID != r.ID {
			t.Errorf("a second rotation %s beside %s", again.ID, r.ID)
		}
		k.get(key, r.Location+"?wait=170", &r)
		if r.State != api.Done || r.Answer == nil || !r.Answer.Done || r.KeyID == "" || r.KeyID == old.CurrentKeyID {
			t.Errorf("%+v", r)
		}
		k.get(key, "/v1/users/"+simAccount+":user-0", &now)
		if now.CurrentKeyID != r.KeyID || now.Stages["AWSCURRENT"] != r.KeyID || now.Stages["AWSPREVIOUS"] != old.CurrentKeyID ||
			len(now.Forecast) == 0 || len(now.Timeline) == 0 || now.ForecastError != "" {
			t.Errorf("%+v", now)
		}
		// Another server, as after a restart, tells the same from the journal.
		k.restart()
		var later api.Rotation
		k.get(key, r.Location, &later)
		if later.State != api.Done || later.KeyID != r.KeyID || later.Answer != nil {
			t.Errorf("after a restart: %+v", later)
		}
		var none api.Rotation
		k.get(key, "/v1/users/user-1/rotations/r999-abc123", &none)
		if none.State != api.Lapsed && none.State != api.Done {
			t.Errorf("%+v", none)
		}
	})
}

func TestRotateWaitsForTheResult(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		var r api.Rotation
		k.read(k.ask(k.all(), http.MethodPost, "/v1/users/user-0/rotate?wait=60", `{"why":"leaving"}`), http.StatusOK, &r)
		if r.State != api.Done || r.Answer == nil || len(r.Answer.Actions) == 0 {
			t.Errorf("%+v", r)
		}
		events, err := k.db.Recent(k.t.Context(), store.RecentQuery{})
		if err != nil || !strings.Contains(fmt.Sprint(events), "test: leaving") {
			t.Errorf("the history does not say who asked, and why: %v %v", events, err)
		}
		// Both slots are taken now: it is not possible for as long as that, and the answer says until when.
		time.Sleep(2 * time.Minute)
		a := k.ask(k.all(), http.MethodPost, "/v1/users/user-0/rotate?wait=60&patience=0", "")
		p := k.problem(a, http.StatusConflict, "blocked")
		if p.Recheck == nil || a.Header.Get("Retry-After") == "" || p.Answer == nil || p.Reason != "grace" || !strings.Contains(p.Detail, "both of its access keys are taken") {
			t.Errorf("%s", a.Text)
		}
	})
}

func TestDryRunChangesNothing(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		before := k.world.Counts()["CreateAccessKey"] + k.world.Counts()["UpdateAccessKey"] + k.world.Counts()["TagResource"]
		var u api.UserDetail
		k.get(k.all(), "/v1/users/user-0", &u)
		for path, body := range map[string]string{"rotate": "", "pause": `{"why":"test"}`, "revoke": `{"key_id":"` + u.CurrentKeyID + `"}`} {
			var f api.Foresight
			k.read(k.ask(k.all(), http.MethodPost, "/v1/users/user-0/"+path+"?dry_run=true", body), http.StatusOK, &f)
			if len(f.Now) == 0 || f.Refused != "" || f.Stands {
				t.Errorf("%s: %+v", path, f)
			}
		}
		// Whoever misspells it wants nothing done either.
		for _, query := range []string{"dry-run=true", "DRY_RUN=true", "dry_run=", "dry_run=true&force=1", "dry_run=false&dry_run=true"} {
			k.problem(k.ask(k.all(), http.MethodPost, "/v1/users/user-0/rotate?"+query, ""), http.StatusUnprocessableEntity, "invalid-request")
			k.problem(k.ask(k.all(), http.MethodPost, "/v1/credentials/user-0?"+query, ""), http.StatusUnprocessableEntity, "invalid-request")
		}
		p := k.problem(k.ask(k.all(), http.MethodPost, "/v1/users/user-0/pause?dryrun=true", `{"why":"test"}`), http.StatusUnprocessableEntity, "invalid-request")
		if !strings.HasSuffix(p.Detail, `there is no parameter "dryrun"; the parameters are dry_run, wait`) {
			t.Error(p.Detail)
		}
		k.problem(k.ask(k.all(), http.MethodDelete, "/v1/api-keys/0123456789?dry_run=true", ""), http.StatusUnprocessableEntity, "invalid-request")
		for _, path := range []string{"/v1/credentials?fromat=csv", "/v1/credentials?format=json&user=user-0", "/v1/credentials/user-0?format=csv"} {
			k.problem(k.ask(k.all(), http.MethodGet, path, ""), http.StatusUnprocessableEntity, "invalid-request")
		}
		var back api.Foresight // its body may be left out
		if a := k.ask(k.all(), http.MethodPost, "/v1/users/user-0/rollback?dry_run=true", ""); a.Status != http.StatusOK || json.Unmarshal([]byte(a.Text), &back) != nil {
			t.Errorf("%d %s", a.Status, a.Text)
		}
		if after := k.world.Counts()["CreateAccessKey"] + k.world.Counts()["UpdateAccessKey"] + k.world.Counts()["TagResource"]; after != before {
			t.Errorf("%d changing calls", after-before)
		}
	})
}

func TestOperate(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		key, base := k.key("*", apikey.Operate), "/v1/users/user-0/"
		time.Sleep(2 * time.Minute)
		// There is nothing to go back to: a person has to know, and no time helps.
		a := k.ask(key, http.MethodPost, base+"rollback", "{}")
		p := k.problem(a, http.StatusConflict, "blocked")
		if p.Recheck != nil || a.Header.Get("Retry-After") != "" || p.Reason != "blocked-rollback" || p.Answer == nil || p.Answer.Refused == "" {
			t.Errorf("%s", a.Text)
		}
		var ans api.Answer
		k.read(k.ask(key, http.MethodPost, base+"pause", `{"why":"release week"}`), http.StatusOK, &ans)
		if !ans.Done || len(ans.Actions) == 0 {
			t.Errorf("%+v", ans)
		}
		k.problem(k.ask(key, http.MethodPost, base+"pause", `{}`), http.StatusUnprocessableEntity, "invalid-request")
		// At once after a change a look could be stale; with some patience it is carried out.
		p = k.problem(k.ask(key, http.MethodPost, base+"resume", ""), http.StatusConflict, "blocked")
		if p.Recheck == nil || p.Answer == nil {
			t.Errorf("%+v", p)
		}
		k.read(k.ask(key, http.MethodPost, base+"resume?wait=120", ""), http.StatusOK, &ans)
		if !ans.Done {
			t.Errorf("%+v", ans)
		}
		time.Sleep(2 * time.Minute)
		current := k.world.Secret("keyturn/user-0/key").Stage("AWSCURRENT").KeyID
		k.read(k.ask(key, http.MethodPost, base+"revoke", `{"key_id":"`+current+`","why":"leaked"}`), http.StatusOK, &ans)
		if !ans.Done || k.world.Secret("keyturn/user-0/key").Stage("AWSCURRENT").KeyID == current {
			t.Errorf("%+v", ans)
		}
		k.problem(k.ask(key, http.MethodPost, base+"revoke", `{"key_id":"short"}`), http.StatusUnprocessableEntity, "invalid-request")
		k.problem(k.ask(key, http.MethodPost, base+"revoke", `{"key_id"`), http.StatusBadRequest, "bad-request")
		var lifted api.Lifted
		k.read(k.ask(key, http.MethodPost, "/v1/fleet/resume", ""), http.StatusOK, &lifted)
		k.problem(k.ask(k.key("user-*", apikey.Operate), http.MethodPost, "/v1/fleet/resume", ""), http.StatusForbidden, "forbidden")
	})
}

func TestWhatAWSSaysIsForAdmins(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		rotator, _ := k.world.RotatorKey()
		for _, u := range k.world.Users() {
			for _, key := range k.world.Keys(u.Name) {
				if key.ID == rotator {
					_ = k.world.People().Deny(u.Name, "iam:ListAccessKeys")
				}
			}
		}
		tells := func(a answer) bool {
			return strings.Contains(a.Text, "ListAccessKeys") || strings.Contains(a.Text, "iam:")
		}
		for _, key := range []string{k.key("*", apikey.Operate), k.all()} {
			a := k.ask(key, http.MethodPost, "/v1/users/user-0/pause", `{"why":"test"}`)
			p := k.problem(a, http.StatusBadGateway, "denied")
			if admin := k.keys[key].Has(apikey.Admin); admin != tells(a) || p.Answer == nil {
				t.Errorf("admin %v: %s", admin, a.Text)
			}
			time.Sleep(2 * time.Minute)
		}
		for _, key := range []string{k.key("*", apikey.ReadEvents), k.key("*", apikey.ReadEvents, apikey.Admin)} {
			for _, path := range []string{"/v1/users", "/v1/users/user-0", "/v1/plan", "/v1/fleet"} {
				a := k.ask(key, http.MethodGet, path, "")
				if admin := k.keys[key].Has(apikey.Admin); admin != tells(a) || a.Status != http.StatusOK {
					t.Errorf("%s, admin %v: %d %s", path, admin, a.Status, a.Text)
				}
			}
		}
	})
}

// TestWhyAKeyIsGivenUpIsForAdmins: a new key that never works is given up with AWS's words, which may name others.
func TestWhyAKeyIsGivenUpIsForAdmins(t *testing.T) {
	for _, admin := range []bool{false, true} {
		inKit(t, 1, func(k *kit) {
			time.Sleep(2 * time.Minute)
			key := k.key("*", apikey.Rotate)
			if admin {
				key = k.all()
			}
			ask := func() answer {
				return k.ask(key, http.MethodPost, "/v1/users/user-0/rotate?wait=60&patience=0", "")
			}
			k.tried = awssim.Fate{FailBefore: "SignatureDoesNotMatch"}
			k.problem(ask(), http.StatusBadGateway, "wrong-secret")
			time.Sleep(2 * time.Minute)
			a := ask()
			p := k.problem(a, http.StatusConflict, "blocked")
			if p.Answer == nil || p.Answer.Reason != string(rotation.ReasonPendingHopeless) || p.Answer.Detail == "" {
				t.Fatalf("%s", a.Text)
			}
			if tells := strings.Contains(a.Text, "GetCallerIdentity"); tells != admin {
				t.Errorf("admin %v: %s", admin, a.Text)
			}
		})
	}
}

// TestARotationThatCameMeanwhile: asked for again with what the first answer said, a key that another one had made is the answer, and no
// second one is made; whoever watches the first one sees the same.
func TestARotationThatCameMeanwhile(t *testing.T) {
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		var r api.Rotation
		rotate := func(query string) answer { return k.ask(k.all(), http.MethodPost, "/v1/users/user-0/rotate"+query, "") }
		k.read(rotate("?wait=60"), http.StatusOK, &r)
		first := k.problem(rotate("?wait=60&patience=0"), http.StatusConflict, "blocked")
		if first.Answer == nil || first.Answer.Since < 1 {
			t.Fatalf("%+v", first.Answer)
		}
		watched := rotate("?patience=0").Header.Get("Location")
		time.Sleep(time.Second)
		k.get(k.all(), watched, &r)
		if r.State != api.Waiting {
			t.Fatalf("%+v", r)
		}
		time.Sleep(8 * time.Minute)
		k.read(rotate("?patience=600"), http.StatusAccepted, &r) // another one's
		for range 2 {
			k.get(k.all(), r.Location+"?wait=300", &r)
		}
		made, _ := k.current("user-0")
		if r.State != api.Done || r.KeyID != made {
			t.Fatalf("%+v, and %s is current", r, made)
		}
		var again api.Rotation
		k.read(rotate(fmt.Sprintf("?patience=0&wait=60&since=%d", first.Answer.Since)), http.StatusOK, &again)
		if now, _ := k.current("user-0"); again.State != api.Done || again.KeyID != made || now != made {
			t.Errorf("%+v; %s was made, %s is current", again, made, now)
		}
		k.get(k.all(), watched, &again)
		if again.State != api.Done || again.KeyID != made {
			t.Errorf("who watched is told %+v", again)
		}
		var created api.Created
		k.read(k.ask(k.all(), http.MethodPost, fmt.Sprintf("/v1/credentials/user-0?wait=60&since=%d", first.Answer.Since), ""), http.StatusOK, &created)
		if created.AccessKeyID != made {
			t.Errorf("%+v", created)
		}
		k.problem(rotate("?patience=0&wait=60"), http.StatusConflict, "blocked")
	})
}

func TestRotationsAskedForCount(t *testing.T) {
	left := 2
	day := func(c *Config) {
		c.Quota = func(_ context.Context, u rotation.User) (fleet.Quota, error) {
			q := fleet.Quota{Limit: 140, Left: left, At: time.Now()}
			if left <= 0 {
				q.Next = q.At.Add(90 * time.Second)
			}
			return q, nil
		}
	}
	inKit(t, 1, func(k *kit) {
		time.Sleep(2 * time.Minute)
		var r api.Rotation
		k.read(k.ask(k.key("*", apikey.Rotate), http.MethodPost, "/v1/users/user-0/rotate?wait=60", ""), http.StatusOK, &r)
		if r.Quota.Limit != 140 || r.Quota.Remaining != 2 {
			t.Errorf("%+v", r.Quota)
		}
		left = 0
		a := k.ask(k.key("*", apikey.Rotate), http.MethodPost, "/v1/users/user-0/rotate", "")
		p := k.problem(a, http.StatusTooManyRequests, "rotation-quota")
		if p.Recheck == nil || a.Header.Get("Retry-After") != "90" || !strings.Contains(p.Detail, "140 rotations within 24 hours") {
			t.Errorf("%v %s", a.Header, a.Text)
		}
	}, day)
}
