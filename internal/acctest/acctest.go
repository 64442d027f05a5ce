// Package acctest contains what the provider's acceptance tests share: the provider in process and as a built binary
// under a CLI, and helpers for common configurations.
package acctest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
)

// Factories serve the provider from the test process.
var Factories = map[string]func() (tfprotov6.ProviderServer, error){
	"nats": provider.NewServer("test"),
}

// Run runs a test case with the provider in process. Tests that call it begin with TestAcc. Tests that depend on the
// CLI begin with TestAccCLI and run on both Terraform and OpenTofu.
func Run(t *testing.T, c resource.TestCase) {
	t.Helper()
	if c.ProtoV6ProviderFactories == nil {
		c.ProtoV6ProviderFactories = Factories
	}
	c.TerraformVersionChecks = append(c.TerraformVersionChecks, tfversion.SkipBelow(tfversion.Version1_11_0))
	resource.Test(t, c)
}

// ProviderConfig returns a provider block for the servers with additional lines.
func ProviderConfig(servers []string, lines ...string) string {
	quoted := make([]string, len(servers))
	for i, server := range servers {
		quoted[i] = fmt.Sprintf("%q", server)
	}
	return fmt.Sprintf("provider \"nats\" {\n  servers = [%s]\n  %s\n}\n", strings.Join(quoted, ", "),
		strings.Join(lines, "\n  "))
}

// Text returns a pattern that matches a message of the CLI regardless of line breaks.
func Text(message string) *regexp.Regexp {
	words := strings.Fields(message)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│]+`))
}

// EndpointURL returns the datastore endpoint of a bucket on the servers.
func EndpointURL(t *testing.T, servers []string, spec kine.Spec) string {
	t.Helper()
	url, err := kine.Endpoint{Servers: servers, Spec: spec}.URL()
	if err != nil {
		t.Fatal(err)
	}
	return url
}
