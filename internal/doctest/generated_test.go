package doctest

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/daemon"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

var part = regexp.MustCompile(`(?s)(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end -->)`)

// TestGenerated: what the pages say of keys, reasons and code is what the program has.
func TestGenerated(t *testing.T) {
	made := map[string]func(*testing.T) string{
		"configuration":   func(*testing.T) string { return config.Table() },
		"errors":          func(*testing.T) string { return kinds.Table() },
		"reasons":         func(t *testing.T) string { return reasonTable(t, false) },
		"reasons-blocked": func(t *testing.T) string { return reasonTable(t, true) },
		"go-consumer":     goConsumer,
		"scan-rules":      scanRules,
		"scan-advice":     scanAdvice,
		"metrics": func(t *testing.T) string {
			table, err := daemon.MetricsTable()
			if err != nil {
				t.Fatal(err)
			}
			return table
		},
	}
	for _, name := range []string{"top-80x24", "top-detail-80x24", "top-question-80x24"} {
		made["screen-"+name] = func(t *testing.T) string { return screen(t, name) }
	}
	seen := map[string]bool{}
	for _, p := range pages(t) {
		fresh := part.ReplaceAllStringFunc(p.text, func(old string) string {
			m := part.FindStringSubmatch(old)
			seen[m[2]] = true
			if made[m[2]] == nil {
				t.Errorf("%s: nothing makes the part %q", p.path, m[2])
				return old
			}
			return m[1] + "\n" + strings.TrimSpace(made[m[2]](t)) + "\n\n" + m[4]
		})
		if fresh == p.text {
			continue
		}
		if !*update {
			t.Errorf("%s has drifted from the program: `go test ./internal/doctest -args -update` writes it anew", p.path)
		} else if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(p.path)), []byte(fresh), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name := range made {
		if !seen[name] {
			t.Errorf("no page has the generated part %q", name)
		}
	}
}

// screen is one that `make screens` captured.
func screen(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/screens", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return "```text\n" + strings.TrimRight(string(text), "\n") + "\n```"
}

// reason is one constant of the core, or of the fleet.
type reason struct {
	name    string // of the constant
	value   rotation.Reason
	meaning string
}

// reasons reads the constants and their comments.
func reasons(t *testing.T) (out []reason) {
	t.Helper()
	for _, path := range []string{"internal/rotation/reason.go", "internal/fleet/summary.go"} {
		ast.Inspect(parse(t, path), func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, s := range decl.Specs {
				v := s.(*ast.ValueSpec)
				kind, doc := v.Type, v.Doc
				if doc == nil {
					doc = decl.Doc
				}
				if sel, ok := kind.(*ast.SelectorExpr); ok {
					kind = sel.Sel
				}
				if id, ok := kind.(*ast.Ident); !ok || id.Name != "Reason" {
					continue
				}
				value := literal(v.Values[0])
				if value == "" || doc == nil {
					t.Errorf("%s: the reason %s has no value or no comment", path, v.Names[0])
					continue
				}
				text := strings.Join(strings.Fields(doc.Text()), " ")
				text = strings.TrimPrefix(text, v.Names[0].Name+": ")
				out = append(out, reason{v.Names[0].Name, rotation.Reason(value), strings.ToUpper(text[:1]) + text[1:]})
			}
			return true
		})
	}
	if len(out) < 30 {
		t.Errorf("only %d reasons were found", len(out))
	}
	return out
}

// sentences reads what the program says of each reason, by the constant's name.
func sentences(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	ast.Inspect(parse(t, "internal/api/sentences.go"), func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if sel, ok := kv.Key.(*ast.SelectorExpr); ok && literal(kv.Value) != "" {
				out[sel.Sel.Name] = literal(kv.Value)
			}
		}
		return true
	})
	return out
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// literal is a string, or strings put together; "" for anything else.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

func reasonTable(t *testing.T, blocked bool) string {
	said := sentences(t)
	var b strings.Builder
	if blocked {
		b.WriteString("| reason | when | keyturn says |\n|---|---|---|\n")
	} else {
		b.WriteString("| reason | when | counted as |\n|---|---|---|\n")
	}
	for _, r := range reasons(t) {
		if r.value.Blocked() != blocked {
			continue
		}
		if blocked {
			if said[r.name] == "" {
				t.Errorf("the program says nothing of %s", r.name)
			}
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", r.value, r.value, cell(r.meaning), cell(said[r.name]))
			continue
		}
		counted := string(fleet.StandingOf(r.value, false))
		if counted == string(fleet.Fine) {
			counted = "–"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.value, cell(r.meaning), counted)
	}
	return b.String()
}

// scanRules is the table of rules of `keyturn scan`, in their order.
func scanRules(*testing.T) string {
	var b strings.Builder
	b.WriteString("| finding | in tables | what is so | controls | what to do |\n|---|---|---|---|---|\n")
	for _, r := range scan.Rules {
		var controls []string
		for _, c := range r.Controls {
			controls = append(controls, c.ID+": "+c.Title)
		}
		if len(controls) == 0 {
			controls = []string{"–"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, cell(r.Label), cell(r.Means), cell(strings.Join(controls, "<br>")), cell(r.Do))
	}
	return b.String()
}

func scanAdvice(*testing.T) string {
	var b strings.Builder
	b.WriteString("| advice | instead of a key | when, and why |\n|---|---|---|\n")
	for _, a := range scan.Advices {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.ID, cell(a.Instead), cell(a.Means))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// TestEveryBlockHasAnAnswer: each reason that needs a person has a section that says what to do.
func TestEveryBlockHasAnAnswer(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "trouble.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reasons(t) {
		if r.value.Blocked() && !strings.Contains(string(text), "\n### "+string(r.value)+"\n") {
			t.Errorf("docs/trouble.md has no section %q", r.value)
		}
	}
}

// goConsumer is the code of consumer_test.go.
func goConsumer(t *testing.T) string {
	text, err := os.ReadFile("consumer_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(text), "// docs:begin go-consumer\n")
	code, _, _ = strings.Cut(code, "// docs:end")
	return "```go\n" + strings.TrimSpace(code) + "\n```"
}
