package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// traces collects everything that a workspace leaves behind or prints.
type traces struct {
	w *acctest.Workspace
	// printed is what the CLI printed, errors included; logged is its log at TRACE, the provider's included.
	printed, logged, stored string
}

// trace runs the CLI at log level TRACE and records its output. The caller checks whether the run succeeds.
func (r *traces) trace(t *testing.T, wantError bool, args ...string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace.log")
	env := r.w.Env
	r.w.Env = append(append([]string{}, env...), "TF_LOG=TRACE", "TF_LOG_PATH="+log)
	out, err := r.w.Run(t.Context(), args...)
	r.w.Env = env
	if (err != nil) != wantError {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	r.printed += out
	logged, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	r.logged += string(logged)

	// The state and all other files in the directory except the configuration.
	files, err := filepath.Glob(filepath.Join(r.w.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".tf") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r.stored += string(text)
	}
}

// absent fails the test if a secret occurs anywhere, including the encodings of URLs and JSON.
func (r *traces) absent(t *testing.T, what, secret string, stored bool) {
	t.Helper()
	for place, text := range map[string]string{"output": r.printed, "log": r.logged, "state": r.stored} {
		if stored && place == "state" {
			continue
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the %s", what, place)
		}
	}
}

// The secrets of the provider and of endpoints are in no log, output or error, and only the documented ones are in the
// state. A positive control shows that the search works.
func TestAccSecretsStaySecret(t *testing.T) {
	const (
		terraformPassword = "tf-password-7f3a9c"
		k3sPassword       = "k3s-password-51d2e8"
		wrongPassword     = "wrong-password-c04b77"
		token             = "the-token-90aa31"
	)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}

	withUsers := natslab.Single(t, natslab.Users(
		natslab.User{Name: "terraform", Password: terraformPassword}, natslab.User{Name: "k3s", Password: k3sPassword}))
	withToken := natslab.Single(t, natslab.Token(token))
	withKey := natslab.Single(t, natslab.Users(natslab.User{Name: "lab", Password: "lab"}), natslab.Mutate(func(o *server.Options) {
		o.Nkeys = []*server.NkeyUser{{Nkey: public}}
	}))

	userConfig := func(password string) string {
		return acctest.ProviderConfig(withUsers.URLs(), `user = "terraform"`, fmt.Sprintf("password = %q", password))
	}
	bucket := "resource \"nats_kine_bucket\" \"test\" {\n  deletion_protection = false\n}\n"
	endpoint := func(servers []string, lines string) string {
		return fmt.Sprintf("resource \"nats_k3s_datastore_endpoint\" \"test\" {\n  servers = [%q]\n"+
			"  datastore = nats_kine_bucket.test.datastore\n  %s\n}\n",
			servers[0], lines)
	}
	first := acctest.NewWorkspace(t, "")

	t.Run("user and password", func(t *testing.T) {
		r := &traces{w: first.Another(t, userConfig(terraformPassword)+bucket+
			endpoint(withUsers.URLs(), fmt.Sprintf("user = \"k3s\"\n  password = %q", k3sPassword)))}
		r.trace(t, false, "plan")
		r.trace(t, false, "apply", "-auto-approve")
		r.trace(t, false, "show")
		r.trace(t, false, "destroy", "-auto-approve")
		r.absent(t, "the provider's password", terraformPassword, false)
		r.absent(t, "the endpoint's password", k3sPassword, true)
		// The positive control: what is documented to be in the state is found there, and the rest holds what it should.
		if !strings.Contains(r.stored, k3sPassword) {
			t.Error("the search does not find the endpoint's password in the state")
		}
		if !strings.Contains(r.logged, "nats_kine_bucket") || !strings.Contains(r.logged, "created kine bucket") {
			t.Error("the log holds nothing of the provider")
		}
		if !strings.Contains(r.printed, "revHistory=10") {
			t.Error("the output does not show the redacted URL")
		}
	})
	t.Run("token", func(t *testing.T) {
		r := &traces{w: first.Another(t, acctest.ProviderConfig(withToken.URLs(), fmt.Sprintf("token = %q", token))+bucket+
			endpoint(withToken.URLs(), fmt.Sprintf("token = %q", token)))}
		r.trace(t, false, "apply", "-auto-approve")
		r.trace(t, false, "show")
		r.absent(t, "the token", token, true)
	})
	t.Run("nkey", func(t *testing.T) {
		r := &traces{w: first.Another(t, acctest.ProviderConfig(withKey.URLs(), fmt.Sprintf("nkey_seed = %q", seed))+bucket)}
		r.trace(t, false, "apply", "-auto-approve")
		r.absent(t, "the seed", string(seed), false)
	})
	t.Run("environment", func(t *testing.T) {
		r := &traces{w: first.Another(t, "provider \"nats\" {}\n"+strings.Replace(bucket, "{\n", "{\n  name = \"env\"\n", 1))}
		r.w.Env = append(r.w.Env,
			"NATS_URL=nats://terraform:"+terraformPassword+"@"+strings.TrimPrefix(withUsers.ClientURL(), "nats://"))
		r.trace(t, false, "apply", "-auto-approve")
		r.absent(t, "the password in NATS_URL", terraformPassword, false)
	})
	t.Run("errors", func(t *testing.T) {
		for name, c := range map[string]struct{ config, secret string }{
			"refused password":       {userConfig(wrongPassword) + bucket, wrongPassword},
			"password in a server":   {acctest.ProviderConfig([]string{"nats://u:" + wrongPassword + "@127.0.0.1:1"}) + bucket, wrongPassword},
			"unreadable server":      {acctest.ProviderConfig([]string{"nats://u:" + wrongPassword + "@[::1"}) + bucket, wrongPassword},
			"seed of the wrong kind": {acctest.ProviderConfig(withKey.URLs(), `nkey_seed = "SA`+string(seed[2:])+`"`) + bucket, string(seed[2:])},
			"no credentials":         {acctest.ProviderConfig(withKey.URLs(), `credentials = "`+wrongPassword+`"`) + bucket, wrongPassword},
			"unsafe password": {userConfig(terraformPassword) + bucket +
				endpoint(withUsers.URLs(), fmt.Sprintf("user = \"k3s\"\n  password = %q", wrongPassword+"@/")), wrongPassword},
			"refused endpoint": {userConfig(terraformPassword) + bucket +
				endpoint(withUsers.URLs(), fmt.Sprintf("user = \"k3s\"\n  password = %q", wrongPassword)), wrongPassword},
		} {
			r := &traces{w: first.Another(t, c.config)}
			r.trace(t, true, "apply", "-auto-approve")
			// The CLI shows the lines of the configuration that an error points at: the provider does not print them, and
			// no user would write a secret there.
			r.printed = withoutSnippets(r.printed)
			r.logged = withoutSnippets(r.logged)
			r.absent(t, name, c.secret, false)
		}
	})
}

// withoutSnippets drops the lines in which the CLI quotes the configuration, such as `  3:   password = "..."`.
func withoutSnippets(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " │|")
		number, _, ok := strings.Cut(trimmed, ":")
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}
