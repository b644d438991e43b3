package top

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// pipe is what somebody reads; it may go away.
type pipe struct {
	mu   sync.Mutex
	text strings.Builder
	gone bool
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return 0, syscall.EPIPE
	}
	return p.text.Write(b)
}

func (p *pipe) has() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func happened(seq int64, action rotation.ActionKind, reason rotation.Reason) fleet.Happening {
	return fleet.Happening{Seq: seq, At: noon, User: rotation.User{Account: "123456789012", Name: "ci-deploy"}, Action: action, Reason: reason,
		KeyID: "AKIAQ00000000011CI-DE", Outcome: rotation.Done}
}

// TestLines: first who needs attention and the totals; then each event once, and who comes into trouble and out of it.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		d, out := &deskOf{snap: *sample()}, &pipe{}
		d.snap.Events = []fleet.Happening{happened(1, rotation.Promote, rotation.ReasonDue)}
		d.ended = d.snap.Events
		var warned []string
		ended := make(chan error, 1)
		go func() {
			ended <- Lines(ctx, LineOptions{Desk: d, Out: out, Warn: func(text string) { d.set(func() { warned = append(warned, text) }) }})
		}()
		time.Sleep(10 * time.Second)
		first := out.has()
		want := []string{"2026-11-23T12:00:00Z  failed   123456789012/billing-export  unknown: iam ListAccessKeys is denied",
			"blocked  123456789012/partner-sftp  blocked-foreign-key", "held     123456789012/invoice-bot  paused",
			"overdue  123456789012/metrics-push  idle (its look is 12m late)",
			"total    14 users: 2 failed, 2 blocked, 2 held, 2 waiting, 6 fine, 1 overdue\n"}
		for _, w := range want {
			if !strings.Contains(first, w) {
				t.Errorf("the picture does not say %q:\n%s", w, first)
			}
		}
		if strings.Count(first, "\n") != 8 {
			t.Errorf("the picture is\n%s", first)
		}

		d.set(func() {
			d.ended = append(d.ended, happened(2, rotation.DeactivateKey, rotation.ReasonGraceOver), happened(3, rotation.RecordInactive, rotation.ReasonGraceOver))
			d.snap.Users = append([]fleet.State{someone("billing-export", time.Hour), stuck(someone("ci-deploy", day), fleet.Failed, "", "no answer")},
				d.snap.Users[1:9]...)
			d.snap.Notice = "frozen until Monday"
		})
		time.Sleep(10 * time.Second)
		d.set(func() { d.down = errors.New("no daemon runs") })
		time.Sleep(10 * time.Second)
		d.set(func() { d.down = nil })
		time.Sleep(10 * time.Second)
		got := strings.TrimPrefix(out.has(), first)
		if want := "2026-11-23T12:00:00Z  event    123456789012/ci-deploy  old key 1CI-DE deactivated: its grace is over\n" +
			"2026-11-23T12:00:00Z  notice   frozen until Monday\n" +
			"2026-11-23T12:00:00Z  event    123456789012/billing-export  is well again\n" +
			"2026-11-23T12:00:00Z  trouble  123456789012/ci-deploy  failed: no answer\n"; got != want {
			t.Errorf("then was written\n%s\nand not\n%s", got, want)
		}
		d.set(func() {
			if len(warned) != 2 {
				t.Errorf("warned was %q", warned)
			}
		})

		// What ends in the last moment is told all the same.
		before := out.has()
		d.set(func() { d.ended = append(d.ended, happened(4, rotation.DeleteKey, rotation.ReasonRetentionOver)) })
		end()
		if err := <-ended; err != nil {
			t.Errorf("stopped, it ends with %v", err)
		}
		if got := strings.TrimPrefix(out.has(), before); !strings.Contains(got, "deleted: its retention is over") {
			t.Errorf("the last words are %q", got)
		}
	})
}

// TestLinesReaderGone: whoever has seen enough ends it, without a word.
func TestLinesReaderGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, out := &deskOf{snap: *sample()}, &pipe{}
		ended := make(chan error, 1)
		go func() { ended <- Lines(t.Context(), LineOptions{Desk: d, Out: out}) }()
		time.Sleep(5 * time.Second)
		out.mu.Lock()
		out.gone = true
		out.mu.Unlock()
		d.set(func() { d.ended = []fleet.Happening{happened(9, rotation.Promote, rotation.ReasonDue)} })
		if err := <-ended; err != nil {
			t.Errorf("it ends with %v", err)
		}
	})
}

// TestLinesOnce: one picture; a desk that cannot be asked is an error.
func TestLinesOnce(t *testing.T) {
	d, out := &deskOf{snap: *sample()}, &pipe{}
	if err := Lines(t.Context(), LineOptions{Desk: d, Out: out, Once: true}); err != nil || !strings.Contains(out.has(), "total") {
		t.Errorf("it wrote %s and ended with %v", out.has(), err)
	}
	d.down = errors.New("no daemon runs")
	if err := Lines(t.Context(), LineOptions{Desk: d, Out: out, Once: true}); err == nil {
		t.Error("a desk that does not answer is no error")
	}
}
