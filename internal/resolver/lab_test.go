package resolver

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// syncInterval is how often the laboratory's servers compare their accounts.
const syncInterval = 300 * time.Millisecond

// resolverContext bounds what a test waits for.
func resolverContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func newLabOperator(t *testing.T, change ...func(*jwt.OperatorClaims)) *natslab.Operator {
	t.Helper()
	operator, err := natslab.NewOperator("lab", change...)
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

func newLabSigner(t *testing.T, seed string) *claims.Signer {
	t.Helper()
	signer, err := claims.NewOperatorSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	return signer
}

// resolverAt returns the resolver of the servers at these URLs, as a new user of the account, which is usually the
// system account.
func resolverAt(
	t *testing.T, account *natslab.OperatorAccount, change func(*jwt.UserClaims), urls ...string,
) *Resolver {
	t.Helper()
	credentials, err := account.Credentials("resolver", change)
	if err != nil {
		t.Fatal(err)
	}
	client := natsconn.NewClient(natsconn.Settings{Servers: urls, Auth: natsconn.Auth{Credentials: credentials}}, nil)
	t.Cleanup(client.Close)
	return New(client, claims.SystemClock{})
}

// newPublicKey returns the public key of a new identity, whose seed nobody has.
func newPublicKey(t *testing.T, kind natsconn.KeyKind) string {
	t.Helper()
	public, _, err := claims.NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// newAccount returns claims of a new identity, whose seed nobody has.
func newAccount(t *testing.T, name string) *claims.Account {
	t.Helper()
	return &claims.Account{Claims: claims.Claims{PublicKey: newPublicKey(t, natsconn.AccountKey), Name: name},
		ClusterTraffic: "", JetStream: &claims.JetStream{}}
}

// to returns a change into these claims.
func to(a *claims.Account) func(*Stored) (*claims.Account, error) {
	return func(*Stored) (*claims.Account, error) { return a, nil }
}

// described returns a change of the description alone.
func described(description string) func(*Stored) (*claims.Account, error) {
	return func(stored *Stored) (*claims.Account, error) {
		a := *stored.Account
		a.Description = description
		return &a, nil
	}
}

func mustChange(
	t *testing.T, r *Resolver, account string, signer *claims.Signer, change func(*Stored) (*claims.Account, error),
) *Result {
	t.Helper()
	result, err := r.Change(resolverContext(t), account, signer, change)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// inStore returns what the directory of one server has of an account, empty if nothing.
func inStore(t *testing.T, s *natslab.Server, account string) string {
	t.Helper()
	directory, ok := s.NATSServer().AccountResolver().(interface {
		LoadAcc(publicKey string) (string, error)
	})
	if !ok {
		t.Fatalf("%s has no directory of accounts", s.Name())
	}
	token, err := directory.LoadAcc(account)
	if err != nil {
		return ""
	}
	return token
}

// awaitStore waits until all servers have the same of an account; it may be empty.
func awaitStore(t *testing.T, servers []*natslab.Server, account, token string) {
	t.Helper()
	ctx := resolverContext(t)
	for {
		behind := slices.IndexFunc(servers, func(s *natslab.Server) bool { return inStore(t, s, account) != token })
		if behind < 0 {
			return
		}
		if err := (claims.SystemClock{}).Wait(ctx, 20*time.Millisecond); err != nil {
			t.Fatalf("%s does not get to the expected state of the account: %v", servers[behind].Name(), err)
		}
	}
}
