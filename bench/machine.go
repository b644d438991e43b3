package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is where the figures were measured.
type machine struct{ cpu, memory, kernel, load, wrk string }

// describe reads what Linux says of itself; elsewhere most of it stays "unknown".
func describe() machine {
	m := machine{
		cpu:    field("/proc/cpuinfo", "model name"),
		memory: field("/proc/meminfo", "MemTotal"),
		kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		load:   strings.SplitN(read("/proc/loadavg"), " ", 2)[0],
		wrk:    "not installed",
	}
	// wrk prints its version and exits 1.
	if out, _ := exec.Command("wrk", "-v").CombinedOutput(); len(out) > 0 {
		m.wrk = strings.Join(strings.Fields(strings.SplitN(string(out), "\n", 2)[0])[:2], " ")
	}
	return m
}

func field(path, name string) string {
	for line := range strings.SplitSeq(read(path), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// report is RESULTS.md.
func (b *bench) report(m machine) string {
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	p("# What keyturn takes\n")
	p("Measured by `make bench` on %s; the program is in this folder. The simulated AWS runs in a process of its own, on the same", time.Now().UTC().Format("2006-01-02"))
	p("machine, and answers at once unless a delay is named; keyturn is the real binary. Where several values are given, the median counts.")
	p("A measurement during which other programs used more than 5 %% of the machine is repeated, as far as that helps.\n")
	p("| figure | measured | bound | | beside it, in the same run |\n|---|---|---|---|---|")
	for _, r := range b.rows {
		p("%s", r.line())
	}
	p("\n## How")
	for _, r := range b.rows {
		if r.note != "" {
			p("%s", r.how())
		}
	}
	p("\n## What was at work meanwhile\nWithout these no figure counts.\n")
	p("| check | | seen |\n|---|---|---|")
	seen := map[proof]bool{}
	for _, x := range b.proofs {
		if !seen[x] {
			p("%s", x.line())
		}
		seen[x] = true
	}
	p("\n## The machine\n| | |\n|---|---|")
	p("| CPU | %s, %d cores |", m.cpu, runtime.NumCPU())
	p("| memory | %s |", m.memory)
	p("| kernel | %s %s/%s |", m.kernel, runtime.GOOS, runtime.GOARCH)
	p("| Go | %s |", runtime.Version())
	p("| wrk | %s |", m.wrk)
	p("| load before | %s |", m.load)
	return s.String()
}
