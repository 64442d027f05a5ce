package operator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// startup bounds the start of a server.
const startup = time.Minute

// boot starts a nats-server with the operator, as its users would configure it, and returns its URL.
func boot(t *testing.T, operatorJWT, systemAccount, systemJWT string) string {
	t.Helper()
	s := natslab.Configured(t,
		fmt.Sprintf("listen: 127.0.0.1:-1\noperator: %s\nresolver: { type: full, dir: %q }\nresolver_preload: { %s: %s }\n",
			operatorJWT, t.TempDir(), systemAccount, systemJWT))
	natslab.AwaitConfigured(t, s)
	return s.ClientURL()
}

// ping connects as a user of the system account whom that key has signed, and asks the server who it is.
func ping(t *testing.T, url, systemAccount, signingSeed string) error {
	t.Helper()
	signer, err := nkeys.FromSeed([]byte(signingSeed))
	if err != nil {
		t.Fatal(err)
	}
	user := acctest.NewKey(t, natsconn.UserKey)
	claims := jwt.NewUserClaims(user.Public)
	claims.IssuerAccount = systemAccount
	token, err := claims.Encode(signer)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(url, nats.UserJWTAndSeed(token, user.Seed), nats.Timeout(startup))
	if err != nil {
		return err
	}
	defer nc.Close()
	_, err = nc.Request("$SYS.REQ.SERVER.PING", nil, startup)
	return err
}

// What is made here boots a real server, whose system account lets in whom its signing key signs; the seeds that signed
// it are in no state, plan, output or log.
func TestAccCLIOperatorBootsAServer(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict %t", strict), func(t *testing.T) {
			identity, signing, systemSigning := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t,
				natsconn.OperatorKey), acctest.NewKey(t, natsconn.AccountKey)
			w := acctest.NewWorkspace(t, `
variable "identity" {
  ephemeral = true
}

variable "signing" {
  ephemeral = true
}

variable "system_signing_key" {
  type = string
}
`+operator(`name = "lab"`, "seed_wo = var.identity", `seed_wo_version = "version-marker"`, fmt.Sprintf("signing_keys = [%q]", signing.Public),
				"signing_key_seed_wo = var.signing", `signing_key_seed_wo_version = "1"`,
				fmt.Sprintf("strict_signing_key_usage = %t", strict),
				"system_account = {\n    signing_keys = [var.system_signing_key]\n  }")+`
output "operator" {
  value = {
    jwt        = nats_operator.test.jwt
    system     = nats_operator.test.system_account.public_key
    system_jwt = nats_operator.test.system_account_jwt
  }
}
`)
			log := filepath.Join(t.TempDir(), "trace.log")
			w.Env = append(w.Env, "TF_VAR_identity="+identity.Seed, "TF_VAR_signing="+signing.Seed,
				"TF_VAR_system_signing_key="+systemSigning.Public)
			env := w.Env
			w.Env = append(w.Env, "TF_LOG_PROVIDER=TRACE", "TF_LOG_PATH="+log)
			output := w.Must(t, "plan", "-out=plan.zip") + w.Must(t, "show", "-json", "plan.zip") +
				w.Must(t, "apply", "plan.zip") + w.Must(t, "show")
			w.Env = env

			for what, text := range map[string]string{
				"output": output, "log": read(t, log), "plan": acctest.Unzip(t, filepath.Join(w.Dir, "plan.zip")),
				"state": read(t, filepath.Join(w.Dir, "terraform.tfstate")),
			} {
				for _, k := range []acctest.Key{identity, signing} {
					if strings.Contains(text, k.Seed) {
						t.Errorf("a seed is in the %s", what)
					}
				}
				if !strings.Contains(text, "version-marker") && what != "log" || !strings.Contains(text, "nats_operator") {
					t.Errorf("there is nothing of the operator in the %s", what)
				}
			}

			var made struct {
				JWT       string `json:"jwt"`
				System    string `json:"system"`
				SystemJWT string `json:"system_jwt"`
			}
			if err := json.Unmarshal([]byte(w.Must(t, "output", "-json", "operator")), &made); err != nil {
				t.Fatal(err)
			}
			url := boot(t, made.JWT, made.System, made.SystemJWT)
			if err := ping(t, url, made.System, systemSigning.Seed); err != nil {
				t.Errorf("a user of the system account: %v", err)
			}
			if err := ping(t, url, made.System, acctest.NewKey(t, natsconn.AccountKey).Seed); err == nil {
				t.Error("a user whom a stranger signed is let in")
			}
			w.AssertEmptyPlan(t)
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
