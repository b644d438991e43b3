package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	binary, self string
	dir          string // for databases and configurations
	rows         []row
	proofs       []proof
	folders      int
}

// figure is something to measure.
type figure struct {
	name, title string
	measure     func(context.Context, *bench) ([]row, error)
}

// figures in the order in which they are measured and reported.
var figures = []figure{
	{"due", "one pass over 100 due users", passOverDue},
	{"idle", "one pass over 1,000 users with nothing due", passOverIdle},
	{"calls", "AWS calls of a key's life", callsOfALife},
	{"rates", "1,000 due users under AWS's request rates", underRates},
	{"simulator", "requests that the simulator answers", simulatorSpeed},
	{"cpu", "CPU of a key's life", cpuOfALife},
	{"serve", "the daemon with 10,000 users", tenThousand},
	{"api", "reads of credentials through the REST API", credentialsAPI},
}

func names() string {
	var out []string
	for _, f := range figures {
		out = append(out, f.name)
	}
	return strings.Join(out, ",")
}

type verdict string

const (
	met    verdict = "met"
	missed verdict = "MISSED"
	notRun verdict = "NOT RUN"
)

// row is one line of the results.
type row struct {
	what, measured, bound string
	verdict               verdict
	beside                string // the naive or competing way, measured in the same run
	note                  string // how it was measured
}

func judge(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// exit is the exit code: a figure that was not run fails where nothing may be left out.
func (b *bench) exit() int {
	code := 0
	for _, r := range b.rows {
		switch {
		case r.verdict == missed:
			b.say("MISSED: %s: %s, and the bound is %s", r.what, r.measured, r.bound)
			code = 1
		case r.verdict == notRun:
			b.say("NOT RUN: %s: %s", r.what, r.measured)
			if os.Getenv("CI") == "true" {
				code = 1
			}
		}
	}
	for _, p := range b.proofs {
		if !p.ok {
			b.say("NOT PROVED: %s: %s", p.what, p.detail)
			code = 1
		}
	}
	return code
}

// median of an odd number of measurements.
func median[T int64 | float64 | time.Duration](all []T) T {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// seconds prints times with their median in front: "1.84 s (1.84, 1.79, 1.90)".
func seconds(all []time.Duration) string {
	var each []string
	for _, d := range all {
		each = append(each, fmt.Sprintf("%.2f", d.Seconds()))
	}
	return fmt.Sprintf("%.2f s (median of %s)", median(all).Seconds(), strings.Join(each, ", "))
}
