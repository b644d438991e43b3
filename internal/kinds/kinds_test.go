package kinds

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestEverySentinelHasAKind: an error that gets a meaning in the core, the store or the API is told apart here too.
func TestEverySentinelHasAKind(t *testing.T) {
	known := map[string]bool{}
	for _, k := range All {
		if k.Sentinel != nil {
			known[k.Sentinel.Error()] = true
		}
	}
	found := 0
	for _, path := range []string{"../rotation/errors.go", "../rotation/journal.go", "../store/errors.go", "../store/replays.go", "../store/accesslog.go", "../apikey/errors.go", "errors.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Err") {
				return true
			}
			made, ok := v.Values[0].(*ast.CallExpr)
			if !ok {
				return true // it has a type, and by that the kind of another one
			}
			found++
			text := made.Args[0].(*ast.BasicLit).Value
			if !known[strings.Trim(text, `"`)] {
				t.Errorf("%s: %s has no row in All", path, v.Names[0])
			}
			return true
		})
	}
	if found < 25 {
		t.Errorf("only %d sentinels were found", found)
	}
}

// TestCodesAreDistinct: a code means one thing, and so does an error.
func TestCodesAreDistinct(t *testing.T) {
	codes, sentinels := map[string]bool{}, map[error]bool{}
	for _, k := range All {
		if codes[k.Code] || sentinels[k.Sentinel] {
			t.Errorf("%s has two rows", k.Code)
		}
		codes[k.Code] = true
		if k.Sentinel != nil {
			sentinels[k.Sentinel] = true
		}
		if k.What == "" || k.Status < 400 || k.Exit == 0 || ByCode(k.Code).Status != k.Status {
			t.Errorf("%+v", k)
		}
	}
}
