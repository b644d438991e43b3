package demo

import (
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/keyturn/keyturn/internal/rotation"
)

// sampleFrame is a moment of a show: every kind of state is on it.
func sampleFrame(width, height int) frame {
	now := time.Date(2026, 11, 23, 12, 0, 27, 0, time.UTC)
	started := now.Add(-27 * time.Second)
	key := func(id string, age time.Duration, status rotation.KeyStatus) rotation.Key {
		return rotation.Key{ID: "AKIAQ0000000007" + id, Status: status, Created: now.Add(-age)}
	}
	f := frame{
		width: width, height: height, now: now, started: started, speed: 60,
		schedule: rotation.Schedule{RotateEvery: 10 * time.Second, DeactivateAfter: 12 * time.Second, DeleteAfter: 15 * time.Second},
		awsRate:  38.4, callRate: 241, consumers: 36, calls: 6312,
		guide: []string{"export AWS_ENDPOINT_URL=http://127.0.0.1:40123 AWS_REGION=us-east-1", "aws iam list-access-keys --user-name ci-deploy"},
		hint:  ". /tmp/keyturn-demo-1234567890/env",
	}
	for i, p := range cast {
		r := row{part: p, on: true, every: 10 * time.Second, reason: rotation.ReasonIdle, next: rotation.CreateKey,
			current: key("2ABCDE", time.Duration(i)*time.Second, rotation.Active)}
		r.nextAt = r.current.Created.Add(r.every)
		switch p.name {
		case "ci-deploy":
			r.previous, r.reason, r.next = key("3ABCDE", 10*time.Second, rotation.Active), rotation.ReasonGrace, rotation.DeactivateKey
			r.nextAt = now.Add(2 * time.Second)
		case "billing-export":
			r.previous, r.reason, r.next = key("4ABCDE", 12*time.Second, rotation.Inactive), rotation.ReasonRetention, rotation.DeleteKey
			r.nextAt = now.Add(3 * time.Second)
		case "legacy-crm":
			r.previous, r.reason, r.next = key("5ABCDE", 12*time.Second, rotation.Active), rotation.ReasonWaitingLegacy, rotation.DeactivateKey
			r.nextAt = now.Add(11 * time.Second)
		case "warehouse-etl":
			r.current, r.previous, r.reason, r.next = rotation.Key{}, key("6ABCDE", 12*time.Second, rotation.Active), rotation.BlockedTwoLegacy, ""
		case "invoice-bot":
			r.reason, r.next = rotation.ReasonPaused, ""
		case "backup-nightly":
			r.on = false
		}
		f.rows = append(f.rows, r)
	}
	for i, text := range []string{"new key 2ABCDE stored, verified, promoted", "old key 4ABCDE deactivated: its grace is over",
		"old key 7ABCDE deleted: its retention is over", "blocked: two keys from before; delete the unused one"} {
		f.events = append(f.events, event{at: now.Add(-time.Duration(i) * time.Second), user: cast[i].name, text: text, bad: i == 3})
	}
	return f
}

// Whatever the size, a picture fills the screen and nothing sticks out.
func TestScreenFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 30}, {132, 40}, {160, 50}, {60, 15}, {20, 4}} {
		for _, open := range []bool{false, true} {
			f := sampleFrame(size[0], size[1])
			f.open = open
			lines := strings.Split(render(f), "\n")
			if len(lines) != size[1] {
				t.Errorf("at %d×%d (guide %t) the picture has %d lines", size[0], size[1], open, len(lines))
			}
			for _, l := range lines {
				if w := lipgloss.Width(l); w > size[0] {
					t.Errorf("at %d×%d a line is %d wide: %q", size[0], size[1], w, ansi.Strip(l))
				}
			}
		}
	}
}

// Everything that matters can be read at 80×24, without colour.
func TestScreenSaysItAll(t *testing.T) {
	text := ansi.Strip(render(sampleFrame(80, 24)))
	for _, want := range []string{
		"rotate 10s", "deactivate 12s", "delete 15s", "60×",
		"ci-deploy      2ABCDE", "3ABCDE Active", "deactivate 2s", "grace",
		"4ABCDE Inactive", "delete 3s", "retention", "deactivate 11s waiting-legacy", "! blocked-two-legacy", "paused",
		"38 AWS calls/s", "36 consumers", "241 calls/s", "6,312", "0 failed",
		"blocked: two keys from before; delete the unused one", ". /tmp/keyturn-demo-1234567890/env", "q quit",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen does not say %q:\n%s", want, text)
		}
	}
	t.Logf("\n%s", text)
}

func TestScreenShowsTrouble(t *testing.T) {
	f := sampleFrame(80, 24)
	f.failures, f.violations = 3, 2
	text := ansi.Strip(render(f))
	for _, want := range []string{"! 2 safety rules broken, 3 of 6,312 calls failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen does not say %q:\n%s", want, text)
		}
	}
}
