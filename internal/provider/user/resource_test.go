package user_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// allLines set every attribute of a user that says something about it.
var allLines = []string{
	`tags = ["edge", "berlin"]`, `audience = "clients"`, `not_before = "2026-01-01T00:00:00Z"`,
	`permissions = {
    publish = { allow = ["a.>"], deny = ["a.secret"] }
    subscribe = { allow = ["b.* queue", "_INBOX.>"], deny = ["b.secret"] }
    allow_responses = { max_messages = 3, expires = "90s" }
  }`,
	`subscriptions = 100`, `data = "1GiB"`, `payload = "64KiB"`, `source_networks = ["192.0.2.0/24", "2001:db8::/32"]`,
	`times = [{ start = "08:00:00", end = "18:00:00" }]`, `times_location = "Europe/Berlin"`, `bearer_token = true`, `proxy_required = true`,
	`connection_types = ["STANDARD", "WEBSOCKET"]`,
}

// allClaims are what they come to.
func allClaims(accountKey string) account.User {
	number := func(n int64) *int64 { return &n }
	return account.User{
		Claims: account.Claims{
			Name: "k3s", Tags: []string{"berlin", "edge"}, Audience: "clients", NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		UserLimits: account.UserLimits{
			Permissions: account.Permissions{
				Publish:   account.Permission{Allow: []string{"a.>"}, Deny: []string{"a.secret"}},
				Subscribe: account.Permission{Allow: []string{"b.* queue", "_INBOX.>"}, Deny: []string{"b.secret"}},
				Responses: &account.Responses{MaxMessages: 3, Expires: 90 * time.Second},
			},
			Subscriptions: number(100), Data: number(1 << 30), Payload: number(64 << 10),
			SourceNetworks: []string{"192.0.2.0/24", "2001:db8::/32"},
			Times:          []account.TimeRange{{Start: "08:00:00", End: "18:00:00"}}, TimesLocation: "Europe/Berlin",
			BearerToken: true, ProxyRequired: true, ConnectionTypes: []string{"STANDARD", "WEBSOCKET"},
		},
		IssuerAccount: accountKey,
	}
}

// hasClaims is a check of the claims, but for the key.
func hasClaims(got *signed, want account.User) resource.TestCheckFunc {
	return func(*terraform.State) error {
		want.PublicKey = got.user.PublicKey
		if diff := cmp.Diff(&want, got.user); diff != "" {
			return fmt.Errorf("claims (-want +got):\n%s", diff)
		}
		return nil
	}
}

// All attributes arrive in the claims; a change of any is signed anew under the same key, and what changes no claim is not.
func TestAccUser(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	var first, second, now signed
	plain := account.User{Claims: account.Claims{Name: "k3s"}, IssuerAccount: accountKey.public}
	replanned := func(path string) plancheck.PlanCheck {
		return plancheck.ExpectUnknownValue(address, tfjsonpath.New(path))
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: userConfig(accountKey.public, signing.seed, allLines...),
			Check:  resource.ComposeTestCheckFunc(keep(&first), hasClaims(&first, allClaims(accountKey.public))),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("issuer"), knownvalue.StringExact(signing.public)),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("expires_at"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("signing_key_seed_wo"), knownvalue.Null()),
				statecheck.ExpectSensitiveValue(address, tfjsonpath.New("jwt")),
				statecheck.ExpectSensitiveValue(address, tfjsonpath.New("credentials")),
			},
		},
		{ // the same in other words
			Config: userConfig(accountKey.public, signing.seed, append(append([]string{}, allLines[1:5]...), append([]string{
				`tags = ["berlin", "edge"]`, `data = "1024MiB"`, `payload = "65536"`}, allLines[7:]...)...)...),
			Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&first, &now)),
		},
		{ // everything goes
			Config: userConfig(accountKey.public, signing.seed),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate), replanned("jwt"), replanned("credentials"), replanned("issuer"),
				plancheck.ExpectKnownValue(address, tfjsonpath.New("expires_at"), knownvalue.Null()),
			}},
			Check: resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second), hasClaims(&second, plain)),
		},
		{ // the version alone, within the same second
			Config: userConfig(accountKey.public, signing.seed, `signing_key_seed_wo_version = "1"`),
			Check:  resource.ComposeTestCheckFunc(keep(&now), signedAgain(&second, &now), hasClaims(&now, plain)),
		},
		{
			Config: userConfig(newPair(t, natsconn.AccountKey).public, signing.seed),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionReplace),
			}},
		},
		{ResourceName: address, ImportState: true, ImportStateId: "x", ExpectError: acctest.Text("A User Cannot Be Imported")},
	}})
}

