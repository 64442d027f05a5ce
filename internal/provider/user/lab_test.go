package user_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// waitTime bounds what a test waits for.
const waitTime = time.Minute

// bench is servers in operator mode with one account.
type bench struct {
	operator *natslab.Operator
	account  *natslab.OperatorAccount
	urls     []string
	system   string
}

// newBench starts a cluster, or one server. The account is changed by change unless that is nil.
func newBench(t *testing.T, servers int, change func(*jwt.AccountClaims)) *bench {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{operator: operator}
	if b.account, err = operator.AddAccount("tenant", change); err != nil {
		t.Fatal(err)
	}
	if b.system, err = operator.SystemAccount().Credentials("terraform", nil); err != nil {
		t.Fatal(err)
	}
	if servers == 1 {
		b.urls = natslab.Single(t, natslab.OperatorMode(operator)).URLs()
	} else {
		b.urls = natslab.Cluster(t, servers, natslab.OperatorMode(operator)).URLs()
	}
	return b
}

// providerConfig is a provider that can revoke users.
func (b *bench) providerConfig() string {
	return acctest.ProviderConfig(b.urls,
		fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }",
			b.operator.SigningKeySeed(), b.system))
}

// user is a user of the account.
func (b *bench) user(lines ...string) string {
	return userBlock(b.account.PublicKey(), b.account.SigningKeySeed(), lines...)
}

// resolver returns the resolver beside the provider's own.
func (b *bench) resolver(t *testing.T) *resolver.Resolver {
	t.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: b.urls, Auth: natsconn.Auth{Credentials: b.system}}, nil)
	t.Cleanup(client.Close)
	return resolver.New(client, claims.SystemClock{})
}

// connect connects to one server.
func connect(url string, user nats.Option, opts ...nats.Option) (*nats.Conn, error) {
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	return nats.Connect(url, append([]nats.Option{user, quiet, nats.NoReconnect(), nats.Timeout(waitTime)}, opts...)...)
}

// permitted checks that the user may publish to one subject and not to another.
func (b *bench) permitted(t *testing.T, s signed, allowed, denied string) {
	t.Helper()
	violations := make(chan error, 1)
	nc, err := connect(b.urls[0], nats.UserCredentialBytes([]byte(s.credentials)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{allowed, denied} { // the server answers in this order
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-violations:
		if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), fmt.Sprintf("%q", denied)) {
			t.Errorf("of %s and %s: %v", allowed, denied, err)
		}
	case <-time.After(waitTime):
		t.Errorf("the user may publish to %s", denied)
	}
}

// isRefused checks that a user cannot connect to any server.
func (b *bench) isRefused(t *testing.T, s signed) {
	t.Helper()
	for _, url := range b.urls {
		if nc, err := connect(url, nats.UserCredentialBytes([]byte(s.credentials))); err == nil {
			nc.Close()
			t.Errorf("%s lets the user in", url)
		} else if !errors.Is(err, nats.ErrAuthorization) {
			t.Error(err)
		}
	}
}

// connects checks that a user can connect to every server.
func (b *bench) connects(t *testing.T, credentials string) {
	t.Helper()
	for _, url := range b.urls {
		nc, err := connect(url, nats.UserCredentialBytes([]byte(credentials)))
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		nc.Close()
	}
}

// revokedAt returns until when a key is revoked in the account, zero if it is not.
func (b *bench) revokedAt(t *testing.T, user string) time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	stored, err := b.resolver(t).Lookup(ctx, b.account.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return stored.Account.Revocations[user]
}
