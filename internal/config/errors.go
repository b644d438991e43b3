package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong with the configuration: one sentence that says what to write instead.
type Error struct {
	File    string // as given to Load; "" when the configuration was made in code
	Line    int    // 0: of no one line
	Message string
}

// Error is "file:line: sentence".
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Message
	case e.Line == 0:
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// fail is an Error at the line of a key, or of the nearest section around it. Of several keys, joined by commas, it is the
// first that the file holds: a default cannot be at fault.
func (c *Config) fail(paths, format string, args ...any) *Error {
	e := &Error{File: c.file, Message: fmt.Sprintf(format, args...)}
	for path := range strings.SplitSeq(paths, ",") {
		for path != "" && e.Line == 0 {
			e.Line = c.lines[path]
			path = path[:max(0, strings.LastIndexAny(path, ".["))]
		}
	}
	return e
}

// Refuse is the error of a key, by its path, that cannot take effect for a reason which the file alone does not tell.
func (c *Config) Refuse(path, format string, args ...any) *Error {
	return c.fail(path, format, args...)
}

// nearest gives the known word that was most likely meant, or "".
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters must be added, left out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// unknown words the refusal of a key that does not exist in the section.
func unknown(key, section string, known []string) string {
	where := "at the top level"
	if section != "" {
		where = "in " + section
	}
	for _, k := range keys {
		i := strings.LastIndexByte(k.Path, '.')
		if i > 0 && k.Path[i+1:] == key && !slices.Contains(known, key) {
			return fmt.Sprintf("unknown key %q %s: it belongs in %s", key, where, k.Path[:i])
		}
	}
	if n := nearest(key, known); n != "" {
		return fmt.Sprintf("unknown key %q %s: did you mean %q?", key, where, n)
	}
	return fmt.Sprintf("unknown key %q %s: the keys there are %s", key, where, strings.Join(known, ", "))
}
