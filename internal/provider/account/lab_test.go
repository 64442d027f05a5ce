package account_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const address = "nats_account.test"

// bench is servers in operator mode, and the resolver beside the provider's own.
type bench struct {
	operator *natslab.Operator
	urls     []string
	system   string
	resolver *resolver.Resolver
}

// newOperator makes an operator.
func newOperator(t *testing.T) *natslab.Operator {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

// newBench returns the bench for servers of the operator.
func newBench(t *testing.T, operator *natslab.Operator, urls []string) *bench {
	t.Helper()
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := natsconn.NewClient(natsconn.Settings{Servers: urls, Auth: natsconn.Auth{Credentials: system}}, nil)
	t.Cleanup(client.Close)
	return &bench{operator: operator, urls: urls, system: system, resolver: resolver.New(client, claims.SystemClock{})}
}

// single starts one server.
func single(t *testing.T, options ...natslab.Option) *bench {
	t.Helper()
	operator := newOperator(t)
	server := natslab.Single(t, append([]natslab.Option{natslab.OperatorMode(operator)}, options...)...)
	return newBench(t, operator, server.URLs())
}

// provider is the provider's configuration, with further lines in it.
func (b *bench) provider(lines ...string) string {
	return acctest.ProviderConfig(b.urls, append(lines, fmt.Sprintf(
		"operator = {\n    signing_key = %q\n    system_credentials = %q\n  }", b.operator.SigningKeySeed(), b.system))...)
}

// config is an account that can be destroyed at the end of a test, with these lines in it.
func config(lines string) string {
	return fmt.Sprintf("resource \"nats_account\" \"test\" {\n  deletion_protection = false\n  %s\n}\n", lines)
}

// protected is an account that keeps its protection, with these lines in it.
func protected(lines string) string {
	return fmt.Sprintf("resource \"nats_account\" \"test\" {\n  %s\n}\n", lines)
}

// stored returns what the servers have.
func (b *bench) stored(t *testing.T, publicKey string) *resolver.Stored {
	t.Helper()
	stored, err := b.resolver.Lookup(t.Context(), publicKey)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// change pushes another writer's change of the account.
func (b *bench) change(t *testing.T, publicKey string, change func(*claims.Account)) {
	t.Helper()
	signer := newSigner(t, b.operator)
	_, err := b.resolver.Change(t.Context(), publicKey, signer, func(stored *resolver.Stored) (*claims.Account, error) {
		changed := *stored.Account
		change(&changed)
		return &changed, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newSigner(t *testing.T, operator *natslab.Operator) *claims.Signer {
	t.Helper()
	signer, err := claims.NewOperatorSigner(operator.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	return signer
}

// destroyed destroys what was applied, after which the servers have none of the accounts that Terraform made.
func (b *bench) destroyed(t *testing.T, w *acctest.Workspace) {
	t.Helper()
	w.Must(t, "destroy", "-auto-approve")
	if err := b.none(t); err != nil {
		t.Error(err)
	}
}

// none returns an error if the servers have any of the accounts that Terraform made.
func (b *bench) none(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	accounts, err := b.resolver.List(ctx)
	if err != nil {
		return err
	}
	if len(accounts) != 1 || accounts[0] != b.operator.SystemAccount().PublicKey() {
		return fmt.Errorf("the servers still have %v", accounts)
	}
	return nil
}

// newKey makes a key and returns its public half.
func newKey(t *testing.T, kind natsconn.KeyKind) string {
	t.Helper()
	return acctest.NewKey(t, kind).Public
}
