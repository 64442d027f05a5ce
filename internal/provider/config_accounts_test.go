package provider_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// system is a set of servers in operator mode, with what a provider needs to manage accounts and work in them.
type system struct {
	operator *natslab.Operator
	urls     []string
	// credentials are those of a user of the system account.
	credentials string
	// key is the signing key that the provider works in accounts with.
	key acctest.Key
	// dir has the files of the nodes.
	dir string
}

// newSystem returns the system of an operator's servers.
func newSystem(t *testing.T, operator *natslab.Operator, urls []string) *system {
	t.Helper()
	credentials, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &system{operator: operator, urls: urls, credentials: credentials, key: acctest.NewKey(t, natsconn.AccountKey),
		dir: t.TempDir()}
}

// provider returns the provider's configuration with an operator and a key for accounts, and additional lines in the
// latter.
func (s *system) provider(lines ...string) string {
	return acctest.ProviderConfig(s.urls,
		fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }", s.operator.SigningKeySeed(),
			s.credentials),
		fmt.Sprintf("accounts = {\n    signing_key = %q\n    %s\n  }", s.key.Seed, strings.Join(lines, "\n    ")))
}

// tenantConfig is everything that a k3s cluster needs, in a separate account.
func (s *system) tenantConfig(name string) string {
	return fmt.Sprintf(`
resource "nats_account" %[1]q {
  name                = %[1]q
  jetstream           = { disk_storage = "1GiB" }
  deletion_protection = false
}

resource "nats_kine_bucket" %[1]q {
  account             = nats_account.%[1]s.public_key
  deletion_protection = false
}

resource "nats_user" %[1]q {
  account     = nats_account.%[1]s.public_key
  name        = "k3s"
  permissions = provider::nats::kine_permissions(nats_kine_bucket.%[1]s.name)
}

resource "nats_k3s_datastore_endpoint" %[1]q {
  servers          = [%[2]q]
  datastore        = nats_kine_bucket.%[1]s.datastore
  credentials_file = %[3]q
  verify           = "etcd"
  verification = {
    credentials_wo         = nats_user.%[1]s.credentials
    credentials_wo_version = nats_user.%[1]s.public_key
  }
}

output "%[1]s_url" {
  value     = nats_k3s_datastore_endpoint.%[1]s.url
  sensitive = true
}

output "%[1]s_credentials" {
  value     = nats_user.%[1]s.credentials
  sensitive = true
}

output "%[1]s_account" {
  value = nats_account.%[1]s.public_key
}
`, name, s.urls[0], s.credentialsFile(name))
}

// credentialsFile returns the path of a tenant's credentials on its node.
func (s *system) credentialsFile(name string) string { return filepath.Join(s.dir, name+".creds") }

