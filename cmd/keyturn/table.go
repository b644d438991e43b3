package main

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// cell is one field of a table, with its style on a terminal.
type cell struct {
	text  string
	style lipgloss.Style
}

func plain(s string) cell { return cell{text: s} }

// table prints rows under headers: ruled on a terminal, aligned by spaces in a pipe, where every row has as many fields as there
// are headers ("-" for an empty one) so that awk can take them apart. The spare columns are the first to go on a narrow terminal.
func (p *printer) table(headers []string, rows [][]cell, spare ...string) {
	if p.tty {
		p.line("%s", p.ruled(headers, rows, spare))
		return
	}
	widths := make([]int, len(headers))
	all := [][]string{headers}
	for _, r := range rows {
		line := make([]string, len(r))
		for i, c := range r {
			line[i] = flat(c.text)
			if c.text == "" {
				line[i] = "-"
			}
		}
		all = append(all, line)
	}
	for _, line := range all {
		for i, s := range line {
			widths[i] = max(widths[i], lipgloss.Width(s))
		}
	}
	for _, line := range all {
		var b strings.Builder
		for i, s := range line {
			b.WriteString(s)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-lipgloss.Width(s)+2))
			}
		}
		p.line("%s", b.String())
	}
}

// narrow is the width below which all columns together would be cut to pieces.
const narrow = 60

// ruled leaves out the spare columns on a narrow terminal, one after the other, until it is wide enough.
func (p *printer) ruled(headers []string, rows [][]cell, spare []string) string {
	t := table.New().Border(lipgloss.NormalBorder()).BorderStyle(faint).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderColumn(false).Headers(headers...).Wrap(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := bold
			if row != table.HeaderRow {
				style = rows[row][col].style
			}
			if col < len(headers)-1 {
				style = style.PaddingRight(2)
			}
			return style
		})
	for _, r := range rows {
		line := make([]string, len(r))
		for i, c := range r {
			line[i] = flat(c.text)
		}
		t.Row(line...)
	}
	out := t.Render()
	if lipgloss.Width(out) <= p.width {
		return out
	}
	if len(spare) == 0 || p.width >= narrow {
		return t.Width(p.width).Render()
	}
	at := slices.Index(headers, spare[0])
	without := make([][]cell, len(rows))
	for i, r := range rows {
		without[i] = slices.Delete(slices.Clone(r), at, at+1)
	}
	return p.ruled(slices.Delete(slices.Clone(headers), at, at+1), without, spare[1:])
}
