package config

import (
	"fmt"
	"strings"
)

// Table is the documentation's table of all keys, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | default | minimum | meaning |\n|---|---|---|---|\n")
	for _, k := range keys {
		least := k.Min
		if least == "" {
			least = "–"
		}
		meaning := strings.ToUpper(k.Meaning[:1]) + k.Meaning[1:]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", tableName(k.Path), k.shown(), least, meaning)
	}
	return b.String()
}

// tableName writes a path for people: users.include[].tag, schedules.NAME.rotate_every.
func tableName(path string) string { return strings.ReplaceAll(path, "*", "NAME") }

// shown is the default as the table has it.
func (k key) shown() string {
	if k.Default != "" {
		return k.Default
	}
	return "`" + fmt.Sprint(Default().at(k.Path).Interface()) + "`"
}
