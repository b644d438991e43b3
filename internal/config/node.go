package config

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// text gives a string node's text.
func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	}
	return "", false
}

// pairs gives a mapping's entries, in the order of the file.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func isScalar(n ast.Node) bool {
	switch n.Type() {
	case ast.StringType, ast.LiteralType, ast.IntegerType, ast.FloatType, ast.BoolType, ast.InfinityType, ast.NanType:
		return true
	}
	return false
}

// kind names what a node is, for people.
func kind(n ast.Node) string {
	switch n.Type() {
	case ast.StringType, ast.LiteralType:
		s, _ := text(n)
		return "the text " + quote(s)
	case ast.BoolType:
		return "the truth value " + n.GetToken().Value
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "the number " + n.GetToken().Value
	case ast.SequenceType:
		return "a list"
	case ast.MappingType, ast.MappingValueType:
		return "a section of keys"
	}
	return "this"
}

// quote shortens what is shown: a pasted block must not fill the message.
func quote(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return "\"" + strings.ReplaceAll(s, "\n", " ") + "\""
}

// example is how a section, list or text is written in YAML.
func example(path string) string {
	switch pattern(path) {
	case "":
		return `region: us-east-1`
	case "users":
		return `users: {include: [{path: "/service/"}]}`
	case "windows":
		return `[{days: [sat, sun], from: "02:00", to: "06:00"}]`
	case "windows[]":
		return `{days: [sat, sun], from: "02:00", to: "06:00"}`
	case "windows[].days":
		return `[mon-fri]`
	case "freezes":
		return `[{from: "2026-11-26T00:00", to: "2026-12-01T00:00", why: "the sale"}]`
	case "freezes[]":
		return `{from: "2026-11-26T00:00", to: "2026-12-01T00:00", why: "the sale"}`
	case "blast_radius":
		return `{failing: 20%, within: 10m, least: 3}`
	case "canary":
		return `{users: [{name: "canary-*"}], for: 30m}`
	case "users.include", "users.exclude", "windows[].users", "freezes[].users", "canary.users":
		return `[{path: "/service/"}, {name: "ci-*"}]`
	case "users.include[]", "users.exclude[]", "windows[].users[]", "freezes[].users[]", "canary.users[]":
		return `{name: "ci-*"}`
	case "schedule", "schedules.*":
		return `{rotate_every: 10m, deactivate_after: 12m, delete_after: 15m}`
	case "schedules":
		return `{slow: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}}`
	case "secret":
		return `{name: "keyturn/{{.User}}/key"}`
	case "secret.tags":
		return `{team: platform}`
	case "secret.fields":
		return `{AccessKeyId: aws_access_key_id}`
	case "verify":
		return `{successes: 2}`
	case "pace":
		return `{iam: 20}`
	case "api":
		return `{tls: {cert: tls.crt, key: tls.key}}`
	case "api.tls":
		return `{cert: tls.crt, key: tls.key}`
	case "api.limits":
		return `{per_key: 100, per_address: 500}`
	case "api.hosts":
		return `[keyturn.example.com]`
	case "api.trusted_proxies":
		return `["10.0.0.0/8"]`
	case "api.cors_origins":
		return `["https://console.example.com"]`
	case "api.aws_identities":
		return `[{account: "123456789012", unique_id: AROAEXAMPLEROLEID0000, scopes: [credentials:read], users: [ci-deploy]}]`
	case "regions":
		return `[us-east-1, eu-west-1]`
	case "administrators":
		return `[terraform]`
	}
	return `"text"`
}

// pattern turns a path of the file into the path of keys.go: names and indexes are left out.
func pattern(path string) string {
	parts := strings.Split(path, ".")
	for i, p := range parts {
		if j := strings.IndexByte(p, '['); j >= 0 {
			parts[i] = p[:j] + "[]"
		}
		if i == 1 && parts[0] == "schedules" {
			parts[i] = "*"
		}
	}
	if len(parts) > 2 && parts[0] == "secret" && parts[1] == "tags" {
		return "secret.tags.*"
	}
	return strings.Join(parts, ".")
}

// fieldNames are the YAML keys of a struct, in order.
func fieldNames(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			names = append(names, tag)
		}
	}
	return names
}

func yamlField(t reflect.Type, key string) []int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == key {
			return []int{i}
		}
	}
	return nil
}
