package user_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	frameworkresource "github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/nats-k3s/terraform-provider-nats/internal/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	natsprovider "github.com/nats-k3s/terraform-provider-nats/internal/provider"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/user"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// address is the user in configurations.
const address = "nats_user.test"

// pair is a key pair.
type pair struct{ public, seed string }

func newPair(t *testing.T, kind natsconn.KeyKind) pair {
	t.Helper()
	public, seed, err := account.NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return pair{public, seed}
}

// userConfig is a user "test" of an account, signed with a seed, with further lines. Nobody can revoke it.
func userConfig(accountKey, seed string, lines ...string) string {
	return "provider \"nats\" {}\n" + userBlock(accountKey, seed, append([]string{"revoke_on_destroy = false"}, lines...)...)
}

// userBlock is a user "test" of an account, signed with a seed, with further lines.
func userBlock(accountKey, seed string, lines ...string) string {
	lines = append([]string{fmt.Sprintf("account = %q", accountKey), fmt.Sprintf("signing_key_seed_wo = %q", seed)}, lines...)
	return "resource \"nats_user\" \"test\" {\n  name = \"k3s\"\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

// signed is a user as the state has it.
type signed struct {
	token, credentials string
	user               *account.User
	signature          account.Signature
}

// keep returns a check that stores what the state has.
func keep(into *signed) resource.TestCheckFunc { return keepFrom(address, "", into) }

// keepFrom is keep for what is below an attribute of a resource, whose name ends in a dot.
func keepFrom(address, below string, into *signed) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		attributes := s.RootModule().Resources[address].Primary.Attributes
		decoded, signature, err := account.DecodeUser(attributes[below+"jwt"])
		if err != nil {
			return err
		}
		*into = signed{attributes[below+"jwt"], attributes[below+"credentials"], decoded, signature}
		if public := attributes[below+"public_key"]; public != decoded.PublicKey {
			return fmt.Errorf("public_key is %s, and that in the JWT %s", public, decoded.PublicKey)
		}
		if issuer := attributes[below+"issuer"]; issuer != signature.Issuer {
			return fmt.Errorf("issuer is %s, and that of the JWT %s", issuer, signature.Issuer)
		}
		if into.credentials == "" {
			return nil
		}
		if !strings.Contains(into.credentials, into.token) {
			return fmt.Errorf("the credentials hold another JWT")
		}
		seed, err := account.CredentialsSeed(into.credentials)
		if err != nil {
			return err
		}
		if public, err := account.PublicKey(seed); err != nil || public != decoded.PublicKey {
			return fmt.Errorf("the seed in the credentials is that of %s: %w", public, err)
		}
		return nil
	}
}

// signedAgain is a check that the same user was signed anew and later, under the same key.
func signedAgain(before, now *signed) resource.TestCheckFunc {
	return func(*terraform.State) error {
		switch {
		case now.user.PublicKey != before.user.PublicKey:
			return fmt.Errorf("the key changed from %s to %s", before.user.PublicKey, now.user.PublicKey)
		case !now.signature.IssuedAt.After(before.signature.IssuedAt):
			return fmt.Errorf("issued at %s, not after %s", now.signature.IssuedAt, before.signature.IssuedAt)
		}
		return nil
	}
}

// unchanged is a check that the user was not signed anew.
func unchanged(before, now *signed) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if now.token != before.token {
			return fmt.Errorf("the user was signed again")
		}
		return nil
	}
}

// movedClock is the machine's clock, ahead by a time that a test sets.
type movedClock struct {
	account.SystemClock

	mu    sync.Mutex
	ahead time.Duration
}

func (c *movedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *movedClock) move(ahead time.Duration) func() {
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ahead = ahead
	}
}

// clockProvider is the provider with users that expire by another clock.
type clockProvider struct {
	provider.Provider

	clock account.Clock
}

func (p clockProvider) Resources(context.Context) []func() frameworkresource.Resource {
	return []func() frameworkresource.Resource{func() frameworkresource.Resource { return user.NewResourceWithClock(p.clock) }}
}

// withClock serves that provider.
func withClock(clock account.Clock) map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"nats": providerserver.NewProtocol6WithError(clockProvider{natsprovider.New("test")(), clock}),
	}
}
