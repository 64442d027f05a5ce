package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// A site is a set of servers for an example and the environment that describes them.
type site struct {
	// urls are the servers', in the order of nats-1.example.com, nats-2.example.com and so on.
	urls []string
	// caFile is the authority that the servers' certificates are of, which the examples call nats-ca.pem.
	caFile string
	// credentialsFile has the credentials of a user with all permissions in that account.
	credentialsFile string
	// account is an account of the example's own. Any account that the example names by a literal key is this one.
	account *natslab.OperatorAccount
	// signingKey is the seed of the key that the provider works in accounts with.
	signingKey string
	// env is the provider's configuration, and the values of the examples' variables.
	env []string
	// connect connects to the first of the servers with the content of a credentials file.
	connect func(t *testing.T, credentials string) *nats.Conn
}

// sites are the sites of the examples. All examples share a few servers, which start when the first example needs them.
// Each example has a separate account, so names can be reused.
type sites struct {
	t        *testing.T // of all examples: the servers run until it ends
	operator *natslab.Operator
	accounts map[string]*natslab.OperatorAccount
	dir      string
	cluster  func() *natslab.Topology
	single   func() *natslab.Server
	domains  func() *natslab.HubLeaf
	regions  func() *natslab.Topology
	// joined are the accounts of the examples on a hub and a leaf node, and abroad is the operator of the super-cluster.
	joined map[string]*natslab.OperatorAccount
	abroad *natslab.Operator
}

const (
	// kamaji is the user of the example of that name.
	kamaji = "kamaji"
	// labPassword is the password of every user that has one.
	labPassword = "s3cr3t"
	// labCapacity is more than all accounts of the examples may store together.
	labCapacity = 1 << 40
)

func newSites(t *testing.T, files []string) *sites {
	t.Helper()
	s := &sites{t: t, operator: newOperator(t), abroad: newOperator(t), accounts: map[string]*natslab.OperatorAccount{},
		joined: map[string]*natslab.OperatorAccount{}, dir: t.TempDir()}
	for _, file := range files {
		account, err := s.operator.AddAccount(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.accounts[file] = account
	}
	// Some examples use TLS and some do not.
	common := []natslab.Option{
		natslab.TLS(), natslab.Mutate(func(o *server.Options) { o.AllowNonTLS = true }), natslab.MaxStore(labCapacity),
		natslab.Domain("hub"),
	}
	s.cluster = sync.OnceValue(func() *natslab.Topology {
		return natslab.Cluster(t, 3, append(common, natslab.OperatorMode(s.operator),
			natslab.Name("eu-central"), natslab.Tags("storage:nvme"))...)
	})
	s.single = sync.OnceValue(func() *natslab.Server {
		return natslab.Single(t, append(common, natslab.Users(natslab.User{Name: "anybody", Password: labPassword},
			natslab.User{Name: kamaji, Password: labPassword}), natslab.NoAuthUser("anybody"))...)
	})
	s.domains, s.regions = sync.OnceValue(s.newHubAndLeaf), sync.OnceValue(s.newSuperCluster)
	return s
}

// asOperator is a cluster in operator mode. The provider has the operator's signing key and a user of the system
// account.
func (s *sites) asOperator(account *natslab.OperatorAccount) site {
	here := s.asUser(account)
	here.env = append(here.env, natsconn.EnvCreds+"=", connection.EnvSigningKey+"="+s.operator.SigningKeySeed(),
		connection.EnvSystemCredentials+"="+s.credentialsFile(s.operator.SystemAccount()))
	return here
}

// asUser is the same cluster. The provider is a user of the example's account.
func (s *sites) asUser(account *natslab.OperatorAccount) site {
	lab := s.cluster()
	here := s.site(account, lab.URLs())
	here.caFile = lab.CAFile()
	here.env = append(here.env, natsconn.EnvCreds+"="+s.credentialsFile(account))
	here.connect = func(t *testing.T, credentials string) *nats.Conn {
		t.Helper()
		return lab.Servers()[0].Connect(t, nats.UserCredentialBytes([]byte(credentials)))
	}
	return here
}

// withPassword is a server that has users with passwords and also accepts clients without one.
func (s *sites) withPassword(account *natslab.OperatorAccount) site {
	lab := s.single()
	here := s.site(account, lab.URLs())
	here.caFile = lab.CAFile()
	return here
}

// offline has no servers, for examples that need none.
func (s *sites) offline(account *natslab.OperatorAccount) site {
	here := s.site(account, nil)
	here.env = append(here.env, natsconn.EnvURL+"=nats://127.0.0.1:1") // which nobody listens on
	return here
}

// site returns a site on the servers with the common environment.
func (s *sites) site(account *natslab.OperatorAccount, urls []string) site {
	s.t.Helper()
	here := site{urls: urls, account: account, credentialsFile: s.credentialsFile(account),
		signingKey: acctest.NewKey(s.t, natsconn.AccountKey).Seed}
	list, err := json.Marshal(urls)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(urls) > 0 {
		here.env = append(here.env, natsconn.EnvURL+"="+urls[0], "TF_VAR_servers="+string(list))
	}
	for variable, value := range map[string]string{
		"account":             account.PublicKey(),
		"account_signing_key": here.signingKey,
		"signing_key":         account.SigningKey(),
		"signing_key_seed":    account.SigningKeySeed(),
		"nats_password":       labPassword, "k3s_password": labPassword, "k3s_token": labPassword,
	} {
		here.env = append(here.env, "TF_VAR_"+variable+"="+value)
	}
	credentials := s.credentials(account)
	for _, name := range []string{"nats", "k3s", "k0s", "user"} {
		here.env = append(here.env, "TF_VAR_"+name+"_credentials="+credentials)
	}
	return here
}

// credentials returns the credentials of a user with all permissions in the account.
func (s *sites) credentials(account *natslab.OperatorAccount) string {
	s.t.Helper()
	credentials, err := account.Credentials("terraform", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return credentials
}

// credentialsFile writes them to a file and returns its path.
func (s *sites) credentialsFile(account *natslab.OperatorAccount) string {
	s.t.Helper()
	file := filepath.Join(s.dir, account.PublicKey()+".creds")
	if err := os.WriteFile(file, []byte(s.credentials(account)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}
