package user_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// The signing key's seed is nowhere but in the configuration. The user's own is in credentials and nowhere else, and
// goes once the key is named as one's own.
func TestAccCLIUserSecrets(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	config := func(lines ...string) string {
		return "variable \"seed\" {\n  ephemeral = true\n  sensitive = true\n}\n" +
			strings.ReplaceAll(userConfig(accountKey.public, signing.seed, lines...), `"`+signing.seed+`"`, "var.seed")
	}
	w := acctest.NewWorkspace(t, config())
	log := filepath.Join(t.TempDir(), "trace.log")
	w.Env = append(w.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+log, "TF_VAR_seed="+signing.seed)

	output := w.Must(t, "plan", "-out=plan.zip")
	plan := w.Must(t, "show", "-json", "plan.zip")
	output += w.Must(t, "apply", "plan.zip") + w.Must(t, "show")
	state := w.StateText(t)
	seed, err := claims.CredentialsSeed(w.Stored(t, address).Text("credentials"))
	if err != nil {
		t.Fatal(err)
	}
	w.Configure(t, config("subscriptions = 5", `signing_key_seed_wo_version = "marker"`))
	output += w.Must(t, "apply", "-auto-approve") + w.Must(t, "show")
	updated := w.StateText(t)
	w.AssertEmptyPlan(t)
	env := w.Env
	w.Env = append(append([]string{}, env...), "TF_VAR_seed="+seed) // the wrong kind of seed
	refused, err := w.Run(t.Context(), "plan")
	w.Env = env
	if err == nil || !strings.Contains(refused, "Invalid Seed") {
		t.Errorf("the seed of a user signs: %v\n%s", err, refused)
	}
	logged, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"output": output + refused, "plan": plan, "log": string(logged), "state": state, "updated state": updated,
	} {
		if strings.Contains(text, signing.seed) {
			t.Errorf("the signing key's seed is in the %s", place)
		}
		if stored := strings.Contains(place, "state"); strings.Count(text, seed) != map[bool]int{true: 1}[stored] {
			t.Errorf("the user's seed is %d times in the %s", strings.Count(text, seed), place)
		}
		if !strings.Contains(text, accountKey.public) {
			t.Errorf("not even the account is in the %s, so that nothing else is there shows nothing", place)
		}
	}
	if !strings.Contains(string(logged), "signed user again") {
		t.Error("the log holds nothing of the provider")
	}

	public := w.Stored(t, address).Text("public_key")
	signed := func() string { return w.Stored(t, address).Text("jwt") }
	before := signed()
	w.Configure(t, config("subscriptions = 5", `signing_key_seed_wo_version = "marker"`,
		`public_key = "`+public+`"`))
	w.Apply(t)
	if strings.Contains(w.StateText(t), seed) {
		t.Error("the seed is still in the state")
	}
	if signed() != before {
		t.Error("the user was signed again")
	}
	w.AssertEmptyPlan(t)
}