// provision copies a tenant's credentials to its node and returns them with the datastore endpoint.
func (s *system) provision(t *testing.T, w *acctest.Workspace, name string) (endpoint, credentials string) {
	t.Helper()
	endpoint, credentials = output(t, w, name+"_url"), output(t, w, name+"_credentials")
	if err := os.WriteFile(s.credentialsFile(name), []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	return endpoint, credentials
}

func output(t *testing.T, w *acctest.Workspace, name string) string {
	t.Helper()
	value, err := w.Output(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func newOperator(t *testing.T) *natslab.Operator {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

// One apply creates a tenant: KINE runs as its user without a permission violation, and that user can do nothing else.
func TestAccCLITenant(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	newSystem(t, operator, lab.URLs()).makeTenants(t, lab.Log)
}

// makeTenants creates two tenants, checks what the user of one can do, and destroys both. serverLog returns the
// server's log.
func (s *system) makeTenants(t *testing.T, serverLog func() []string) {
	t.Helper()
	config := s.provider() + s.tenantConfig("edge") + s.tenantConfig("other") + `
resource "nats_kine_bucket" "neighbour" {
  name                = "neighbour"
  account             = nats_account.edge.public_key
  deletion_protection = false
}
`
	w := acctest.NewWorkspace(t, config)
	w.Apply(t)
	w.AssertEmptyPlan(t)
	endpoint, credentials := s.provision(t, w, "edge")
	other, _ := s.provision(t, w, "other")

	t.Run("etcd", func(t *testing.T) {
		etcdtest.Run(t, kinelab.Run(t, endpoint).Endpoint())
	})
	for _, line := range serverLog() {
		if strings.Contains(line, "Violation") {
			t.Errorf("in the server's log: %s", line)
		}
	}
	t.Run("refused", func(t *testing.T) {
		assertConfined(t, s.urls, credentials, output(t, w, "other_account"))
	})
	t.Run("isolated", func(t *testing.T) {
		assertIsolated(t, kinelab.Run(t, endpoint).Endpoint(), kinelab.Run(t, other).Endpoint())
	})
	w.Must(t, "destroy", "-auto-approve")
}

// assertConfined checks that a user for KINE on the bucket kine is denied everything else.
func assertConfined(t *testing.T, urls []string, credentials, otherAccount string) {
	t.Helper()
	newClient := func() *natsconn.Client {
		client := natsconn.NewClient(natsconn.Settings{Servers: urls, Auth: natsconn.Auth{Credentials: credentials}}, nil)
		t.Cleanup(client.Close)
		return client
	}
	client := newClient()
	for what, subject := range map[string]string{
		"read another bucket":            "$JS.API.DIRECT.GET.KV_neighbour.$KV.neighbour.key",
		"look at another bucket":         "$JS.API.STREAM.INFO.KV_neighbour",
		"watch another bucket":           "$JS.API.CONSUMER.CREATE.KV_neighbour.watch.$KV.neighbour.>",
		"write to another bucket":        "$KV.neighbour.key",
		"list streams":                   "$JS.API.STREAM.LIST",
		"list the names of streams":      "$JS.API.STREAM.NAMES",
		"delete its stream":              "$JS.API.STREAM.DELETE.KV_kine",
		"purge its stream":               "$JS.API.STREAM.PURGE.KV_kine",
		"update its stream":              "$JS.API.STREAM.UPDATE.KV_kine",
		"delete a message of its stream": "$JS.API.STREAM.MSG.DELETE.KV_kine",
		"back its stream up":             "$JS.API.STREAM.SNAPSHOT.KV_kine",
		"create a stream":                "$JS.API.STREAM.CREATE.KV_new",
		"publish to a service":           "orders.new",
		"see the servers":                "$SYS.REQ.SERVER.PING",
		"see another account":            "$SYS.REQ.ACCOUNT." + otherAccount + ".CLAIMS.LOOKUP",
		"push an account":                "$SYS.REQ.CLAIMS.UPDATE",
	} {
		_, err := client.Request(t.Context(), nats.NewMsg(subject))
		if refused, ok := errors.AsType[*natsconn.PermissionError](err); !ok || !refused.Publish {
			t.Errorf("the user may %s: %v", what, err)
		}
	}
	for what, subject := range map[string]string{"listen to its account": ">", "listen to the servers": "$SYS.>"} {
		client := newClient() // on which no subscription was refused yet
		err := client.Exchange(t.Context(), subject, func(ctx context.Context, nc *nats.Conn) error {
			if _, err := nc.SubscribeSync(subject); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if refused, ok := errors.AsType[*natsconn.PermissionError](err); !ok || refused.Publish ||
			refused.Subject != subject {
			t.Errorf("the user may %s: %v", what, err)
		}
	}
}

// assertIsolated checks that KINEs on equally named buckets in two accounts share nothing.
func assertIsolated(t *testing.T, endpoint, other string) {
	t.Helper()
	one, two := dial(t, endpoint), dial(t, other)
	seeded, err := etcdtest.Seed(t.Context(), one, etcdtest.NewPrefix(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for key := range seeded {
		found, err := two.Get(t.Context(), key)
		if err != nil || len(found.Kvs) > 0 {
			t.Errorf("%s is in the other account too: %v", key, err)
		}
	}
}

func dial(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	client, err := etcdtest.Dial(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
