package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// report holds the measurements.
type report struct {
	cli, machine string
	rounds       int
	groups       []group
	startUp      []startUp
}

// median returns the median of each component of the cost of an operation.
func (s *subject) median(o operation) cost {
	var processor, wall []time.Duration
	var requests, connections []uint64
	for _, c := range s.runs[o] {
		processor, wall = append(processor, c.processor), append(wall, c.wall)
		requests, connections = append(requests, c.requests), append(connections, c.connections)
	}
	return cost{median(processor), median(wall), median(requests), median(connections)}
}

// reference returns the subject that the other subjects of the group are compared with.
func (g group) reference() *subject {
	for _, s := range g.subjects {
		if s.reference {
			return s
		}
	}
	return g.subjects[0]
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s on %s, median of %d. Each cell shows the processor\n"+
		"seconds of the CLI and its plugins together, the ratio to the provider that does nothing, and the wall time.\n",
		r.cli, r.machine, r.rounds)
	for _, g := range r.groups {
		fmt.Fprintf(&b, "\n### %s\n\n| | Apply | Plan | Destroy | Requests | Connections |\n|---|---|---|---|---|---|\n",
			upperFirst(g.title))
		reference := g.reference()
		for _, s := range g.subjects {
			fmt.Fprintf(&b, "| %s |", s.label)
			var requests, connections []string
			for _, o := range operations {
				c := s.median(o)
				fmt.Fprintf(&b, " %.2f s (%.1f×), %.1f s |", c.processor.Seconds(),
					ratio(c.processor, reference.median(o).processor), c.wall.Seconds())
				requests, connections = append(requests, fmt.Sprint(c.requests)), append(connections, fmt.Sprint(c.connections))
			}
			if s.proxy == nil {
				requests, connections = nil, nil
			}
			fmt.Fprintf(&b, " %s | %s |\n", strings.Join(requests, ", "), strings.Join(connections, ", "))
		}
	}
	b.WriteString("\n### Start-up\n\n| | Until the CLI can talk to it | Processor |\n|---|---|---|\n")
	for _, s := range r.startUp {
		fmt.Fprintf(&b, "| %s | %d ms | %d ms |\n", s.label, s.wall.Milliseconds(), s.processor.Milliseconds())
	}
	return b.String()
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// The markers of the report in a guide.
const (
	beginMark = "<!-- The report of make bench begins. -->"
	endMark   = "<!-- The report of make bench ends. -->"
)

// rewrite replaces the report in a file unless path is empty.
func rewrite(path, text string) error {
	if path == "" {
		return nil
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !ok || !ended {
		return fmt.Errorf("%s does not contain the markers %s and %s", path, beginMark, endMark)
	}
	text = before + beginMark + "\n\n" + text + "\n" + endMark + after
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a public page
}
