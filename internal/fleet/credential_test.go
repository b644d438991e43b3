package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

const anySecret = "keyturn/user-0/key"

// credential reads what a consumer gets.
func (d *desk) credential(name string) fleet.Credential {
	d.t.Helper()
	c, err := d.Credential(d.t.Context(), name)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// Whenever it is read over an hour of rotations, the credential is the current key, and expires before that key is deactivated, but no
// more than a minute before it is due to be.
func TestCredentialExpiresBeforeItsKey(t *testing.T) {
	until := map[string]time.Time{}
	retired := 0
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if c.Operation == "UpdateAccessKey" && c.Param("Status") == "Inactive" {
			retired++
			if c.At.Before(until[c.KeyID]) {
				t.Errorf("%s is deactivated %s before an Expiration that it was given out with", c.KeyID, until[c.KeyID].Sub(c.At))
			}
		}
		return awssim.Fate{}
	}}
	inOffice(t, 1, sim, func(t *testing.T, d *desk) {
		d.pass(fleet.Pass{})
		time.Sleep(10 * time.Second) // no answer is from before
		for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(30 * time.Second) {
			c := d.credential("123456789012/user-0")
			held := d.world.Secret(anySecret).Stage(rotation.StageCurrent)
			if c.SecretAccessKey.IsZero() || c.User.Name != anyName || c.VersionID != rotation.VersionID(c.AccessKeyID) {
				t.Fatalf("%+v", c)
			}
			if age := time.Since(held.Created); age > 10*time.Second && c.AccessKeyID != held.KeyID {
				t.Errorf("%s is given out, %s is current for %s", c.AccessKeyID, held.KeyID, age)
			}
			if age := time.Since(held.Created); age > 10*time.Second && c.Expiration.Before(held.Created.Add(11*time.Minute-2*time.Second)) {
				t.Errorf("a key of age %s is given out for %s only", age, time.Until(c.Expiration))
			}
			if until[c.AccessKeyID].Before(c.Expiration) {
				until[c.AccessKeyID] = c.Expiration
			}
			d.pass(fleet.Pass{DueOnly: true})
		}
		if retired < 4 {
			t.Errorf("%d keys were retired", retired)
		}
	})
}

// Nothing is given out that does not work, and the error says why and what to do.
func TestCredentialWithheld(t *testing.T) {
	var denied string
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if c.Operation == denied {
			return awssim.Fate{FailBefore: awssim.AccessDenied}
		}
		return awssim.Fate{}
	}}
	inOffice(t, 1, sim, func(t *testing.T, d *desk) {
		people := d.world.People()
		refused := func(reason rotation.Reason, words ...string) {
			t.Helper()
			time.Sleep(10 * time.Second)
			c, err := d.Credential(t.Context(), anyName)
			var withheld *fleet.WithheldError
			if !errors.As(err, &withheld) || withheld.Reason != reason || !c.SecretAccessKey.IsZero() {
				t.Fatalf("%+v, %v; want it withheld: %s", c, err, reason)
			}
			for _, w := range append(words, "123456789012/user-0") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		}
		refused(rotation.ReasonOnboard, "first key is not made yet")
		d.pass(fleet.Pass{})
		time.Sleep(90 * time.Second)
		first := d.credential(anyName)

		if _, err := d.Credential(t.Context(), "user-x"); !errors.As(err, new(*fleet.UnknownUserError)) {
			t.Errorf("an unknown user: %v", err)
		}
		for _, denied = range []string{"DescribeSecret", "GetSecretValue"} {
			_, err := d.Credential(t.Context(), anyName)
			if !errors.Is(err, rotation.ErrDenied) || !strings.Contains(err.Error(), "secretsmanager:"+denied) {
				t.Errorf("%s is denied: %v", denied, err)
			}
		}
		denied = ""

		if err := people.PutSecretValue(anySecret, `{"AccessKeyId": "`+first.AccessKeyID+`"}`); err != nil {
			t.Fatal(err)
		}
		refused(rotation.BlockedSecretValue, "no access key with its secret")
		swapped := fmt.Sprintf(`{"AccessKeyId": %q, "SecretAccessKey": %q}`, first.SecretAccessKey.Reveal(), first.AccessKeyID)
		if err := people.PutSecretValue(anySecret, swapped); err != nil {
			t.Fatal(err)
		}
		refused(rotation.BlockedSecretValue, "each field in its place")
		if _, err := d.Credential(t.Context(), anyName); strings.Contains(err.Error(), first.SecretAccessKey.Reveal()) {
			t.Error("the error repeats the secret")
		}
		if err := people.DeleteSecret(anySecret); err != nil {
			t.Fatal(err)
		}
		refused(rotation.BlockedPendingDeletion, "restore the secret")
	})
}

