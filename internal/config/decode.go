package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills a Config from a YAML tree and remembers each key's line. It stops at the first thing that is wrong.
type decoder struct{ c *Config }

func (d *decoder) top(n ast.Node) error { return d.value(n, "", reflect.ValueOf(d.c).Elem()) }

func (d *decoder) fail(n ast.Node, format string, args ...any) error {
	return &Error{File: d.c.file, Line: line(n), Message: fmt.Sprintf(format, args...)}
}

// value decodes one node into v, which is the key at path ("" for the whole file).
func (d *decoder) value(n ast.Node, path string, v reflect.Value) error {
	switch n := n.(type) {
	case *ast.NullNode:
		return d.fail(n, "%s has no value: give it one, or remove the line to have the default", path)
	case *ast.AnchorNode, *ast.MergeKeyNode, *ast.TagNode:
		return d.fail(n, "%s uses a YAML anchor, merge or type tag, which keyturn does not read: write the value out", name(path))
	case *ast.AliasNode:
		return d.fail(n, "%s begins with *, which is a YAML alias: put the value in quotes", name(path))
	}
	if s, ok := v.Addr().Interface().(scalar); ok {
		return d.scalar(n, path, s)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.structure(n, path, v)
	case reflect.Map:
		return d.mapping(n, path, v)
	case reflect.Slice:
		return d.list(n, path, v)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return d.wrong(n, path, "true or false", "true")
		}
		v.SetBool(b.Value)
	case reflect.Int:
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			return d.wrong(n, path, "a whole number", "16")
		}
		k, err := strconv.Atoi(i.GetToken().Value)
		if err != nil {
			return d.wrong(n, path, "a whole number", "16")
		}
		v.SetInt(int64(k))
	case reflect.String:
		s, ok := text(n)
		if !ok {
			if isScalar(n) {
				return d.fail(n, "%s must be a text, not %s: put it in quotes, such as %q", name(path), kind(n), n.GetToken().Value)
			}
			return d.wrong(n, path, "a text", example(path))
		}
		v.SetString(s)
	}
	return nil
}

func (d *decoder) scalar(n ast.Node, path string, s scalar) error {
	expected, example := s.form()
	if !isScalar(n) || n.Type() == ast.BoolType {
		return d.wrong(n, path, expected, example)
	}
	raw, ok := text(n)
	if !ok {
		raw = n.GetToken().Value
	}
	if err := s.parse(strings.TrimSpace(raw)); err != nil {
		return d.fail(n, "%s must be %s, such as %s: %v", path, expected, example, err)
	}
	return nil
}

func (d *decoder) structure(n ast.Node, path string, v reflect.Value) error {
	pairs, ok := pairs(n)
	if !ok {
		return d.wrong(n, path, "a section of keys", example(path))
	}
	known := fieldNames(v.Type())
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		i := slices.Index(known, key)
		if p.Key.IsMergeKey() || i < 0 {
			return d.fail(p.Key, "%s", unknown(key, path, known))
		}
		at := join(path, key)
		d.c.lines[at] = line(p.Key)
		if err := d.value(p.Value, at, v.FieldByIndex(yamlField(v.Type(), key))); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) mapping(n ast.Node, path string, v reflect.Value) error {
	pairs, ok := pairs(n)
	if !ok {
		return d.wrong(n, path, "a section of names and values", example(path))
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		at := join(path, key)
		d.c.lines[at] = line(p.Key)
		entry := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(p.Value, at, entry); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), entry)
	}
	return nil
}

func (d *decoder) list(n ast.Node, path string, v reflect.Value) error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return d.wrong(n, path, "a list", example(path))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.c.lines[at] = line(item)
		if err := d.value(item, at, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// wrong words a value of the wrong type.
func (d *decoder) wrong(n ast.Node, path, expected, example string) error {
	return d.fail(n, "%s must be %s, such as %s, not %s", name(path), expected, example, kind(n))
}

func name(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
