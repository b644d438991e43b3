package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

const slowly = "schedule: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}\n"

// Windows are open by the clocks on the wall: on the days when these are changed too.
func TestWindowsByTheClocks(t *testing.T) {
	const berlin = ", time_zone: Europe/Berlin}"
	for _, c := range []struct{ window, at, opens string }{ // opens "": it is open
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z"},
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-11-23T08:00:00Z", ""},
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-11-23T15:59:59Z", ""},
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-11-23T16:00:00Z", "2026-11-24T08:00:00Z"},
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-11-27T16:00:00Z", "2026-11-30T08:00:00Z"}, // over the weekend
		{`{days: [mon-fri], from: "09:00", to: "17:00"` + berlin, "2026-07-03T06:59:00Z", "2026-07-03T07:00:00Z"}, // summer time
		{`{days: [fri-mon], from: "00:00", to: "24:00"}`, "2026-11-23T23:59:59Z", ""},
		{`{days: [fri-mon], from: "00:00", to: "24:00"}`, "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z"},
		{`{from: "00:00", to: "24:00"}`, "2026-11-24T00:00:00Z", ""},
		// Over midnight: Saturday's window ends on Sunday.
		{`{days: [sat], from: "22:00", to: "04:00"}`, "2026-11-29T03:59:59Z", ""},
		{`{days: [sat], from: "22:00", to: "04:00"}`, "2026-11-29T04:00:00Z", "2026-12-05T22:00:00Z"},
		{`{days: [sat], from: "22:00", to: "04:00"}`, "2026-11-29T22:30:00Z", "2026-12-05T22:00:00Z"}, // Sunday has none of its own
		// Spring forward at 02:00 of 29 March: what the day misses comes right after, and lasts as long as ever.
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"},
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-03-29T01:29:59Z", ""},
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-03-29T01:30:00Z", "2026-04-05T00:15:00Z"},
		{`{days: [sun], from: "02:00", to: "03:00"` + berlin, "2026-03-29T01:59:59Z", ""},
		{`{days: [sun], from: "01:00", to: "02:30"` + berlin, "2026-03-29T01:29:59Z", ""}, // an hour and a half, as ever
		{`{days: [sun], from: "01:00", to: "02:30"` + berlin, "2026-03-29T01:30:00Z", "2026-04-04T23:00:00Z"},
		{`{days: [sun], from: "01:00", to: "04:00"` + berlin, "2026-03-29T01:59:59Z", ""}, // two hours: the clocks say four
		{`{days: [sun], from: "01:00", to: "04:00"` + berlin, "2026-03-29T02:00:00Z", "2026-04-04T23:00:00Z"},
		// Back at 03:00 of 25 October: of two equal times the first counts.
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-10-25T00:15:00Z", ""},
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-10-25T00:45:00Z", "2026-11-01T01:15:00Z"},
		{`{days: [sun], from: "02:15", to: "02:45"` + berlin, "2026-10-25T01:20:00Z", "2026-11-01T01:15:00Z"}, // not the second time
		{`{days: [sun], from: "01:00", to: "04:00"` + berlin, "2026-10-25T02:59:59Z", ""},                     // four hours
		{`{days: [sun], from: "01:00", to: "04:00"` + berlin, "2026-10-25T03:00:00Z", "2026-11-01T00:00:00Z"},
		{`{days: [sun], from: "02:15", to: "02:45", time_zone: America/New_York}`, "2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z"},
		{`{days: [sun], from: "02:05", to: "02:20", time_zone: Australia/Lord_Howe}`, "2026-10-03T15:29:59Z", "2026-10-03T15:30:00Z"}, // half an hour
	} {
		f := parse(t, someUsers+slowly+"windows: ["+c.window+"]\n").Calendar(Candidate{})(moment(t, c.at))
		got := ""
		if f.On() {
			got = f.Until.UTC().Format(time.RFC3339)
		}
		if got != c.opens {
			t.Errorf("%s at %s: opens %q, want %q", c.window, c.at, got, c.opens)
		}
	}
}

// A freeze counts whatever the windows say, and what is told is the end of everything that follows at once.
func TestFreezes(t *testing.T) {
	c := parse(t, someUsers+slowly+`
windows: [{days: [sun], from: "02:00", to: "06:00"}]
freezes:
  - {from: 2026-11-26T18:00, to: 2026-12-01T08:00, time_zone: America/New_York, why: the sale}
  - {from: "2026-12-01 13:00Z", to: 2026-12-06T03:00:00+01:00, why: the audit}
`)
	for _, s := range []struct{ at, want string }{
		{"2026-11-22T02:00:00Z", ""},
		{"2026-11-22T06:00:00Z", "outside the maintenance windows, until 2026-12-06T02:00:00Z"}, // the sale and the audit are in the way
		{"2026-11-26T22:59:59Z", "outside the maintenance windows, until 2026-12-06T02:00:00Z"},
		{"2026-11-29T03:00:00Z", "the sale, until 2026-12-06T02:00:00Z"},
		{"2026-12-06T01:59:59Z", "the audit, until 2026-12-06T02:00:00Z"},
		{"2026-12-06T02:00:00Z", ""},
	} {
		if got := c.Calendar(Candidate{})(moment(t, s.at)).String(); got != s.want {
			t.Errorf("at %s: %q, want %q", s.at, got, s.want)
		}
	}
}