// A secret of the name that keyturn would use, which somebody else made, is not keyturn's to give away, whatever it holds.
func TestCredentialOfAnothersSecret(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		if err := d.world.People().CreateSecret(anySecret, `{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"theirs"}`, nil); err != nil {
			t.Fatal(err)
		}
		d.pass(fleet.Pass{})
		time.Sleep(90 * time.Second)
		c, err := d.Credential(t.Context(), anyName)
		var withheld *fleet.WithheldError
		if !errors.As(err, &withheld) || withheld.Reason != rotation.BlockedForeignSecret || !c.SecretAccessKey.IsZero() {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// A revoked key is never given out again, also while it still has no successor.
func TestCredentialOfARevokedKey(t *testing.T) {
	var d *desk
	revoked := ""
	sim := awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if c.Operation == "CreateAccessKey" && revoked != "" { // the revoke is on record, and no successor is made yet
			return awssim.Fate{Before: func() {
				time.Sleep(6 * time.Second) // no answer is from before
				got, err := d.Credential(d.t.Context(), anyName)
				var withheld *fleet.WithheldError
				if !errors.As(err, &withheld) || withheld.Reason != rotation.ReasonRevoke {
					d.t.Errorf("%+v, %v", got, err)
				}
				revoked = ""
			}}
		}
		return awssim.Fate{}
	}}
	inOffice(t, 1, sim, func(t *testing.T, in *desk) {
		d = in
		d.pass(fleet.Pass{})
		time.Sleep(90 * time.Second)
		leaked := d.credential(anyName).AccessKeyID
		d.world.AllowRevoke(leaked)
		revoked = leaked
		d.done(ask(rotation.RequestRevoke, leaked))
		time.Sleep(10 * time.Second)
		if got := d.credential(anyName); got.AccessKeyID == leaked || revoked != "" {
			t.Errorf("%+v", got)
		}
	})
}

// A value that a person put is read, and its Expiration is short until keyturn has seen what it is.
func TestCredentialOfAPersonsValue(t *testing.T) {
	inOffice(t, 1, awssim.Config{}, func(t *testing.T, d *desk) {
		d.pass(fleet.Pass{})
		time.Sleep(90 * time.Second)
		first := d.credential(anyName)
		d.world.PeopleActed(anyName)
		value := fmt.Sprintf(`{"AccessKeyId": %q, "SecretAccessKey": %q, "Note": "by hand"}`, first.AccessKeyID, first.SecretAccessKey.Reveal())
		if err := d.world.People().PutSecretValue(anySecret, value); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		c := d.credential(anyName)
		if c.AccessKeyID != first.AccessKeyID || c.VersionID == first.VersionID || c.Expiration.Sub(c.At) != time.Minute {
			t.Errorf("%+v", c)
		}
	})
}

// What is held already is not read again, for the same Expiration.
func TestCredentialIsReadOncePerVersion(t *testing.T) {
	inWatch(t, 1, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(2 * time.Minute)
		u, err := w.keeper.Find("123456789012:user-000")
		if err != nil {
			t.Fatal(err)
		}
		first, err := w.keeper.Credential(t.Context(), u, fleet.Credential{})
		if err != nil {
			t.Fatal(err)
		}
		reads := w.world.Counts()["GetSecretValue"]
		again, err := w.keeper.Credential(t.Context(), u, first)
		if err != nil || again.SecretAccessKey.Reveal() != first.SecretAccessKey.Reveal() || !again.Expiration.Equal(first.Expiration) {
			t.Errorf("%+v, then %+v, %v", first, again, err)
		}
		if n := w.world.Counts()["GetSecretValue"] - reads; n != 0 {
			t.Errorf("%d values were read for a version that was held", n)
		}
		time.Sleep(10 * time.Minute)
		next, err := w.keeper.Credential(t.Context(), u, first)
		if err != nil || next.AccessKeyID == first.AccessKeyID || next.SecretAccessKey.Reveal() == first.SecretAccessKey.Reveal() {
			t.Errorf("after a rotation: %+v, %v", next, err)
		}
	})
}

