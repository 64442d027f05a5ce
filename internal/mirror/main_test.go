package mirror

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestMain(m *testing.M) { natslab.Main(m) }
