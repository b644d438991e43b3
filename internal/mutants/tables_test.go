package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whether a mutant is noticed takes a run of this command to see (make mutants). That none is missing, and that each still fits
// the code, is seen at once.

const root = "../.."

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMutantsFit: each text stands in its file exactly once, each test exists, and no name or table is lost.
func TestMutantsFit(t *testing.T) {
	names, source, same := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, m := range slices.Concat(tables...) {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		code := read(t, m.file)
		change := m.test + m.file + strings.Replace(code, m.old, m.new, 1)
		if same[change] != "" {
			t.Errorf("%q and %q are the same change", m.name, same[change])
		}
		same[change] = m.name
		if n := strings.Count(code, m.old); n != 1 || m.old == m.new {
			t.Errorf("%q: the text occurs %d times in %s, and must exactly once:\n%s", m.name, n, m.file, m.old)
		}
		if source[m.pkg] == "" {
			source[m.pkg] = tests(t, m.pkg)
		}
		if top, _, _ := strings.Cut(m.test, "/"); !strings.Contains(source[m.pkg], "func "+top+"(t *testing.T)") {
			t.Errorf("%q: there is no test %s in %s", m.name, top, m.pkg)
		}
	}
	own, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	main := read(t, "internal/mutants/main.go")
	for _, file := range own {
		for _, table := range regexp.MustCompile(`var (\w+) = \[\]mutant\{`).FindAllStringSubmatch(read(t, "internal/mutants/"+file), -1) {
			if !regexp.MustCompile(`(?s)var tables = .*\b` + table[1] + `\b.*?\n\n`).MatchString(main) {
				t.Errorf("the table %s of %s is not in the list of tables", table[1], file)
			}
		}
	}
}

// tests is the source of a package's tests.
func tests(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests: %v", pkg, err)
	}
	var b strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// TestMutantsAreComplete: every check of the decision, every row, every trace, every rule of a run and every scripted violator of
// the simulator's rules has a mutant that it notices.
func TestMutantsAreComplete(t *testing.T) {
	all := slices.Concat(tables...)
	noticed := func(test string) bool {
		return slices.ContainsFunc(all, func(m mutant) bool { return m.test == test || strings.HasPrefix(m.test, test+"/") })
	}
	each := func(what, file, pattern string, least int, test func(string) string) {
		t.Helper()
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(file, -1)
		if len(found) < least {
			t.Errorf("%d %s were found, and there are %d at least", len(found), what, least)
		}
		for _, f := range found {
			if name := test(f[1]); !noticed(name) {
				t.Errorf("no mutant is to be noticed by %s", name)
			}
		}
	}
	itself := func(name string) string { return name }
	under := func(test string) func(string) string {
		return func(name string) string { return test + "/" + strings.ReplaceAll(name, " ", "_") }
	}
	simulated := tests(t, "internal/simulation")
	each("rows", simulated, `func (TestRow\w+)\(t`, 13, itself)
	each("traces", simulated, `func (TestTrace\d\d\w+)\(t`, 28, itself)
	each("rules of a run", simulated, `func (TestRule\w+)\(t`, 9, itself)
	each("cases", read(t, "internal/rotation/checks_test.go"), `(?m)^\t\t\{"([^"]+)", func\(\w+ \*Observation, \w+ \*State\)`, 20, func(name string) string {
		if test := under("TestClasses")(name); noticed(test) {
			return test
		}
		return under("TestChecks")(name)
	})
	each("violators", read(t, "internal/awssim/rules_test.go"), `(?m)^\t\t\{"([^"]+)", awssim\.Rule`, 30, under("TestViolators"))

	for i := range 28 {
		if trace := fmt.Sprintf("TestTrace%02d", i+1); !slices.ContainsFunc(all, func(m mutant) bool { return strings.HasPrefix(m.test, trace) }) {
			t.Errorf("no mutant is to be noticed by %s", trace)
		}
	}
	checks := regexp.MustCompile(`(?m)^\t\{"([^"]+)", \(\*planner\)\.check`).FindAllStringSubmatch(read(t, planFile), -1)
	if len(checks) < 21 {
		t.Errorf("%d checks were found", len(checks))
	}
	for _, c := range checks {
		if !slices.ContainsFunc(all, func(m mutant) bool { return m.name == "check left out: "+c[1] }) {
			t.Errorf("no mutant leaves out the check %q", c[1])
		}
	}
}
