package awscloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// document is a secret's JSON value, kept as the bytes it came as: setting a field replaces its value's bytes and nothing else.
type document struct {
	raw     []byte
	members []member
	end     int // of the closing brace
}

type member struct {
	name     string
	from, to int // of the value
}

var (
	errNoObject  = errors.New("it is not a JSON object")
	errDuplicate = errors.New("it has a field twice, so that nobody can say which one counts")
)

// parseDocument reads a value. Its errors never repeat any of it.
func parseDocument(value string) (*document, error) {
	d := &document{raw: []byte(value)}
	dec := json.NewDecoder(strings.NewReader(value))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNoObject
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, errNoObject
		}
		if seen[name] {
			return nil, errDuplicate
		}
		seen[name] = true
		to := int(dec.InputOffset())
		d.members = append(d.members, member{name: name, from: to - len(v), to: to})
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNoObject
	}
	d.end = int(dec.InputOffset()) - 1
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return d, nil
}

// field is a field to set.
type field struct{ name, value string }

// with gives the value with fields set: in place where they stand, at the end where they do not. An empty value of a field
// that does not stand leaves it out.
func (d *document) with(fields []field) string {
	set := map[string]string{}
	for _, f := range fields {
		if f.name != "" {
			set[f.name] = f.value
		}
	}
	var b bytes.Buffer
	at := 0
	for _, m := range d.members {
		if v, ok := set[m.name]; ok {
			b.Write(d.raw[at:m.from])
			b.WriteString(quote(v))
			at = m.to
			delete(set, m.name)
		}
	}
	b.Write(d.raw[at:d.end])
	some := len(d.members) > 0
	for _, f := range fields {
		v, ok := set[f.name]
		if !ok || v == "" {
			continue
		}
		if some {
			b.WriteByte(',')
		}
		b.WriteString(quote(f.name) + ":" + quote(v))
		some = true
	}
	b.Write(d.raw[d.end:])
	return b.String()
}

// others are the fields that are not keyturn's, by name, without insignificant space.
func (d *document) others(own Fields) map[string]string {
	out := map[string]string{}
	for _, m := range d.members {
		if own.own(m.name) {
			continue
		}
		var b bytes.Buffer
		if json.Compact(&b, d.raw[m.from:m.to]) != nil { // it was valid when it was read
			b.Write(d.raw[m.from:m.to])
		}
		out[m.name] = b.String()
	}
	return out
}

// text gives a field that is a string.
func (d *document) text(name string) (string, bool) {
	for _, m := range d.members {
		var s string
		if m.name == name && json.Unmarshal(d.raw[m.from:m.to], &s) == nil {
			return s, true
		}
	}
	return "", false
}

// inner is a field that is an object.
func (d *document) inner(name string) *document {
	for _, m := range d.members {
		if m.name == name {
			if in, err := parseDocument(string(d.raw[m.from:m.to])); err == nil {
				return in
			}
		}
	}
	return nil
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
