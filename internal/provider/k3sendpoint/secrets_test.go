package k3sendpoint_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The credentials of the verification are in no plan, no state and no output. The password of the endpoint is only in
// the state, as documented.
func TestAccCLIEndpointSecrets(t *testing.T) {
	operator := newOperatorLab(t, natslab.VerifyClients())
	password := natslab.Single(t, natslab.UserPassword("k3s", "s3cr3t-password"))
	makeBucket(t, openJetStream(t, operator.Connect(t)), "kine")
	makeBucket(t, openJetStream(t, password.Connect(t)), "kine")
	files := operator.TLSFiles()
	credentials, _ := operator.credentials(t, "k3s.creds")
	key := readFile(t, files.ClientKey)

	config := acctest.ProviderConfig([]string{nowhere}) +
		endpoint(servers("nats://k3s.invalid"), `credentials_file = "/etc/k3s.creds"`, literal,
			verification(credentials, "marker", servers(operator.URLs()...),
				"tls = {\n      ca_file = \""+files.CA+"\"\n      cert_file = \""+files.ClientCert+"\"\n      key_pem_wo = "+
					"<<EOT\n"+key+"EOT\n      key_pem_wo_version = \"1\"\n    }")) +
		strings.Replace(endpoint(servers(password.URLs()...), `user = "k3s"`, `password = "s3cr3t-password"`, literal),
			`"test"`, `"password"`, 1)
	w := acctest.NewWorkspace(t, config)
	output := w.Must(t, "plan", "-out=plan.zip")
	plan := acctest.Unzip(t, filepath.Join(w.Dir, "plan.zip"), "tfplan")
	output += w.Must(t, "apply", "plan.zip") + w.Must(t, "show")
	state := readFile(t, filepath.Join(w.Dir, "terraform.tfstate"))

	for what, where := range map[string]string{"the output": output, "the plan": plan, "the state": state} {
		for _, secret := range append(linesOf(credentials), linesOf(key)...) {
			if strings.Contains(where, secret) {
				t.Errorf("%s is in %s", secret, what)
			}
		}
		if !strings.Contains(where, "marker") {
			t.Errorf("%s does not contain the version either, so the search for secrets proves nothing", what)
		}
	}
	if strings.Contains(output, "s3cr3t-password") {
		t.Errorf("the password is in the output:\n%s", output)
	}
	if !strings.Contains(state, "s3cr3t-password") {
		t.Error("the password is not in the state, as documented")
	}
	w.AssertEmptyPlan(t)
}

// linesOf returns the lines of a PEM-like text that contain a secret.
func linesOf(text string) []string {
	var secrets []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.Contains(line, " ") {
			secrets = append(secrets, line)
		}
	}
	return secrets
}
