package user_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A server lets the user do what its permissions say, and after a change what they say then.
func TestAccUserPermissions(t *testing.T) {
	b := newBench(t, 1, nil)
	var first, second signed
	permissions := func(subject string) string {
		return fmt.Sprintf("permissions = { publish = { allow = [%q] } }", subject)
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: b.providerConfig() + b.user(permissions("a.>")),
			Check:  resource.ComposeTestCheckFunc(keep(&first), b.permitted(&first, "a.x", "b.x")),
		},
		{
			Config: b.providerConfig() + b.user(permissions("b.>")),
			Check:  resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second), b.permitted(&second, "b.x", "a.x")),
		},
	}})
}

// A user signed by a scoped key may do what the key's template says. The same claims without scoped are refused by the server.
func TestAccUserScoped(t *testing.T) {
	signing := newPair(t, natsconn.AccountKey)
	b := newBench(t, 1, func(claims *jwt.AccountClaims) {
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = signing.public, "edge"
		scope.Template.Pub.Allow.Add("edge.{{tag(site)}}.>")
		claims.SigningKeys.AddScopedSigner(scope)
	})
	scoped := func(lines ...string) string {
		return b.providerConfig() + userBlock(b.account.PublicKey(), signing.seed, append(lines, `tags = ["site:berlin"]`)...)
	}
	var user, plain signed
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: scoped("scoped = true"),
			Check:  resource.ComposeTestCheckFunc(keep(&user), b.connects(&user), b.permitted(&user, "edge.berlin.x", "edge.paris.x")),
		},
		{
			Config: scoped(),
			Check: resource.ComposeTestCheckFunc(keep(&plain), signedAgain(&user, &plain), func(*terraform.State) error {
				return b.isRefused(&plain)
			}),
		},
	}})
}

// With a key of one's own, the JWT and the seed that never left its place are enough. A bearer JWT alone is.
func TestAccUserOwnKeyConnects(t *testing.T) {
	b := newBench(t, 1, nil)
	own := newPair(t, natsconn.UserKey)
	var user signed
	publicKey := fmt.Sprintf("public_key = %q", own.public)
	connects := func(sign nats.SignatureHandler) resource.TestCheckFunc {
		return func(*terraform.State) error {
			nc, err := connect(b.urls[0], nats.UserJWT(func() (string, error) { return user.token, nil }, sign))
			if err != nil {
				return err
			}
			nc.Close()
			return nil
		}
	}
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: b.providerConfig() + b.user(publicKey),
			Check: resource.ComposeTestCheckFunc(keep(&user), connects(func(nonce []byte) ([]byte, error) {
				pair, err := nkeys.FromSeed([]byte(own.seed))
				if err != nil {
					return nil, err
				}
				return pair.Sign(nonce)
			})),
		},
		{
			Config: b.providerConfig() + b.user(publicKey, "bearer_token = true"),
			Check:  resource.ComposeTestCheckFunc(keep(&user), connects(func([]byte) ([]byte, error) { return nil, nil })),
		},
	}})
}
