package top

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	day       = 24 * time.Hour
	every     = 90 * day
	grace     = 7 * day
	retention = 30 * day
)

// someone is a user in the middle of the life of its key, so old; with an age beyond the grace it has no older key any more.
func someone(name string, age time.Duration) fleet.State {
	created := noon.Add(-age)
	s := fleet.State{User: rotation.User{Account: "123456789012", Name: name}, CurrentKeyID: "AKIAQ0000000002" + tail(name), Standing: fleet.Fine,
		Reason: rotation.ReasonIdle, At: noon.Add(-20 * time.Minute), Recheck: noon.Add(40 * time.Minute),
		Due: created.Add(every), Grace: grace, Retention: retention, NextAction: rotation.CreateKey, NextAt: created.Add(every)}
	s.Keys = []rotation.ClassifiedKey{{Key: rotation.Key{ID: s.CurrentKeyID, Status: rotation.Active, Created: created}, Class: rotation.ClassCurrent}}
	old := rotation.ClassifiedKey{Key: rotation.Key{ID: "AKIAQ0000000001" + tail(name), Status: rotation.Active, Created: created.Add(-every)},
		Class: rotation.ClassPrevious}
	switch {
	case age < grace:
		s.NextAction, s.NextAt, s.Reason = rotation.DeactivateKey, created.Add(grace), rotation.ReasonGrace
	case age < grace+retention:
		old.Status = rotation.Inactive
		s.NextAction, s.NextAt, s.Reason = rotation.DeleteKey, created.Add(grace+retention), rotation.ReasonRetention
	default:
		return s
	}
	s.Keys = append(s.Keys, old)
	return s
}

func tail(name string) string { return strings.ToUpper((name + "AAAAAA")[:5]) }

func stuck(s fleet.State, standing fleet.Standing, reason rotation.Reason, lastError string) fleet.State {
	s.Standing, s.Reason, s.LastError = standing, reason, lastError
	if standing == fleet.Blocked || reason == rotation.ReasonPaused {
		s.NextAction, s.NextAt = rotation.NoAction, time.Time{}
	}
	if lastError != "" {
		s.Failures = 3
	}
	return s
}

// sample is a fleet in which every kind of state is found.
func sample() *fleet.Snapshot {
	late := someone("metrics-push", 95*day)
	late.Late, late.Recheck = 12*time.Minute, noon.Add(-12*time.Minute)
	legacy := someone("legacy-crm", 3*day)
	legacy.Keys[1].Class = rotation.ClassLegacy
	legacy.Standing, legacy.Reason = fleet.Waiting, rotation.ReasonWaitingLegacy
	fresh := fleet.State{User: rotation.User{Account: "123456789012", Name: "search-index"}, Standing: fleet.Waiting}
	users := []fleet.State{
		stuck(someone("billing-export", 91*day), fleet.Failed, rotation.ReasonUnknown,
			"iam ListAccessKeys is denied for user/keyturn: allow iam:ListAccessKeys on user/billing-export, see `keyturn policy rotator`"),
		stuck(fleet.State{User: rotation.User{Account: "123456789012", Name: "geo-lookup"}, At: noon}, fleet.Failed, rotation.ReasonUnknown,
			"iam ListAccessKeys of geo-lookup: AWS did not answer within 10s"),
		stuck(someone("partner-sftp", 88*day), fleet.Blocked, rotation.BlockedForeignKey, ""),
		stuck(someone("warehouse-etl", 2*day), fleet.Blocked, rotation.BlockedTwoLegacy, ""),
		stuck(someone("mail-relay", 9*day), fleet.Held, rotation.ReasonHeld, ""),
		stuck(someone("invoice-bot", 60*day), fleet.Held, rotation.ReasonPaused, ""),
		late, legacy, fresh,
		someone("ci-deploy", 6*day+23*time.Hour), someone("image-resize", 12*day), someone("backup-nightly", 45*day),
		someone("payroll-batch", 89*day+23*time.Hour+59*time.Minute+12*time.Second),
		someone("an-extraordinarily-long-user-name-of-64-characters-in-production", 20*day),
	}
	users[3].CurrentKeyID, users[3].Keys[0].Class, users[3].Keys[1].Class = "", rotation.ClassLegacy, rotation.ClassLegacy
	users[4].Keys[1].Status, users[4].NextAction, users[4].NextAt = rotation.Active, rotation.DeactivateKey, noon.Add(5*day)
	snap := &fleet.Snapshot{At: noon, Started: noon.Add(-76 * time.Hour), Version: "1.2.0", Users: users, Matched: len(users), Overdue: 1,
		Rates: []fleet.Rate{{Name: "iam", PerSecond: 12, Pace: 20}, {Name: "sts", PerSecond: 3.2, Pace: 50},
			{Name: "secret_writes", PerSecond: 4, Pace: 45, Quota: 50}, {Name: "secret_tags", PerSecond: 44.6, Pace: 45, Quota: 50},
			{Name: "secret_reads", PerSecond: 0, Pace: 200, Quota: 10_000}}}
	snap.Summary = fleet.Summary{Users: len(users), Failed: 2, Blocked: 2, Held: 2, Waiting: 2, AWSCalls: 123456}
	return snap
}

func frame(width, height int, snap *fleet.Snapshot) *Frame {
	return &Frame{Width: width, Height: height, Now: noon, Snap: snap, Events: []Event{
		{noon.Add(-4 * time.Second), "ci-deploy", "key 2CI-DE verified, promoted: due", false},
		{noon.Add(-time.Minute), "billing-export", "failed: iam ListAccessKeys is denied", true},
		{noon.Add(-3 * time.Hour), "mail-relay", "old key 1MAIL- deactivated: its grace is over", false},
		{noon.Add(-50 * time.Hour), "image-resize", "old key 1IMAGE deleted: its retention is over", false},
	}}
}

