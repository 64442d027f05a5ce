package k3sendpoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// operatorLab is a server in operator mode, with an account.
type operatorLab struct {
	*natslab.Server
	account *natslab.OperatorAccount
}

func newOperatorLab(t *testing.T, opts ...natslab.Option) operatorLab {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("A", nil)
	if err != nil {
		t.Fatal(err)
	}
	return operatorLab{natslab.Single(t, append(opts, natslab.OperatorMode(operator))...), account}
}

// credentials returns the credentials of a new user, and the path of a file with them.
func (l operatorLab) credentials(t *testing.T, file string) (text, path string) {
	t.Helper()
	text, err := l.account.Credentials("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	return text, writeFile(t, file, text)
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// KINE starts with the resulting URL and files for each way to connect, and the verification connects in the same way.
func TestAccEndpointStartsKINE(t *testing.T) {
	plain := natslab.Single(t)
	password := natslab.Single(t, natslab.UserPassword("k3s", "a-b_c.d~e$f&g+h;i=j"))
	token := natslab.Single(t, natslab.Token("t0k=n"))
	tls := natslab.Single(t, natslab.TLS())
	mutual := natslab.Single(t, natslab.VerifyClients())
	operator := newOperatorLab(t)
	credentials, credentialsFile := operator.credentials(t, "a+b c&d.creds")
	contextFile := writeFile(t, "k3s.json", fmt.Sprintf(`{"url": %q, "creds": %q}`, operator.ClientURL(), credentialsFile))
	verification := func(lines string) string {
		return fmt.Sprintf("verification = {\n    credentials_wo = <<EOT\n%sEOT\n    credentials_wo_version = \"1\"\n"+
			"    %s\n  }", credentials, lines)
	}
	files := mutual.TLSFiles()

	for name, c := range map[string]struct {
		lab   natsLab
		lines []string
		// files contains the files that k3s passes to KINE in addition to the URL.
		files kinelab.Config
	}{
		"plain":    {lab: plain, lines: []string{servers(plain.URLs()...), `slow_method = "1s"`}},
		"password": {lab: password, lines: []string{servers(password.URLs()...), `user = "k3s"`, `password = "a-b_c.d~e$f&g+h;i=j"`}},
		"token":    {lab: token, lines: []string{servers(token.URLs()...), `token = "t0k=n"`}},
		"TLS": {lab: tls, lines: []string{servers(tls.URLs()...), fmt.Sprintf("tls = { ca_file = %q }", tls.CAFile())},
			files: kinelab.Config{CAFile: tls.CAFile()}},
		"client certificate": {lab: mutual, lines: []string{servers(mutual.URLs()...),
			fmt.Sprintf("tls = {\n    ca_file = %q\n    cert_file = %q\n    key_file = %q\n  }", files.CA, files.ClientCert,
				files.ClientKey)},
			files: kinelab.Config{CAFile: files.CA, CertFile: files.ClientCert, KeyFile: files.ClientKey}},
		"credentials file": {lab: operator, lines: []string{servers(operator.URLs()...), fmt.Sprintf("credentials_file = %q", credentialsFile), verification("")}},
		"context file":     {lab: operator, lines: []string{fmt.Sprintf("context_file = %q", contextFile), verification(servers(operator.URLs()...))}},
	} {
		t.Run(name, func(t *testing.T) {
			js := openJetStream(t, c.lab.Connect(t))
			bucket := strings.ReplaceAll(name, " ", "-")
			makeBucket(t, js, bucket)
			store := strings.Replace(literal, "kine", bucket, 1)
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + endpoint(append(c.lines, store)...),
				ConfigStateChecks: []statecheck.StateCheck{
					text("verified", "contract"),
					withURL(address, func(url string) {
						kinelab.Run(t, url, func(config *kinelab.Config) {
							config.CAFile, config.CertFile, config.KeyFile = c.files.CAFile, c.files.CertFile, c.files.KeyFile
						})
					}),
				},
			}}})
			stream, err := js.Stream(t.Context(), "KV_"+bucket)
			if err != nil {
				t.Fatal(err)
			}
			if n := stream.CachedInfo().State.Consumers; n == 0 {
				t.Error("KINE runs on another bucket: this one has no consumers")
			}
		})
	}
}
