package natslab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// Configured runs a server with the given configuration text, like nats-server -c, until the test ends. It does not
// wait until the server is ready because a clustered server becomes ready only when another one joins: see
// [server.Server.ReadyForConnections] and [AwaitConfigured].
func Configured(tb testing.TB, text string) *server.Server {
	tb.Helper()
	s, err := startConfigured(tb.TempDir(), text)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func startConfigured(dir, text string) (*server.Server, error) {
	file := filepath.Join(dir, "nats-server.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, err
	}
	options.NoSigs = true
	s, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	if options.LogFile != "" {
		s.ConfigureLogger()
	}
	s.Start()
	return s, nil
}

// AwaitConfigured waits until a server accepts connections.
func AwaitConfigured(tb testing.TB, s *server.Server) {
	tb.Helper()
	if !s.ReadyForConnections(startTimeout) {
		tb.Fatalf("%s does not accept connections", s.Name())
	}
}

// FreeAddress returns a loopback address, host:port, on which nothing listens at the moment.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		tb.Fatal(fmt.Errorf("natslab: find a free port: %w", err))
	}
	defer listener.Close()
	return listener.Addr().String()
}
