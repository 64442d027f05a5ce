package acctest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Main runs the tests and exits. A test package that applies resources calls it in its TestMain:
//
//	func TestMain(m *testing.M) { acctest.Main(m) }
//
// The provider runs inside the test binary, which must therefore be able to run as its child process and as a separate
// server process. The tests do not use any NATS context of the machine.
func Main(m *testing.M) {
	preflight.RunChild()
	natslab.RunChild()
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	config, err := os.MkdirTemp("", "nats-k3s-config-")
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", config)
	}
	if err == nil {
		status = m.Run()
	}
	if err = errors.Join(err, removeProvider(), os.RemoveAll(config)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = max(status, 1)
	}
	return status
}
