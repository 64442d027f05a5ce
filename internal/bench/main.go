// Bench measures the cost of the provider: the processor time of the CLI and its plugins together, and the wall time,
// of applying, planning and destroying many buckets and accounts. The same run measures resources that are built into
// the CLI and a provider that does nothing, so that the ratios are comparable between machines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// settings holds the command-line flags.
type settings struct {
	cli, provider, idle, before string
	buckets, accounts, far      int
	rounds                      int
	latency                     time.Duration
	markdown, svg, guide        string
}

func main() {
	if err := start(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func start() error {
	var s settings
	flag.StringVar(&s.cli, "cli", "", "`path` of OpenTofu or Terraform")
	flag.StringVar(&s.provider, "provider", "", "`path` of the provider's binary")
	flag.StringVar(&s.idle, "idle", "", "`path` of the binary of the provider that does nothing")
	flag.StringVar(&s.before, "before", "", "`path` of another build of the provider to compare with")
	flag.IntVar(&s.buckets, "buckets", 300, "number of buckets on loopback")
	flag.IntVar(&s.accounts, "accounts", 100, "number of accounts")
	flag.IntVar(&s.far, "far", 100, "number of buckets behind a slow network")
	flag.DurationVar(&s.latency, "latency", 50*time.Millisecond, "round trip of the slow network")
	flag.IntVar(&s.rounds, "rounds", 3, "number of measurements; the report shows the medians")
	flag.StringVar(&s.markdown, "markdown", "", "write the report to this `file`")
	flag.StringVar(&s.svg, "svg", "", "write a chart to this `file`")
	flag.StringVar(&s.guide, "guide", "", "replace the report in this `file`, between its two markers")
	flag.Parse()
	if s.cli == "" || s.provider == "" || s.idle == "" {
		return errors.New("-cli, -provider and -idle are required; use make bench")
	}
	if s.rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, s)
}

// run measures all subjects and writes the report. It removes its directory at the end.
func run(ctx context.Context, s settings) (err error) {
	dir, err := os.MkdirTemp("", "nats-k3s-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	lab, err := startLab(ctx, dir, s.latency)
	if err != nil {
		return err
	}
	defer lab.stop()
	b := &bench{settings: s, dir: dir, lab: lab}
	report, err := b.measure(ctx)
	if err != nil {
		return err
	}
	text := report.markdown()
	fmt.Println(text)
	return errors.Join(
		write(s.markdown, func() string { return text }),
		write(s.svg, func() string { return report.svg() }),
		rewrite(s.guide, text),
	)
}

// write writes a file unless path is empty.
func write(path string, text func() string) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text()), 0o644) //nolint:gosec // a public report
}
