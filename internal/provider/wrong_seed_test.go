package provider_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A seed of the wrong kind or account is a plan error on its own attribute only.
func TestWrongSeedIsToldOnItsOwnAttribute(t *testing.T) {
	operator, signing := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t, natsconn.OperatorKey)
	account, user := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.UserKey)
	other := acctest.NewKey(t, natsconn.AccountKey)
	wrong := func(right natsconn.KeyKind) map[string]string {
		seeds := map[string]string{
			"garbage": "SUAABC", "a public key": account.Public, "a seed with a letter changed": account.Seed[:57] + "_",
			"an operator's seed": operator.Seed, "an account's seed": account.Seed, "a user's seed": user.Seed,
		}
		for name, kind := range map[string]natsconn.KeyKind{
			"an operator's seed": natsconn.OperatorKey, "an account's seed": natsconn.AccountKey,
			"a user's seed": natsconn.UserKey,
		} {
			if kind == right {
				delete(seeds, name)
			}
		}
		return seeds
	}

	for _, c := range []struct {
		at    string
		right natsconn.KeyKind
		with  func(seed string) acctest.Config
	}{
		{"nkey_seed", natsconn.UserKey, func(seed string) acctest.Config { return acctest.Config{"nkey_seed": seed} }},
		{"operator.signing_key", natsconn.OperatorKey, func(seed string) acctest.Config {
			return acctest.Config{"operator": acctest.Config{"signing_key": seed},
				"accounts": acctest.Config{"signing_key": account.Seed}}
		}},
		{"accounts.signing_key", natsconn.AccountKey, func(seed string) acctest.Config {
			return acctest.Config{"operator": acctest.Config{"signing_key": operator.Seed},
				"accounts": acctest.Config{"signing_key": seed}}
		}},
	} {
		for name, seed := range wrong(c.right) {
			if found := acctest.ValidateProvider(t, c.with(seed)); len(found) != 1 || found[0].Path != c.at {
				t.Errorf("%s is %s: %+v", c.at, name, found)
			}
		}
	}

	p := acctest.NewProvider(t, acctest.Config{})
	for _, c := range []struct {
		resource, at string
		right        natsconn.KeyKind
		with         func(seed string) acctest.Config
		unlisted     string // a seed of the right kind that does not belong there
	}{
		{"nats_operator", "seed_wo", natsconn.OperatorKey, func(seed string) acctest.Config {
			return acctest.Config{"name": "edge", "seed_wo": seed, "seed_wo_version": "1"}
		}, ""},
		{"nats_operator", "signing_key_seed_wo", natsconn.OperatorKey, func(seed string) acctest.Config {
			return acctest.Config{"name": "edge", "seed_wo": operator.Seed, "seed_wo_version": "1",
				"signing_keys":        []any{signing.Public},
				"signing_key_seed_wo": seed, "signing_key_seed_wo_version": "1",
				"system_account": acctest.Config{"signing_keys": []any{account.Public}}}
		}, operator.Seed},
		{"nats_user", "signing_key_seed_wo", natsconn.AccountKey, func(seed string) acctest.Config {
			return acctest.Config{"name": "u", "account": other.Public, "signing_key_seed_wo": seed,
				"signing_key_seed_wo_version": "1", "revoke_on_destroy": false}
		}, ""},
		{"nats_activation", "signing_key_seed_wo", natsconn.AccountKey, func(seed string) acctest.Config {
			return acctest.Config{"account": other.Public, "import_account": account.Public, "subject": "a", "type": "stream",
				"signing_key_seed_wo": seed, "signing_key_seed_wo_version": "1"}
		}, ""},
	} {
		seeds := wrong(c.right)
		if c.unlisted != "" {
			seeds["a seed of the right kind that is not listed"] = c.unlisted
		}
		for name, seed := range seeds {
			found := acctest.ValidateResource(t, c.resource, c.with(seed))
			if len(found) == 0 {
				_, found = p.Plan(t, c.resource, acctest.State{}, c.with(seed))
			}
			if failures := acctest.Failures(found); len(failures) != 1 || failures[0].Path != c.at {
				t.Errorf("%s of %s is %s: %+v", c.at, c.resource, name, found)
			}
		}
	}
}
