package operator_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// zero is no time.
var zero time.Time

// Each bad input is an error on its attribute, which shows no seed.
func TestInvalidOperator(t *testing.T) {
	identity, signing, stranger := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t,
		natsconn.OperatorKey), acctest.NewKey(t, natsconn.OperatorKey)
	user, accountKey := acctest.NewKey(t, natsconn.UserKey), acctest.NewKey(t, natsconn.AccountKey)
	unknown := acctest.Unknown{}
	list := func(elements ...any) []any { return elements }
	with := func(changes acctest.Config) acctest.Config {
		config := acctest.Config{"name": "lab", "seed_wo": identity.Seed, "seed_wo_version": "1"}
		maps.Copy(config, changes)
		return config
	}
	one := func(name string, value any) acctest.Config { return with(acctest.Config{name: value}) }
	system := acctest.Config{"signing_keys": list(accountKey.Public)}
	strict := func(changes acctest.Config) acctest.Config {
		config := with(acctest.Config{"strict_signing_key_usage": true, "signing_keys": list(signing.Public),
			"system_account":      system,
			"signing_key_seed_wo": signing.Seed, "signing_key_seed_wo_version": "1"})
		maps.Copy(config, changes)
		return config
	}

	for name, c := range map[string]struct {
		config acctest.Config
		// path is the attribute that the error is about, want what it says; without them there is none.
		path, want string
	}{
		"the least":             {config: with(nil)},
		"strict":                {config: strict(nil)},
		"unknown keys":          {config: strict(acctest.Config{"signing_keys": unknown, "system_account": acctest.Config{"signing_keys": unknown}})},
		"unknown seeds":         {config: strict(acctest.Config{"seed_wo": unknown, "signing_key_seed_wo": unknown})},
		"an unknown system":     {config: strict(acctest.Config{"system_account": unknown})},
		"a system of one's own": {config: one("system_account", acctest.Config{"public_key": accountKey.Public})},
		"an unknown system key": {config: one("system_account", acctest.Config{"public_key": unknown})},

		"empty name": {one("name", ""), "name", "is an empty string"},
		"a user's seed": {one("seed_wo", user.Seed), "seed_wo",
			"it is the seed of a user key: an operator's seed, which starts with SO, is needed"},
		"an account's seed":         {one("seed_wo", accountKey.Seed), "seed_wo", "it is the seed of an account key"},
		"a cut seed":                {one("seed_wo", identity.Seed[:50]), "seed_wo", "not an NKey seed"},
		"a public key for the seed": {one("seed_wo", identity.Public), "seed_wo", "not an NKey seed"},
		"a seed as signing key":     {one("signing_keys", list(signing.Seed)), "signing_keys", "This may be a seed, which is secret"},
		"an account's signing key": {one("signing_keys", list(accountKey.Public)), "signing_keys",
			"It is the public key of an account: the public key of an operator is needed, which starts with O"},
		"the identity as signing key": {one("signing_keys", list(identity.Public)), "signing_keys", "The operator's identity cannot be a signing key"},

		"strict without keys": {one("strict_signing_key_usage", true), "strict_signing_key_usage", "Only signing keys may sign, but there is no signing key"},
		"strict without seed": {strict(acctest.Config{"signing_key_seed_wo": nil, "signing_key_seed_wo_version": nil}), "signing_key_seed_wo",
			"servers refuse a system account that the operator's identity has signed"},
		"strict with the identity": {strict(acctest.Config{"signing_key_seed_wo": identity.Seed}), "signing_key_seed_wo",
			"must be the seed of one of signing_keys, but it is the seed of " + identity.Public},
		"strict without users": {strict(acctest.Config{"system_account": acctest.Config{"public_key": accountKey.Public}}),
			"system_account.signing_keys", "refuse users that the system account's identity has signed"},
		"a stranger's seed": {strict(acctest.Config{"signing_key_seed_wo": stranger.Seed}), "signing_key_seed_wo",
			"it is the seed of " + stranger.Public},
		"a user's signing seed": {strict(acctest.Config{"signing_key_seed_wo": user.Seed}), "signing_key_seed_wo", "it is the seed of a user key"},
		"a seed without version": {strict(acctest.Config{"signing_key_seed_wo_version": nil}), "signing_key_seed_wo",
			`Attribute "signing_key_seed_wo_version" must be specified`},
		"a version without seed": {strict(acctest.Config{"signing_key_seed_wo": nil}), "signing_key_seed_wo_version",
			`Attribute "signing_key_seed_wo" must be specified`},

		"a system without keys": {one("system_account", acctest.Config{}), "system_account.signing_keys", "the identity cannot sign users"},
		"a system of an operator": {one("system_account", acctest.Config{"public_key": identity.Public}), "system_account.public_key",
			"it is the public key of an operator"},
		"a system's key of a user": {one("system_account", acctest.Config{"signing_keys": list(user.Public)}),
			"system_account.signing_keys", "It is the public key of a user: the public key of an account is needed"},
		"a system with a seed": {one("system_account", acctest.Config{"signing_keys": list(accountKey.Seed)}),
			"system_account.signing_keys", "This may be a seed, which is secret"},
		"a system without a name": {one("system_account", acctest.Config{"name": "", "signing_keys": list(accountKey.Public)}),
			"system_account.name", "is an empty string"},
		"a server URL without": {one("account_server_url", "example.com/jwt"), "account_server_url", "not a URL with a scheme"},
		"a service with http": {one("operator_service_urls", list("nats://a", "http://b")), "operator_service_urls[1]",
			"not the URL of a NATS server"},
		"no services": {one("operator_service_urls", list()), "operator_service_urls", "at least 1 element"},
		"a version of two numbers": {one("assert_server_version", "2.12"), "assert_server_version",
			"not a version of nats-server: write it as 2.12.0"},
		"a tag in upper case": {one("tags", list("Prod")), "tags", `write "prod"`},
		"an empty tag":        {one("tags", list("")), "tags", "is an empty string"},
		"a time without zone": {one("expires_at", "2030-01-01T00:00:00"), "expires_at", "with a time zone at the end"},
		"a date":              {one("not_before", "2030-01-01"), "not_before", "RFC 3339"},
		"an expiry before the start": {with(acctest.Config{"expires_at": "2030-01-01T00:00:00Z", "not_before": "2031-01-01T00:00:00Z"}),
			"expires_at", "expires before or when it becomes valid"},
		"an empty audience": {one("audience", ""), "audience", "is an empty string"},
	} {
		t.Run(name, func(t *testing.T) {
			found := acctest.ValidateResource(t, "nats_operator", c.config)
			matches := func(d acctest.Diagnostic) bool {
				return !d.Warning && strings.HasPrefix(d.Path, c.path) && acctest.Text(c.want).MatchString(d.Text)
			}
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("%+v", found)
			case c.want != "" && !slices.ContainsFunc(found, matches):
				t.Errorf("no error on %s that says %q in %+v", c.path, c.want, found)
			}
			for _, d := range found {
				for _, k := range []acctest.Key{identity, signing, stranger, user, accountKey} {
					if strings.Contains(d.Text, k.Seed[4:50]) {
						t.Errorf("a seed is shown: %s", d.Text)
					}
				}
			}
		})
	}
}
