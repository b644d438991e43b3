// Package doctest holds the documentation to the program (tests only). Every ```console block of README.md and docs/ is run
// against a simulated AWS and compared, generated tables are made anew and compared, examples are loaded, links are followed.
//
// How a page is read, from top to bottom:
//
//   - ```console: a line that begins with "$ " is a command (a backslash at its end continues it), the lines below it are what it
//     prints on stdout and stderr. "…" within a line stands for any text, a line of its own for any lines; how many spaces there
//     are does not count. A command ends with exit code 0, unless the next one is "echo $?".
//   - a block whose first line is a comment with a file name, such as "# keyturn.yaml", is that file for the commands below it.
//     Other ```yaml blocks are parts of a keyturn.yaml, and must be valid in one.
//   - ```sh is what cannot be run here: notRun lists all of it, with the reason.
//   - <!-- aws: user ci-deploy; clock 10m --> is what other people do in AWS before the next block; see act. "new" begins anew.
//   - what stands between <!-- generated: NAME --> and <!-- end --> is made by generated_test.go; -args -update writes it.
package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's folder.
const root = "../.."

// page is one Markdown file.
type page struct {
	path  string // from the root
	text  string
	items []item
}

// item is a fenced block, or acts in AWS.
type item struct {
	line int    // of its first line in the page
	lang string // of the fence; "aws" for acts
	text string
}

// pages reads README.md and docs/*.md.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) < 6 {
		t.Fatalf("only %d pages in docs: %v", len(paths), err)
	}
	var out []page
	for _, path := range append([]string{filepath.Join(root, "README.md")}, paths...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		p := page{path: filepath.ToSlash(name), text: string(text)}
		p.read(t)
		out = append(out, p)
	}
	return out
}

var acts = regexp.MustCompile(`^<!-- aws: (.*) -->$`)

func (p *page) read(t *testing.T) {
	t.Helper()
	var open *item
	for i, line := range strings.Split(p.text, "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch m := acts.FindStringSubmatch(line); {
		case open != nil && fence:
			p.items = append(p.items, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case fence && lang == "":
			t.Errorf("%s:%d: a block says of what kind it is: console, yaml, sh, text, …", p.path, i+1)
			fallthrough
		case fence:
			open = &item{line: i + 2, lang: lang}
		case m != nil:
			p.items = append(p.items, item{line: i + 1, lang: "aws", text: m[1]})
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block is not closed", p.path, open.line)
	}
}

var fileName = regexp.MustCompile(`^# ((?:~/)?[\w./-]+\.(?:yaml|py)|~/\.aws/config)$`)

// file is the name of the file that a block is; "" for the others.
func (i item) file() string {
	first, _, _ := strings.Cut(i.text, "\n")
	if m := fileName.FindStringSubmatch(first); m != nil && i.lang != "console" {
		return strings.TrimPrefix(m[1], "~/")
	}
	return ""
}

// prose is the page without its blocks, line by line; blank where a block was.
func (p page) prose() []string {
	lines := strings.Split(p.text, "\n")
	in := false
	for i, line := range lines {
		fence := strings.HasPrefix(line, "```")
		if in || fence {
			lines[i] = ""
		}
		in = in != fence
	}
	return lines
}
