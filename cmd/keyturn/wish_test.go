package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// What a person reads when a request was not carried out: who, what, why, and what to do.
func TestNotDone(t *testing.T) {
	now := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	user := rotation.User{Account: "123456789012", Name: "ci-deploy"}
	for _, c := range []struct {
		kind rotation.RequestKind
		key  string
		ans  fleet.Answer
		want string
	}{
		{rotation.RequestRevoke, "AKIA1", fleet.Answer{Reason: rotation.BlockedRequest, KeyID: "AKIA1", Refused: "the user has no such access key"},
			"AKIA1 of 123456789012/ci-deploy was not revoked: the user has no such access key"},
		{rotation.RequestRevoke, "AKIA1", fleet.Answer{Reason: rotation.ReasonLeased, Recheck: now.Add(43 * time.Second), At: now},
			"AKIA1 of 123456789012/ci-deploy was not revoked: a run is at work on this user, or changed it a moment ago; " +
				"ask again in 43s (2026-11-25T06:00:43Z)"},
		{rotation.RequestRollback, "AKIA1", fleet.Answer{Reason: rotation.BlockedRollback, KeyID: "AKIA1",
			Refused: "going back is not possible: the key AKIA1 was revoked; a revoked key never comes back"},
			"123456789012/ci-deploy was not taken back to an earlier key: going back is not possible: the key AKIA1 was revoked; a revoked key " +
				"never comes back"},
		{rotation.RequestRollback, "", fleet.Answer{Reason: rotation.ReasonRollback, Recheck: now.Add(100 * time.Second), At: now},
			"123456789012/ci-deploy was not taken back to an earlier key: going back to an earlier key; ask again in 1m40s " +
				"(2026-11-25T06:01:40Z)"},
		{rotation.RequestAdopt, "AKIA1", fleet.Answer{Reason: rotation.BlockedStateTag, Detail: "keyturn:legacy is missing", Refused: "…"},
			"AKIA1 of 123456789012/ci-deploy was not adopted: a state tag on the secret is missing or cannot be read: restore it " +
				"(keyturn:legacy is missing)"},
		{rotation.RequestPause, "", fleet.Answer{Reason: rotation.ReasonUnknown, Error: "TagResource of … was denied", Refused: "…"},
			"123456789012/ci-deploy was not paused: TagResource of … was denied"},
		{rotation.RequestResume, "", fleet.Answer{Reason: rotation.BlockedRequest, Refused: "the user is not paused"},
			"123456789012/ci-deploy was not resumed: the user is not paused"},
		{rotation.RequestPause, "", fleet.Answer{Reason: rotation.ReasonLeft, Refused: "the user left care"},
			"123456789012/ci-deploy was not paused: the user left care"},
	} {
		c.ans.User = user
		got := notDone(fleet.Ask{User: user.Name, Request: rotation.Request{Kind: c.kind, KeyID: c.key}}, c.ans)
		if got != c.want {
			t.Errorf("%s says\n%s\nand should say\n%s", c.kind, got, c.want)
		}
	}
}

var styles = regexp.MustCompile("\x1b\\[[0-9;]*m")

// What consumers will notice is said before, in the terms of the keys that they hold.
func TestConsumersAreTold(t *testing.T) {
	now := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	key := func(id string, c rotation.Class, s rotation.KeyStatus) rotation.ClassifiedKey {
		return rotation.ClassifiedKey{Key: rotation.Key{ID: id, Status: s, Created: now}, Class: c}
	}
	both := []rotation.ClassifiedKey{key("AKIA0", rotation.ClassPrevious, rotation.Active), key("AKIA1", rotation.ClassCurrent, rotation.Active)}
	off := []rotation.ClassifiedKey{key("AKIA0", rotation.ClassPrevious, rotation.Inactive), key("AKIA1", rotation.ClassCurrent, rotation.Active)}
	create := []rotation.Action{{Kind: rotation.CreateKey}}
	in := func(d time.Duration, k rotation.ActionKind, id string) rotation.Forecasted {
		return rotation.Forecasted{At: now.Add(d), Action: k, KeyID: id}
	}
	for _, c := range []struct {
		name string
		kind rotation.RequestKind
		key  string
		f    fleet.Foresight
		want string
	}{
		{"current, a slot is free", rotation.RequestRevoke, "AKIA1", fleet.Foresight{Keys: both, Now: create},
			"A successor is made first, as a slot is free. Consumers that hold AKIA1 fail until they read the secret again."},
		{"current, the key before works", rotation.RequestRevoke, "AKIA1",
			fleet.Foresight{Keys: both, Then: []rotation.Forecasted{in(time.Minute, rotation.Promote, "AKIA0")}},
			"There will be no working key for 1m, as both slots are taken. Consumers that hold AKIA1 fail at once."},
		{"current, and no way out", rotation.RequestRevoke, "AKIA1", fleet.Foresight{Keys: both},
			"There will be no working key until somebody makes room for one, as both slots are taken. Consumers that hold AKIA1 fail at once."},
		{"previous", rotation.RequestRevoke, "AKIA0", fleet.Foresight{Keys: both},
			"Consumers that still hold AKIA0 fail at once. The current key is not touched."},
		{"Inactive", rotation.RequestRevoke, "AKIA0", fleet.Foresight{Keys: off}, "AKIA0 is Inactive already, so nobody notices."},
		{"rollback", rotation.RequestRollback, "", fleet.Foresight{User: rotation.User{Name: "ci-deploy"}, KeyID: "AKIA0", Keys: both},
			"Consumers read AKIA0 from the secret once it is promoted. AKIA1 stays as it is, and whoever holds it goes on working.\n" +
				"The user stays paused after that: no key is rotated, deactivated or deleted until `keyturn resume ci-deploy`."},
		{"adopt", rotation.RequestAdopt, "AKIA0", fleet.Foresight{Keys: both, Then: []rotation.Forecasted{in(time.Hour, rotation.DeactivateKey, "AKIA0")}},
			"Whoever uses AKIA0 fails from then on. It is deactivated no earlier than it was unused for legacy_quiet, and can be reactivated in " +
				"IAM until it is deleted."},
	} {
		c.f.At = now
		got := styles.ReplaceAllString(strings.Join(consumers(c.f, rotation.Request{Kind: c.kind, KeyID: c.key}), "\n"), "")
		if got != c.want {
			t.Errorf("%s says\n%s\nand should say\n%s", c.name, got, c.want)
		}
	}
}
