//go:build !linux

package natslab

import (
	"fmt"
	"net"
)

// reservePort returns number, or a port that was free a moment ago if number is 0. Only Linux can keep a port free
// and still let a server listen on it.
func reservePort(number int) (port, error) {
	if number != 0 {
		return port{number: number, release: func() {}}, nil
	}
	l, err := net.Listen("tcp4", address(0))
	if err != nil {
		return port{}, fmt.Errorf("natslab: find a free port: %w", err)
	}
	got := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return port{}, fmt.Errorf("natslab: find a free port: %w", err)
	}
	return port{number: got, release: func() {}}, nil
}
