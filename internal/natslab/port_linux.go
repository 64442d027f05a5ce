package natslab

import (
	"fmt"
	"sync"
	"syscall"
)

// reservePort reserves a port of 127.0.0.1, or a free one if number is 0.
//
// A socket that is bound with SO_REUSEADDR but does not listen keeps the kernel from assigning the port to a process
// that asks for a free one, including for outgoing connections. A server that names the port can still listen on it
// because Go's listeners also set SO_REUSEADDR.
func reservePort(number int) (port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return port{}, fmt.Errorf("natslab: reserve a port: %w", err)
	}
	got, err := bindReusable(fd, number)
	if err != nil {
		_ = syscall.Close(fd)
		return port{}, fmt.Errorf("natslab: reserve port %d: %w", number, err)
	}
	return port{number: got, release: sync.OnceFunc(func() { _ = syscall.Close(fd) })}, nil
}

func bindReusable(fd, number int) (int, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	addr, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return 0, syscall.EAFNOSUPPORT
	}
	return addr.Port, nil
}
