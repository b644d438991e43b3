package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and checks a configuration file. Every error is an [Error].
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{File: path, Message: "there is no such file; \"keyturn config example > keyturn.yaml\" writes one to start from"}
	case errors.Is(err, fs.ErrPermission):
		return nil, &Error{File: path, Message: "the file cannot be read: permission denied; let this user read it (chmod, chown)"}
	case err != nil:
		if info, e := os.Stat(path); e == nil && info.IsDir() {
			return nil, &Error{File: path, Message: "this is a folder; name the file in it, such as keyturn.yaml"}
		}
		return nil, &Error{File: path, Message: fmt.Sprintf("the file cannot be read: %v", errors.Unwrap(err))}
	}
	return Parse(path, text)
}

// Parse checks the text of a configuration file; the name is what errors call it, and where relative paths start.
func Parse(name string, text []byte) (*Config, error) {
	c := Default()
	c.file, c.lines = name, map[string]int{}
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
