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

// killLine tells a child that runs an executable to kill it instead of shutting it down.
const killLine = "kill\n"

// execute makes the child run an executable and writes its configuration to a file in dir.
func (c *childSpec) execute(path, dir string) error {
	// The working directory of the child may differ.
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

// supervise runs the executable until the end of in. It kills the executable if in contains killLine.
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
	// The executable is killed before the parent's own timeout for this process expires.
	cmd.WaitDelay = stopTimeout / 2
	if err := cmd.Start(); err != nil {
		return json.NewEncoder(out).Encode(childAnswer{Error: err.Error()})
	}
	go func() {
		order, _ = in.ReadString('\n') // empty if the parent exited
		cancel()
	}()
	if err := json.NewEncoder(out).Encode(childAnswer{PID: cmd.Process.Pid}); err != nil {
		cancel()
	}
	_ = cmd.Wait() // the exit status is in ProcessState
	if ctx.Err() == nil {
		return fmt.Errorf("natslab: %s exited: %s", c.Executable, cmd.ProcessState)
	}
	return nil
}
