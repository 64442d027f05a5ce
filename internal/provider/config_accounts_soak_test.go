//go:build soak

package provider_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// tenantsConfig returns a number of tenants, each with an account, a bucket, a user and an endpoint.
func (s *system) tenantsConfig(count int) string {
	return fmt.Sprintf(`
locals {
  clusters = toset([for i in range(%d) : "edge-${i}"])
}

resource "nats_account" "cluster" {
  for_each            = local.clusters
  name                = each.key
  jetstream           = { disk_storage = "64MiB" }
  deletion_protection = false
}

resource "nats_kine_bucket" "cluster" {
  for_each            = local.clusters
  account             = nats_account.cluster[each.key].public_key
  deletion_protection = false
}

resource "nats_user" "k3s" {
  for_each          = local.clusters
  account           = nats_account.cluster[each.key].public_key
  name              = "k3s"
  permissions       = provider::nats::kine_permissions(nats_kine_bucket.cluster[each.key].name)
  revoke_on_destroy = false # a second each, and the account goes too
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  for_each         = local.clusters
  servers          = [%q]
  datastore        = nats_kine_bucket.cluster[each.key].datastore
  credentials_file = "/etc/nats/k3s.creds"
  verification = {
    credentials_wo         = nats_user.k3s[each.key].credentials
    credentials_wo_version = nats_user.k3s[each.key].jwt_id
  }
}
`, count, s.urls[0])
}

// watchConnections returns a function that ends the watch and returns the largest number of connections that it saw.
func watchConnections(proxy *natslab.Proxy) func() int {
	var most atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				most.Store(max(most.Load(), int64(proxy.ConnectionCount())))
			}
		}
	}()
	return func() int {
		close(stop)
		<-stopped
		return int(most.Load())
	}
}

// A hundred tenants share one provider block and use no more connections than allowed: those to accounts, one of the
// system account, and one verification for each of the ten resources that the CLI handles concurrently.
func TestAccSoakHundredTenants(t *testing.T) {
	const (
		count = 100
		// others are connections of the system account and of verifications, and those that are being closed as others open.
		others    = 1 + 10 + 10
		roundTrip = 50 * time.Millisecond
		// roundTrips are those of the refresh of a tenant, one after another: the account is looked up, its connection is
		// made (the server's greeting, and the answer to the client's), and the stream of its bucket is asked for. Its user
		// and its endpoint are known to the state alone.
		roundTrips, atATime = 1 + 2 + 1, 10
	)
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	proxy := natslab.NewProxy(t, lab.ClientURL())
	s := newSystem(t, operator, []string{proxy.ClientURL()})
	w := acctest.NewWorkspace(t, s.provider()+s.tenantsConfig(count))
	timed := func(what string, args ...string) (string, time.Duration) {
		t.Helper()
		began, most := time.Now(), watchConnections(proxy)
		out := w.Must(t, args...)
		took, connections := time.Since(began), most()
		t.Logf("%s: %s, %d connections at most", what, took.Round(100*time.Millisecond), connections)
		if connections > natsconn.MaxAccountConnections+others || connections < natsconn.MaxAccountConnections {
			t.Errorf("%s: %d connections at a time", what, connections)
		}
		return out, took
	}
	out, _ := timed("apply", "apply", "-auto-approve")
	if !strings.Contains(out, fmt.Sprintf("%d added", 4*count)) {
		t.Errorf("not everything was made:\n%s", out)
	}
	plan := []string{"plan", "-detailed-exitcode"} // exit code 2, and so an error, if anything is to change
	_, near := timed("refresh", plan...)
	proxy.SetLatency(roundTrip/2, roundTrip/2)
	_, far := timed("refresh at a round trip of 50 ms", plan...)
	proxy.SetLatency(0, 0)
	ideal := count * roundTrips / atATime * roundTrip
	t.Logf("the round trips take %s, which is %.2f times the %s of %d at a time, one after another",
		(far - near).Round(10*time.Millisecond),
		(far-near).Seconds()/ideal.Seconds(), ideal, atATime)
	timed("destroy", "destroy", "-auto-approve")
}
