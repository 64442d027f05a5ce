package k3sendpoint_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// is checks the value of an attribute of the endpoint.
func is(attribute string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), value)
}

// text checks the value of an attribute of the endpoint.
func text(attribute, value string) statecheck.StateCheck {
	return is(attribute, knownvalue.StringExact(value))
}

// withURL passes the URL of an endpoint in the state to a function.
func withURL(endpoint string, use func(url string)) statecheck.StateCheck {
	return urlCheck{endpoint, use}
}

type urlCheck struct {
	endpoint string
	use      func(string)
}

func (c urlCheck) CheckState(_ context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	for _, r := range resources(req.State) {
		if r.Address == c.endpoint {
			if url, ok := r.AttributeValues["url"].(string); ok {
				c.use(url)
				return
			}
		}
	}
	resp.Error = fmt.Errorf("%s has no URL", c.endpoint)
}

func resources(state *tfjson.State) []*tfjson.StateResource {
	if state.Values == nil || state.Values.RootModule == nil {
		return nil
	}
	return state.Values.RootModule.Resources
}

// errorAt matches an error on an attribute: a CLI shows the first line of the attribute in the configuration.
func errorAt(t *testing.T, attribute, message string) *regexp.Regexp {
	t.Helper()
	return regexp.MustCompile(`\d+:\s+` + attribute + `\s+=[\s\S]*` + acctest.Text(message).String())
}

// checkFunc is a check of something other than the state.
type checkFunc func() error

func (c checkFunc) CheckState(_ context.Context, _ statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = c()
}