// Windows and freezes for some users bind these only; with several windows any of them will do.
func TestCalendarOfSomeUsers(t *testing.T) {
	c := parse(t, someUsers+slowly+`
windows:
  - {days: [sat], from: "02:00", to: "06:00", users: [{path: "/prod/"}]}
  - {days: [sun], from: "02:00", to: "06:00", users: [{tag: "tier=gold"}, {name: "db-*"}]}
freezes: [{from: 2026-11-29T03:00Z, to: 2026-11-29T04:00Z, why: backup, users: [{name: "db-*"}]}]
`)
	sat, sun, frozen, mon := "2026-11-28T05:00:00Z", "2026-11-29T05:00:00Z", "2026-11-29T03:30:00Z", "2026-11-30T05:00:00Z"
	for _, s := range []struct {
		u    Candidate
		open string
	}{
		{Candidate{Name: "ci", Path: "/"}, sat + sun + frozen + mon},
		{Candidate{Name: "ci", Path: "/prod/a/"}, sat},
		{Candidate{Name: "ci", Path: "/prod/", Tags: map[string]string{"tier": "gold"}}, sat + sun + frozen},
		{Candidate{Name: "db-1", Path: "/"}, sun},
	} {
		k := c.Calendar(s.u)
		for _, at := range []string{sat, sun, frozen, mon} {
			open := k == nil || !k(moment(t, at)).On()
			if open != strings.Contains(s.open, at) {
				t.Errorf("%+v at %s: open %v", s.u, at, open)
			}
		}
	}
	if k := c.Calendar(Candidate{Name: "ci", Path: "/"}); k != nil {
		t.Error("a user that no window and no freeze is for has a calendar")
	}
}

// At the end that a freeze names, nothing is frozen; just before, it is; and a moment inside a window is never told to wait.
func TestCalendarEndsWhenItSays(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			w := Window{From: TimeOfDay(rapid.IntRange(0, 1439).Draw(t, "from")), To: TimeOfDay(rapid.IntRange(0, 1440).Draw(t, "to")),
				TimeZone: rapid.SampledFrom(zones).Draw(t, "zone")}
			if w.From == w.To {
				w.To++
			}
			if rapid.Bool().Draw(t, "some days") {
				w.Days = []Days{{time.Weekday(rapid.IntRange(0, 6).Draw(t, "first")), time.Weekday(rapid.IntRange(0, 6).Draw(t, "last"))}}
			}
			c.Windows = append(c.Windows, w)
		}
		k := c.Calendar(Candidate{})
		at := time.Unix(rapid.Int64Range(1767225600, 1830297600).Draw(t, "at"), 0).UTC()
		f := k(at)
		if !f.On() {
			return
		}
		if !f.Until.After(at) || f.Until.Sub(at) > 9*24*time.Hour || k(f.Until).On() || !k(f.Until.Add(-time.Second)).On() {
			t.Fatalf("%v at %s: %v, and at its end %v", c.Windows, at, f, k(f.Until))
		}
	})
}

func TestWindowWarnings(t *testing.T) {
	for _, s := range []struct {
		text string
		want []string // in the one warning; none: no warning
	}{
		{slowly + `windows: [{days: [sun], from: "02:00", to: "06:00"}]`, nil},
		{`windows: [{from: "00:00", to: "24:00"}]`, nil},
		{`windows: [{days: [mon-fri], from: "09:00", to: "17:00"}]`, []string{"under schedule", "2d16h", "10m"}},
		{`windows: [{days: [sun], from: "02:00", to: "02:05", users: [{path: "/prod/"}]}]`, []string{"13d23h57m30s", `for [{path: "/prod/"}]`}},
	} {
		got := parse(t, someUsers+s.text+"\n").WindowWarnings()
		if len(got) != min(1, len(s.want)) {
			t.Errorf("%s: %q", s.text, got)
			continue
		}
		for _, part := range s.want {
			if !strings.Contains(got[0], part) {
				t.Errorf("%s: %q is missing in %q", s.text, part, got[0])
			}
		}
	}
}

func TestCanary(t *testing.T) {
	c := parse(t, someUsers+`canary: {users: [{name: "ci-canary"}, {tag: "canary"}]}`+"\n")
	for _, s := range []struct {
		u    Candidate
		want bool
	}{
		{Candidate{Name: "ci-canary"}, true}, {Candidate{Name: "ci"}, false},
		{Candidate{Name: "ci", Tags: map[string]string{"canary": "yes"}}, true},
	} {
		if c.IsCanary(s.u) != s.want {
			t.Errorf("%+v: %v", s.u, !s.want)
		}
	}
	if Default().IsCanary(Candidate{Name: "ci-canary"}) || c.Canary.For.D() != 30*time.Minute {
		t.Error("nobody is a canary by default, and the others wait 30 minutes at most")
	}
}

// Entries that match nobody in care are most likely typing errors.
func TestIdleMatches(t *testing.T) {
	c := parse(t, someUsers+`
windows: [{from: "00:00", to: "24:00", users: [{name: "ic-*"}]}]
freezes: [{from: 2026-11-29T03:00Z, to: 2026-11-29T04:00Z, why: backup, users: [{name: "ci-*"}]}]
canary: {users: [{name: canary}]}
`)
	got := strings.Join(Select(c, []Candidate{{Name: "ci-1", Path: "/"}, {Name: "canary", Path: "/"}}).Idle, "; ")
	if got != `windows[0].users: {name: "ic-*"} matches no user in care; canary.users: {name: "canary"} matches no user in care` {
		t.Error(got)
	}
}
