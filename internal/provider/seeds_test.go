package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// anySeed matches the seed of a key pair of any kind: S, the letter of the kind, and 56 characters of base32.
var anySeed = regexp.MustCompile(`S[A-Z2-7]{57}`)

// seedsIn returns the seeds in a text, each once.
func seedsIn(text string) []string {
	var seeds []string
	for _, match := range anySeed.FindAllString(text, -1) {
		if _, err := claims.PublicKey(match); err == nil {
			seeds = append(seeds, match)
		}
	}
	slices.Sort(seeds)
	return slices.Compact(seeds)
}

// The identities that the provider generates for accounts leave no seed anywhere, nor does the operator's. The search
// works: it finds the seed of nats_nkey, which is documented to be in the state.
func TestAccAccountSeeds(t *testing.T) {
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	system := newSystem(t, operator, lab.URLs()).credentials
	_, stranger, err := claims.NewKey(natsconn.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	// From the environment, so that the configuration, which is part of a plan, has none of them.
	credentials := filepath.Join(t.TempDir(), "system.creds")
	if err := os.WriteFile(credentials, []byte(system), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(lines string) string {
		return acctest.ProviderConfig(lab.URLs()) +
			"resource \"nats_account\" \"test\" {\n  name = \"a\"\n  deletion_protection = false\n  " + lines + "\n}\n"
	}
	r := &traces{w: acctest.NewWorkspace(t, config(""))}
	r.w.Env = append(r.w.Env, connection.EnvSystemCredentials+"="+credentials)
	env := r.w.Env
	as := func(seed, lines, more string) {
		t.Helper()
		r.w.Env = append(slices.Clone(env), connection.EnvSigningKey+"="+seed)
		r.w.Configure(t, config(lines)+more)
	}
	for _, lines := range []string{"", `jetstream = { disk_storage = "1GiB" }`} {
		as(operator.SigningKeySeed(), lines, "")
		r.trace(t, false, "plan", "-out=saved")
		r.trace(t, false, "show", "-json", "saved")
		r.trace(t, false, "apply", "-auto-approve", "saved")
	}
	as(stranger, `tags = ["refused"]`, "")
	r.trace(t, true, "apply", "-auto-approve")
	as(operator.SystemAccount().SigningKeySeed(), "", "") // of the wrong kind
	r.trace(t, true, "plan")
	for place, text := range map[string]string{"output": r.printed, "log": r.logged, "state": r.stored} {
		if found := seedsIn(text); len(found) > 0 {
			t.Errorf("%d seeds are in the %s", len(found), place)
		}
	}
	if len(r.printed) < 1000 || len(r.logged) < 10000 || len(r.stored) < 1000 {
		t.Errorf("there is not much to be searched: %d, %d and %d bytes", len(r.printed), len(r.logged), len(r.stored))
	}

	as(operator.SigningKeySeed(), "", "resource \"nats_nkey\" \"test\" {\n  type = \"account\"\n}\n")
	r.trace(t, false, "apply", "-auto-approve")
	if found := seedsIn(r.stored); len(found) != 1 {
		t.Errorf("the search finds %d seeds in the state, where that of nats_nkey is", len(found))
	}
	r.trace(t, false, "destroy", "-auto-approve")
}

// The signing key of the provider's accounts leaves no trace, nor do the users that the provider creates there. Of a
// tenant's users, only the credentials of its nats_user are in the state.
func TestAccAccountsSeeds(t *testing.T) {
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	s := newSystem(t, operator, lab.URLs())
	credentials := filepath.Join(t.TempDir(), "system.creds")
	if err := os.WriteFile(credentials, []byte(s.credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &traces{w: acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs())+s.tenantConfig("edge"))}
	r.w.Env = append(r.w.Env, connection.EnvSystemCredentials+"="+credentials,
		connection.EnvSigningKey+"="+operator.SigningKeySeed())
	env := r.w.Env
	as := func(seed string) { r.w.Env = append(slices.Clone(env), connection.EnvAccountSigningKey+"="+seed) }

	as(s.key.Seed)
	r.trace(t, false, "plan", "-out=saved")
	r.trace(t, false, "show", "-json", "saved")
	r.trace(t, false, "apply", "-auto-approve", "saved")
	r.trace(t, false, "plan")
	as(acctest.NewKey(t, natsconn.AccountKey).Seed) // which no account has yet
	r.trace(t, true, "plan")
	as(operator.SigningKeySeed()) // of the wrong kind
	r.trace(t, true, "plan")
	as("no seed at all")
	r.trace(t, true, "plan")
	for place, text := range map[string]string{"output": r.printed, "log": r.logged} {
		if found := seedsIn(text); len(found) > 0 {
			t.Errorf("%d seeds are in the %s", len(found), place)
		}
	}
	user, err := claims.CredentialsSeed(output(t, r.w, "edge_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	if found := seedsIn(r.stored); !slices.Equal(found, []string{user}) {
		t.Errorf("%d seeds are in the state, and not just that of the nats_user", len(found))
	}
	as(s.key.Seed)
	r.trace(t, false, "destroy", "-auto-approve")
}
