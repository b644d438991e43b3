// Command bench measures what users of keyturn wait for and pay for: `make bench`, or `go run ./bench` once bin/keyturn is built.
//
// Each figure stands beside its bound, and where there is one beside the naive or competing way, measured in the same run. The
// simulated AWS always runs in a process of its own, and keyturn is the real binary: times are of whole processes. A figure
// counts only while verification, the journal, SigV4 and the safety rules are proved to be at work; see proof.go.
//
// The results go to bench/RESULTS.md with the machine they were measured on, also when a bound is missed. Exit codes: 0 all
// bounds met, 1 a bound was missed, a proof failed or a figure could not be measured. What cannot be run for want of a tool is
// said loudly, and fails when CI=true.
//
// The bounds of the figure api are for two cores that answer some 50,000 requests a second with the bare handler. On slower ones
// `-only api -scale 0.35` measures the same with that share of the users and of the requests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// roles are the other processes of a benchmark: this program again, with the role's name and its JSON as arguments.
var roles = map[string]func(ctx context.Context, arg string) error{
	"simulator": simulator,
	"plain":     plain,
	"serial":    serial,
	"lookers":   lookers,
	"lives":     lives,

	"barehandler": barehandler,
	"steady":      steady,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	if len(os.Args) == 3 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](ctx, os.Args[2]); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
			return 1
		}
		return 0
	}
	binary := flag.String("keyturn", "bin/keyturn", "the keyturn binary to measure")
	out := flag.String("out", "bench/RESULTS.md", "where the results go; not written with -only, unless -replace is given as well")
	replace := flag.Bool("replace", false, "with -only: put these figures into the results in place of those that stand there")
	only := flag.String("only", "", "figures to measure, separated by commas: "+names()+"; empty: all")
	flag.DurationVar(&apiWatch, "watch", apiWatch, "for how long the figure api watches latency and memory")
	flag.DurationVar(&apiOnboard, "onboard", apiOnboard, "within what time the figure api takes its users into care")
	scale := flag.Float64("scale", 1, "measure the figure api with this share of the users, of the requests a second and of their bound, "+
		"for a slower machine; its results are only printed")
	flag.Parse()
	if !(*scale >= 0.01 && *scale <= 1) || *scale < 1 && (*only != "api" || *replace) {
		fmt.Fprintln(os.Stderr, "bench: -scale is from 0.01 to 1, and goes with -only api and without -replace")
		return 1
	}
	scaleAPI(*scale)

	b, err := newBench(*binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(b.dir)
	before := describe()
	for _, f := range figures {
		if *only != "" && !strings.Contains(","+*only+",", ","+f.name+",") {
			continue
		}
		b.say("%s: %s …", f.name, f.title)
		rows, err := f.measure(ctx, b)
		if err != nil {
			rows = append(rows, row{what: f.title, measured: "could not be measured: " + err.Error(), verdict: missed})
		}
		for _, r := range rows {
			b.rows = append(b.rows, r)
			b.say("  %-7s %s: %s (bound: %s)", r.verdict, r.what, r.measured, r.bound)
			if r.beside+r.note != "" {
				b.say("          beside: %s; %s", r.beside, r.note)
			}
		}
	}
	if *only != "" && *replace {
		had, err := os.ReadFile(*out)
		text := ""
		if err == nil {
			text, err = b.replace(string(had), strings.Split(*only, ","), before)
		}
		if err == nil {
			err = os.WriteFile(*out, []byte(text), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
			return 1
		}
		b.say("the figures are in %s", *out)
	}
	if *only == "" {
		if err := os.WriteFile(*out, []byte(b.report(before)), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing the results:", err)
			return 1
		}
		b.say("results are in %s", *out)
	}
	return b.exit()
}

// newBench finds the binaries and makes a folder for databases and configurations.
func newBench(binary string) (*bench, error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w; build it first with `make build`, or name another with -keyturn", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, which is also its own simulator: %w", err)
	}
	dir, err := os.MkdirTemp("", "keyturn-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{binary: path, self: self, dir: dir}, nil
}
