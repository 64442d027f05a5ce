package operator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const address = "nats_operator.test"

func operator(lines ...string) string {
	return "resource \"nats_operator\" \"test\" {\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

// wo are the lines of a write-only seed.
func wo(name, seed, version string) string {
	return fmt.Sprintf("%s = %q\n  %s_version = %q", name, seed, name, version)
}

// signed is what the state holds after a step.
type signed struct {
	jwt, systemJWT     string
	operator           *claims.Operator
	system             *claims.Account
	issuer, systemFrom string
}

// keep reads what the state holds.
func (s *signed) keep(t *testing.T) resource.TestCheckFunc {
	t.Helper()
	return func(state *terraform.State) error {
		attributes := state.RootModule().Resources[address].Primary.Attributes
		*s = signed{jwt: attributes["jwt"], systemJWT: attributes["system_account_jwt"]}
		operator, signature, err := claims.DecodeOperator(s.jwt)
		if err != nil {
			return err
		}
		s.operator, s.issuer = operator, signature.Issuer
		if s.systemJWT == "" {
			return nil
		}
		system, signature, err := claims.DecodeAccount(s.systemJWT)
		if err != nil {
			return err
		}
		s.system, s.systemFrom = system, signature.Issuer
		return nil
	}
}

// The operator is signed again when what it says changes, in place, and each of its two JWTs for itself.
func TestAccOperator(t *testing.T) {
	identity, other := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t, natsconn.OperatorKey)
	first, second := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t, natsconn.OperatorKey)
	systemSigning := acctest.NewKey(t, natsconn.AccountKey)
	signingKeys := func(keys ...acctest.Key) string {
		var quoted []string
		for _, k := range keys {
			quoted = append(quoted, fmt.Sprintf("%q", k.Public))
		}
		return "signing_keys = [" + strings.Join(quoted, ", ") + "]"
	}
	system := fmt.Sprintf("system_account = {\n    signing_keys = [%q]\n  }", systemSigning.Public)
	all := func(url string) []string {
		return []string{
			`name = "lab"`, wo("seed_wo", identity.Seed, "1"), signingKeys(first, second),
			wo("signing_key_seed_wo", first.Seed, "1"),
			"strict_signing_key_usage = true", fmt.Sprintf("account_server_url = %q", url),
			`operator_service_urls = ["nats://a:4222", "tls://b"]`,
			`assert_server_version = "2.12.0"`, `tags = ["prod", "eu"]`, `expires_at = "2040-01-02T05:04:05+02:00"`,
			`not_before = "2020-01-01T00:00:00Z"`, `audience = "all"`, system,
		}
	}
	var now, before signed
	step := func(action plancheck.ResourceActionType, check func() error, lines ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() { before = now },
			Config:    operator(lines...),
			Check: resource.ComposeTestCheckFunc(now.keep(t), func(*terraform.State) error {
				if check == nil {
					return nil
				}
				return check()
			}),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address,
				action)}},
		}
	}
	// want makes an error of what does not hold.
	want := func(holds bool, what string) error {
		if !holds {
			return fmt.Errorf("%s:\nbefore %+v\nnow %+v", what, before, now)
		}
		return nil
	}
	const create, update, nothing = plancheck.ResourceActionCreate, plancheck.ResourceActionUpdate, plancheck.ResourceActionNoop

	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		step(create, func() error {
			o := now.operator
			return want(now.system == nil && now.issuer == identity.Public && o.PublicKey == identity.Public && o.Name == "lab",
				"the least")
		}, `name = "lab"`, wo("seed_wo", identity.Seed, "1")),
		step(update, func() error {
			o, s := now.operator, now.system
			return want(o.StrictSigningKeyUsage && len(o.SigningKeys) == 2 && o.AccountServerURL == "https://a.example" &&
				len(o.ServiceURLs) == 2 &&
				o.AssertServerVersion == "2.12.0" && len(o.Tags) == 2 && o.Audience == "all" && o.Expires.Unix() == 2209086245 &&
				o.NotBefore.Unix() == 1577836800 && o.SystemAccount == s.PublicKey && s.Name == "SYS" && len(s.Exports) == 2 &&
				s.JetStream == nil &&
				s.SigningKeys[0].PublicKey == systemSigning.Public && now.systemFrom == first.Public &&
				now.issuer == identity.Public, "everything")
		}, all("https://a.example")...),
		step(update, func() error {
			return want(now.jwt != before.jwt && now.systemJWT == before.systemJWT &&
				now.operator.SystemAccount == before.operator.SystemAccount,
				"another URL concerns the operator alone")
		}, all("https://b.example")...),
		// The same key under another version, and another form of the same, signs nothing.
		step(update, func() error {
			return want(now.jwt == before.jwt && now.systemJWT == before.systemJWT, "the same is not signed again")
		},
			strings.Split(strings.ReplaceAll(strings.Join(all("https://b.example"), "\x00"), `version = "1"`, `version = "2"`),
				"\x00")...),
		// Other seeds under the same version are not looked at while nothing has to be signed.
		step(nothing, func() error { return want(now.jwt == before.jwt, "nothing changes") },
			strings.Split(strings.ReplaceAll(strings.ReplaceAll(strings.Join(all("https://b.example"), "\x00"), `version = "1"`,
				`version = "2"`),
				identity.Seed, other.Seed), "\x00")...),
		{
			Config: operator(strings.Split(strings.ReplaceAll(strings.ReplaceAll(strings.Join(all("https://c.example"), "\x00"),
				`version = "1"`, `version = "2"`),
				identity.Seed, other.Seed), "\x00")...),
			ExpectError: acctest.Text("The operator " + identity.Public + " must be signed again, but the seed belongs to " +
				other.Public),
		},
		// The signing key is rotated: what it has signed is signed by the new one.
		step(update, func() error {
			return want(now.systemFrom == second.Public && now.system.PublicKey == before.system.PublicKey,
				"the new key signs the system account")
		}, `name = "lab"`, wo("seed_wo", identity.Seed, "2"), signingKeys(second), wo("signing_key_seed_wo",
			second.Seed, "3"),
			"strict_signing_key_usage = true", system),
		// Another identity, in place.
		step(update, func() error {
			return want(now.operator.PublicKey == other.Public && now.issuer == other.Public &&
				now.systemJWT == before.systemJWT, "another identity")
		}, `name = "lab"`, wo("seed_wo", other.Seed, "3"), signingKeys(second), wo("signing_key_seed_wo", second.Seed, "3"),
			"strict_signing_key_usage = true", system),
		step(update, func() error {
			return want(now.system == nil && now.operator.SystemAccount == "", "no system account any more")
		},
			`name = "lab"`, wo("seed_wo", other.Seed, "3")),
	}})
}

