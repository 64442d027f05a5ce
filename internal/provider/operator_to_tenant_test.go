package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// The guides "From nothing to the first tenant" and "From the first tenant to a second region": the files of
// examples/operator start a real server, and their outputs are the only inputs of examples/tenant, whose apply runs
// KINE on the tenant's endpoint. With the files of examples/second-region in the same directory, a leaf node joins the
// tenant's account and gets a mirror.
func TestAccCLIOperatorToTenant(t *testing.T) {
	t.Parallel()
	operator := applied{Workspace: acctest.NewWorkspace(t, "")}
	operator.configure(t, text(t, filepath.Join(examplesDir, "operator", "main.tf")))
	address := natslab.FreeAddress(t)
	operator.Env = append(operator.Env, "TF_VAR_listen="+address, "TF_VAR_data_dir="+t.TempDir())
	operator.Apply(t)
	operator.AssertEmptyPlan(t)

	leafnodes := natslab.FreeAddress(t)
	server := natslab.Configured(t,
		output(t, operator.Workspace, "nats_server_conf")+fmt.Sprintf("leafnodes { listen: %q }\n", leafnodes))
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
	if verified := tenant.Stored(t, "nats_k3s_datastore_endpoint.berlin").Text("verified"); !strings.Contains(verified,
		"etcd") {
		t.Errorf("the apply has not run KINE as the tenant's user: verified is %q", verified)
	}

	tenant.addSecondRegion(t, "nats://"+leafnodes)

	operator.AssertEmptyPlan(t) // whether the server runs makes no difference
	out, err := tenant.Run(t.Context(), "destroy", "-auto-approve")
	if err == nil || !strings.Contains(out, "Is Protected") {
		t.Errorf("what holds the cluster is not protected: %v\n%s", err, out)
	}
}

// addSecondRegion adds the files of examples/second-region one after the other, as the guide does.
func (a applied) addSecondRegion(t *testing.T, hub string) {
	t.Helper()
	dir := t.TempDir()
	a.Env = append(a.Env, "TF_VAR_hub_leafnodes="+hub, "TF_VAR_leaf_listen="+natslab.FreeAddress(t),
		"TF_VAR_leaf_dir="+dir)
	a.write(t, "leaf.tf", text(t, filepath.Join(examplesDir, "second-region", "leaf.tf")))
	a.Apply(t)
	credentials := []byte(output(t, a.Workspace, "leaf_credentials"))
	if err := os.WriteFile(filepath.Join(dir, "leaf.creds"), credentials, 0o600); err != nil {
		t.Fatal(err)
	}
	natslab.AwaitConfigured(t, natslab.Configured(t, output(t, a.Workspace, "leaf_conf")))

	a.write(t, "mirror.tf", text(t, filepath.Join(examplesDir, "second-region", "mirror.tf")))
	a.Apply(t)
	a.AssertEmptyPlan(t)
	if domain := a.Stored(t, "nats_kv_mirror.berlin").Text("jetstream_domain"); domain != "leaf" {
		t.Errorf("the mirror is in the domain %q", domain)
	}
}