// many is a fleet of ten thousand, of which the view was given the first 200.
func many() *fleet.Snapshot {
	s := sample()
	for i := len(s.Users); i < 200; i++ {
		s.Users = append(s.Users, someone(fmt.Sprintf("service-%05d", i), time.Duration(i)*10*time.Hour))
	}
	s.Matched, s.Summary.Users, s.Summary.Blocked = 10_000, 10_000, 1234
	return s
}

func nobody() *fleet.Snapshot {
	s := sample()
	s.Users, s.Matched, s.Overdue, s.Summary = nil, 0, 0, fleet.Summary{}
	return s
}

func allBlocked() *fleet.Snapshot {
	s := sample()
	for i, u := range s.Users {
		s.Users[i] = stuck(u, fleet.Blocked, rotation.BlockedStateTag, "")
		s.Users[i].Late = 0
	}
	s.Overdue, s.Summary = 0, fleet.Summary{Users: len(s.Users), Blocked: len(s.Users)}
	s.Notice = "Scheduled changes have stopped: 13 of 13 users failed or were blocked within 10 minutes, and 5 % may " +
		"(blast_radius). `keyturn resume --all` lets them go on once the cause is mended."
	return s
}

var sizes = [][2]int{{80, 24}, {160, 50}, {60, 15}, {40, 10}, {100, 30}, {120, 40}}

// TestRender: the golden pictures, without colour. Read them as a user would.
func TestRender(t *testing.T) {
	for _, size := range sizes {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		w, h := size[0], size[1]
		golden(t, "users-"+name, frame(w, h, sample()))
		switch name {
		case "80x24", "40x10":
			golden(t, "nobody-"+name, frame(w, h, nobody()))
			golden(t, "asking-"+name, frame(w, h, nil))
			fallthrough
		case "160x50":
			f := frame(w, h, many())
			f.Selected, f.First = 150, 145
			golden(t, "many-"+name, f)
			golden(t, "blocked-"+name, frame(w, h, allBlocked()))
			golden(t, "detail-"+name, detailed(w, h))
			golden(t, "question-"+name, asked(w, h))
		}
	}
	help := frame(80, 24, sample())
	help.Page = pageHelp
	golden(t, "help-80x24", help)

	lost := frame(80, 24, sample())
	lost.Trouble, lost.Silent = "no daemon runs", 42*time.Second
	golden(t, "lost-80x24", lost)

	books := frame(80, 24, sample())
	books.Snap.Started, books.Snap.Rates, books.Snap.Partial = time.Time{}, nil, "no AWS credentials were found"
	for i := range books.Snap.Users {
		books.Snap.Users[i].Due, books.Snap.Users[i].Grace, books.Snap.Users[i].Retention = time.Time{}, 0, 0
	}
	golden(t, "books-80x24", books)

	plain := frame(80, 24, sample())
	plain.ASCII = true
	golden(t, "ascii-80x24", plain)
}

func detailed(w, h int) *Frame {
	f := frame(w, h, sample())
	f.Page = pageUser
	s := f.Snap.Users[4]
	f.Detail = Detail{User: s.User, State: s, History: f.Events[2:3], Ahead: &fleet.Ahead{User: s.User, At: noon, Steps: []rotation.Forecasted{
		{At: noon.Add(5 * day), Action: rotation.DeactivateKey, KeyID: s.Keys[1].ID, Reason: rotation.ReasonGraceOver},
		{At: noon.Add(35 * day), Action: rotation.DeleteKey, KeyID: s.Keys[1].ID, Reason: rotation.ReasonRetentionOver},
		{At: noon.Add(81 * day), Action: rotation.CreateKey, Reason: rotation.ReasonDue},
	}}}
	return f
}

func asked(w, h int) *Frame {
	f := frame(w, h, sample())
	f.Page = pageQuestion
	f.Words.Foretell = func(fleet.Foresight, rotation.Request) []string {
		return []string{"now       12:00:00  \tthe user is paused, and AKIAQ00000000011CI-DE is recorded as the key to go back to",
			"in 1m30s  12:01:30  \tAKIAQ00000000011CI-DE is verified and promoted", "",
			"The user stays paused after that: no key is rotated, deactivated or deleted until `keyturn resume ci-deploy`."}
	}
	f.Question = Question{Title: "Take ci-deploy back to the key before", Foreseen: &fleet.Foresight{},
		Ask: fleet.Ask{User: "ci-deploy", Request: rotation.Request{Kind: rotation.RequestRollback}}}
	return f
}

// golden compares a picture with the file of this name, and sees that it fits its screen.
func golden(t *testing.T, name string, f *Frame) {
	t.Helper()
	picture := f.Render()
	fits(t, name, f, picture)
	text := trimmed(ansi.Strip(picture))
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is now\n%s\nand was\n%s", name, text, want)
	}
}

func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func fits(t *testing.T, name string, f *Frame, picture string) {
	t.Helper()
	lines := strings.Split(picture, "\n")
	if len(lines) != f.Height {
		t.Errorf("%s has %d lines, and the screen %d", name, len(lines), f.Height)
	}
	for _, l := range lines {
		if w := lipgloss.Width(l); w > f.Width {
			t.Errorf("%s: a line is %d wide, and the screen %d: %q", name, w, f.Width, ansi.Strip(l))
		}
	}
}
