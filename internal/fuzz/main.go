// Command fuzz runs every fuzz target of the module: `make fuzz`. There are so many that one after the other would take minutes even
// with ten seconds each, so as many run side by side as there are cores, each with one worker.
//
// An input that fails is kept in the package's testdata/fuzz, where `go test` plays it from then on; what was learnt on the way stays in
// Go's cache. Exit codes: 0 all held, 1 one failed or could not be run.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// target is one fuzz function, in a test binary that was built for fuzzing.
type target struct{ name, pkg, dir, binary string }

func main() {
	each := flag.Duration("time", 10*time.Second, "how long to fuzz each target")
	only := flag.String("only", "", "expression for the targets, as PACKAGE/NAME; empty: all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration, only string) error {
	want, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "keyturn-fuzz-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	targets, err := find(ctx, tmp, want)
	if err != nil {
		return err
	}
	cache, err := output(ctx, "", "go", "env", "GOCACHE")
	if err != nil {
		return err
	}
	side := min(runtime.NumCPU(), len(targets))
	fmt.Printf("%d fuzz targets, %s each, %d side by side\n", len(targets), each, side)
	todo := make(chan target)
	failed := make([][]string, side)
	var all sync.WaitGroup
	for n := range side {
		all.Go(func() {
			for t := range todo {
				said, err := t.fuzz(ctx, each, filepath.Join(strings.TrimSpace(cache), "fuzz", t.pkg))
				if err != nil {
					failed[n] = append(failed[n], t.pkg+" "+t.name)
					fmt.Printf("FAILED %s %s: %v\n%s\n", t.pkg, t.name, err, said)
					continue
				}
				fmt.Printf("held   %s %s: %s\n", t.pkg, t.name, tries(said))
			}
		})
	}
	for _, t := range targets {
		if ctx.Err() == nil {
			todo <- t
		}
	}
	close(todo)
	all.Wait()
	if bad := len(flat(failed)); bad > 0 {
		return fmt.Errorf("%d of %d targets failed: %s", bad, len(targets), strings.Join(flat(failed), ", "))
	}
	return ctx.Err()
}

var function = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find builds the test binaries of the packages that have targets.
func find(ctx context.Context, tmp string, want *regexp.Regexp) (out []target, err error) {
	listed, err := output(ctx, "", "go", "list", "-f", "{{.ImportPath}} {{.Dir}}", "./...")
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, listed)
	}
	for line := range strings.Lines(listed) {
		pkg, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			return nil, err
		}
		t := target{pkg: pkg, dir: dir, binary: filepath.Join(tmp, strings.ReplaceAll(pkg, "/", "_"))}
		before := len(out)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			for _, m := range function.FindAllSubmatch(text, -1) {
				if t.name = string(m[1]); want.MatchString(pkg + "/" + t.name) {
					out = append(out, t)
				}
			}
		}
		if len(out) == before {
			continue
		}
		if said, err := output(ctx, "", "go", "test", "-c", "-fuzz=.", "-o", t.binary, pkg); err != nil {
			return nil, fmt.Errorf("building the tests of %s: %w: %s", pkg, err, said)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no fuzz target like %q", want)
	}
	return out, nil
}

// fuzz runs one target for as long as each, counted from when it has played what is known. It is ended by an interrupt, as a person would:
// with -test.fuzztime and a duration, go1.26 now and then fails a target that found nothing, saying "context deadline exceeded"
// (golang/go issue 75804); for an interrupt it looks once more whether that was the reason.
func (t target) fuzz(ctx context.Context, each time.Duration, learnt string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, each+10*time.Minute) // for an input that never ends; known ones are played first
	defer stop()
	cmd := exec.CommandContext(ctx, t.binary, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.parallel=1", "-test.fuzzminimizetime=1s", "-test.fuzzcachedir="+learnt)
	said := &begun{sees: func() { time.AfterFunc(each, func() { _ = cmd.Process.Signal(os.Interrupt) }) }} // fails when it has ended
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, said, said
	err := cmd.Run()
	if err == nil && !said.seen {
		err = errors.New("it ended before it tried anything new")
	}
	return said.all.String(), err
}

// begun keeps what a target says, and calls sees once, when fuzzing has begun.
type begun struct {
	all  bytes.Buffer
	seen bool
	sees func()
}

func (b *begun) Write(p []byte) (int, error) {
	n, err := b.all.Write(p)
	if !b.seen && bytes.Contains(b.all.Bytes(), []byte("now fuzzing with")) {
		b.seen = true
		b.sees()
	}
	return n, err
}

// tries is the last count of what a target tried.
func tries(said string) string {
	found := regexp.MustCompile(`execs: (\d+)`).FindAllStringSubmatch(said, -1)
	if len(found) == 0 {
		return "nothing was tried"
	}
	return found[len(found)-1][1] + " inputs"
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	err := cmd.Run()
	return said.String(), err
}

func flat(all [][]string) (out []string) {
	for _, some := range all {
		out = append(out, some...)
	}
	return out
}
