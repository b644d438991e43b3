package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
)

// printer writes results to stdout and everything else to stderr, each as far as its reader can take it: styles go to terminals
// only, and are taken off when NO_COLOR asks for that.
type printer struct {
	out, err io.Writer
	tty      bool // stdout is a terminal: tables
	width    int  // of the terminal
	errTTY   bool // stderr is a terminal: progress
	progress bool // a progress line stands on stderr
}

func newPrinter(stdout, stderr io.Writer) *printer {
	p := &printer{out: colorprofile.NewWriter(stdout, os.Environ()), err: colorprofile.NewWriter(stderr, os.Environ()), width: 80}
	if f, ok := stdout.(*os.File); ok && term.IsTerminal(f.Fd()) {
		p.tty = true
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			p.width = w
		}
	}
	if f, ok := stderr.(*os.File); ok {
		p.errTTY = term.IsTerminal(f.Fd())
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			p.width = w
		}
	}
	return p
}

// The styles are of the terminal's own 16 colours, so that they suit its background.
var (
	bold   = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	cyan   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

// line prints one line of a result.
func (p *printer) line(format string, args ...any) {
	p.clearProgress()
	fmt.Fprintln(p.out, p.fold(fmt.Sprintf(format, args...), p.tty))
}

// note prints one line to stderr.
func (p *printer) note(format string, args ...any) {
	p.clearProgress()
	fmt.Fprintln(p.err, p.fold(fmt.Sprintf(format, args...), p.errTTY))
}

// fold breaks lines that are too long for the terminal between words, and sets what follows in a little. A pipe gets them whole.
func (p *printer) fold(text string, terminal bool) string {
	const indent = "    "
	if !terminal || p.width <= 2*len(indent) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if lipgloss.Width(line) <= p.width {
			continue
		}
		folded := strings.Split(lipgloss.Wrap(line, p.width-len(indent), " "), "\n")
		lines[i] = strings.Join(folded, "\n"+indent)
	}
	return strings.Join(lines, "\n")
}

// warn prints a warning to stderr.
func (p *printer) warn(text string) { p.note("%s %s", yellow.Render("warning:"), oneLine(text)) }

// step shows how far long work is, on a terminal only, and is wiped away by the next line.
func (p *printer) step(format string, args ...any) {
	if !p.errTTY {
		return
	}
	p.progress = true
	fmt.Fprintf(p.err, "\r\x1b[2K%s", faint.Render(fmt.Sprintf(format, args...)))
}

func (p *printer) clearProgress() {
	if p.progress {
		p.progress = false
		fmt.Fprint(p.err, "\r\x1b[2K")
	}
}

// value prints a JSON document: indented, as a whole.
func (p *printer) value(v any) error {
	p.clearProgress()
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// record prints one line of JSON.
func (p *printer) record(v any) error {
	p.clearProgress()
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// oneLine folds whatever an error text holds into one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
