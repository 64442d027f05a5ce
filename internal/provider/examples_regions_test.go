package provider_test

import (
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// acrossDomains are the examples on a hub and a leaf node that is connected in each of their accounts.
var acrossDomains = []string{
	"data-sources/nats_kv_mirror/data-source.tf", "edge-mirrors/main.tf", "mirror/main.tf",
	"resources/nats_kv_mirror/resource.tf", "restore/main.tf",
}

// newHubAndLeaf starts a hub and a leaf node with an account for each example.
func (s *sites) newHubAndLeaf() *natslab.HubLeaf {
	s.t.Helper()
	operator := newOperator(s.t)
	for _, file := range acrossDomains {
		account, err := operator.AddAccount(file, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.joined[file] = account
	}
	return natslab.HubAndLeaf(s.t, natslab.OperatorMode(operator), natslab.MaxStore(labCapacity))
}

// inDomains is a hub and its leaf node, each a JetStream domain. The provider is a user of the example's account at the
// hub.
func (s *sites) inDomains(account *natslab.OperatorAccount) site {
	lab := s.domains()
	for _, file := range acrossDomains {
		if s.accounts[file] == account {
			account = s.joined[file]
		}
	}
	here := s.site(account, lab.Hub.URLs())
	here.env = append(here.env, natsconn.EnvCreds+"="+s.credentialsFile(account), "TF_VAR_replicas=1",
		`TF_VAR_sites={"edge-001":"leaf","edge-002":"leaf"}`)
	return here
}

// newSuperCluster starts two regions of one server each.
func (s *sites) newSuperCluster() *natslab.Topology {
	s.t.Helper()
	return natslab.SuperCluster(s.t, 1, []string{"eu", "us"}, natslab.OperatorMode(s.abroad),
		natslab.MaxStore(labCapacity))
}

// inRegions is a super-cluster in operator mode. The provider has the operator's signing key and a user of the system
// account.
func (s *sites) inRegions(account *natslab.OperatorAccount) site {
	lab := s.regions()
	here := s.site(account, lab.URLs())
	here.env = append(here.env, natsconn.EnvCreds+"=", connection.EnvSigningKey+"="+s.abroad.SigningKeySeed(),
		connection.EnvSystemCredentials+"="+s.credentialsFile(s.abroad.SystemAccount()), "TF_VAR_replicas=1")
	return here
}

// domainsOf returns the JetStream APIs of hub and leaf node.
func domainsOf(t *testing.T, here site) (hub, leaf *natsconn.JetStream) {
	t.Helper()
	credentials, err := here.account.Credentials("lab", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := natsconn.NewClient(natsconn.Settings{Servers: here.urls, Auth: natsconn.Auth{Credentials: credentials}}, nil)
	t.Cleanup(client.Close)
	return client.JetStream(natslab.HubName), client.JetStream(natslab.LeafName)
}

// hasMirror creates the bucket kine at the hub, with data as KINE writes it, and its mirror at the leaf node.
func hasMirror(t *testing.T, here site) {
	t.Helper()
	hub, leaf := domainsOf(t, here)
	spec := kine.Spec{Name: "kine", History: 10, Replicas: 1}
	if _, err := kine.Create(t.Context(), hub, spec, nil); err != nil {
		t.Fatal(err)
	}
	endpoint, err := kine.Endpoint{Servers: here.urls, Spec: spec, CredentialsFile: here.credentialsFile}.URL()
	if err != nil {
		t.Fatal(err)
	}
	running := kinelab.Run(t, endpoint)
	if _, err := etcdtest.Seed(t.Context(), dial(t, running.Endpoint()), etcdtest.NewPrefix(), 20); err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	source := mirror.Source{Bucket: "kine", Domain: natslab.HubName}
	if _, err := mirror.Establish(t.Context(), leaf, hub,
		mirror.Spec{Spec: kine.Spec{Name: "kine", History: 10, Replicas: 1}, Source: source}, nil); err != nil {
		t.Fatal(err)
	}
}

// hasLostBucket deletes everything except the mirror.
func hasLostBucket(t *testing.T, here site) {
	t.Helper()
	hasMirror(t, here)
	hub, _ := domainsOf(t, here)
	if err := kine.Delete(t.Context(), hub, "kine", true); err != nil {
		t.Fatal(err)
	}
}

// raisesNoAlarm checks that the assertions of the example's check block hold.
func raisesNoAlarm(t *testing.T, a applied) {
	t.Helper()
	if out := a.Must(t, "plan"); strings.Contains(out, "Check block") || !strings.Contains(out, "data.nats_kv_mirror") {
		t.Errorf("the check block does not hold:\n%s", out)
	}
}

// hasAll checks that the restored bucket has the content of its mirror.
func hasAll(t *testing.T, a applied) {
	t.Helper()
	hub, leaf := domainsOf(t, a.site)
	found, err := mirror.Read(t.Context(), leaf, "kine")
	if err != nil {
		t.Fatal(err)
	}
	if _, divergence, err := mirror.Compare(t.Context(), leaf, hub, found); divergence != nil || err != nil ||
		found.LastSequence < 20 {
		t.Errorf("the bucket and its mirror with %d revisions differ: %v, %v", found.LastSequence, divergence, err)
	}
}
