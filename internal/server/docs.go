package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/keyturn/keyturn/internal/kinds"
)

// The page of the documentation. It is whole in itself: no script, nothing from elsewhere, so it works without the internet, and its
// policy allows nothing but its own style.
var (
	//go:embed docs.html
	docsText     string
	docsTemplate = template.Must(template.New("docs").Parse(docsText))
	docsPolicy   = "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-" + hashOf(between(docsText, "<style>", "</style>")) + "'"
)

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// docsSection is one tag of the page.
type docsSection struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	*huma.Operation
	More  []string // paragraphs
	Curl  string
	Input []docsField // of the body
	Gives []docsStatus
}

type docsField struct {
	Name, Type, Text string
	Required         bool
}

type docsStatus struct{ Status, Text string }

// docsPage makes the page of a description.
func docsPage(o *huma.OpenAPI) ([]byte, error) {
	var sections []docsSection
	for _, rt := range Routes {
		op := operationOf(o.Paths[rt.Path], rt.Method)
		if op == nil {
			continue
		}
		if i := slices.IndexFunc(sections, func(s docsSection) bool { return s.Name == rt.Tag }); i >= 0 {
			sections[i].Operations = append(sections[i].Operations, described(o, &rt, op))
		} else {
			sections = append(sections, docsSection{rt.Tag, []docsOperation{described(o, &rt, op)}})
		}
	}
	var b bytes.Buffer
	err := docsTemplate.Execute(&b, map[string]any{"Info": o.Info, "Sections": sections, "Kinds": append(slices.Clone(kinds.All), kinds.Unexpected)})
	return b.Bytes(), err
}

func operationOf(p *huma.PathItem, method string) *huma.Operation {
	if p == nil {
		return nil
	}
	return map[string]*huma.Operation{"GET": p.Get, "POST": p.Post, "DELETE": p.Delete, "PUT": p.Put, "PATCH": p.Patch}[method]
}

func described(o *huma.OpenAPI, rt *Route, op *huma.Operation) docsOperation {
	out := docsOperation{Operation: op, Curl: curl(rt, op)}
	if op.Description != "" {
		out.More = strings.Split(strings.ReplaceAll(op.Description, "`", ""), "\n\n")
	}
	if op.RequestBody != nil {
		for _, m := range op.RequestBody.Content {
			out.Input = fieldsOf(o, m.Schema)
		}
	}
	for status, r := range op.Responses {
		out.Gives = append(out.Gives, docsStatus{status, r.Description})
	}
	slices.SortFunc(out.Gives, func(a, b docsStatus) int { return cmp.Compare(a.Status, b.Status) })
	return out
}

func fieldsOf(o *huma.OpenAPI, s *huma.Schema) (out []docsField) {
	if s != nil && s.Ref != "" {
		s = o.Components.Schemas.SchemaFromRef(s.Ref)
	}
	if s == nil {
		return nil
	}
	for name, p := range s.Properties {
		t := p.Type
		if p.Items != nil {
			t = "list of " + cmp.Or(p.Items.Type, "object")
		}
		out = append(out, docsField{name, t, p.Description, slices.Contains(s.Required, name)})
	}
	slices.SortFunc(out, func(a, b docsField) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// curl is how a person tries it.
func curl(rt *Route, op *huma.Operation) string {
	b := []string{"curl"}
	if !rt.Open {
		b = append(b, `-H "X-API-Key: $KEYTURN_API_KEY"`)
	}
	if rt.Method != "GET" {
		b = append(b, "-X "+rt.Method)
	}
	if op.RequestBody != nil && op.RequestBody.Required {
		b = append(b, "--json '{…}'")
	}
	path := strings.NewReplacer("{user}", "ci-deploy", "{id}", "ID").Replace(rt.Path)
	return strings.Join(append(b, `"$KEYTURN_URL`+path+`"`), " ")
}
