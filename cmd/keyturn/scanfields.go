package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// scanReport is `scan --json`.
type scanReport struct {
	Account   string      `json:"account"`
	At        *string     `json:"at"`
	Benchmark string      `json:"benchmark"`
	ReportAt  *string     `json:"report_at"` // of the credential report; null: there is none
	Regions   []string    `json:"stack_regions"`
	Known     int         `json:"known_users"` // the root user aside; users holds those that there is something to say of
	Users     []scanUser  `json:"users"`
	Summary   []scanFinds `json:"summary"` // every rule, in the order of attention
	Gaps      []scanGap   `json:"gaps"`    // what could not be read
	Calls     int64       `json:"calls"`
}

type scanGap struct {
	Part   scan.Part `json:"part"`
	Action string    `json:"action"` // the IAM action to allow, if it was denied
	Text   string    `json:"text"`
}

type scanFinds struct {
	Rule     string        `json:"rule"`
	Means    string        `json:"means"`
	Do       string        `json:"do"`
	Controls []scanControl `json:"controls"`
	Users    int           `json:"users"`
	Keys     int           `json:"keys"`
	Unknown  int           `json:"unknown_users"`
}

type scanControl struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type scanUser struct {
	User     string          `json:"user"`
	Path     string          `json:"path"`
	Created  *string         `json:"created"`
	Console  string          `json:"console"`       // yes, no, unknown
	Admin    *string         `json:"administrator"` // by what; "": it is none; null: unknown
	Care     *scan.CareState `json:"care"`          // null: there is no configuration
	CareWhy  string          `json:"care_why"`
	Schedule string          `json:"schedule"`
	Listed   bool            `json:"keys_known"`
	Keys     []scanKey       `json:"keys"`
	Findings []scanFinding   `json:"findings"`
	Unknown  []scanOpen      `json:"unknown"` // rules that could not be answered
	Consider []scanConsider  `json:"consider"`
}

type scanKey struct {
	ID        string             `json:"key_id"` // "" for the root user's
	Status    rotation.KeyStatus `json:"status"`
	Created   *string            `json:"created"`
	AgeDays   int                `json:"age_days"`
	Used      *string            `json:"last_used"` // null: no use is on record, or it is unknown
	UsedKnown bool               `json:"last_used_known"`
	Service   string             `json:"service"`
	Region    string             `json:"region"`
	Stack     string             `json:"stack"` // yes, no, unknown
	StackName string             `json:"stack_name"`
	Overdue   string             `json:"overdue"` // yes, no, unknown
}

type scanFinding struct {
	Rule     string `json:"rule"`
	KeyID    string `json:"key_id"` // "": it is about the user
	Evidence string `json:"evidence"`
}

type scanOpen struct {
	Rule  string `json:"rule"`
	KeyID string `json:"key_id"`
}

type scanConsider struct {
	ID       string `json:"id"`
	Instead  string `json:"instead"`
	Evidence string `json:"evidence"`
}

func scanJSON(r scan.Result, rows []scan.Row) scanReport {
	out := scanReport{Account: r.Account, At: stamp(r.At), Benchmark: scan.Benchmark, ReportAt: stamp(r.ReportAt),
		Regions: append([]string{}, r.Regions...), Known: knownUsers(r), Users: []scanUser{}, Gaps: []scanGap{}, Calls: r.Calls}
	for _, g := range r.Gaps {
		out.Gaps = append(out.Gaps, scanGap{g.Part, g.Action, oneLine(g.Text)})
	}
	for _, c := range r.Summary {
		f := scanFinds{c.Rule.ID, c.Rule.Means, c.Rule.Do, []scanControl{}, c.Users, c.Keys, c.Unknown}
		for _, o := range c.Rule.Controls {
			f.Controls = append(f.Controls, scanControl(o))
		}
		out.Summary = append(out.Summary, f)
	}
	for _, row := range rows {
		u := scanUser{User: row.Name, Path: row.Path, Created: stamp(row.Created), Console: row.Console.String(), CareWhy: row.Care.Why,
			Schedule: scheduleText(row.Care), Listed: row.Listed, Keys: []scanKey{}, Findings: []scanFinding{}, Unknown: []scanOpen{},
			Consider: []scanConsider{}}
		if row.Detailed {
			u.Admin = &row.AdminWhy
		}
		if row.Care.State != scan.CareUnasked {
			u.Care = &row.Care.State
		}
		for _, k := range row.Keys {
			u.Keys = append(u.Keys, scanKey{k.ID, k.Status, stamp(k.Created), days(k.Age(r.At)), stamp(k.Used.At), k.UsedKnown,
				k.Used.Service, k.Used.Region, k.Stack.String(), k.StackName, row.About("overdue", k).String()})
		}
		for _, f := range row.Findings {
			u.Findings = append(u.Findings, scanFinding{f.Rule.ID, f.KeyID, f.Evidence})
		}
		for _, f := range row.Open {
			u.Unknown = append(u.Unknown, scanOpen{f.Rule.ID, f.KeyID})
		}
		for _, c := range row.Consider {
			u.Consider = append(u.Consider, scanConsider{c.Advice.ID, c.Advice.Instead, c.Evidence})
		}
		out.Users = append(out.Users, u)
	}
	return out
}

