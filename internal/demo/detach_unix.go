//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps signals for the demo, for example Ctrl-C, from reaching the process.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