// Users are found by each way of naming them, without a call, and nobody else is.
func TestKeeperFindsUsers(t *testing.T) {
	inWatch(t, 3, awssim.Config{}, func(t *testing.T, w *watch) {
		w.start()
		time.Sleep(time.Minute)
		calls := w.world.Counts()
		for _, name := range []string{"user-002", ":user-002", "123456789012:user-002", "123456789012/user-002"} {
			if u, err := w.keeper.Find(name); err != nil || u != (rotation.User{Account: "123456789012", Name: "user-002"}) {
				t.Errorf("%s is %v, %v", name, u, err)
			}
		}
		for _, name := range []string{"", "user-00", "210987654321:user-002", "/user-002", "::user-002", "123456789012:", "123456789012:123456789012:user-002"} {
			u, err := w.keeper.Find(name)
			if unknown := (*fleet.UnknownUserError)(nil); !errors.As(err, &unknown) || unknown.Name != name || u != (rotation.User{}) {
				t.Errorf("%q is %v, %v", name, u, err)
			}
		}
		if fmt.Sprint(w.world.Counts()) != fmt.Sprint(calls) {
			t.Error("AWS was asked")
		}
	})
}

// heard is what a Keeper's runs tell of keys, as a cache would keep it.
type heard struct {
	mu     sync.Mutex
	latest map[string]string   // version by user
	usable map[string][]string // key ids by user
	order  []string
}

func (h *heard) hear(u rotation.User, version string, usable []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latest[u.Name], h.usable[u.Name] = version, usable
	h.order = append(h.order, version)
}

// office is an operator's place in the Keeper's process.
func (w *watch) office() *fleet.Office {
	w.t.Helper()
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: w.db, Fleet: w.keeper.Fleet})
	if err != nil {
		w.t.Fatal(err)
	}
	return office
}

// Whoever keeps a copy hears of a new current key as soon as it is promoted, of a revoked key before it is deactivated, and of another
// one's doing with the next look.
func TestKeeperTellsOfKeys(t *testing.T) {
	inWatch(t, 1, awssim.Config{}, func(t *testing.T, w *watch) {
		h := &heard{latest: map[string]string{}, usable: map[string][]string{}}
		w.adjust = func(c *fleet.Config) { c.Heard = h.hear }
		revoked := ""
		w.fate = func(c *awssim.Call) awssim.Fate {
			h.mu.Lock()
			defer h.mu.Unlock()
			current := w.world.Secret("keyturn/user-000/key")
			if c.Operation == "TagResource" && current != nil && current.Stage(rotation.StageCurrent) != nil {
				// The record of a promotion, and every later one.
				if got, want := h.latest["user-000"], current.Stage(rotation.StageCurrent).ID; got != want {
					t.Errorf("at %s the version is %s, and was told as %q", c.Operation, want, got)
				}
			}
			if c.Operation == "UpdateAccessKey" && c.KeyID == revoked && slices.Contains(h.usable["user-000"], revoked) {
				t.Error("a revoked key is still told to be usable when it is deactivated")
			}
			return awssim.Fate{Delay: 20 * time.Millisecond}
		}
		w.start()
		time.Sleep(time.Hour)
		id, _ := w.current("user-000")
		w.world.AllowRevoke(id)
		revoked = id
		if _, err := w.office().Do(t.Context(), fleet.Ask{User: "user-000", Patience: 10 * time.Minute,
			Request: rotation.Request{Kind: rotation.RequestRevoke, KeyID: id, Why: "test"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		now, _ := w.current("user-000")
		h.mu.Lock()
		if h.latest["user-000"] != rotation.VersionID(now) || slices.Contains(h.usable["user-000"], id) || len(h.order) < 30 {
			t.Errorf("after the revoke of %s for %s: %v %v", id, now, h.latest, h.usable)
		}
		h.mu.Unlock()

		w.world.PeopleActed("user-000")
		if err := w.world.People().SetKeyStatus("user-000", now, "Inactive"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute + 30*time.Second)
		h.mu.Lock()
		defer h.mu.Unlock()
		if slices.Contains(h.usable["user-000"], now) {
			t.Errorf("%s was made Inactive by a person, and is told as usable: %v", now, h.usable)
		}
	})
}

// An unknown outcome is told as such: AWSCURRENT may be anything.
func TestKeeperTellsOfUnknownOutcomes(t *testing.T) {
	inWatch(t, 1, awssim.Config{}, func(t *testing.T, w *watch) {
		h := &heard{latest: map[string]string{}, usable: map[string][]string{}}
		w.adjust = func(c *fleet.Config) { c.Heard = h.hear }
		w.start()
		time.Sleep(5 * time.Minute)
		w.mu.Lock()
		w.fate = func(c *awssim.Call) awssim.Fate {
			return awssim.Fate{DropReply: c.Operation == "UpdateSecretVersionStage"}
		}
		w.mu.Unlock()
		time.Sleep(6 * time.Minute)
		h.mu.Lock()
		defer h.mu.Unlock()
		if !slices.Contains(h.order, "") {
			t.Errorf("a promotion without an answer is told as %v", h.order)
		}
	})
}
