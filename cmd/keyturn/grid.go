package main

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// grid is a table for a terminal in which texts may take several lines, or all the room to the right.
type grid struct {
	columns []column
	// lines have a cell for each column, or fewer: then the last cell takes the room of all that follow.
	lines [][]cell
}

// column is as wide as what is in it, and at most so wide; the last one as wide as the terminal has room for.
type column struct {
	head string
	most int  // 0: no bound
	fold bool // what is too long goes on in the next line, instead of being cut
	hang int  // by how much the next line is set in
}

// hang sets in what belongs to the line above.
const hang = 2

// gutter is the space between two columns.
const gutter = 2

// grid prints a table.
func (p *printer) grid(g grid) {
	widths := g.widths(p.width)
	head := make([]cell, len(g.columns))
	total := -gutter
	for i, c := range g.columns {
		head[i] = cell{c.head, bold}
		total += widths[i] + gutter
	}
	p.gridLine(g, widths, head)
	p.line("%s", faint.Render(strings.Repeat("─", min(total, p.width))))
	for _, l := range g.lines {
		p.gridLine(g, widths, l)
	}
}

func (g grid) widths(terminal int) []int {
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		widths[i] = lipgloss.Width(c.head)
		for _, l := range g.lines {
			if len(l) == len(g.columns) {
				for piece := range strings.SplitSeq(l[i].text, "\n") {
					widths[i] = max(widths[i], lipgloss.Width(seen(piece)))
				}
			}
		}
		if c.most > 0 {
			widths[i] = min(widths[i], c.most)
		}
	}
	last, room := len(widths)-1, terminal
	for _, w := range widths[:last] {
		room -= w + gutter
	}
	widths[last] = max(len(g.columns[last].head), min(widths[last], room))
	return widths
}

func (p *printer) gridLine(g grid, widths []int, line []cell) {
	pieces := make([][]string, len(line))
	height := 1
	for i, c := range line {
		width, fold, in := widths[i], g.columns[i].fold, g.columns[i].hang
		if i == len(line)-1 && len(line) < len(widths) {
			width, fold, in = p.width, true, hang
			for _, w := range widths[:i] {
				width -= w + gutter
			}
		}
		if fold {
			pieces[i] = folded(seen(c.text), width, in)
		} else {
			pieces[i] = []string{cut(flat(c.text), width)}
		}
		height = max(height, len(pieces[i]))
	}
	for n := range height {
		var b strings.Builder
		for i := range line {
			text := ""
			if n < len(pieces[i]) {
				text = pieces[i][n]
			}
			if text != "" {
				b.WriteString(line[i].style.Render(text))
			}
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", max(0, widths[i]-lipgloss.Width(text))+gutter))
			}
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
	}
}

// folded breaks a text at its spaces, and at its line ends. A longer word stays whole; no-break spaces hold words together.
func folded(text string, width, in int) (out []string) {
	for line := range strings.SplitSeq(text, "\n") {
		at := ""
		for word := range strings.SplitSeq(line, " ") {
			switch {
			case at == "":
				at = word
			case lipgloss.Width(at)+1+lipgloss.Width(word) <= width:
				at += " " + word
			default:
				out = append(out, at)
				at = strings.Repeat(" ", in) + word
			}
		}
		out = append(out, at)
	}
	return out
}

// cut shortens a text to a width, and marks that.
func cut(s string, width int) string {
	if lipgloss.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && lipgloss.Width(string(runes)) > width-1 {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
