package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// From nothing: what the first apply of the example writes boots a real server, and the next one pushes an account to it.
func TestAccCLIOperatorFromNothing(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "operator", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	w := acctest.NewWorkspace(t, "")
	if err := w.Write("main.tf", string(text)); err != nil {
		t.Fatal(err)
	}
	address, dir := natslab.FreeAddress(t), t.TempDir()
	w.Env = append(w.Env, "TF_VAR_listen="+address, "TF_VAR_data_dir="+dir)

	w.Apply(t)
	w.AssertEmptyPlan(t)
	config, err := w.Output(t.Context(), "nats_server_conf")
	if err != nil {
		t.Fatal(err)
	}
	server := natslab.Configured(t, config)
	natslab.AwaitConfigured(t, server)

	w.Env = append(w.Env, "TF_VAR_server_is_up=true")
	if out := w.Apply(t); !strings.Contains(out, "1 added, 0 changed, 0 destroyed") {
		t.Errorf("more than the account was changed:\n%s", out)
	}
	w.AssertEmptyPlan(t)
	if out := w.Must(t, "state", "show", "-no-color", "nats_account.berlin[0]"); !strings.Contains(out, `disk_storage`) || !strings.Contains(out, "10GiB") {
		t.Errorf("the account is not in the state:\n%s", out)
	}
	if n := server.NumLoadedAccounts(); n < 2 {
		t.Errorf("the server knows %d accounts", n)
	}
	out, err := w.Run(t.Context(), "destroy", "-auto-approve")
	if err == nil || !strings.Contains(out, "Account Is Protected") {
		t.Errorf("the account is not protected: %v\n%s", err, out)
	}
}
