package natslab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// killLine is what a child that runs an executable is told when it is to kill it rather than to let it shut down.
const killLine = "kill\n"

// execute makes the child run an executable, with the configuration as a file in dir.
func (c *childSpec) execute(path, dir string) error {
	// The child may have another working directory.
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("natslab: %w", err)
	}
	c.Executable, c.File = path, filepath.Join(dir, c.Name+".conf")
	if err := os.WriteFile(c.File, []byte(strings.Join(c.Texts, "\n")), 0o600); err != nil {
		return fmt.Errorf("natslab: %w", err)
	}
	return nil
}

// supervise runs the executable until in ends, and kills it if that says so.
func (c *childSpec) supervise(in *bufio.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Executable, "-c", c.File)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	order := ""
	cmd.Cancel = func() error {
		if order == killLine {
			return cmd.Process.Kill()
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	// It is killed before the parent loses its patience with this process.
	cmd.WaitDelay = stopTimeout / 2
	if err := cmd.Start(); err != nil {
		return json.NewEncoder(out).Encode(childAnswer{Error: err.Error()})
	}
	go func() {
		order, _ = in.ReadString('\n') // empty if the parent has ended
		cancel()
	}()
	if err := json.NewEncoder(out).Encode(childAnswer{PID: cmd.Process.Pid}); err != nil {
		cancel()
	}
	_ = cmd.Wait() // how it ended is in its state
	if ctx.Err() == nil {
		return fmt.Errorf("natslab: %s has ended: %s", c.Executable, cmd.ProcessState)
	}
	return nil
}
