package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Candidate is an IAM user as discovery found it.
type Candidate struct {
	Name     string
	Path     string // with both slashes, "/" at least
	UserID   string // IAM's unique id, AIDA…
	Tags     map[string]string
	Admin    bool   // has administrator rights
	AdminWhy string // by what, for people: "the policy AdministratorAccess"
}

// Selected is a user in care.
type Selected struct {
	Candidate
	Schedule rotation.Schedule // the default one, or the one that the user's tag names
}

// Refusal says why a user that include names is not in care.
type Refusal string

// The refusals, in the order in which they are looked for.
const (
	RefusedExcluded      Refusal = "excluded"         // an entry of users.exclude matches
	RefusedOptedOut      Refusal = "opted-out"        // the user's tag keyturn:managed is "false"
	RefusedAdministrator Refusal = "administrator"    // administrator rights, and not named in administrators
	RefusedSchedule      Refusal = "unknown-schedule" // the user's tag names no schedule of ours: left as it is, not let go
)

// Refused is a user that include names and that is not in care all the same.
type Refused struct {
	Candidate
	Reason Refusal
	Why    string // one sentence, beginning with the user's name
}

// Selection is who is in care, and why others are not. Users that no entry of include matches are in neither list.
type Selection struct {
	Users   []Selected // by name
	Refused []Refused  // by name
	// Idle are sentences about entries of include and administrators that matched nobody: most likely typing errors.
	Idle []string
}

// Err is nil when somebody was selected; otherwise it says that nobody was, and by which entries.
func (s Selection) Err(c *Config) error {
	if len(s.Users) > 0 {
		return nil
	}
	why := ""
	if n := len(s.Refused); n == 1 {
		why = "; 1 was refused: " + s.Refused[0].Why
	} else if n > 1 {
		why = fmt.Sprintf("; %d were refused, the first because %s", n, s.Refused[0].Why)
	}
	return c.fail("users.include", "users would select nobody; include: %v%s", written(c.Users.Include), why)
}

// Select picks the users in care out of all users of the account. The configuration must be valid.
func Select(c *Config, all []Candidate) Selection {
	var out Selection
	schedules := map[string]rotation.Schedule{}
	for _, name := range append(c.sortedSchedules(), "") {
		if s, err := c.RotationSchedule(name); err == nil {
			schedules[name] = s
		}
	}
	used := make([]bool, len(c.Users.Include))
	named := map[string]bool{}
	for _, u := range all {
		named[strings.ToLower(u.Name)] = true
		in := false
		for i, m := range c.Users.Include {
			if m.matches(u) {
				in, used[i] = true, true
			}
		}
		if !in {
			continue
		}
		if reason, why := c.refuse(u); reason != "" {
			out.Refused = append(out.Refused, Refused{u, reason, why})
			continue
		}
		schedule, _ := UserTag(u.Tags, c.TagPrefix+"schedule")
		out.Users = append(out.Users, Selected{u, schedules[schedule]})
	}
	slices.SortFunc(out.Users, func(a, b Selected) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Refused, func(a, b Refused) int { return cmp.Compare(a.Name, b.Name) })
	for i, m := range c.Users.Include {
		if !used[i] {
			out.Idle = append(out.Idle, fmt.Sprintf("users.include: %v matches no user of this account", m))
		}
	}
	out.Idle = append(out.Idle, c.idleMatches(out.Users)...)
	for _, a := range c.Administrators {
		if !named[strings.ToLower(a)] {
			out.Idle = append(out.Idle, fmt.Sprintf("administrators: there is no user %q in this account", a))
		}
	}
	return out
}

// idleMatches are sentences about entries of windows, freezes and canary that match nobody in care.
func (c *Config) idleMatches(in []Selected) (out []string) {
	say := func(path string, all []Match) {
		for _, m := range all {
			if !slices.ContainsFunc(in, func(u Selected) bool { return m.matches(u.Candidate) }) {
				out = append(out, fmt.Sprintf("%s: %v matches no user in care", path, m))
			}
		}
	}
	for i, w := range c.Windows {
		say(fmt.Sprintf("windows[%d].users", i), w.Users)
	}
	for i, f := range c.Freezes {
		say(fmt.Sprintf("freezes[%d].users", i), f.Users)
	}
	say("canary.users", c.Canary.Users)
	return out
}

// refuse gives the first reason why a user that include names is not in care; "" when there is none.
func (c *Config) refuse(u Candidate) (Refusal, string) {
	for _, m := range c.Users.Exclude {
		if m.excludes(u) {
			return RefusedExcluded, fmt.Sprintf("%s is excluded by %v in users.exclude", u.Name, m)
		}
	}
	tag := c.TagPrefix + "managed"
	if v, _ := UserTag(u.Tags, tag); strings.EqualFold(strings.TrimSpace(v), "false") {
		return RefusedOptedOut, fmt.Sprintf("%s has the IAM tag %s=%s, which opts it out", u.Name, tag, v)
	}
	if u.Admin && !slices.ContainsFunc(c.Administrators, func(a string) bool { return strings.EqualFold(a, u.Name) }) {
		why := u.AdminWhy
		if why == "" {
			why = "its policies"
		}
		return RefusedAdministrator, fmt.Sprintf("%s has administrator rights by %s and is not named in administrators: add it there "+
			"if its key is to be rotated", u.Name, why)
	}
	tag = c.TagPrefix + "schedule"
	if name, _ := UserTag(u.Tags, tag); name != "" {
		if _, ok := c.Schedules[name]; !ok {
			return RefusedSchedule, fmt.Sprintf("%s has the IAM tag %s=%s, and there is no such schedule in schedules: %s", u.Name, tag,
				name, c.scheduleNames())
		}
	}
	return "", ""
}

// written shows entries as a list in the file does.
func written(ms []Match) string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
