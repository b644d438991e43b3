package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// paths lists every key that the struct can hold.
func paths(t reflect.Type, at string) (out []string) {
	for _, tag := range fieldNames(t) {
		p := join(at, tag)
		out = append(out, p)
		f := t.FieldByIndex(yamlField(t, tag)).Type
		_, isScalar := reflect.New(f).Interface().(scalar)
		switch {
		case isScalar:
		case f.Kind() == reflect.Struct:
			out = append(out, paths(f, p)...)
		case f.Kind() == reflect.Slice && f.Elem().Kind() == reflect.Struct:
			out = append(out, paths(f.Elem(), p+"[]")...)
		case f.Kind() == reflect.Map && f.Elem().Kind() == reflect.Struct:
			out = append(append(out, p+".*"), paths(f.Elem(), p+".*")...)
		case f.Kind() == reflect.Map:
			out = append(out, p+".*")
		}
	}
	return out
}

func TestEveryKeyIsDescribedOnceAndNothingElse(t *testing.T) {
	have := map[string]int{}
	for _, k := range keys {
		have[k.Path]++
		if k.Meaning == "" || strings.HasSuffix(k.Meaning, ".") || len(k.Meaning) < 3 {
			t.Errorf("%s: the meaning %q is not half a sentence", k.Path, k.Meaning)
		}
		if k.Default == "" && !Default().at(k.Path).IsValid() {
			t.Errorf("%s has no default to show", k.Path)
		}
	}
	all := paths(reflect.TypeFor[Config](), "")
	for _, p := range all {
		if have[p] != 1 {
			t.Errorf("%s is described %d times in keys.go", p, have[p])
		}
		if !strings.Contains(Table(), "| `"+tableName(p)+"` |") {
			t.Errorf("%s is not in the table", p)
		}
		delete(have, p)
	}
	for p := range have {
		t.Errorf("keys.go describes %s, which no field holds", p)
	}
	golden(t, "table.md", Table())
}

func TestDefaultsKeepTheirOwnMinimums(t *testing.T) {
	c := Default()
	c.Users.Include = []Match{{Name: "ci"}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// check is as much of JSON Schema as ours uses; it gives the first thing that does not fit.
func check(s map[string]any, v any, at string) string {
	if alternatives, ok := s["oneOf"].([]any); ok {
		fits := 0
		for _, a := range alternatives {
			if check(a.(map[string]any), v, at) == "" {
				fits++
			}
		}
		if fits != 1 {
			return fmt.Sprintf("%s: %v fits %d alternatives", at, v, fits)
		}
		return ""
	}
	if c, ok := s["const"]; ok && fmt.Sprint(c) != fmt.Sprint(v) {
		return fmt.Sprintf("%s: %v is not %v", at, v, c)
	}
	kinds := map[string]bool{"object": false, "array": false, "string": false, "boolean": false, "number": false, "integer": false}
	switch v := v.(type) {
	case map[string]any:
		kinds["object"] = true
		props, _ := s["properties"].(map[string]any)
		for k, x := range v {
			sub, ok := props[k].(map[string]any)
			if !ok {
				if sub, ok = s["additionalProperties"].(map[string]any); !ok {
					return fmt.Sprintf("%s: unknown key %s", at, k)
				}
			}
			if e := check(sub, x, at+"."+k); e != "" {
				return e
			}
		}
		for _, r := range list(s["required"]) {
			if _, ok := v[r.(string)]; !ok {
				return fmt.Sprintf("%s: %s is missing", at, r)
			}
		}
	case []any:
		kinds["array"] = true
		for i, x := range v {
			if e := check(s["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i)); e != "" {
				return e
			}
		}
	case string:
		kinds["string"] = true
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Sprintf("%s: %q does not match %s", at, v, p)
		}
	case bool:
		kinds["boolean"] = true
	case uint64, int64, int:
		kinds["number"], kinds["integer"] = true, true
	case float64:
		kinds["number"] = true
	}
	if want, ok := s["type"].(string); ok && !kinds[want] {
		return fmt.Sprintf("%s: %v is no %s", at, v, want)
	}
	return ""
}

func list(v any) []any { l, _ := v.([]any); return l }

func TestSchemaFitsWhatLoads(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	fits := func(text string) string {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return check(schema, v, "")
	}
	all := regexp.MustCompile(`(?m)^#( *(- )?[A-Za-z_]+:( |$))`).ReplaceAllString(Example(), "$1")
	for _, text := range []string{issueExample, Example(), all, someUsers + "settle: 0\njitter: 0\npace: {iam: 49.5}"} {
		if e := fits(text); e != "" {
			t.Error(e)
		}
	}
	for _, text := range []string{
		"region: us-east-1", someUsers + "conccurency: 3", someUsers + "settle: 60", someUsers + "settle: soon", someUsers + "jitter: 0.5",
		someUsers + "schedule: {rotate_every: 0 3 * *}", "users: {include: {name: x}}", someUsers + "schedules: {slow: {rotate_every: 90d}}",
	} {
		if fits(text) == "" {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if strings.HasSuffix(k.Path, "*") {
			continue
		}
		at := schema
		for part := range strings.SplitSeq(k.Path, ".") {
			part, inList := strings.CutSuffix(part, "[]")
			if part == "*" {
				at, _ = at["additionalProperties"].(map[string]any)
				continue
			}
			props, _ := at["properties"].(map[string]any)
			at, _ = props[part].(map[string]any)
			if inList {
				at, _ = at["items"].(map[string]any)
			}
		}
		if d, _ := at["description"].(string); !strings.HasPrefix(strings.ToLower(d), strings.ToLower(k.Meaning)) {
			t.Errorf("the schema describes %s as %q", k.Path, d)
		}
		if _, has := at["default"]; has != (k.Default == "") {
			t.Errorf("the schema has a default for %s: %v", k.Path, has)
		}
	}
}
