package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Every example plans, without a server but for those that look at one. The quick start is also applied, by make demo.
func TestAccCLIExamplesPlan(t *testing.T) {
	root := filepath.Join("..", "..", "examples")
	var examples []string
	err := filepath.WalkDir(root, func(file string, _ os.DirEntry, err error) error {
		if filepath.Ext(file) == ".tf" {
			examples = append(examples, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) < 4 {
		t.Fatalf("found %d examples, which cannot be all", len(examples))
	}

	const requirement = "terraform {\n  required_providers {\n    nats = {\n      source = \"nats-k3s/nats\"\n    }\n  }\n}\n"
	first := acctest.NewWorkspace(t, "")
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	system := filepath.Join(t.TempDir(), "system.creds")
	content, err := operator.SystemAccount().Credentials("terraform", nil)
	if err == nil {
		err = os.WriteFile(system, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		name, err := filepath.Rel(root, example)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(filepath.Base(example), "import-by-") {
			continue // asks a server for what is imported: see the tests of the resources
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(example)
			if err != nil {
				t.Fatal(err)
			}
			config := string(text)
			if !strings.Contains(config, "required_providers") {
				config = requirement + config
			}
			w := first.Another(t, "")
			if err := w.Write("main.tf", config); err != nil {
				t.Fatal(err)
			}
			url := "nats://127.0.0.1:1" // which nobody listens on
			if strings.HasPrefix(name, "data-sources") {
				url = lab.ClientURL()
			}
			w.Env = append(w.Env, "NATS_URL="+url, "TF_VAR_account="+operator.SystemAccount().PublicKey(),
				"TF_VAR_signing_key="+operator.SystemAccount().SigningKey(), "TF_VAR_nats_password=s3cr3t", "TF_VAR_k3s_password=s3cr3t",
				"TF_VAR_k3s_token=s3cr3t", "TF_VAR_signing_key_seed="+seed(t, natsconn.AccountKey), connection.EnvSigningKey+"="+seed(t, natsconn.OperatorKey),
				connection.EnvSystemCredentials+"="+system)
			for _, name := range []string{"nats", "k3s", "k0s", "user"} {
				w.Env = append(w.Env, "TF_VAR_"+name+"_credentials="+credentials(t))
			}
			w.Must(t, "validate")
			w.Must(t, "plan")
		})
	}
}
