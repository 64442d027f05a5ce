//go:build !unix

package main

import "os/exec"

// detach does nothing on systems without sessions.
func detach(*exec.Cmd) {}
