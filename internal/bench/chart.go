package main

import (
	"fmt"
	"strings"
	"time"
)

// The dimensions of the chart, in pixels.
const (
	chartWidth  = 860
	labelWidth  = 250
	valueWidth  = 150
	barHeight   = 13
	barGap      = 4
	titleHeight = 34
	stepHeight  = 22
)

// colors maps an operation to the color of its bars.
var colors = map[operation]string{apply: "#2f6db5", plan: "#3c9a5f", destroy: "#b5652f"}

// svg draws a bar for the processor time of each operation of each subject. The bars of a group have the same scale.
func (r *report) svg() string {
	var body strings.Builder
	y := 20
	text := func(x int, class, anchor, format string, args ...any) {
		fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" class=\"%s\" text-anchor=\"%s\">%s</text>\n", x, y, class, anchor,
			fmt.Sprintf(format, args...))
	}
	text(10, "note", "start",
		"Processor seconds of the CLI and its plugins, and the ratio to the provider that does nothing. %s.", r.cli)
	for _, g := range r.groups {
		y += titleHeight
		text(10, "title", "start", "%s", upperFirst(g.title))
		longest := g.longest()
		reference := g.reference()
		for _, o := range operations {
			y += stepHeight
			text(10, "step", "start", "%s", o)
			for _, s := range g.subjects {
				taken := s.median(o).processor
				text(labelWidth-8, "label", "end", "%s", strings.ReplaceAll(s.label, "`", ""))
				width := int(float64(chartWidth-labelWidth-valueWidth) * ratio(taken, longest))
				fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", labelWidth, y-barHeight+2,
					max(width, 1),
					barHeight, colors[o])
				text(labelWidth+width+6, "label", "start", "%.2f s, %.1f×", taken.Seconds(),
					ratio(taken, reference.median(o).processor))
				y += barHeight + barGap
			}
			y -= barHeight + barGap
		}
	}
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%[2]d\" viewBox=\"0 0 %[1]d "+
		"%[2]d\" role=\"img\" aria-label=\"Processor time of the provider compared with one that does nothing\">\n"+
		"<style>text{font:12px "+
		"sans-serif;fill:#444}.title{font-weight:bold;font-size:14px}.step{font-style:italic}.note{font-size:11px}</style>\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%[3]s</svg>\n", chartWidth, y+20, body.String())
}

// longest returns the longest processor time of the group.
func (g group) longest() time.Duration {
	longest := time.Duration(1)
	for _, s := range g.subjects {
		for _, o := range operations {
			longest = max(longest, s.median(o).processor)
		}
	}
	return longest
}
