package awssim

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// xmlw writes the XML of the query protocol.
type xmlw struct{ b []byte }

func (x *xmlw) open(name string) { x.b = append(append(append(x.b, '<'), name...), '>') }

func (x *xmlw) close(name string) { x.b = append(append(append(x.b, '<', '/'), name...), '>') }

func (x *xmlw) text(name, value string) {
	x.open(name)
	x.escape(value)
	x.close(name)
}

// given writes the element unless the value is empty.
func (x *xmlw) given(name, value string) {
	if value != "" {
		x.text(name, value)
	}
}

func (x *xmlw) flag(name string, v bool) { x.text(name, strconv.FormatBool(v)) }

// date writes whole seconds, as IAM does.
func (x *xmlw) date(name string, t time.Time) {
	x.open(name)
	x.b = t.UTC().AppendFormat(x.b, "2006-01-02T15:04:05Z")
	x.close(name)
}

func (x *xmlw) escape(s string) {
	from := 0
	for i := 0; i < len(s); i++ {
		var rep string
		switch s[i] {
		case '<':
			rep = "&lt;"
		case '>':
			rep = "&gt;"
		case '&':
			rep = "&amp;"
		case '"':
			rep = "&quot;"
		case '\r':
			rep = "&#xD;"
		default:
			continue
		}
		x.b = append(append(x.b, s[from:i]...), rep...)
		from = i + 1
	}
	x.b = append(x.b, s[from:]...)
}

// jsonw writes JSON objects and arrays; it keeps track of commas by looking at the last byte.
type jsonw struct{ b []byte }

func (j *jsonw) comma() {
	if n := len(j.b); n > 0 {
		switch j.b[n-1] {
		case '{', '[', ':':
		default:
			j.b = append(j.b, ',')
		}
	}
}

func (j *jsonw) open()  { j.comma(); j.b = append(j.b, '{') }
func (j *jsonw) close() { j.b = append(j.b, '}') }

func (j *jsonw) name(name string) {
	j.comma()
	j.b = append(strconv.AppendQuote(j.b, name), ':')
}

func (j *jsonw) list(name string) { j.name(name); j.b = append(j.b, '[') }
func (j *jsonw) end()             { j.b = append(j.b, ']') }

func (j *jsonw) item(value string) {
	j.comma()
	j.quote(value)
}

func (j *jsonw) quote(s string) {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			// A string always marshals.
			q, _ := json.Marshal(s)
			j.b = append(j.b, q...)
			return
		}
	}
	j.b = append(append(append(j.b, '"'), s...), '"')
}

func (j *jsonw) str(name, value string) { j.name(name); j.quote(value) }

func (j *jsonw) given(name, value string) {
	if value != "" {
		j.str(name, value)
	}
}

func (j *jsonw) flag(name string, v bool) { j.name(name); j.b = strconv.AppendBool(j.b, v) }

func (j *jsonw) number(name string, v float64) {
	j.name(name)
	j.b = strconv.AppendFloat(j.b, v, 'f', -1, 64)
}

func (j *jsonw) blob(name string, v []byte) {
	j.name(name)
	j.b = append(j.b, '"')
	j.b = base64.StdEncoding.AppendEncode(j.b, v)
	j.b = append(j.b, '"')
}

// date writes seconds since 1970 with milliseconds, as Secrets Manager does; a zero time is left out.
func (j *jsonw) date(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	j.name(name)
	j.b = strconv.AppendFloat(j.b, float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func (j *jsonw) strings(name string, values []string) {
	j.list(name)
	for _, v := range values {
		j.item(v)
	}
	j.end()
}

func (j *jsonw) tags(tags []Tag) {
	j.list("Tags")
	for _, t := range tags {
		j.open()
		j.str("Key", t.Key)
		j.str("Value", t.Value)
		j.close()
	}
	j.end()
}

func namespace(service string) string {
	switch service {
	case "sts":
		return "https://sts.amazonaws.com/doc/2011-06-15/"
	case "cloudformation":
		return "http://cloudformation.amazonaws.com/doc/2010-05-15/"
	}
	return "https://iam.amazonaws.com/doc/2010-05-08/"
}