// What a plan does not know yet, such as keys that the same apply makes, is settled by the apply.
func TestAccOperatorOfKeysOfTheSameApply(t *testing.T) {
	config := func(strict bool) string {
		return `
resource "nats_nkey" "test" {
  count = 3
  type  = ["operator", "operator", "account"][count.index]
}
` + operator(`name = "lab"`, "seed_wo = nats_nkey.test[0].seed", `seed_wo_version = "1"`, "signing_keys = [nats_nkey.test[1].public_key]",
			"signing_key_seed_wo = nats_nkey.test[1].seed", `signing_key_seed_wo_version = "1"`,
			fmt.Sprintf("strict_signing_key_usage = %t", strict),
			"system_account = {\n    signing_keys = [nats_nkey.test[2].public_key]\n  }")
	}
	var now signed
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(true), Check: now.keep(t),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("seed_wo"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("signing_key_seed_wo"), knownvalue.Null()),
			},
		},
		{Config: config(true), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
		{
			// false is what null is.
			Config: config(false), Check: now.keep(t),
		},
	}})
}

// An operator that has expired already is not signed.
func TestAccOperatorExpired(t *testing.T) {
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: operator(`name = "lab"`, wo("seed_wo", acctest.NewKey(t, natsconn.OperatorKey).Seed, "1"),
			`expires_at = "2020-01-01T00:00:00Z"`),
		ExpectError: acctest.Text("The operator expired at 2020-01-01T00:00:00Z"),
	}}})
}

// An operator that nsc has made is taken over as it is; the system account's JWT is signed by the next apply.
func TestAccOperatorImport(t *testing.T) {
	identity, systemKey := acctest.NewKey(t, natsconn.OperatorKey), acctest.NewKey(t, natsconn.AccountKey)
	made := &claims.Operator{
		Claims:        claims.Claims{PublicKey: identity.Public, Name: "lab", Tags: []string{"b", "a"}},
		SystemAccount: systemKey.Public, ServiceURLs: []string{"nats://a"},
	}
	signer, err := claims.NewOperatorSigner(identity.Seed)
	if err != nil {
		t.Fatal(err)
	}
	token, err := made.Sign(t.Context(), signer, claims.SystemClock{}, zero)
	if err != nil {
		t.Fatal(err)
	}
	config := operator(`name = "lab"`, wo("seed_wo", identity.Seed, "1"), `tags = ["a", "b"]`,
		`operator_service_urls = ["nats://a"]`,
		fmt.Sprintf("system_account = { public_key = %q }", systemKey.Public))
	var now signed
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config + fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, token),
			Check: resource.ComposeTestCheckFunc(now.keep(t), func(*terraform.State) error {
				if now.jwt != token || now.system == nil || now.system.PublicKey != systemKey.Public ||
					now.systemFrom != identity.Public {
					return fmt.Errorf("imported: %+v", now)
				}
				return nil
			}),
		},
		{
			Config: config, ResourceName: address, ImportState: true, ImportStateKind: resource.ImportCommandWithID,
			ImportStateId:     token,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "public_key",
			ImportStateVerifyIgnore: []string{"seed_wo_version", "system_account_jwt", "system_account.name"},
		},
	}})
	for id, want := range map[string]string{
		identity.Seed:   "The import ID must be the JWT of an operator",
		identity.Public: "The import ID must be the JWT of an operator",
		now.systemJWT:   `not the JWT of an operator: its type is "account"`, "": "The ID to import nats_operator is empty",
	} {
		_, found := acctest.ImportResource(t, "nats_operator", id)
		if len(found) != 1 || !acctest.Text(want).MatchString(found[0].Text) ||
			strings.Contains(found[0].Text, identity.Seed) {
			t.Errorf("%+v, wanted %q", found, want)
		}
	}
	found := acctest.ImportByIdentity(t, "nats_operator", acctest.Config{"public_key": identity.Public})
	if len(found) != 1 || !acctest.Text("Import by ID: the ID is the operator's JWT").MatchString(found[0].Text) {
		t.Errorf("by its identity: %+v", found)
	}
}
