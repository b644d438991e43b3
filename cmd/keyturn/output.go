package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

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
	sink     sink
}

// sink remembers that a result could not be written, so that nobody takes half a file for a whole one.
type sink struct {
	io.Writer
	err error
}

// Write passes on, and keeps the first error.
func (s *sink) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

func newPrinter(stdout, stderr io.Writer) *printer {
	out := colorprofile.NewWriter(stdout, os.Environ()) // asks what stdout is
	p := &printer{sink: sink{Writer: stdout}, out: out, err: colorprofile.NewWriter(stderr, os.Environ()), width: 80}
	out.Forward = &p.sink
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
	fmt.Fprintln(p.out, p.fold(harmless(fmt.Sprintf(format, args...)), p.tty))
}

// note prints one line to stderr.
func (p *printer) note(format string, args ...any) {
	p.clearProgress()
	fmt.Fprintln(p.err, p.fold(harmless(fmt.Sprintf(format, args...)), p.errTTY))
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

// ask prints a question, without a line's end, where a person sees it: on stderr, or on the terminal itself when stderr goes elsewhere.
func (p *printer) ask(question string) {
	p.clearProgress()
	question = seen(question)
	if p.errTTY {
		fmt.Fprint(p.err, bold.Render(question))
		return
	}
	fmt.Fprintln(p.err, question)
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		fmt.Fprint(tty, question)
		_ = tty.Close()
	}
}

// warn prints a warning to stderr.
func (p *printer) warn(text string) { p.note("%s %s", yellow.Render("warning:"), oneLine(text)) }

// step shows how far long work is, on a terminal only, and is wiped away by the next line.
func (p *printer) step(format string, args ...any) {
	if !p.errTTY {
		return
	}
	p.progress = true
	text := faint.MaxWidth(max(1, p.width-1)).Inline(true).Render(oneLine(fmt.Sprintf(format, args...))) // or it could not be wiped away
	fmt.Fprintf(p.err, "\r\x1b[2K%s", text)
}

func (p *printer) clearProgress() {
	if p.progress {
		p.progress = false
		fmt.Fprint(p.err, "\r\x1b[2K")
	}
}

// value prints a JSON document: indented, as a whole.
func (p *printer) value(v any) error { return p.json(v, "  ") }

// record prints one line of JSON.
func (p *printer) record(v any) error { return p.json(v, "") }

func (p *printer) json(v any, indent string) error {
	p.clearProgress()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := p.out.Write(spelled(b.Bytes()))
	return err
}

// spelled writes out by number what a terminal would obey and JSON allows as it is. All of it stands within texts.
func spelled(text []byte) []byte {
	obeyed := func(r rune) bool { return r >= 0x7f && !unicode.IsGraphic(r) }
	if bytes.IndexFunc(text, obeyed) < 0 {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		if !obeyed(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, "\\u%04x", unit)
		}
	}
	return out
}

// outliveReader is for commands that change keys: when whoever reads their output goes away (`| head`), writing fails from then on,
// and the steps under way are taken to their end. SIGPIPE would be one more kill in the middle.
func outliveReader() { signal.Ignore(syscall.SIGPIPE) }

// oneLine folds whatever an error text holds into one line, without what a terminal would obey.
func oneLine(s string) string { return seen(strings.Join(strings.Fields(s), " ")) }

// seen replaces what cannot be seen: control characters, and those that turn the direction of a text.
func seen(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) || r == '\n' || r == '\t' {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// flat is seen for a field, in which a line's end or a tab would begin another line or field.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, seen(s))
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// harmless leaves a text its styles and nothing else that a terminal would obey: names, tags and answers come from elsewhere, and
// whoever writes them must not steer the terminal of the person who reads them.
func harmless(s string) string {
	var b strings.Builder
	for s != "" {
		at := sgr.FindStringIndex(s)
		if at == nil {
			at = []int{len(s), len(s)}
		}
		b.WriteString(seen(s[:at[0]]) + s[at[0]:at[1]])
		s = s[at[1]:]
	}
	return b.String()
}
