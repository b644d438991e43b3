package config

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// The written forms, for editors. Whether a value is sensible is for Load to say.
const (
	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms|us|µs|ns))+)$`
	cronPattern     = `^\S+( +\S+){4}$`
	sharePattern    = `^[0-9]+(\.[0-9]+)?%$`
	timePattern     = `^([0-9]{1,2}:[0-5][0-9])$`
	daysPattern     = `^[A-Za-z]+(-[A-Za-z]+)?$`
	momentPattern   = `^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?$`
)

// Schema is the JSON Schema of the file, for editors that complete and check YAML.
func Schema() []byte {
	r := jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, ExpandedStruct: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true,
		Mapper: written2schema,
	}
	s := r.Reflect(&Config{})
	s.Title = "keyturn.yaml"
	s.Description = "Configuration of keyturn, which rotates the access keys of AWS IAM users."
	describe(s, "")
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the schema is made of our own types only
	}
	return append(out, '\n')
}

// written2schema gives the schema of values with a written form of their own.
func written2schema(t reflect.Type) *jsonschema.Schema {
	zero := &jsonschema.Schema{Const: 0}
	switch t {
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: durationPattern}, zero}}
	case reflect.TypeFor[Every]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: durationPattern}, {Type: "string", Pattern: cronPattern}}}
	case reflect.TypeFor[Share]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: sharePattern}, zero}}
	case reflect.TypeFor[TimeOfDay]():
		return &jsonschema.Schema{Type: "string", Pattern: timePattern}
	case reflect.TypeFor[Days]():
		return &jsonschema.Schema{Type: "string", Pattern: daysPattern}
	case reflect.TypeFor[Moment]():
		return &jsonschema.Schema{Type: "string", Pattern: momentPattern}
	case reflect.TypeFor[Rate]():
		return &jsonschema.Schema{Type: "number", Minimum: "0"}
	}
	return nil
}

// describe writes meanings, defaults and required keys from keys.go into the schema of the section at path.
func describe(s *jsonschema.Schema, path string) {
	if s.Items != nil {
		describe(s.Items, path+"[]")
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Properties != nil {
		describe(s.AdditionalProperties, join(path, "*"))
	}
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		at := join(path, p.Key)
		k, _ := keyAt(at)
		p.Value.Description = k.sentence()
		if k.Default == "" {
			p.Value.Default = plainDefault(at)
		}
		if k.Default == "required" {
			s.Required = append(s.Required, p.Key)
		}
		if k.Min == "1" {
			p.Value.Minimum = "1"
		}
		describe(p.Value, at)
	}
}

// keyAt finds the description of a key.
func keyAt(path string) (key, bool) {
	for _, k := range keys {
		if k.Path == path {
			return k, true
		}
	}
	return key{}, false
}

// sentence is the meaning with the minimum and what is left out said.
func (k key) sentence() string {
	s := strings.ToUpper(k.Meaning[:1]) + k.Meaning[1:] + "."
	if k.Min != "" && k.Min != "0" && k.Min != "0%" {
		s += " Minimum " + k.Min + "."
	}
	if k.Default != "" && k.Default != "required" && k.Default != "see below" {
		s += " Default: " + k.Default + "."
	}
	return s
}

// plainDefault is a default as JSON writes it.
func plainDefault(path string) any {
	v := Default().at(path)
	if !v.IsValid() {
		return nil
	}
	switch x := v.Interface().(type) {
	case Rate:
		return float64(x)
	case Duration:
		return x.String()
	case Share:
		return x.String()
	case Every:
		return x.String()
	default:
		return x
	}
}
