package user_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	frameworkresource "github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	natsprovider "github.com/nats-k3s/terraform-provider-nats/internal/provider"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/input"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/user"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// address is the user in configurations.
const address = "nats_user.test"

// pair is a key pair.
type pair struct{ public, seed string }

func newPair(t *testing.T, kind natsconn.KeyKind) pair {
	t.Helper()
	public, seed, err := claims.NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return pair{public, seed}
}

// userConfig is a user "test" of an account, signed with a seed, with further lines. Nobody can revoke it.
func userConfig(accountKey, seed string, lines ...string) string {
	return "provider \"nats\" {}\n" +
		userBlock(accountKey, seed, append([]string{"revoke_on_destroy = false"}, lines...)...)
}

// userBlock is a user "test" of an account, signed with a seed, with further lines.
func userBlock(accountKey, seed string, lines ...string) string {
	lines = append([]string{fmt.Sprintf("account = %q", accountKey), fmt.Sprintf("signing_key_seed_wo = %q", seed)},
		lines...)
	return "resource \"nats_user\" \"test\" {\n  name = \"k3s\"\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

// signed is a user as the state has it.
type signed struct {
	token, credentials string
	user               *claims.User
	signature          claims.Signature
}

// read returns the user that attributes are about, and checks that they agree.
func read(t *testing.T, attributes acctest.Attributes) signed {
	t.Helper()
	token, credentials := attributes.Text("jwt"), attributes.Text("credentials")
	decoded, signature, err := claims.DecodeUser(token)
	if err != nil {
		t.Fatal(err)
	}
	if public := attributes.Text("public_key"); public != decoded.PublicKey {
		t.Errorf("public_key is %s, and that in the JWT %s", public, decoded.PublicKey)
	}
	if issuer := attributes.Text("issuer"); issuer != signature.Issuer {
		t.Errorf("issuer is %s, and that of the JWT %s", issuer, signature.Issuer)
	}
	if id := attributes.Text("jwt_id"); id == "" || id != signature.ID {
		t.Errorf("jwt_id is %q, and that of the JWT %q", id, signature.ID)
	}
	if credentials != "" {
		if !strings.Contains(credentials, token) {
			t.Error("the credentials hold another JWT")
		}
		seed, err := claims.CredentialsSeed(credentials)
		if err != nil {
			t.Fatal(err)
		}
		if public, err := claims.PublicKey(seed); err != nil || public != decoded.PublicKey {
			t.Errorf("the seed in the credentials is that of %s: %v", public, err)
		}
	}
	return signed{token, credentials, decoded, signature}
}

// What a CLI says that it is going to do with a user.
const (
	created  = "will be created"
	updated  = "will be updated in-place"
	replaced = "must be replaced" // also behind "is tainted, so"
)

// apply applies a configuration, and returns the user that the state has then. If planned is not empty, the plan said
// that of the user.
func apply(t *testing.T, w *acctest.Workspace, config, planned string) signed {
	t.Helper()
	out := w.Converge(t, config)
	if planned != "" && !regexp.MustCompile(`# `+regexp.QuoteMeta(address)+` .*`+planned).MatchString(out) {
		t.Errorf("not planned: %s\n%s", planned, out)
	}
	return read(t, w.Stored(t, address))
}

// unplanned applies a configuration that there is nothing to do for.
func unplanned(t *testing.T, w *acctest.Workspace, config string) {
	t.Helper()
	if out := w.Converge(t, config); !strings.Contains(out, "No changes.") {
		t.Errorf("there was something to do:\n%s", out)
	}
}

// isSignedAgain checks that the same user was signed anew and later, under the same key.
func isSignedAgain(t *testing.T, before, now signed) {
	t.Helper()
	if now.user.PublicKey != before.user.PublicKey {
		t.Errorf("the key changed from %s to %s", before.user.PublicKey, now.user.PublicKey)
	}
	if !now.signature.IssuedAt.After(before.signature.IssuedAt) {
		t.Errorf("issued at %s, not after %s", now.signature.IssuedAt, before.signature.IssuedAt)
	}
}

// isUnchanged checks that the user was not signed anew.
func isUnchanged(t *testing.T, before, now signed) {
	t.Helper()
	if now.token != before.token {
		t.Error("the user was signed again")
	}
}

// movedClock is the machine's clock, ahead by a time that a test sets.
type movedClock struct {
	claims.SystemClock

	mu    sync.Mutex
	ahead time.Duration
}

func (c *movedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *movedClock) move(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
}

// clockProvider is the provider with users that expire by another clock.
type clockProvider struct {
	provider.Provider

	clock claims.Clock
}

func (p clockProvider) Resources(context.Context) []func() frameworkresource.Resource {
	return []func() frameworkresource.Resource{func() frameworkresource.Resource { return user.NewResourceWithClock(p.clock) }}
}

// withClock serves that provider.
func withClock(clock claims.Clock) map[string]acctest.Factory {
	return map[string]acctest.Factory{
		"nats": func() (tfprotov6.ProviderServer, error) {
			return input.NewServer(clockProvider{natsprovider.New("test")(), clock})
		},
	}
}
