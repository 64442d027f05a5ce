//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps a signal for the demo, such as Ctrl-C, from reaching the process.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
