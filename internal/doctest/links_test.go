package doctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} (.+)$`)
	code    = regexp.MustCompile("`([^`]+)`")
)

// TestLinks follows every link between files of the repository, to the heading if it names one.
func TestLinks(t *testing.T) {
	more := []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	all := pages(t)
	for _, path := range more {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{path: path, text: string(text)})
	}
	linked := map[string]bool{}
	for _, p := range all {
		for n, line := range p.prose() {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				file, anchor, _ := strings.Cut(m[1], "#")
				target := p.path
				if file != "" {
					target = filepath.ToSlash(filepath.Join(filepath.Dir(p.path), file))
				}
				linked[target] = true
				text, err := os.ReadFile(filepath.Join(root, target))
				if info, e := os.Stat(filepath.Join(root, target)); e == nil && info.IsDir() {
					err = nil
				}
				if err != nil {
					t.Errorf("%s:%d: the link %s leads nowhere", p.path, n+1, m[1])
				} else if anchor != "" && !anchors(string(text))[anchor] {
					t.Errorf("%s:%d: %s has no heading #%s", p.path, n+1, target, anchor)
				}
			}
		}
	}
	for _, p := range all {
		if !linked[p.path] && p.path != "README.md" {
			t.Errorf("no page has a link to %s", p.path)
		}
	}
}

// anchors are the headings as GitHub names them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, line := range (page{text: text}).prose() {
		if m := heading.FindStringSubmatch(line); m != nil {
			out[strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}, m[1])] = true
		}
	}
	return out
}

// TestCommandsAreReal: a command that is named in running text exists, with the flags that it is named with.
func TestCommandsAreReal(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "keyturn")
	build := exec.Command("go", "build", "-o", bin, "./cmd/keyturn")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building keyturn: %v\n%s", err, out)
	}
	help := map[string]string{} // by command
	of := func(words []string) string {
		key := strings.Join(words, " ")
		if help[key] == "" {
			out, err := exec.Command(bin, append(words, "--help")...).CombinedOutput()
			if help[key] = string(out); err != nil {
				help[key] = "none"
			}
		}
		return help[key]
	}
	named := 0
	for _, p := range pages(t) {
		for n, line := range p.prose() {
			for _, m := range code.FindAllStringSubmatch(line, -1) {
				words := strings.Fields(m[1])
				if len(words) < 2 || words[0] != "keyturn" {
					continue
				}
				named++
				var command, flags []string
				for _, w := range words[1:] {
					if strings.HasPrefix(w, "-") {
						flags = append(flags, w)
					} else if len(flags) == 0 && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") == "" {
						command = append(command, w)
					}
				}
				text := of(command)
				if !strings.Contains(text, "keyturn "+strings.Join(command, " ")) {
					t.Errorf("%s:%d: there is no command `keyturn %s`", p.path, n+1, strings.Join(command, " "))
				}
				for _, f := range flags {
					if !strings.Contains(text, f) {
						t.Errorf("%s:%d: `keyturn %s` has no flag %s", p.path, n+1, strings.Join(command, " "), f)
					}
				}
			}
		}
	}
	if named < 10 {
		t.Errorf("only %d commands are named in running text", named)
	}
}

// longest line of a page, so that it can be read as it is.
const longest = 140

// TestLines: no long lines, but where a table's row cannot be broken; and nothing at the end of a line.
func TestLines(t *testing.T) {
	for _, p := range pages(t) {
		for n, line := range strings.Split(p.text, "\n") {
			if utf8.RuneCountInString(line) > longest && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d: a line of %d characters; break it at %d", p.path, n+1, utf8.RuneCountInString(line), longest)
			}
			if strings.TrimRight(line, " \t") != line {
				t.Errorf("%s:%d: white space at the end of the line", p.path, n+1)
			}
		}
	}
}
