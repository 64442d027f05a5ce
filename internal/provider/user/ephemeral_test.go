package user_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// credentialsType is the ephemeral resource.
const credentialsType = "nats_user_credentials"

// ephemeralUser is an ephemeral user signed with a seed, whose values the echo provider puts into the state.
func ephemeralUser(accountKey, seed string, lines ...string) string {
	return strings.NewReplacer("resource \"nats_user\"", "ephemeral \""+credentialsType+"\"", "signing_key_seed_wo", "signing_key_seed").
		Replace(userBlock(accountKey, seed, lines...)) + `
provider "echo" {
  data = ephemeral.` + credentialsType + `.test
}

resource "echo" "test" {}
`
}

// runWithEcho runs steps, between which the echo goes away: it is made once, and shows what was then.
func runWithEcho(t *testing.T, empty string, steps ...resource.TestStep) {
	t.Helper()
	factories := maps.Clone(acctest.Factories)
	factories["echo"] = echoprovider.NewProviderServer()
	var all []resource.TestStep
	for _, step := range steps {
		all = append(all, step, resource.TestStep{Config: empty})
	}
	acctest.Run(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: all})
}

// keepEcho is keep for the ephemeral user.
func keepEcho(into *signed) resource.TestCheckFunc { return keepFrom("echo.test", "data.", into) }

// lives is a check that the user expires that long after it was signed, or a little earlier.
func lives(s *signed, want time.Duration) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := s.user.Expires.Sub(s.signature.IssuedAt); got > want || got < want-waitTime {
			return fmt.Errorf("the user lives for %s, not %s", got, want)
		}
		return nil
	}
}

// The credentials do what their permissions say, and the account is what it was before.
func TestAccEphemeralUser(t *testing.T) {
	b := newBench(t, 1, nil)
	stored := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), waitTime)
		defer cancel()
		found, err := b.resolver(t).Lookup(ctx, b.account.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		return found.Token
	}
	before := stored()
	var user, full signed
	config := func(lines ...string) string {
		return b.providerConfig() + ephemeralUser(b.account.PublicKey(), b.account.SigningKeySeed(), lines...)
	}
	runWithEcho(t, b.providerConfig(),
		resource.TestStep{
			Config: config(`permissions = { publish = { allow = ["a.>"] } }`),
			Check: resource.ComposeTestCheckFunc(keepEcho(&user), lives(&user, time.Hour), b.connects(&user), b.permitted(&user, "a.x", "b.x"),
				resource.TestCheckNoResourceAttr("echo.test", "data.expires_in")),
		},
		resource.TestStep{
			Config: config(`tags = ["site:berlin"]`, `audience = "a"`, `not_before = "2020-01-01T00:00:00Z"`, `expires_in = "720h"`, "subscriptions = 5",
				`payload = "1KiB"`, `data = "1MiB"`, `source_networks = ["127.0.0.0/8"]`, `times = [{ start = "00:00:00", end = "23:59:59" }]`,
				`times_location = "UTC"`, `connection_types = ["STANDARD"]`),
			Check: resource.ComposeTestCheckFunc(keepEcho(&full), lives(&full, 720*time.Hour), func(*terraform.State) error {
				got := []any{full.user.Tags, full.user.Audience, *full.user.Subscriptions, *full.user.Payload, *full.user.Data, full.user.SourceNetworks,
					full.user.Times[0].End, full.user.TimesLocation, full.user.ConnectionTypes, full.user.NotBefore.Year()}
				want := []any{[]string{"site:berlin"}, "a", int64(5), int64(1 << 10), int64(1 << 20), []string{"127.0.0.0/8"}, "23:59:59", "UTC",
					[]string{"STANDARD"}, 2020}
				if diff := cmp.Diff(want, got); diff != "" {
					return errors.New("claims (-want +got):\n" + diff)
				}
				if full.user.PublicKey == user.user.PublicKey {
					return errors.New("the key is that of the user before")
				}
				return nil
			}),
		})
	if stored() != before {
		t.Error("the account changed")
	}
}

// Servers cut the connection of a user that expires, and let it in no more.
func TestAccEphemeralUserExpires(t *testing.T) {
	b := newBench(t, 1, nil)
	var user signed
	runWithEcho(t, b.providerConfig(), resource.TestStep{
		Config: b.providerConfig() + ephemeralUser(b.account.PublicKey(), b.account.SigningKeySeed(), `expires_in = "10s"`),
		Check: resource.ComposeTestCheckFunc(keepEcho(&user), lives(&user, 10*time.Second), func(*terraform.State) error {
			cut := make(chan time.Time, 1)
			nc, err := connect(b.urls[0], nats.UserCredentialBytes([]byte(user.credentials)), nats.ClosedHandler(func(*nats.Conn) { cut <- time.Now() }))
			if err != nil {
				return err
			}
			defer nc.Close()
			select {
			case at := <-cut:
				if at.Before(user.user.Expires) {
					return fmt.Errorf("the connection was cut at %s, before %s", at, user.user.Expires)
				}
				// A server takes a user until the second after.
				ctx, cancel := context.WithDeadline(t.Context(), user.user.Expires.Add(time.Second))
				defer cancel()
				<-ctx.Done()
				return b.isRefused(&user)
			case <-time.After(waitTime):
				return errors.New("the user is still connected")
			}
		}),
	})
}