// knownUsers is how many IAM users there are; the root user is none.
func knownUsers(r scan.Result) (n int) {
	for _, row := range r.Rows {
		if !row.Root {
			n++
		}
	}
	return n
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// scheduleText is how often a user's key is replaced.
func scheduleText(c scan.Care) string {
	s := c.Schedule
	switch {
	case c.State != scan.InCare:
		return ""
	case s.Cron != "":
		return s.Cron
	}
	return rotation.Duration(s.RotateEvery)
}

// csvHeader are the columns of `scan --csv`.
var csvHeader = []string{"account", "user", "path", "user_created", "console", "administrator", "care", "care_why", "schedule", "key_id", "status",
	"created", "age_days", "last_used", "last_used_known", "service", "region", "stack", "stack_name", "overdue", "findings", "unknown", "consider"}

// scanCSV prints one line for each key, and one for a user without a key.
func (p *printer) scanCSV(r scan.Result, rows []scan.Row) error {
	p.clearProgress()
	w := csv.NewWriter(p.out)
	write := func(fields []string) {
		for i := range fields {
			fields[i] = inert(seen(fields[i]))
		}
		_ = w.Write(fields) // kept until Error
	}
	write(append([]string{}, csvHeader...))
	for _, row := range rows {
		admin := "unknown"
		if row.Detailed || row.Root {
			admin = row.AdminWhy
		}
		user := []string{r.Account, row.Name, row.Path, text(stamp(row.Created)), row.Console.String(), admin, string(row.Care.State), row.Care.Why,
			scheduleText(row.Care)}
		keys := row.Keys
		if len(keys) == 0 {
			keys = []scan.Key{{}}
		}
		for i, k := range keys {
			fields := make([]string, 10)
			switch {
			case k.Status != "":
				fields = []string{k.ID, string(k.Status), text(stamp(k.Created)), strconv.Itoa(days(k.Age(r.At))), text(stamp(k.Used.At)),
					strconv.FormatBool(k.UsedKnown), k.Used.Service, k.Used.Region, k.Stack.String(), k.StackName}
			case !row.Listed:
				fields[1] = "unknown"
			}
			overdue := ""
			if k.Status != "" {
				overdue = row.About("overdue", k).String()
			}
			var consider []string
			for _, c := range row.Consider {
				consider = append(consider, fmt.Sprintf("%s: %s", c.Advice.Instead, c.Evidence))
			}
			write(append(append(append([]string{}, user...), fields...), overdue, strings.Join(row.IDs(row.Findings, k, i == 0), " "),
				strings.Join(row.IDs(row.Open, k, i == 0), " "), strings.Join(consider, "; ")))
		}
	}
	w.Flush()
	return w.Error()
}

// inert keeps a spreadsheet from taking a field for a formula: names and tags are written by others.
func inert(s string) string {
	if s != "" && strings.ContainsAny(firstRune(s), "=+-@\t\r\n＝＋－＠") {
		return "'" + s
	}
	return s
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
