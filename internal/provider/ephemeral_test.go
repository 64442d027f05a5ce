package provider_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A secret in the provider's configuration that comes from an ephemeral variable is not in any plan or state.
func TestAccCLIEphemeralSecret(t *testing.T) {
	t.Parallel()
	const token = "ephemeral-s3cr3t"
	lab := natslab.Single(t, natslab.Token(token))
	w := acctest.NewWorkspace(t, `
variable "token" {
  type      = string
  ephemeral = true
}
`+acctest.ProviderConfig(lab.URLs(), "token = var.token")+bucket)
	w.Env = append(w.Env, "TF_VAR_token="+token)

	output := w.Must(t, "plan", "-out=plan.zip")
	plan := acctest.Unzip(t, filepath.Join(w.Dir, "plan.zip"))
	output += w.Must(t, "show", "-json", "plan.zip") + w.Must(t, "apply", "plan.zip")
	if err := hasBucket(t.Context(), lab); err != nil {
		t.Error(err)
	}
	for what, where := range map[string]string{
		"the output": output, "the plan": plan, "the state": text(t, filepath.Join(w.Dir, "terraform.tfstate")),
	} {
		if strings.Contains(where, token) {
			t.Errorf("the token is in %s", what)
		}
		if !strings.Contains(where, "KV_kine") {
			t.Errorf("not even the name of the stream is in %s, so that the token is not there shows nothing", what)
		}
	}
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")

	w.Env = append(w.Env, "TF_VAR_token=guess")
	out, err := w.Run(t.Context(), "apply", "-auto-approve")
	if want := acctest.Text("The credentials were refused by " + lab.ClientURL()); err == nil || !want.MatchString(out) {
		t.Errorf("with another token: %v\n%s", err, out)
	}
}
