package acctest

import (
	"fmt"
	"os"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Main runs the tests and exits. A test package that applies resources has it in its TestMain:
//
//	func TestMain(m *testing.M) { acctest.Main(m) }
//
// The provider runs inside of the test binary, which then has to be able to be its child, as well as a server in a process of
// its own.
func Main(m *testing.M) {
	preflight.RunChild()
	natslab.RunChild()
	status := m.Run()
	if err := removeProvider(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = max(status, 1)
	}
	os.Exit(status)
}
