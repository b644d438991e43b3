package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// replace puts what was measured into the results of an earlier run, in place of the same figures there, and says so beside the machine.
// A figure that is not among them is an error: then all have to be measured.
func (b *bench) replace(results string, figures []string, m machine) (string, error) {
	lines := strings.Split(results, "\n")
	put := func(start, line string) bool {
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, start) })
		if at >= 0 {
			lines[at] = line
		}
		return at >= 0
	}
	for _, r := range b.rows {
		if !put("| "+r.what+" |", r.line()) {
			return "", fmt.Errorf("the results have no figure %q to replace: measure all of them", r.what)
		}
		if r.note != "" {
			put("- **"+r.what+".** ", r.how())
		}
	}
	for _, x := range b.proofs {
		put("| "+x.what+" |", x.line())
	}
	for _, f := range figures {
		line := fmt.Sprintf("| `-only %s` again | %s, load before %s, %s |", f, time.Now().UTC().Format("2006-01-02"), m.load, m.kernel)
		if start := "| `-only " + f + "` again |"; !put(start, line) {
			last := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| load before |") })
			lines = slices.Insert(lines, last+1, line)
		}
	}
	return strings.Join(lines, "\n"), nil
}

// line is a row of the results' table.
func (r row) line() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", r.what, r.measured, r.bound, r.verdict, r.beside)
}

// how is how it was measured.
func (r row) how() string { return fmt.Sprintf("- **%s.** %s", r.what, r.note) }

// line is a row of the table of checks.
func (x proof) line() string {
	return fmt.Sprintf("| %s | %s | %s |", x.what, map[bool]string{true: "proved", false: "NOT PROVED"}[x.ok], x.detail)
}
