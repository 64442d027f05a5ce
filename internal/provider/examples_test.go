package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Every example plans, without a server. The quick start is also applied, by make demo.
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
			w.Env = append(w.Env, "NATS_URL=nats://127.0.0.1:1", "TF_VAR_nats_password=s3cr3t", "TF_VAR_k3s_password=s3cr3t",
				"TF_VAR_k3s_token=s3cr3t", "TF_VAR_signing_key_seed="+seed(t, natsconn.AccountKey), connection.EnvSigningKey+"="+seed(t, natsconn.OperatorKey),
				connection.EnvSystemCredentials+"=/etc/nats/system.creds")
			for _, name := range []string{"nats", "k3s", "k0s", "user"} {
				w.Env = append(w.Env, "TF_VAR_"+name+"_credentials="+credentials(t))
			}
			w.Must(t, "validate")
			w.Must(t, "plan")
		})
	}
}
