package kinebucket_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A server that is too old is told from its INFO, before anything is asked of it.
func TestAccKineBucketServerTooOld(t *testing.T) {
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	config := acctest.ProviderConfig([]string{proxy.ClientURL()}, `connect_timeout = "1s"`) + bucketConfig("")

	proxy.ClaimVersion("2.11.10")
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config,
			ExpectError: acctest.Text("The server runs nats-server 2.11.10, and 2.12.0 or newer is required. Upgrade " +
				"nats-server."),
		},
		{
			PreConfig: func() {
				if n := len(proxy.Requests()); n != 0 {
					t.Errorf("the old server got the requests %v", proxy.Requests())
				}
				proxy.ClaimVersion("2.12.0")
			},
			Config: config,
		},
	}})
}
