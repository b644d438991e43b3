package simulation

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// TestExistingSecret: a secret that stood before keyturn is taken into use after it was read twice; its other fields are kept
// through every rotation, and a person's edit of them in between is kept too.
func TestExistingSecret(t *testing.T) {
	for name, o := range map[string]options{
		"without a key": {existing: `{"DatabaseHost":"db.example","port":5432}`},
		"with a key of people's": {existing: `{"DatabaseHost":"db.example","port":5432,"AccessKeyId":"AKIAAAAAAAAAAAAAAAAA",` +
			`"SecretAccessKey":"old"}`},
		"with a legacy key": {existing: `{"DatabaseHost":"db.example","port":5432}`, keys: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o.stale = staleness
				w := newWorld(3, o)
				w.live()
				w.play(w.start.Add(4 * time.Hour))
				s, _ := w.secret()
				fields := map[string]any{}
				_ = json.Unmarshal([]byte(s.value(s.stage(rotation.StageCurrent))), &fields)
				fields["DatabaseHost"] = "db2.example"
				edited, _ := json.Marshal(fields)
				_ = w.sim.People().PutSecretValue(secretName, string(edited))
				w.disturb()
				w.play(time.Now().Add(2 * time.Hour))
				w.notStuck(w.schedule.RotateEvery)
				s, _ = w.secret()
				value := s.value(s.stage(rotation.StageCurrent))
				if !strings.Contains(value, `"DatabaseHost":"db2.example"`) || !strings.Contains(value, `"port":5432`) {
					w.fail("a field of others is lost")
				}
				if len(w.broken) > 0 {
					t.Errorf("%s\n%s", strings.Join(w.broken, "\n"), strings.Join(w.trace[max(0, len(w.trace)-60):], "\n"))
				}
				w.proc.cancel()
			})
		})
	}
}

// TestExistingSecretNotAllowed: without secret.existing a secret that is not ours blocks the user, and nothing is changed.
func TestExistingSecretNotAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3, options{existing: `{"DatabaseHost":"db.example"}`})
		w.existing = false
		w.boot()
		w.live()
		w.play(w.start.Add(time.Hour))
		s, _ := w.secret()
		if w.last.Reason != rotation.BlockedForeignSecret || len(s.Tags) > 0 || len(w.sim.Keys(username)) > 0 {
			t.Errorf("reason %s, tags %v, %d keys", w.last.Reason, s.Tags, len(w.sim.Keys(username)))
		}
		w.proc.cancel()
	})
}
