package main

import (
	"context"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// The film: one picture a second, once every user is on stage.
const (
	filmAfter  = 8 * time.Second
	filmFrames = 24
	cellWidth  = 8.43
	lineHeight = 20.0
	left, top0 = 16.0, 57.4
)

var filmSize = [2]int{100, 25}

// record films the demo.
func record(ctx context.Context, t *terminals, keyturn, file string) error {
	name, err := t.open(ctx, filmSize, []string{"LANG=C.UTF-8"}, "exec "+keyturn+" demo")
	if err != nil {
		return err
	}
	defer t.end(ctx, name)
	if err := sleep(ctx, filmAfter); err != nil {
		return err
	}
	var frames []string
	for range filmFrames {
		text, err := t.tmux(ctx, "capture-pane", "-p", "-e", "-t", name)
		if err != nil {
			return err
		}
		frames = append(frames, text)
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	if err := os.WriteFile(file, []byte(svg(frames)), 0o644); err != nil {
		return err
	}
	fmt.Println(file)
	return nil
}

// svg draws the pictures one after the other, for ever.
func svg(frames []string) string {
	width := int(2*left + float64(filmSize[0])*cellWidth)
	height := int(top0 + float64(filmSize[1])*lineHeight)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#d8dee9" xml:space="preserve">`+
		"\n<title>keyturn demo: twelve IAM users rotated in a simulated AWS</title>\n"+
		`<rect width="100%%" height="100%%" rx="10" fill="#12161d"/>`+"\n"+
		`<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>`+
		"\n"+`<text x="%d" y="25" text-anchor="middle" opacity=".6">keyturn demo</text>`+"\n", width, height, width, height, width/2)
	for i, f := range frames {
		fmt.Fprintf(&b, `<g visibility="%s">`, map[bool]string{true: "visible", false: "hidden"}[i == len(frames)-1])
		for row, line := range strings.Split(strings.TrimRight(f, "\n"), "\n") {
			drawLine(&b, line, top0+float64(row)*lineHeight)
		}
		from, to := float64(i)/float64(len(frames)), float64(i+1)/float64(len(frames))
		values, times := "hidden;visible;hidden", fmt.Sprintf("0;%.5f;%.5f", from, to)
		switch {
		case i == 0:
			values, times = "visible;hidden", fmt.Sprintf("0;%.5f", to)
		case i == len(frames)-1:
			values, times = "hidden;visible", fmt.Sprintf("0;%.5f", from)
		}
		fmt.Fprintf(&b, `<animate attributeName="visibility" calcMode="discrete" dur="%ds" repeatCount="indefinite" values="%s" keyTimes="%s"/></g>`+"\n",
			len(frames), values, times)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// pen is how the next letters look.
type pen struct {
	bold, dim, reverse bool
	colour             string
}

var colours = map[int]string{31: "#ff6b6b", 32: "#8fd694", 33: "#ffd166", 36: "#5ccfe6"}

// drawLine draws the words of a line, each at its cell.
func drawLine(b *strings.Builder, line string, y float64) {
	var p pen
	var word strings.Builder
	at, cell := 0, 0
	flush := func() {
		if strings.TrimSpace(word.String()) != "" {
			p.draw(b, word.String(), at, y)
		}
		word.Reset()
		at = cell
	}
	for len(line) > 0 {
		if strings.HasPrefix(line, "\x1b[") {
			end := strings.IndexByte(line, 'm')
			if end < 0 {
				break
			}
			flush()
			p.set(line[2:end])
			line = line[end+1:]
			continue
		}
		r := []rune(line)[0]
		line = line[len(string(r)):]
		if r == ' ' && !p.reverse {
			cell++
			flush()
			continue
		}
		if word.Len() == 0 {
			at = cell
		}
		word.WriteRune(r)
		cell += ansi.StringWidth(string(r))
	}
	flush()
}

// set takes in a sequence of SGR.
func (p *pen) set(codes string) {
	for _, c := range strings.Split(codes, ";") {
		switch n, _ := strconv.Atoi(c); n {
		case 0:
			*p = pen{}
		case 1:
			p.bold = true
		case 2:
			p.dim = true
		case 7:
			p.reverse = true
		case 22:
			p.bold, p.dim = false, false
		case 27:
			p.reverse = false
		case 39:
			p.colour = ""
		default:
			if c := colours[n]; c != "" {
				p.colour = c
			}
		}
	}
}

func (p pen) draw(b *strings.Builder, text string, cell int, y float64) {
	x, width := left+float64(cell)*cellWidth, float64(ansi.StringWidth(text))*cellWidth
	style := ""
	if p.colour != "" {
		style += ` fill="` + p.colour + `"`
	}
	if p.reverse {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.0f"%s/>`, x, y-15, width, lineHeight, style)
		style = ` fill="#12161d"`
	}
	if p.bold {
		style += ` font-weight="bold"`
	}
	if p.dim {
		style += ` opacity=".5"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.0f"%s>%s</text>`, x, y, width, style, html.EscapeString(text))
}
