//go:build unix

package parent

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// parentPoll is how often the process looks at who its parent is, in milliseconds. That nobody reads its standard output it learns at once.
const parentPoll = 1000

// followed is a parent and the pipe that it reads from.
type followed struct{ pid, output int }

func newFollowed() followed {
	// Otherwise the next line of the log would end the process before it has removed anything.
	signal.Ignore(syscall.SIGPIPE)
	return followed{pid: os.Getppid(), output: syscall.Stdout}
}

// wait returns once the parent is gone. Without a pipe that tells of it, only the parent's process counts.
func (f followed) wait() {
	output := []unix.PollFd{{Fd: int32(f.output)}} //nolint:gosec // a file descriptor
	for gone := false; !gone && os.Getppid() == f.pid; {
		output, gone = look(output, parentPoll)
	}
}

// look waits for milliseconds until nobody reads the output, and reports whether that is so. It returns no output if that cannot be followed.
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

// The file descriptors that are looked at. The listener of a provider is among its first. Standard input, output and error come from the CLI:
// a socket among them belongs to somebody else.
const (
	firstDescriptor = 3
	maxDescriptors  = 1024
)

// removeSockets removes the files of the sockets that this process listens on, and reports whether there is one.
func removeSockets() (found bool) {
	for fd := firstDescriptor; fd < maxDescriptors; fd++ {
		address, err := unix.Getsockname(fd)
		if err != nil {
			continue
		}
		if socket, ok := address.(*unix.SockaddrUnix); ok && socket.Name != "" && socket.Name[0] != '@' {
			_ = os.Remove(socket.Name) // the process ends: nobody could be told
			found = true
		}
	}
	return found
}
