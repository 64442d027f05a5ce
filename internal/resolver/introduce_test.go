package resolver

import (
	"slices"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// After a push, every server has loaded the account, so that none does while the account's first stream is made.
func TestPushIntroducesAccounts(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Cluster(t, 3, natslab.OperatorMode(operator))
	credentials, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs(),
		Auth: natsconn.Auth{Credentials: credentials}}, nil)
	t.Cleanup(client.Close)
	signer, err := claims.NewOperatorSigner(operator.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	unlimited := int64(1 << 20)
	for name, jetStream := range map[string]*claims.JetStream{"with JetStream": {DiskStorage: &unlimited,
		MemoryStorage: &unlimited}, "without": nil} {
		public, _, err := claims.NewKey(natsconn.AccountKey)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(client, claims.SystemClock{}).Change(t.Context(), public, signer, func(*Stored) (*claims.Account, error) {
			return &claims.Account{Claims: claims.Claims{PublicKey: public, Name: name}, JetStream: jetStream}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, server := range lab.Servers() {
			loaded, err := server.NATSServer().Accountz(&natsserver.AccountzOptions{})
			if err != nil || slices.Contains(loaded.Accounts, public) != (jetStream != nil) {
				t.Errorf("%s: the server has loaded it: %t, %v", name, jetStream == nil, err)
			}
		}
	}
}
