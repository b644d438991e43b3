package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// stock is an account with users of every kind, some with names that are made to harm.
func stock() scan.Result {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	key := func(id string, age int, used rotation.LastUse) scan.Key {
		return scan.Key{ID: "AKIAIOSFODNN7EXA" + id, Status: rotation.Active, Created: days(age), Used: used, UsedKnown: true, Stack: scan.No}
	}
	inv := scan.Inventory{Account: "123456789012", At: now, ReportAt: now.Add(-2*time.Hour - time.Minute), Regions: []string{"us-east-1"}, Calls: 12}
	add := func(u scan.User) {
		u.Detailed, u.Listed, u.Created = !u.Root, true, days(900)
		inv.Users = append(inv.Users, u)
	}
	lately := rotation.LastUse{At: days(1), Service: "lambda", Region: "ap-southeast-1"}
	monthly := scan.Care{State: scan.InCare, Schedule: rotation.Schedule{RotateEvery: 30 * 24 * time.Hour, DeactivateAfter: 37 * 24 * time.Hour}}
	add(scan.User{Name: "<root_account>", Root: true, Keys: []scan.Key{{Status: rotation.Active, Created: days(800), UsedKnown: true}}})
	add(scan.User{Name: strings.Repeat("a-very-long-service-name-", 2), Console: scan.Yes, AdminWhy: "the policy AdministratorAccess",
		Keys: []scan.Key{key("AAAA", 800, lately), key("AAAB", 300, rotation.LastUse{})}, Care: monthly})
	add(scan.User{Name: "=cmd|'/c calc'!A1", Tags: map[string]string{"purpose": "\x1b[2Jgithub"}, Keys: []scan.Key{key("BBBB", 100, lately)}})
	add(scan.User{Name: "@sum", Keys: []scan.Key{key("CCCC", 10, rotation.LastUse{})}})
	add(scan.User{Name: "calm", Keys: []scan.Key{key("DDDD", 10, lately)}})
	r := scan.Evaluate(inv)
	r.Gaps = nil
	return r
}

// A table keeps within the terminal, whatever users are called; what needs attention most stands first, and the summary last.
func TestScanTable(t *testing.T) {
	for _, width := range []int{60, 80, 110, 155, 156, 160} {
		var out strings.Builder
		p := &printer{out: &out, err: &out, tty: true, width: width}
		r := stock()
		p.scanTable(r, r.Rows)
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		for _, l := range lines {
			if w := lipgloss.Width(l); w > width {
				t.Errorf("at %d columns a line is %d wide: %q", width, w, l)
			}
		}
		plain := sgr.ReplaceAllString(out.String(), "")
		if strings.Contains(plain, "\x1b") {
			t.Errorf("a tag steers the terminal: %q", plain)
		}
		if first := sgr.ReplaceAllString(lines[2], ""); !strings.HasPrefix(first, "!  <root_account>  ") || !strings.Contains(first, "root key") {
			t.Errorf("at %d columns the first row is %q", width, first)
		}
		for _, part := range []string{"123456789012: 4 users, 6 keys; 4 need attention", "credential report of 2h1m ago; stacks of us-east-1; 12 AWS calls",
			"IAM Identity", "OIDC role"} {
			if !strings.Contains(strings.Join(strings.Fields(plain), " "), part) {
				t.Errorf("at %d columns %q is missing:\n%s", width, part, plain)
			}
		}
		if width >= wide != strings.Contains(plain, "AKIAIOSFODNN7EXABBBB") || width >= usual != strings.Contains(plain, "LAST USED") || width < wide && !strings.Contains(plain, "/30d") {
			t.Errorf("at %d columns there is another layout:\n%s", width, plain)
		}
	}
}

