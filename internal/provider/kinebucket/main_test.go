package kinebucket_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// natsLab is what tests need of a server or a topology of servers.
type natsLab interface {
	URLs() []string
	Connect(tb testing.TB, opts ...nats.Option) *nats.Conn
}
