// Command mutants proves that the tests notice. It switches off every rule and every safety check in turn, one small change of
// the code each, and runs the test that bears the rule's name: that test must fail. A mutant that survives, a text that is not
// found in its file exactly once, or a mutant that does not compile or whose test never ends fails the run.
//
// The code itself is never touched: each mutant is compiled from an overlay (go help build, -overlay). The tables stand one per
// package, beside this file.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// mutant is one change that a test must notice.
type mutant struct {
	name string // the rule that is switched off, in words
	file string // from the module's root
	old  string // must occur exactly once in the file
	new  string
	pkg  string // package of the test, from the module's root
	test string // the test that must fail, with its subtest: TestX/y
}

var tables = [][]mutant{checkMutants, classMutants, planMutants, retireMutants, freezeMutants, recordMutants, rowMutants, traceMutants,
	conditionMutants, keepingMutants, runMutants, adapterMutants, ruleMutants, simulatorMutants, careMutants,
	storeMutants, sensitiveMutants, callerMutants, frameMutants, credentialMutants}

func main() {
	only := flag.String("run", "", "only mutants whose name matches this regular expression")
	jobs := flag.Int("j", runtime.GOMAXPROCS(0), "mutants tried at once")
	verbose := flag.Bool("v", false, "print the output of every test that failed, as it should")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutants: -run: %v\n", err)
		os.Exit(2)
	}
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutants: %v\n", err)
		os.Exit(1)
	}
	var chosen []mutant
	for _, m := range slices.Concat(tables...) {
		if match.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	began := time.Now()
	failed := baseline(root, chosen)
	if failed == 0 {
		failed = tryAll(root, chosen, *jobs, *verbose)
	}
	fmt.Printf("%d mutants, %d wrong, %s\n", len(chosen), failed, time.Since(began).Round(time.Second))
	if failed > 0 || len(chosen) == 0 {
		os.Exit(1)
	}
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module's root with go list -m: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// baseline runs the tests as they are: a test that fails anyway proves nothing.
func baseline(root string, chosen []mutant) (failed int) {
	tests := map[string][]string{}
	for _, m := range chosen {
		top, _, _ := strings.Cut(m.test, "/")
		if !slices.Contains(tests[m.pkg], top) {
			tests[m.pkg] = append(tests[m.pkg], top)
		}
	}
	for pkg, names := range tests {
		out, err := goTest(root, pkg, "^("+strings.Join(names, "|")+")$", "", 30*time.Minute) // many tests at once
		if err != nil {
			failed++
			fmt.Printf("FAILS ANYWAY %s\n%s\n", pkg, out)
		}
	}
	return failed
}

func goTest(root, pkg, run, overlay string, atMost time.Duration) ([]byte, error) {
	args := []string{"test", "-vet=off", "-count=1", "-timeout=" + atMost.String(), "-run", run}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(args, "./"+pkg)
	if drawsCases(root, pkg) {
		args = append(args, "-args", "-rapid.nofailfile") // what fails here is no case to keep
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	return cmd.CombinedOutput()
}

// drawsCases reports whether a package has property tests, which would write the cases that fail beside the code.
func drawsCases(root, pkg string) bool {
	files, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, _ := os.ReadFile(file)
		return bytes.Contains(text, []byte(`"pgregory.net/rapid"`))
	})
}

func tryAll(root string, chosen []mutant, jobs int, verbose bool) (failed int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, jobs))
	for _, m := range chosen {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			verdict, out := try(root, m)
			mu.Lock()
			defer mu.Unlock()
			if verdict != killed {
				failed++
				fmt.Printf("%s %q (%s): %s\n%s\n", verdict, m.name, m.file, m.test, out)
				return
			}
			fmt.Printf("%s %s: %s\n", verdict, m.name, m.test)
			if verbose {
				fmt.Printf("%s\n", out)
			}
		})
	}
	wg.Wait()
	return failed
}

// The verdicts on a mutant.
const (
	killed     = "noticed   "
	survived   = "SURVIVED  "
	notFound   = "NOT FOUND "
	notRunning = "NOT TESTED"
)

func try(root string, m mutant) (verdict string, out []byte) {
	path := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return notFound, []byte(err.Error())
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return notFound, fmt.Appendf(nil, "the text occurs %d times, and must exactly once:\n%s", n, m.old)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return notRunning, []byte(err.Error())
	}
	defer func() { _ = os.RemoveAll(dir) }()
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err == nil {
		err = os.WriteFile(changed, bytes.Replace(text, []byte(m.old), []byte(m.new), 1), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		return notRunning, []byte(err.Error())
	}
	out, err = goTest(root, m.pkg, "^"+strings.ReplaceAll(regexp.QuoteMeta(m.test), "/", "$/^")+"$", overlay, 5*time.Minute)
	switch {
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return notRunning, out
	case err == nil:
		return survived, out
	case bytes.Contains(out, []byte("panic: test timed out")): // no test's verdict: the machine may be busy
		return notRunning, out
	case !bytes.Contains(out, []byte("--- FAIL: "+m.test)) && !bytes.Contains(out, []byte("panic: ")):
		return notRunning, out
	}
	return killed, out
}
