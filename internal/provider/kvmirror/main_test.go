package kvmirror_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }
