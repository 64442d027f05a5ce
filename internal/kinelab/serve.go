package kinelab

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"sync"

	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// grpcOverheadBytes is how far KINE lets a request exceed etcd's limit for its payload.
const grpcOverheadBytes = 512 * 1024

// newGRPCServer returns a gRPC server with the settings of KINE's own (pkg/endpoint/endpoint.go), with one
// difference: Stop waits for the handlers, so that they no longer use the driver when it is stopped.
func newGRPCServer() *grpc.Server {
	return grpc.NewServer(
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             embed.DefaultGRPCKeepAliveMinTime,
			PermitWithoutStream: false,
		}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time:    embed.DefaultGRPCKeepAliveInterval,
			Timeout: embed.DefaultGRPCKeepAliveTimeout,
		}),
		grpc.MaxConcurrentStreams(embed.DefaultMaxConcurrentStreams),
		grpc.MaxRecvMsgSize(int(embed.DefaultMaxRequestBytes)+grpcOverheadBytes),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.WaitForHandlers(true),
	)
}

// connections is a listener that can close its accepted connections. A stopped gRPC server waits up to two minutes
// for the handshake of a silent connection (serveWG in google.golang.org/grpc's server.go). Any process may have
// connected to KINE's port, for example a NATS client that tries to reach the previous server on that port and waits
// for its INFO.
type connections struct {
	net.Listener

	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

// Accept implements [net.Listener]. It does not wrap the connection because gRPC sets options of a [net.TCPConn].
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	if c.closed {
		_ = conn.Close()
	}
	return conn, nil
}

// close closes all connections, including those accepted later.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.open {
		_ = conn.Close()
	}
}

// listenUnix listens on a socket that only its owner can connect to. Like KINE, it replaces a socket that a killed
// KINE has left behind.
func listenUnix(ctx context.Context, lc *net.ListenConfig, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