// Another signing key is noticed without a version, also the account's identity.
func TestAccUserSigningKey(t *testing.T) {
	identity, old, fresh := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	var first, second, third signed
	issuer := func(pair pair) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("issuer"), knownvalue.StringExact(pair.public))}
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: userConfig(identity.public, old.seed), Check: keep(&first), ConfigStateChecks: issuer(old)},
		{
			Config: userConfig(identity.public, fresh.seed), ConfigStateChecks: issuer(fresh),
			Check: resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second)),
		},
		{
			Config: userConfig(identity.public, identity.seed), ConfigStateChecks: issuer(identity),
			Check: resource.ComposeTestCheckFunc(keep(&third), signedAgain(&second, &third), func(*terraform.State) error {
				if third.user.IssuerAccount != "" {
					return fmt.Errorf("the identity signs for %s", third.user.IssuerAccount)
				}
				return nil
			}),
		},
	}})
}

// With a key of one's own there is no secret. Going over to it and back works.
func TestAccUserOwnKey(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	own, other := newPair(t, natsconn.UserKey), newPair(t, natsconn.UserKey)
	var first, second, now signed
	withKey := func(pair pair, lines ...string) string {
		return userConfig(accountKey.public, signing.seed, append([]string{fmt.Sprintf("public_key = %q", pair.public)}, lines...)...)
	}
	action := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
	}
	noSecret := []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("credentials"), knownvalue.Null())}
	keyIs := func(pair pair) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New("public_key"), knownvalue.StringExact(pair.public))
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: withKey(own), Check: keep(&first), ConfigStateChecks: append(noSecret, keyIs(own))},
		{
			Config: withKey(own, "subscriptions = 5"), ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second)), ConfigStateChecks: noSecret,
		},
		{Config: withKey(other), ConfigPlanChecks: action(plancheck.ResourceActionReplace), ConfigStateChecks: append(noSecret, keyIs(other))},
		{
			Config: withKey(other, "signing_key_seed_wo_version = 2"), Taint: []string{address},
			ConfigPlanChecks: action(plancheck.ResourceActionReplace), Check: keep(&first),
		},
		{ // the key goes, and one is generated
			Config: userConfig(accountKey.public, signing.seed), ConfigPlanChecks: action(plancheck.ResourceActionReplace),
			Check: resource.ComposeTestCheckFunc(keep(&now), func(*terraform.State) error {
				if now.credentials == "" || now.user.PublicKey == other.public {
					return fmt.Errorf("the user still has the key that was brought")
				}
				return nil
			}),
		},
	}})
}

// A user that expires is signed anew in time, and otherwise left alone.
func TestAccUserExpires(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	clock := &movedClock{}
	var first, second, third, now signed
	const day = 24 * time.Hour
	expires := func(s *signed, at time.Duration) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			want := s.signature.IssuedAt.Add(at)
			if off := s.user.Expires.Sub(want).Abs(); off > 30*time.Second {
				return fmt.Errorf("the user expires at %s, not %s", s.user.Expires, want)
			}
			told := state.RootModule().Resources[address].Primary.Attributes["expires_at"]
			if told != s.user.Expires.Format(time.RFC3339) {
				return fmt.Errorf("expires_at is %s, and the user expires at %s", told, s.user.Expires)
			}
			return nil
		}
	}
	lifetime := func(lines ...string) string { return userConfig(accountKey.public, signing.seed, lines...) }
	rotating := lifetime(`expires_in = "720h"`, `rotate_before = "168h"`)
	empty := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	acctest.Run(t, resource.TestCase{ProtoV6ProviderFactories: withClock(clock), Steps: []resource.TestStep{
		{Config: rotating, Check: resource.ComposeTestCheckFunc(keep(&first), expires(&first, 30*day))},
		{PreConfig: clock.move(23*day - time.Minute), Config: rotating, ConfigPlanChecks: empty},
		{ // a shorter notice changes nothing
			Config: lifetime(`expires_in = "720h"`, `rotate_before = "24h"`), Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&first, &now)),
		},
		{PreConfig: clock.move(23*day + time.Minute), Config: lifetime(`expires_in = "43200m"`, `rotate_before = "24h"`),
			Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&first, &now))},
		{ // now it is due
			Config: rotating, Check: resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second), expires(&second, 53*day+time.Minute)),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				plancheck.ExpectUnknownValue(address, tfjsonpath.New("expires_at")),
			}},
		},
		{ // without notice, once it has expired
			PreConfig: clock.move(53 * day), Config: lifetime(`expires_in = "720h"`),
			Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&second, &now)),
		},
		{
			PreConfig: clock.move(53*day + 2*time.Minute), Config: lifetime(`expires_in = "720h"`),
			Check: resource.ComposeTestCheckFunc(keep(&third), signedAgain(&second, &third), expires(&third, 83*day+2*time.Minute)),
		},
		{
			Config: lifetime(), ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("expires_at"), knownvalue.Null()),
			},
			Check: resource.ComposeTestCheckFunc(keep(&now), signedAgain(&third, &now)),
		},
	}})
}
