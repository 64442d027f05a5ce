package provider_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// The guide "From nothing to the first tenant": what examples/operator writes boots a real server, and its outputs are all that
// examples/tenant asks for, whose apply runs KINE on the tenant's endpoint.
func TestAccCLIOperatorToTenant(t *testing.T) {
	operator := applied{Workspace: acctest.NewWorkspace(t, "")}
	operator.configure(t, text(t, filepath.Join(examplesDir, "operator", "main.tf")))
	address := natslab.FreeAddress(t)
	operator.Env = append(operator.Env, "TF_VAR_listen="+address, "TF_VAR_data_dir="+t.TempDir())
	operator.Apply(t)
	operator.AssertEmptyPlan(t)

	server := natslab.Configured(t, output(t, operator.Workspace, "nats_server_conf"))
	natslab.AwaitConfigured(t, server)

	tenant := applied{Workspace: operator.Another(t, "")}
	tenant.configure(t, text(t, filepath.Join(examplesDir, "tenant", "main.tf")))
	tenant.write(t, "system.creds", output(t, operator.Workspace, "system_credentials"))
	tenant.Env = append(tenant.Env,
		connection.EnvSystemCredentials+"="+filepath.Join(tenant.Dir, "system.creds"),
		connection.EnvSigningKey+"="+output(t, operator.Workspace, "operator_signing_key"),
		"TF_VAR_account_signing_key="+output(t, operator.Workspace, "account_signing_key"),
		fmt.Sprintf("TF_VAR_servers=[%q]", "nats://"+address),
	)
	tenant.Apply(t)
	tenant.AssertEmptyPlan(t)
	if verified := tenant.Stored(t, "nats_k3s_datastore_endpoint.berlin").Text("verified"); !strings.Contains(verified, "etcd") {
		t.Errorf("the apply has not run KINE as the tenant's user: verified is %q", verified)
	}

	operator.AssertEmptyPlan(t) // whether the server runs makes no difference
	out, err := tenant.Run(t.Context(), "destroy", "-auto-approve")
	if err == nil || !strings.Contains(out, "Is Protected") {
		t.Errorf("what holds the cluster is not protected: %v\n%s", err, out)
	}
}