// A scoped key signs what its template allows, and a key that was brought leaves its seed where it is.
func TestAccEphemeralUserKeys(t *testing.T) {
	signing, own := newPair(t, natsconn.AccountKey), newPair(t, natsconn.UserKey)
	b := newBench(t, 1, func(claims *jwt.AccountClaims) {
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = signing.public, "edge"
		scope.Template.Pub.Allow.Add("edge.{{tag(site)}}.>")
		claims.SigningKeys.AddScopedSigner(scope)
	})
	var scoped, brought signed
	runWithEcho(t, b.providerConfig(),
		resource.TestStep{
			Config: b.providerConfig() + ephemeralUser(b.account.PublicKey(), signing.seed, "scoped = true", `tags = ["site:berlin"]`),
			Check:  resource.ComposeTestCheckFunc(keepEcho(&scoped), b.permitted(&scoped, "edge.berlin.x", "edge.paris.x")),
		},
		resource.TestStep{
			Config: b.providerConfig() + ephemeralUser(b.account.PublicKey(), b.account.SigningKeySeed(), fmt.Sprintf("public_key = %q", own.public)),
			Check: resource.ComposeTestCheckFunc(keepEcho(&brought), resource.TestCheckNoResourceAttr("echo.test", "data.credentials"),
				func(*terraform.State) error {
					nc, err := connect(b.urls[0], nats.UserJWTAndSeed(brought.token, own.seed))
					if err != nil {
						return err
					}
					nc.Close()
					return nil
				}),
		})
}

// What is wrong with the lifetime and the key is told at their attributes.
func TestEphemeralUserInput(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	for name, c := range map[string]struct {
		change   acctest.Config
		at, says string
	}{
		"longest":                  {acctest.Config{"expires_in": "720h"}, "", ""},
		"too long":                 {acctest.Config{"expires_in": "720h0m1s"}, "expires_in", "nats_user"},
		"begins after the default": {acctest.Config{"not_before": "2099-01-01T00:00:00Z"}, "expires_in", "before it becomes valid"},
		"scoped without a key":     {acctest.Config{"scoped": true, "signing_key_seed": nil}, "signing_key_seed", "scoped signing key of the account"},
	} {
		t.Run(name, func(t *testing.T) {
			config := acctest.Config{"account": accountKey.public, "name": "k3s", "signing_key_seed": signing.seed}
			maps.Copy(config, c.change)
			checkInput(t, acctest.ValidateEphemeral(t, credentialsType, config), c.at, c.says, accountKey, signing)
		})
	}
}

// What a CLI keeps of open credentials is no secret. The result has what the configuration has.
func TestEphemeralUserPrivate(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	attributes, private, found := acctest.OpenEphemeral(t, credentialsType, acctest.Config{
		"account": accountKey.public, "name": "k3s", "signing_key_seed": signing.seed, "expires_in": "90m",
	})
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	credentials, _ := attributes["credentials"].(string)
	token, _ := attributes["jwt"].(string)
	if natsconn.CheckCredentials(credentials) != nil || token == "" || attributes["expires_in"] != "90m" || attributes["issuer"] != signing.public {
		t.Errorf("the result is not what was asked for: %v", slices.Sorted(maps.Keys(attributes)))
	}
	for _, secret := range append(strings.Fields(credentials), token, signing.seed) {
		if len(secret) > 40 && strings.Contains(string(private), secret) {
			t.Error("a secret is in the private data")
		}
	}
	if !strings.Contains(string(private), "opened") {
		t.Errorf("there is nothing to be searched: %s", private)
	}
}

// The twins have the same attributes, but for what has to do with a state.
func TestEphemeralUserTwin(t *testing.T) {
	schemas := acctest.Schemas(t)
	names := func(schema *tfprotov6.Schema) []string {
		var found []string
		for _, a := range schema.Block.Attributes {
			if !slices.Contains([]string{"signing_key_seed_wo_version", "rotate_before", "revoke_on_destroy", "timeouts"}, a.Name) {
				found = append(found, strings.TrimSuffix(a.Name, "_wo"))
			}
		}
		slices.Sort(found)
		return found
	}
	of, twin := names(schemas.ResourceSchemas["nats_user"]), names(schemas.EphemeralResourceSchemas[credentialsType])
	if len(of) < 20 || !slices.Equal(of, twin) {
		t.Errorf("attributes differ:\n%s", cmp.Diff(of, twin))
	}
}
