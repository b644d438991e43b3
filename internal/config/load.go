package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and checks a configuration file. Every error is an [Error].
func Load(path string) (*Config, error) {
	c, _, err := Read(path)
	return c, err
}

// Read is Load that gives the file's text as well.
func Read(path string) (*Config, []byte, error) {
	text, err := read(path, os.O_RDONLY)
	if err != nil {
		return nil, nil, unread(path, err)
	}
	c, err := Parse(path, text)
	return c, text, err
}

// Text gives what a configuration file holds now, for whoever reads it again and again: what is no regular file is refused, as reading a
// pipe may never end. Every error is an [Error].
func Text(path string) ([]byte, error) {
	text, err := read(path, os.O_RDONLY|syscall.O_NONBLOCK) // or opening a pipe would wait for somebody who writes to it
	if err != nil {
		return nil, unread(path, err)
	}
	return text, nil
}

// unread words why a file cannot be read.
func unread(path string, err error) error {
	switch {
	case path == "":
		return &Error{Message: "no configuration file is named: --config is empty"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{File: path, Message: "there is no such file; \"keyturn config example > keyturn.yaml\" writes one to start from"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{File: path, Message: "the file cannot be read: permission denied; let this user read it (chmod, chown)"}
	case errors.Is(err, errNotRegular):
		return &Error{File: path, Message: "this is not a regular file, so it is not read while keyturn runs"}
	}
	if info, e := os.Stat(path); e == nil && info.IsDir() {
		return &Error{File: path, Message: "this is a folder; name the file in it, such as keyturn.yaml"}
	}
	return &Error{File: path, Message: fmt.Sprintf("the file cannot be read: %v", errors.Unwrap(err))}
}

// mostBytes is more than any configuration has: whatever is larger is another file, or a device.
const mostBytes = 1 << 20

var errNotRegular = errors.New("it is not a regular file")

// read reads a file, and of one that is too large only enough to tell.
func read(path string, flags int) ([]byte, error) {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && flags&syscall.O_NONBLOCK != 0 && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, errNotRegular
	}
	return io.ReadAll(io.LimitReader(f, mostBytes+1))
}

// decodable refuses what is no text, and takes off the mark that some editors put before UTF-8.
func decodable(name string, text []byte) ([]byte, error) {
	switch {
	case len(text) > mostBytes:
		return nil, &Error{File: name, Message: "the file is larger than 1 MiB, so it is no configuration of keyturn's"}
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return nil, &Error{File: name, Line: 1, Message: "the file is UTF-16 text: save it as UTF-8"}
	case !utf8.Valid(text):
		at := 0
		for rest := text; len(rest) > 0; rest = text[at:] {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return nil, &Error{File: name, Line: 1 + bytes.Count(text[:at], []byte("\n")),
			Message: "the file is no UTF-8 text from here on: save it as UTF-8, or name another file"}
	case bytes.IndexByte(text, 0) >= 0:
		return nil, &Error{File: name, Line: 1 + bytes.Count(text[:bytes.IndexByte(text, 0)], []byte("\n")),
			Message: "the file has a zero byte here, so it is no text: was it cut off by a full disk?"}
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// mostDepth is far more than any configuration nests. The parser's memory grows with the square of it.
const mostDepth = 100

// tooDeep gives the line in which brackets nest too deeply, 0 when they do not. Brackets in texts and comments count too, which no
// sensible file has so many of without their closing ones.
func tooDeep(text []byte) (line int) {
	line = 1
	depth := 0
	for _, b := range text {
		switch b {
		case '\n':
			line++
		case '[', '{':
			if depth++; depth > mostDepth {
				return line
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return 0
}

// Parse checks the text of a configuration file; the name is what errors call it, and where relative paths start.
func Parse(name string, text []byte) (*Config, error) {
	c := Default()
	c.file, c.lines = name, map[string]int{}
	text, err := decodable(name, text)
	if err != nil {
		return nil, err
	}
	if line := tooDeep(text); line > 0 {
		return nil, &Error{File: name, Line: line, Message: fmt.Sprintf("more than %d brackets are open here: was a ] or } forgotten?", mostDepth)}
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, c.syntax(err, text)
	}
	d := decoder{c: c}
	bodies := 0
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if bodies++; bodies > 1 {
			return nil, &Error{File: name, Line: line(doc.Body), Message: "a second YAML document begins here: the configuration is one document, so remove the --- before it"}
		}
		if err := d.top(doc.Body); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// syntax words what the YAML parser refuses.
func (c *Config) syntax(err error, text []byte) error {
	out := &Error{File: c.file, Message: "this is not valid YAML: " + err.Error()}
	var located yaml.Error
	if errors.As(err, &located) {
		out.Message = "this is not valid YAML: " + located.GetMessage()
		if tk := located.GetToken(); tk != nil && tk.Position != nil {
			out.Line = tk.Position.Line
		}
	}
	out.Message = strings.ReplaceAll(out.Message, "'\t'", "tab") // a tab that is shown is one that nobody sees
	// The commonest slip: */5 and * begin a YAML alias.
	if lines := strings.Split(string(text), "\n"); out.Line > 0 && out.Line <= len(lines) && strings.Contains(lines[out.Line-1], ": *") {
		out.Message += "; put a value that begins with * in quotes"
	}
	return out
}

func line(n ast.Node) int {
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}