// A spreadsheet takes no field for a formula, and every line has the columns of the first.
func TestScanCSV(t *testing.T) {
	var out strings.Builder
	p := &printer{out: &out, err: &out}
	r := stock()
	if err := p.scanCSV(r, r.Rows); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+6 || len(rows[0]) != len(csvHeader) {
		t.Errorf("%d lines of %d columns:\n%s", len(rows), len(rows[0]), out.String())
	}
	users := map[string]bool{}
	for _, row := range rows {
		users[row[1]] = true
		for _, field := range row {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r\x1b") {
				t.Errorf("%q is a formula, or worse", field)
			}
		}
	}
	for _, want := range []string{"'=cmd|'/c calc'!A1", "'@sum", "calm"} {
		if !users[want] {
			t.Errorf("there is no user %q: %v", want, users)
		}
	}
	for s, want := range map[string]string{"": "", "a=1": "a=1", "=1": "'=1", "＝1": "'＝1", "+": "'+", "-1": "'-1", "@a": "'@a", "\ta": "'\ta"} {
		if got := inert(s); got != want {
			t.Errorf("inert(%q) is %q, not %q", s, got, want)
		}
	}
}

// In a pipe every line has as many fields as there are headers, and names are whole.
func TestScanLines(t *testing.T) {
	var out, notes strings.Builder
	p := &printer{out: &out, err: &notes, width: 80}
	r := stock()
	p.scanLines(r, r.Rows)
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for _, l := range lines[1:] {
		if n := len(strings.Fields(strings.ReplaceAll(l, "/c calc", "/c_calc"))); n != 11 {
			t.Errorf("%d fields in %q", n, l)
		}
	}
	if !strings.Contains(notes.String(), "root-key: 1 user; the root user has an access key (CIS 1.4, IAM.4)") {
		t.Error(notes.String())
	}
}

// What is unknown is said to be, and never stands as a number.
func TestScanSummaryOfUnknown(t *testing.T) {
	r := scan.Evaluate(scan.Inventory{Account: "123456789012", Users: []scan.User{{Name: "<root_account>", Root: true}, {Name: "a"}}})
	var out strings.Builder
	p := &printer{out: &out, err: &out, tty: true, width: 80}
	p.scanTable(r, r.Rows)
	plain := sgr.ReplaceAllString(out.String(), "")
	for _, part := range []string{"?  <root_account>  unknown", "?  a               unknown", "   ?  root key ", "unknown for 1 user", "no credential report"} {
		if !strings.Contains(plain, part) {
			t.Errorf("%q is missing:\n%s", part, plain)
		}
	}
	if strings.Contains(plain, "   0  ") || strings.Contains(plain, "no key") {
		t.Errorf("what is unknown stands as nothing:\n%s", plain)
	}
}

// TestNothingForgesALine: what a report's cell, a name or a stack's name holds stays in its line, or a program that reads the lines takes
// it for another user's.
func TestNothingForgesALine(t *testing.T) {
	const forged = "x\nadmin  AKIAFORGED  Active"
	r := stock()
	r.Rows = r.Rows[len(r.Rows)-1:]
	row := &r.Rows[0]
	row.Name = forged
	row.Keys = []scan.Key{{ID: forged, Status: rotation.Active, Created: r.At, Used: rotation.LastUse{At: r.At, Service: forged, Region: forged},
		UsedKnown: true}}
	row.Consider = []scan.Consider{{Advice: scan.Advices[0], Evidence: forged}}
	for _, width := range []int{60, 80, 160} {
		for _, tty := range []bool{true, false} {
			var out strings.Builder
			p := &printer{out: &out, err: &strings.Builder{}, tty: tty, width: width}
			if tty {
				p.scanTable(r, r.Rows)
			} else {
				p.scanLines(r, r.Rows)
			}
			for line := range strings.Lines(sgr.ReplaceAllString(out.String(), "")) {
				if strings.HasPrefix(strings.TrimLeft(line, " →"), "admin") {
					t.Errorf("terminal %v, %d columns: a forged line %q in\n%s", tty, width, line, out.String())
				}
			}
		}
	}
	var out strings.Builder
	p := &printer{out: &out, err: &out, tty: true, width: 100}
	p.table([]string{"USER", "WHY"}, [][]cell{{plain(forged), plain("y\tz")}})
	if n := strings.Count(out.String(), "\n"); n != 3 || strings.Contains(out.String(), "\t") { // heading, rule, row
		t.Errorf("a table of one row has %d lines: %q", n, out.String())
	}
}
