package activation_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Each bad input is an error on its attribute, which shows no seed.
func TestInvalidActivation(t *testing.T) {
	exporter, importer, operator, user := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey),
		acctest.NewKey(t, natsconn.OperatorKey),
		acctest.NewKey(t, natsconn.UserKey)
	unknown := acctest.Unknown{}
	with := func(changes acctest.Config) acctest.Config {
		config := acctest.Config{
			"account": exporter.Public, "import_account": importer.Public, "subject": "a.>", "type": "stream",
			"signing_key_seed_wo": exporter.Seed, "signing_key_seed_wo_version": "1",
		}
		maps.Copy(config, changes)
		return config
	}
	one := func(name string, value any) acctest.Config { return with(acctest.Config{name: value}) }
	for name, c := range map[string]struct {
		config     acctest.Config
		path, want string
	}{
		"fine": {config: with(nil)},
		"unknown": {config: with(acctest.Config{"account": unknown, "import_account": unknown, "subject": unknown, "type": unknown,
			"signing_key_seed_wo": unknown, "expires_at": unknown, "tags": unknown})},

		"an operator exports": {one("account", operator.Public), "account",
			"it is the public key of an operator: the public key of an account is needed, which starts with A"},
		"a seed exports":      {one("account", exporter.Seed), "account", "it is a seed, which is secret"},
		"a user imports":      {one("import_account", user.Public), "import_account", "it is the public key of a user"},
		"itself":              {one("import_account", exporter.Public), "import_account", "An account cannot import from itself"},
		"no subject":          {one("subject", ""), "subject", "is an empty string"},
		"an empty token":      {one("subject", "a..b"), "subject", "has two in a row"},
		"a > in the middle":   {one("subject", "a.>.b"), "subject", "> is not the last token"},
		"a space":             {one("subject", "a b"), "subject", "contains a space"},
		"a type that is none": {one("type", "queue"), "type", "value must be one of"},
		"an operator's seed": {one("signing_key_seed_wo", operator.Seed), "signing_key_seed_wo",
			"it is the seed of an operator key: an account's seed, which starts with SA"},
		"a user's seed":         {one("signing_key_seed_wo", user.Seed), "signing_key_seed_wo", "it is the seed of a user key"},
		"a cut seed":            {one("signing_key_seed_wo", exporter.Seed[:40]), "signing_key_seed_wo", "not an NKey seed"},
		"an empty name":         {one("name", ""), "name", "is an empty string"},
		"a tag in upper case":   {one("tags", []any{"EU"}), "tags", `write "eu"`},
		"a time without a zone": {one("expires_at", "2030-01-01 00:00:00"), "expires_at", "RFC 3339"},
		"an expiry in the past of its start": {with(acctest.Config{"expires_at": "2030-01-01T00:00:00Z",
			"not_before": "2030-01-01T00:00:00Z"}), "expires_at",
			"expires before or when it becomes valid"},
	} {
		t.Run(name, func(t *testing.T) {
			found := acctest.ValidateResource(t, "nats_activation", c.config)
			matches := func(d acctest.Diagnostic) bool { return d.Path == c.path && acctest.Text(c.want).MatchString(d.Text) }
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("%+v", found)
			case c.want != "" && !slices.ContainsFunc(found, matches):
				t.Errorf("no error on %s that says %q in %+v", c.path, c.want, found)
			}
			for _, d := range found {
				for _, k := range []acctest.Key{exporter, importer, operator, user} {
					if strings.Contains(d.Text, k.Seed[4:40]) {
						t.Errorf("a seed is shown: %s", d.Text)
					}
				}
			}
		})
	}
}

// The seed that signs is in no state, plan, output or log.
func TestAccCLIActivationLeavesNoTrace(t *testing.T) {
	exporter, importer := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.AccountKey)
	w := acctest.NewWorkspace(t, "variable \"seed\" {\n  ephemeral = true\n}\n"+activation(map[string]string{
		"account": exporter.Public, "import_account": importer.Public, "subject": "a.>", "type": "stream",
		"signing_key_seed_wo_version": "version-marker",
	}, "signing_key_seed_wo = var.seed"))
	log := filepath.Join(t.TempDir(), "trace.log")
	w.Env = append(w.Env, "TF_VAR_seed="+exporter.Seed)
	env := w.Env
	w.Env = append(slices.Clone(env), "TF_LOG_PROVIDER=TRACE", "TF_LOG_PATH="+log)
	output := w.Must(t, "plan", "-out=plan.zip") + w.Must(t, "show", "-json", "plan.zip") +
		w.Must(t, "apply", "plan.zip") + w.Must(t, "show")
	w.Env = env
	read := func(file string) string {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for what, text := range map[string]string{
		"output": output, "log": read(log), "plan": acctest.Unzip(t, filepath.Join(w.Dir, "plan.zip"), "tfplan"),
		"state": read(filepath.Join(w.Dir, "terraform.tfstate")),
	} {
		if strings.Contains(text, exporter.Seed) {
			t.Errorf("the seed is in the %s", what)
		}
		if !strings.Contains(text, "nats_activation") || what != "log" && !strings.Contains(text, "version-marker") {
			t.Errorf("there is nothing of the activation in the %s", what)
		}
	}
	w.AssertEmptyPlan(t)
}
