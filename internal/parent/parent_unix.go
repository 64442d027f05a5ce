//go:build unix

package parent

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// parentPoll is how often the process checks its parent, in milliseconds. It notices a closed standard output
// immediately.
const parentPoll = 1000

// followed is the process ID of the parent and the pipe that the parent reads from.
type followed struct{ pid, output int }

func newFollowed() followed {
	// Otherwise writing the next log line would end the process before it has removed its sockets.
	signal.Ignore(syscall.SIGPIPE)
	return followed{pid: os.Getppid(), output: syscall.Stdout}
}

// wait returns when the parent has exited. Without a pipe, only the parent's process ID is checked.
func (f followed) wait() {
	output := []unix.PollFd{{Fd: int32(f.output)}} //nolint:gosec // a file descriptor
	for gone := false; !gone && os.Getppid() == f.pid; {
		output, gone = look(output, parentPoll)
	}
}

// look waits up to milliseconds for the output to lose its reader and reports whether that happened. It returns no
// output if the output cannot be polled.
func look(output []unix.PollFd, milliseconds int) (next []unix.PollFd, gone bool) {
	_, err := unix.Poll(output, milliseconds)
	switch {
	case len(output) == 0, errors.Is(err, unix.EINTR):
		return output, false
	case err != nil, output[0].Revents&unix.POLLNVAL != 0:
		return nil, false
	}
	return output, output[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// Range of file descriptors to check. The listener of a provider is among the first. Standard input, output and error
// come from the CLI: a socket among them belongs to another process.
const (
	firstDescriptor = 3
	maxDescriptors  = 1024
)

// removeSockets removes the files of the sockets that this process listens on, and reports whether there were any.
func removeSockets() (found bool) {
	for fd := firstDescriptor; fd < maxDescriptors; fd++ {
		address, err := unix.Getsockname(fd)
		if err != nil {
			continue
		}
		if socket, ok := address.(*unix.SockaddrUnix); ok && socket.Name != "" && socket.Name[0] != '@' {
			_ = os.Remove(socket.Name) // the process exits, so the error cannot be reported
			found = true
		}
	}
	return found
}
