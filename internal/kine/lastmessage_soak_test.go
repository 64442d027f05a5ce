//go:build soak

package kine

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// VerifyContract finds a foreign last message within a second. KINE itself waits for a minute and fails.
func TestSoakForeignLastMessage(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc, js := lab.Connect(t), openAPI(t, lab.URLs())
	mustCreate(t, js, testSpec)
	if _, err := nc.Request(KeySubject("kine", "x"), []byte("y"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	found := VerifyContract(t.Context(), newClient(t, lab.URLs(), natsconn.Auth{}), testSpec, "", true)
	if took := time.Since(start); len(found) != 1 || took > time.Second {
		t.Errorf("VerifyContract found %v in %s", found, took)
	}
	start = time.Now()
	k, err := kinelab.Start(t.Context(),
		kinelab.Config{Endpoint: endpointURL(t, lab.URLs(), testSpec), StartTimeout: 2 * StartLimit})
	if err == nil {
		_ = k.Stop()
		t.Fatal("KINE starts")
	}
	if took := time.Since(start); !strings.Contains(err.Error(), "timeout waiting for btree") || took < StartLimit ||
		took > StartLimit+20*time.Second {
		t.Errorf("KINE fails with %v after %s", err, took)
	}
}
