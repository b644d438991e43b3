package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// scanLines prints one line for each key, for awk and grep; what was found is named by the rules' ids. What sums it up goes to stderr.
func (p *printer) scanLines(r scan.Result, rows []scan.Row) {
	var out [][]cell
	for _, row := range rows {
		keys := row.Keys
		if len(keys) == 0 {
			keys = []scan.Key{{}}
		}
		for i, k := range keys {
			line := []cell{plain(row.Name), plain(k.ID), plain(string(k.Status)), plain(""), plain(""), plain(k.Used.Service), plain(k.Used.Region)}
			if k.Status != "" {
				line[3].text, line[4].text = ageText(k.Age(r.At)), usedText(k, r.At)
			} else if !row.Listed {
				line[1].text = "unknown"
			}
			var consider []string
			for _, c := range row.Consider {
				consider = append(consider, c.Advice.ID)
			}
			if i > 0 {
				consider = nil
			}
			out = append(out, append(line, plain(string(row.Care.State)), plain(scheduleText(row.Care)),
				plain(strings.Join(row.IDs(row.Findings, k, i == 0), ",")), plain(strings.Join(consider, ","))))
		}
	}
	p.table([]string{"USER", "KEY", "STATUS", "AGE", "LAST USED", "SERVICE", "REGION", "CARE", "SCHEDULE", "FINDINGS", "CONSIDER"}, out)
	p.note("%s", scanTitle(r))
	for _, c := range r.Summary {
		if c.Users > 0 {
			p.note("%s: %s", c.Rule.ID, findsText(c))
		}
	}
	p.note("%s", scanSource(r))
}

// findsText is one line of the summary in words.
func findsText(c scan.Count) string {
	s := users(c.Users)
	if c.Keys > 0 {
		s += ", " + counted(c.Keys, "key", "keys")
	}
	return s + "; " + c.Rule.Means + controls(" (", c.Rule, ")")
}

func controls(before string, r scan.Rule, after string) string {
	var ids []string
	for _, c := range r.Controls {
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return ""
	}
	return before + strings.Join(ids, ", ") + after
}

func scanTitle(r scan.Result) string {
	keys, attention := 0, 0
	for _, row := range r.Rows {
		keys += len(row.Keys)
		if len(row.Findings) > 0 {
			attention++
		}
	}
	return fmt.Sprintf("%s: %s, %s; %s", r.Account, users(knownUsers(r)), counted(keys, "key", "keys"),
		counted(attention, "needs attention", "need attention"))
}

// scanSource says where the figures come from, and how old they are.
func scanSource(r scan.Result) string {
	report := "no credential report"
	if age := r.At.Sub(r.ReportAt); !r.ReportAt.IsZero() {
		report = "credential report of a moment ago"
		if age >= time.Minute {
			report = "credential report of " + rough(age.Truncate(time.Minute)) + " ago"
		}
	}
	return fmt.Sprintf("%s; stacks of %s; %s", report, strings.Join(r.Regions, ", "), counted(int(r.Calls), "AWS call", "AWS calls"))
}

