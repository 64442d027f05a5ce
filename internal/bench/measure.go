package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/workspace"
)

// operation is a command of the CLI.
type operation string

const (
	apply   operation = "apply"
	plan    operation = "plan"
	destroy operation = "destroy"
)

// operations are measured in this order, so that the plan is of unchanged resources.
var operations = []operation{apply, plan, destroy}

func (o operation) args() []string {
	if o == plan {
		return []string{"plan", "-detailed-exitcode"} // fails if the plan is not empty
	}
	return []string{string(o), "-auto-approve"}
}

// cost is the cost of one run.
type cost struct {
	// processor is the time of the CLI and its plugins together, in user and system mode.
	processor, wall       time.Duration
	requests, connections uint64
}

// bench is a run of the benchmark.
type bench struct {
	settings
	dir string
	lab *lab
}

// measure measures all subjects in each of the rounds, so that other work of the machine affects all of them alike.
func (b *bench) measure(ctx context.Context) (*report, error) {
	r := &report{groups: b.groups(), rounds: b.rounds,
		machine: fmt.Sprintf("%d processors (%s/%s)", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)}
	w, err := workspace.New(b.dir, b.cli, "")
	if err != nil {
		return nil, err
	}
	if r.cli, err = w.Version(ctx); err != nil {
		return nil, err
	}
	for round := range b.rounds {
		done := map[*subject]bool{} // a subject can be in several groups
		for _, g := range r.groups {
			for _, s := range g.subjects {
				if done[s] {
					continue
				}
				done[s] = true
				fmt.Fprintf(os.Stderr, "round %d of %d: %s: %s\n", round+1, b.rounds, g.title, s.label)
				if err := b.round(ctx, s); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", g.title, s.label, err)
				}
			}
		}
	}
	r.startUp, err = b.startUps(ctx)
	return r, err
}

// round applies, plans and destroys once.
func (b *bench) round(ctx context.Context, s *subject) error {
	dir, err := os.MkdirTemp(b.dir, "workspace-")
	if err != nil {
		return err
	}
	provider := ""
	if s.provider != "" {
		if provider, err = named(filepath.Join(dir, "provider"), s.provider); err != nil {
			return err
		}
	}
	w, err := workspace.New(dir, b.cli, provider)
	if err != nil {
		return err
	}
	if err := w.Write("main.tf", s.config); err != nil {
		return err
	}
	w.Env = s.env
	if s.runs == nil {
		s.runs = map[operation][]cost{}
	}
	for _, o := range operations {
		c, err := s.run(ctx, w, o)
		if err != nil {
			return fmt.Errorf("%s: %w", o, err)
		}
		s.runs[o] = append(s.runs[o], c)
	}
	return nil
}

// named links a binary under the name that the CLI expects.
func named(dir, binary string) (string, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "terraform-provider-nats")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	return path, os.Symlink(binary, path)
}

func (s *subject) run(ctx context.Context, w *workspace.Workspace, o operation) (c cost, err error) {
	var requests, connections uint64
	if s.proxy != nil {
		requests, connections = s.proxy.TotalRequests(), s.proxy.TotalConnections()
	}
	cmd := w.Command(ctx, o.args()...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%w:\n%s", err, out.String())
	}
	c.wall = time.Since(began)
	// The times of the CLI include those of its plugins, because it waits for them.
	c.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if s.proxy != nil {
		c.requests, c.connections = s.proxy.TotalRequests()-requests, s.proxy.TotalConnections()-connections
	}
	return c, nil
}

// startUp is the time from the start of a provider until the CLI can connect to it.
type startUp struct {
	label           string
	wall, processor time.Duration
}

// starts is the number of starts to measure per provider.
const starts = 7

func (b *bench) startUps(ctx context.Context) ([]startUp, error) {
	binaries := []struct{ label, path string }{{"does nothing", b.idle}, {"this provider", b.provider}}
	if b.before != "" {
		binaries = append(binaries, struct{ label, path string }{"this provider before", b.before})
	}
	var all []startUp
	for _, binary := range binaries {
		var wall, processor []time.Duration
		for range starts {
			w, p, err := started(ctx, binary.path)
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", binary.path, err)
			}
			wall, processor = append(wall, w), append(processor, p)
		}
		all = append(all, startUp{binary.label, median(wall), median(processor)})
	}
	return all, nil
}

// started starts a provider as a CLI does, and kills it when it has printed its address.
func started(ctx context.Context, binary string) (wall, processor time.Duration, err error) {
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(),
		"TF_PLUGIN_MAGIC_COOKIE=d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
		"PLUGIN_PROTOCOL_VERSIONS=6", "PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	wall = time.Since(began)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

func median[T ~int64 | ~uint64](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