func ageText(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd", days(d))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

func usedText(k scan.Key, now time.Time) string {
	switch {
	case !k.UsedKnown:
		return "unknown"
	case k.Used.At.IsZero():
		return "never"
	}
	return ageText(max(0, now.Sub(k.Used.At)))
}

// From how many columns on a terminal has room for last uses, for longer names, and for all that there is to show.
const (
	usual = 76
	roomy = 110
	wide  = 156
)

// scanTable prints what a person reads: the table, what needs attention first, and what was found how often.
func (p *printer) scanTable(r scan.Result, rows []scan.Row) {
	g := grid{columns: []column{{head: "", most: 1}, {head: "USER", most: 18}, {head: "KEY", most: 11}, {head: "AGE/DUE", most: 9}, {head: "LAST USED", most: 14}, {head: "FINDINGS", fold: true}}}
	switch {
	case p.width < usual:
		g.columns = slices.Delete(g.columns, 4, 5)
		g.columns[1].most = 14
	case p.width >= roomy:
		g.columns[1].most, g.columns[4].most = 28, 20
	}
	if p.width >= wide {
		g.columns = []column{{head: "", most: 1}, {head: "USER", most: 28}, {head: "KEY", most: 20}, {head: "STATUS", most: 8}, {head: "AGE", most: 5},
			{head: "LAST USED", most: 20}, {head: "CARE", most: 8}, {head: "FINDINGS", most: 26, fold: true}, {head: "CONSIDER", fold: true, hang: hang}}
	}
	for _, row := range rows {
		g.lines = append(g.lines, p.scanCells(r, row)...)
	}
	if len(g.lines) > 0 {
		p.grid(g)
		p.line("")
	}
	hidden := len(r.Rows) - len(rows)
	title := scanTitle(r)
	if hidden > 0 {
		title += fmt.Sprintf("; %d not shown (--all)", hidden)
	}
	p.line("%s", bold.Render(title))
	p.scanSummary(r)
	p.line("%s", faint.Render(scanSource(r)))
	p.line("%s", faint.Render("CIS: "+strings.TrimPrefix(scan.Benchmark, "CIS ")+"; IAM.n: AWS Security Hub"))
}

// scanMark says in one letter how much a user matters.
func scanMark(row scan.Row) cell {
	switch urgent := slices.IndexFunc(scan.Rules, func(r scan.Rule) bool { return r.ID == "age-90" }); {
	case len(row.Findings) > 0 && slices.IndexFunc(scan.Rules, func(r scan.Rule) bool { return r.ID == row.Findings[0].Rule.ID }) < urgent:
		return cell{"!", red}
	case len(row.Findings) > 0:
		return cell{"•", yellow}
	case !row.Clean() && len(row.Consider) == 0:
		return cell{"?", yellow}
	case len(row.Consider) > 0:
		return cell{"→", cyan}
	}
	return cell{"✓", green}
}

// scanCells are the lines of one user: one for each key, and on a narrow terminal one for each thing to consider.
func (p *printer) scanCells(r scan.Result, row scan.Row) (out [][]cell) {
	keys := row.Keys
	if len(keys) == 0 {
		keys = []scan.Key{{}}
	}
	var consider []string
	for _, c := range row.Consider {
		consider = append(consider, c.Advice.Instead+" ("+oneLine(c.Evidence)+")")
	}
	for i, k := range keys {
		mark, name := plain(""), plain("")
		if i == 0 {
			mark, name = scanMark(row), cell{row.Name, bold}
		}
		findings := cell{labels(row.Of(row.Findings, k, i == 0)), yellow}
		if mark.text == "!" {
			findings.style = red
		}
		id, age, used := p.scanKey(r, row, k)
		line := []cell{mark, name, id, age, used, findings}
		if p.width >= wide {
			care := cell{string(row.Care.State), faint}
			if row.Care.State == scan.InCare {
				care = cell{scheduleText(row.Care), green}
			}
			advice := cell{strings.Join(consider, "\n"), cyan}
			if i > 0 {
				care, advice = plain(""), plain("")
			}
			line = []cell{mark, name, id, {string(k.Status), id.style}, age, used, care, findings, advice}
		}
		if p.width < usual {
			line = slices.Delete(line, 4, 5)
		}
		out = append(out, line)
	}
	if p.width < wide {
		for _, text := range consider {
			out = append(out, []cell{plain(""), plain(""), {"→ " + text, cyan}})
		}
	}
	return out
}

// scanKey are the cells that say which key it is, how old, and when it was last used.
func (p *printer) scanKey(r scan.Result, row scan.Row, k scan.Key) (id, age, used cell) {
	switch {
	case k.Status == "" && row.Listed:
		return cell{"no key", faint}, plain(""), plain("")
	case k.Status == "":
		return cell{"unknown", yellow}, plain(""), plain("")
	case row.Root:
		id.text = "root key"
	case p.width >= wide:
		id.text = k.ID
	default:
		id.text = p.key(k.ID)
	}
	if k.Status != rotation.Active {
		id.style = faint
	}
	age, used = cell{ageText(k.Age(r.At)), id.style}, cell{usedText(k, r.At), faint}
	if row.Care.State == scan.InCare && k.Status == rotation.Active && p.width < wide {
		age.text += "/" + rotation.Duration(row.Care.Schedule.RotateEvery)
	}
	if k.Used.Service != "" {
		used.text += " " + k.Used.Service
	}
	if k.Used.Region != "" && p.width >= wide {
		used.text += " " + k.Used.Region
	}
	return id, age, used
}

// labels names findings, without those that another one says already.
func labels(found []scan.Finding) string {
	var out []string
	for _, f := range found {
		if !slices.ContainsFunc(found, func(o scan.Finding) bool { return o.Rule.Over == f.Rule.ID }) {
			out = append(out, strings.ReplaceAll(f.Rule.Label, " ", "\u00a0")) // a label stays on its line
		}
	}
	return strings.Join(out, "\u00a0· ")
}

// scanSummary prints how often each rule was found, and for how many users it could not be told.
func (p *printer) scanSummary(r scan.Result) {
	widest, most := 0, 0
	for _, c := range r.Summary {
		if c.Users > 0 || c.Unknown > 0 {
			widest, most = max(widest, lipgloss.Width(c.Rule.Label)), max(most, lipgloss.Width(controls("", c.Rule, "")))
		}
	}
	if widest == 0 {
		p.line("%s nothing was found", green.Render("✓"))
		return
	}
	for _, c := range r.Summary {
		if c.Users == 0 && c.Unknown == 0 {
			continue
		}
		number, means := bold.Render(fmt.Sprintf("%4d", c.Users)), c.Rule.Means
		switch {
		case c.Users == 0:
			number, means = yellow.Render("   ?"), "unknown for "+users(c.Unknown)
		case c.Unknown > 0:
			number, means = bold.Render(fmt.Sprintf("%4d", c.Users)), means+fmt.Sprintf("; unknown for %d more", c.Unknown)
		}
		p.line("%s  %-*s  %s  %s", number, widest, c.Rule.Label, faint.Render(fmt.Sprintf("%-*s", most, controls("", c.Rule, ""))), means)
	}
}
